"""The second gate: a draft that stands in the articles and answers another question is not said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from langchain_core.messages import BaseMessage

from rag.answerability import swapped_names
from rag.confirmation import (
    DraftSignals,
    cited_by,
    draft_weights,
    may_answer,
    measure_draft,
    nearest_words,
    unmet_in,
    verdict_on,
)
from rag.drafting import judge_draft
from rag.evidence import EvidenceSet, evidence_of
from rag.pointing import Pointer
from rag.records import Chunk, Hit
from rag.verification import Finding, check
from tests.fakes import PointingChat, WordEmbedder
from tests.test_pipeline import assistant

CLIP = "One generated video clip costs $0.50 to $5."


def hits(text: str, *, title: str = "Costs") -> list[Hit]:
    chunk = Chunk("c", "a.md", title, "a.md", "", 0, len(text), text)
    return [Hit(chunk, 1.0, 1)]


@pytest.mark.parametrize(("belief", "kept"), [(9.0, True), (-9.0, False)])
def test_a_draft_is_said_if_the_model_found_the_answer_in_the_evidence(
    belief: float, kept: bool
) -> None:
    evidence = EvidenceSet("What does a video clip cost?", hits(CLIP), embedder=WordEmbedder())
    findings = [check(CLIP, evidence), check("It costs 90 cents.", evidence)]
    model = PointingChat(reply=lambda _: "", belief=belief)
    pointer = Pointer(evidence.question, model=model)
    judged, gate = judge_draft(findings, evidence, pointer=pointer, points=belief)
    assert [finding.kept for finding in judged] == [kept, False]
    assert gate.kept is kept
    assert ("does not answer this question" in judged[0].why) is not kept


def test_the_same_words_are_read_alone_once() -> None:
    class Counting(PointingChat):
        readings: int = 0

        def beginning_log_odds(self, messages: list[BaseMessage], text: str) -> float:
            self.readings += 1
            return super().beginning_log_odds(messages, text)

    model = Counting(reply=lambda _: "", belief=9.0)
    pointer = Pointer("What does a video clip cost?", model=model)
    words = evidence_of(hits(CLIP))
    assert verdict_on(words, pointer=pointer) == verdict_on(words, pointer=pointer)
    assert model.readings == 1


def test_an_abstention_after_a_draft_says_what_the_articles_have_instead() -> None:
    answer = assistant("Clips cost $7.", belief=0.0).invoke("What does a video clip of Sora cost?")
    assert answer.reason is not None
    assert CLIP in answer.reason
    assert "does not mention Sora" in answer.reason


def test_without_the_gate_a_draft_is_said_that_the_model_doubts() -> None:
    doubtful = assistant(CLIP, belief=-9.0, gate=False)
    assert not doubtful.invoke("What does a video clip cost?").abstained


@pytest.mark.parametrize(
    ("question", "unmet"),
    [
        pytest.param("What does a clip cost?", [], id="asks for no name or number"),
        pytest.param("What did Heinz save?", [], id="named in the sentence"),
        pytest.param("What did Heinz of Pittsburgh save?", ["Pittsburgh"], id="one of two"),
        pytest.param("What did Heinz save in 1999?", ["1999"], id="another year"),
        pytest.param("Which three things did Heinz do?", [], id="asks for so many"),
        pytest.param("What did Nestle save?", ["Nestle"], id="another company"),
        pytest.param("What did Red Bull's and Heinz save?", ["Red Bull"], id="two words"),
        pytest.param("What did Nestle, Mars and Heinz save?", ["Nestle", "Mars"], id="a list"),
        pytest.param("What do the Costs say of Heinz?", [], id="the title counts"),
    ],
)
def test_what_the_cited_passages_do_not_mention_is_named(question: str, unmet: list[str]) -> None:
    cited = evidence_of(hits("Heinz lowered its production costs by 70% in 2024."))
    assert unmet_in(question, cited) == unmet


@pytest.mark.parametrize(
    ("question", "swapped"),
    [
        ("When did the Red Army Uprising begin?", {"army", "uprising"}),
        ("When did the Warsaw Uprising begin?", set()),
        ("When did the Uprising begin?", set()),
        ("Who led the Red Army's Guard?", set()),
        ("What did Winston Churchill say of it?", set()),
        ("Who led the Guard Reserve?", set()),
        ("What did Harry Truman decide?", set()),
        ("What did Margaret Truman sing?", set()),
        ("What did Bess Truman decide?", {"bess", "truman"}),
        ("What does Acme AI do?", set()),
    ],
)
def test_a_name_of_which_the_passage_has_half_after_another_is_not_that_name(
    question: str, swapped: set[str]
) -> None:
    text = (
        "The Warsaw Uprising began in 1944. The Guard of the Red Army waited. Generative AI cannot "
        "tell why. President Churchill was told. The Reserve was not. Harry S. "
        "Truman decided, Margaret Ann Truman sang."
    )
    assert swapped_names(question, text) == swapped
    cited = evidence_of(hits(text))
    finding = Finding("It began in 1944.", tuple(cited), 1.0, "")
    assert measure_draft([finding], question=question).fits is not bool(swapped)


def test_what_is_named_in_the_same_passage_counts_as_mentioned() -> None:
    evidence = EvidenceSet(
        "How much did Acme save?",
        hits("Acme makes pens. Heinz lowered its production costs by 70%."),
        embedder=WordEmbedder(),
    )
    findings = [check("Heinz lowered its production costs by 70%.", evidence)]
    signals = measure_draft(findings, question=evidence.question)
    assert signals == DraftSignals(
        points=None, alone=None, support=findings[0].support, mentioned=1.0, fits=True
    )


def test_the_learned_weights_point_the_right_way() -> None:
    for weights in draft_weights():
        likely = DraftSignals(points=3.0, alone=3.0, support=0.9, mentioned=1.0, fits=True)
        worse = [
            replace(likely, mentioned=0.0),
            replace(likely, points=-3.0, alone=-3.0),
            replace(likely, support=0.5),
            replace(likely, fits=False),
        ]
        assert all(weights.probability(w) <= weights.probability(likely) for w in worse)
        assert weights.probability(likely) >= weights.threshold


def test_nothing_cited_is_nothing_near() -> None:
    evidence = EvidenceSet("Who?", hits(CLIP), embedder=WordEmbedder())
    assert nearest_words("Who?", cited_by([check("Napoleon ate 12 pears.", evidence)])) == ""


@pytest.mark.parametrize(
    ("question", "draft", "fits"),
    [
        ("Who patented an engine in 1883?", "Watt patented an engine in 1781.", False),
        ("Who patented an engine in 1781?", "Watt patented an engine in 1781.", True),
        ("What was patented between 1781 and 1883?", "Watt patented an engine in 1781.", True),
        ("What was painted in 1883?", "The engine was painted green.", True),
        ("When was the engine patented, painted in 1883?", "Watt patented it in 1781.", True),
    ],
)
def test_an_answer_gives_a_year_that_was_asked_about_or_none(
    question: str, draft: str, fits: bool
) -> None:
    text = "Watt patented an engine in 1781. In 1883 the engine was painted green."
    evidence = EvidenceSet(question, hits(text), embedder=WordEmbedder())
    findings = [check(draft, evidence)]
    assert findings[0].kept, findings[0].why
    assert measure_draft(findings, question=question).fits == fits


@pytest.mark.parametrize(
    ("question", "draft", "fits"),
    [
        ("How much did the suite cost Acme?", "The suite cost Acme 200 employees.", False),
        ("How much money has Acme saved?", "Acme has saved 200 employees.", False),
        ("How much did the suite cost Acme?", "The suite cost Acme $9 million.", True),
        ("How much does Acme charge?", "Acme charges 30 Ducats.", True),
        ("How much does it cost?", "It is free.", True),
        ("How much did the cost of it rise?", "The cost of it rose by 20%.", True),
        ("How much time does it cost?", "It costs 3 hours.", True),
        ("What percentage of firms use it?", "Firms handle 3x more with it.", False),
        ("What percentage of firms use it?", "Of all firms, 40 percent use it.", True),
        ("What proportion of firms use it?", "Two thirds of the firms use it.", True),
        ("What share of firms use it?", "Firms handle 3x more with it.", False),
        ("How many employees has Acme?", "JPMorgan has 200 employees.", False),
        ("How many employees has Acme?", "Acme has 200 employees.", True),
        ("How many creative people does Acme have?", "Acme has 200 employees.", False),
        ("How many creative people does Acme have?", "Of people, Acme has 200.", True),
        ("How many people does Acme have?", "Acme has 200 employees.", True),
        ("How many people died of Acme?", "Acme killed 200.", True),
        ("How many times more enquiries can Acme take?", "Acme takes 200 inquiries.", True),
        ("I am at Zenith. How many has Acme?", "Acme has 200 employees.", True),
    ],
)
def test_a_number_that_was_asked_for_is_told_and_of_what_it_was_asked(
    question: str, draft: str, fits: bool
) -> None:
    pieces = EvidenceSet(question, hits(draft), embedder=WordEmbedder()).pieces
    findings = [Finding(draft, tuple(pieces), 0.9, "as if nothing had been checked")]
    assert measure_draft(findings, question=question).fits == fits


@pytest.mark.parametrize(
    ("question", "may"),
    [
        ("When was Bly in power?", False),
        ("How many men did Bly have?", False),
        ("Who took the town of Bly?", True),
        ("Who took the town of Acme?", False),
    ],
)
def test_own_words_may_answer_with_the_names_and_a_number_if_asked(
    question: str, may: bool
) -> None:
    pieces = EvidenceSet(question, hits("The men of Bly took it."), embedder=WordEmbedder()).pieces
    assert may_answer(question, pieces) is may
    assert not may_answer(question, ())

"""A question that compares is answered for both of its sides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from rag.confirmation import verdict_on
from rag.evidence import EvidenceSet
from rag.pointing import Pointer
from rag.reasons import add_other_side
from rag.records import Chunk, Hit
from rag.sides import sides_of
from rag.verification import check
from tests.fakes import PointingChat, WordEmbedder
from tests.test_pipeline import assistant

TIMES = (
    "A picture is painted within 5 seconds by most of the tools that were tried in the test.\n\n"
    "A clip is painted within 10 minutes.\n\nA song is sung."
)
ASKED = "Which takes longer to be painted, a picture or a clip?"


def evidence_for(question: str, text: str = TIMES) -> EvidenceSet:
    chunk = Chunk("a.md#1", "a.md", "Times", "a.md", "", 0, len(text), text)
    return EvidenceSet(question, [Hit(chunk, 1.0, 1)], embedder=WordEmbedder())


@pytest.mark.parametrize(
    ("question", "sides"),
    [
        ("Which takes longer, a picture or a clip?", ("pictur", "clip")),
        ("which takes longer, picture or video generation", ("pictur", "video generat")),
        ("Who is older, Ada Blom or Bo Dahl?", ("ada blom", "bo dahl")),
        ("Is the Rhine longer than the Main?", ("rhine", "main")),
        ("Is a clip more expensive to make than a picture?", ("clip", "pictur")),
        ("cost of a clip vs picture", ("clip cost", "pictur")),
        ("What sets a clip apart, as opposed to a picture?", ("apart clip set", "pictur")),
        ("What is the difference between a clip and a picture?", ("clip", "pictur")),
        ("How does a clip differ from a picture?", ("clip", "pictur")),
        ("Compare a clip with a picture.", ("clip", "pictur")),
        ("Are both magazines, Ink and Quill, British?", ("ink", "quill")),
        ("Are Ada Blom and Bo Dahl in the same band?", ("ada blom", "bo dahl")),
        ("What do Ada Blom and Bo Dahl have in common?", ("ada blom", "bo dahl")),
        ("What does Ada Blom have in common with Bo Dahl?", ("ada blom", "bo dahl")),
        ("What does a clip share with a picture?", ("clip", "pictur")),
        ("How does a clip compare with a picture?", ("clip", "pictur")),
        ("What do they have to do with a clip?", None),
        ("Do clips and pictures share a format?", ("clip", "pictur")),
        ("Acme and Bolt are old. Which is older?", ("acm", "bolt")),
        ("What does a clip cost?", None),
        ("Who found it, and when?", None),
        ("How many people work for Acme and Bolt?", None),
        ("Which LLM is better, an LLM or the LLM?", None),
    ],
)
def test_what_is_compared_is_seen_by_its_form(question: str, sides: tuple[str, str] | None) -> None:
    assert sides_of(question) == ([frozenset(side.split()) for side in sides] if sides else [])


def test_for_each_side_the_piece_nearest_to_the_question_is_read() -> None:
    read = [piece.text.split()[1] for side in evidence_for(ASKED).of_sides() for piece in side]
    assert read == ["picture", "clip"]


@pytest.mark.parametrize("question", ["What does a clip cost?", "Is a clip or a novel longer?"])
def test_nothing_is_read_so_where_a_side_is_not_told_of(question: str) -> None:
    assert evidence_for(question).of_sides() == []


def test_a_side_may_stand_in_the_heading_alone() -> None:
    text = "It takes 5 seconds.\n\nA clip takes minutes."
    chunk = Chunk("a.md#1", "a.md", "Pictures", "a.md", "", 0, len(text), text)
    hits = [Hit(chunk, 1.0, 1)]
    sides = EvidenceSet(ASKED, hits, embedder=WordEmbedder()).of_sides()
    assert [[piece.text for piece in side] for side in sides] == [
        ["It takes 5 seconds."],
        ["A clip takes minutes."],
    ]


def speaks(*, of_all: str, of_sides: str) -> Callable[[str], str]:
    """Another reply where the song is read too than where the two sides are alone."""
    return lambda prompt: of_all if "song" in prompt else of_sides


def test_where_no_draft_holds_another_is_written_from_what_is_told_of_the_sides() -> None:
    both = "A clip is painted within 10 minutes, and a picture within 5 seconds."
    answer = assistant(
        speaks(of_all="1: A clip takes 5 hours.", of_sides=f"1, 2: {both}"), text=TIMES
    ).invoke(ASKED)
    assert answer.text.startswith(both)
    assert {citation.quote for citation in answer.citations} >= set(TIMES.split("\n\n")[:2])
    assert [verdict.text for verdict in answer.trace if not verdict.kept] == [
        "A clip takes 5 hours."
    ]


def test_where_that_does_not_hold_either_the_articles_own_words_on_both_are_said() -> None:
    wrong = "1: A clip takes 5 hours."
    answer = assistant(speaks(of_all=wrong, of_sides=wrong), text=TIMES).invoke(ASKED)
    assert [sentence.text for sentence in answer.sentences] == TIMES.split("\n\n")[:2]


def test_of_two_sides_of_which_one_is_told_of_nothing_is_said() -> None:
    asked = "Which takes longer to be painted, a novel or a clip?"
    wrong = "1: A clip takes 5 hours."
    doubtful = assistant(wrong, text=TIMES, belief=-1.0)
    assert doubtful.invoke(asked).abstained


def both_told(question: str, *said: str, belief: float) -> list[str]:
    evidence = evidence_for(question)
    pointer = Pointer(question, model=PointingChat(reply=lambda _: "", belief=belief))
    findings = [check(sentence, evidence) for sentence in said]
    answers = partial(verdict_on, pointer=pointer)
    added = add_other_side(findings, evidence, evidence.of_sides(), answers=answers)
    return [finding.text for finding in added if finding.kept]


def test_an_answer_that_tells_of_one_side_is_followed_by_the_other() -> None:
    picture, clip, _ = TIMES.split("\n\n")
    assert both_told(ASKED, picture, belief=9.0) == [picture, clip]
    assert both_told(ASKED, picture, belief=-9.0) == [picture]  # together they do not answer
    assert both_told(ASKED, picture, clip, belief=9.0) == [picture, clip]
    shared = "Which takes longer, a picture that is painted or a clip that is painted in minutes?"
    assert both_told(shared, picture, belief=9.0) == [picture, clip]
    assert both_told(ASKED, "A picture takes 7 hours.", belief=9.0) == []  # withdrawn
    assert both_told("What does a picture take?", picture, belief=9.0) == [picture]

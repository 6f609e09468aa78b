"""An answer that leaves much out is followed by what the article says."""

from __future__ import annotations

from functools import partial

import pytest

from rag.confirmation import verdict_on
from rag.evidence import EvidenceSet
from rag.pointing import Pointer
from rag.reasons import add_nearest, complete_list, give_reasons, quoted
from rag.records import Chunk, Hit
from rag.verification import Finding, check
from tests.fakes import PointingChat, WordEmbedder

TEXT = (
    "Copywriters use LLMs to draft campaigns. "
    "Copywriters still have to edit what LLMs draft, to keep the voice of the brand. "
    "It takes them 20 minutes."
)
FAQ = "Which tools does a shop need?"


def findings(question: str, *draft: str, text: str = TEXT) -> tuple[list[Finding], EvidenceSet]:
    chunk = Chunk("a.md#1", "a.md", "Writing", "a.md", "Teams", 0, len(text), text)
    evidence = EvidenceSet(question, [Hit(chunk, 1.0, 1)], embedder=WordEmbedder())
    return [check(sentence, evidence) for sentence in draft], evidence


def test_a_bare_yes_is_followed_by_the_words_that_back_it() -> None:
    asked = "Do copywriters still have to edit what LLMs draft?"
    bare, evidence = findings(asked, "Yes, copywriters still have to edit what LLMs draft.")
    said, reason = give_reasons(bare, evidence)
    assert said == bare[0]
    assert reason.text == (
        "Copywriters still have to edit what LLMs draft, to keep the voice of the brand."
    )
    assert [item.text for item in reason.evidence] == [reason.text]


def test_an_answer_that_says_more_than_the_question_is_left_as_it_is() -> None:
    for asked, said in (
        ("What do copywriters do with LLMs?", "Copywriters use LLMs to draft campaigns."),
        ("How long does it take them?", "It takes them 20 minutes."),
    ):
        given, evidence = findings(asked, said)
        assert given[0].kept
        assert give_reasons(given, evidence) == given


def test_what_is_said_already_and_what_is_withdrawn_need_no_reason() -> None:
    asked = "Do copywriters have to edit, and is the voice of the brand kept in Paris?"
    given, evidence = findings(
        asked,
        "Yes, copywriters have to edit.",
        "Copywriters still have to edit what LLMs draft, to keep the voice of the brand.",
        "The voice of the brand is kept in Paris.",
    )
    assert [finding.kept for finding in given] == [True, True, False]
    assert give_reasons(given, evidence) == given


def test_of_a_faq_the_reason_is_the_answer_without_its_question() -> None:
    answer = "Copywriters still have to edit drafts, for the voice of the brand."
    asked = "Do copywriters have to edit drafts?"
    text = f"### Do copywriters have to edit?\n\n{answer}"
    bare, evidence = findings(asked, "Yes, copywriters have to edit drafts.", text=text)
    assert [piece.context for piece in evidence.pieces] == ["Do copywriters have to edit?"]
    assert [finding.text for finding in give_reasons(bare, evidence)] == [bare[0].text, answer]


def test_what_is_nearest_to_the_question_follows_an_answer_that_tells_less() -> None:
    text = "A query costs $1. A query and a picture cost $1 and $5 in all tariffs. Rain fell."
    asked = "What do a query and a picture cost?"
    part, evidence = findings(asked, "A query costs $1.", text=text)
    assert part[0].kept
    said, nearest = add_nearest(part, evidence, answers=None)
    assert (said, nearest.text) == (part[0], "A query and a picture cost $1 and $5 in all tariffs.")
    assert [(item.text, nearest.support) for item in nearest.evidence] == [(nearest.text, 1.0)]


def test_nothing_is_added_to_an_answer_that_tells_it_or_to_none() -> None:
    text = "A query and a picture cost $1 and $5 in all tariffs. Rain fell."
    asked = "What do a query and a picture cost?"
    for draft in ("A query costs $1 and a picture $5 in all tariffs.", "A query costs $9."):
        given, evidence = findings(asked, draft, text=text)
        assert add_nearest(given, evidence, answers=None) == given


def test_nothing_is_added_to_an_answer_that_cites_what_is_as_near() -> None:
    text = "Fact 1 of the violin is its 7 tones. Fact 2 of the violin is its 4 parts."
    asked = "What is fact 2 of the violin?"
    given, evidence = findings(asked, "Fact 2 of the violin is its 4 parts.", text=text)
    assert evidence.nearest()[0].text.startswith("Fact 1")
    assert add_nearest(given, evidence, answers=None) == given


@pytest.mark.parametrize(
    ("answering", "added"),
    [("7 tones", ["Fact 1 of the violin is its 7 tones."]), ("bow", ["The violin has a bow."])],
)
def test_of_the_nearest_words_the_first_that_answer_when_read_alone_are_added(
    answering: str, added: list[str]
) -> None:
    text = "Fact 1 of the violin is its 7 tones. The violin has a bow. It has 4 parts."
    given, evidence = findings("What is fact 1 of the violin?", "It has 4 parts.", text=text)
    model = PointingChat(reply=lambda _: "", belief=9.0, answering=answering)
    answers = partial(verdict_on, pointer=Pointer(evidence.question, model=model))
    evidence.cosines = [0.9, 0.8, 0.3]
    said = add_nearest(given, evidence, answers=answers)
    assert [finding.text for finding in said] == ["It has 4 parts.", *added]
    assert "said from 60%" in said[-1].why


def test_what_the_model_pointed_at_and_left_out_comes_before_the_nearest_words() -> None:
    text = "The violin has a bow. It has 4 strings. The violin has 7 tones in all."
    given, evidence = findings("What is the violin with?", "It has 4 strings.", text=text)
    bow, _, tones = evidence.pieces
    model = PointingChat(reply=lambda _: "", belief=9.0)
    answers = partial(verdict_on, pointer=Pointer(evidence.question, model=model))
    evidence.cosines = [0.9, 0.3, 0.3]
    for pointed, added in (([], bow), ([[tones]], tones), ([[tones], [bow]], bow)):
        said = add_nearest(given, evidence, answers=answers, pointed=pointed)
        assert [finding.text for finding in said] == ["It has 4 strings.", added.text]


@pytest.mark.parametrize(
    ("asked", "added"),
    [
        ("How often do the ovens fail?", "Tests saw fires go out in 5% of cases."),
        ("Why do the ovens fail?", "The ovens of a town fail at many times."),
    ],
)
def test_an_amount_that_was_asked_for_comes_before_the_nearest_words(
    asked: str, added: str
) -> None:
    text = "The ovens fail now and then. The ovens of a town fail at many times. "
    text += "Tests saw fires go out in 5% of cases."
    given, evidence = findings(asked, "The ovens fail now and then.", text=text)
    model = PointingChat(reply=lambda _: "", belief=9.0)
    answers = partial(verdict_on, pointer=Pointer(evidence.question, model=model))
    evidence.cosines = [0.9, 0.8, 0.3]
    said = add_nearest(given, evidence, answers=answers)
    assert [finding.text for finding in said[1:]] == [added]


def test_words_that_do_not_answer_are_not_added_however_near() -> None:
    text = "A query costs $1. A query and a picture cost $1 and $5 in all tariffs. Rain fell."
    given, evidence = findings(
        "What do a query and a picture cost?", "A query costs $1.", text=text
    )
    model = PointingChat(reply=lambda _: "", belief=9.0, answering="no such words")
    answers = partial(verdict_on, pointer=Pointer(evidence.question, model=model))
    assert add_nearest(given, evidence, answers=None) != given
    assert add_nearest(given, evidence, answers=answers) == given


def test_nothing_is_added_that_has_no_word_of_the_question() -> None:
    given, evidence = findings(
        "What do tools cost?", "Tools cost $1.", text="Tools cost $1. Rain fell."
    )
    assert given[0].kept
    evidence.cosines = [0.3, 0.9]
    assert evidence.nearest()[0].text == "Rain fell."
    assert add_nearest(given, evidence, answers=None) == given


def test_nothing_is_added_that_is_far_from_the_question() -> None:
    given, evidence = findings("Do campaigns sell?", "Copywriters draft campaigns.")
    assert given[0].kept
    assert add_nearest(given, evidence, answers=None) == given


def test_what_refers_back_is_added_with_what_it_refers_to() -> None:
    text = "The Bly is a river. It is an inflow to the old Newfound Lake of four towns."
    asked = "Which lake is it an inflow to?"
    given, evidence = findings(asked, "It is a river.", text=text)
    assert given[0].kept
    assert [finding.text for finding in add_nearest(given, evidence, answers=None)[1:]] == [
        "The Bly is a river.",
        "It is an inflow to the old Newfound Lake of four towns.",
    ]


def test_the_answer_of_a_faq_is_added_whole_under_its_question() -> None:
    text = "### Which is better for a shop?\n\nNeither is. Each shop needs both tools at times."
    given, evidence = findings("Which is better for my shop?", "It needs tools.", text=text)
    assert given[0].kept
    assert [finding.text for finding in add_nearest(given, evidence, answers=None)[1:]] == [
        "Which is better for a shop? Neither is.",
        "Each shop needs both tools at times.",
    ]


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        ("A shop needs two tools.", "A shop needs two tools."),
        ("Small ones buy two.", f"{FAQ} Small ones buy two."),
        ("It needs tools in a shop.", f"{FAQ} It needs tools in a shop."),
        ("Both.", f"{FAQ} Both."),
    ],
)
def test_a_faq_s_question_is_said_only_where_its_answer_needs_it(answer: str, first: str) -> None:
    text = f"### {FAQ}\n\n{answer} Each shop differs in time."
    _, evidence = findings(FAQ, text=text)
    said = quoted(evidence.pieces)
    assert [finding.text for finding in said] == [first, "Each shop differs in time."]
    assert [finding.evidence for finding in said] == [(piece,) for piece in evidence.pieces]


def test_the_lines_of_a_list_keep_their_lead_in_where_the_question_goes() -> None:
    text = f"### {FAQ}\n\nA shop needs two tools. They do this:\n\n- draft campaigns\n- edit drafts"
    _, evidence = findings(FAQ, text=text)
    assert [finding.text for finding in quoted(evidence.pieces)] == [
        "A shop needs two tools.",
        "They do this: draft campaigns.",
        "edit drafts.",
    ]


def test_of_an_answer_that_was_begun_the_rest_is_added_without_its_question() -> None:
    text = "### Do we need skills?\n\nNot for business. Most tools today take plain language."
    given, evidence = findings("Do we need skills?", "Not for business.", text=text)
    assert given[0].kept
    assert [finding.text for finding in add_nearest(given, evidence, answers=None)[1:]] == [
        "Most tools today take plain language."
    ]


@pytest.mark.parametrize(
    ("asked", "draft", "is_completed"),
    [
        ("Which jobs do tools take?", "Tools draft campaigns and edit drafts.", True),
        ("Please list the jobs of tools.", "Tools draft campaigns and edit drafts.", True),
        ("Which jobs do tools take?", "Tools draft campaigns.", False),  # one item is no list
        ("How do tools help?", "Tools draft campaigns and edit drafts.", False),
        ("What does the guide name as jobs?", "Tools draft campaigns and edit drafts.", False),
        ("Which suits a shop?", "Tools draft campaigns and edit drafts.", False),
    ],
)
def test_of_a_list_that_was_asked_for_the_rest_is_told(
    asked: str, draft: str, is_completed: bool
) -> None:
    text = (
        "Tools take jobs:\n\n- draft campaigns\n- edit drafts\n- paint walls\n\nA shop needs none."
    )
    given, evidence = findings(asked, draft, text=text)
    assert given[0].kept, given[0].why
    said = complete_list(given, evidence)
    assert [finding.text for finding in said[1:]] == (["paint walls."] if is_completed else [])
    assert all(finding.evidence == evidence.pieces[2:3] for finding in said[1:])

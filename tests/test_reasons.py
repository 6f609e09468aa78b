"""An answer that only repeats the question is followed by what the article says."""

from __future__ import annotations

from rag.evidence import EvidenceSet
from rag.reasons import give_reasons
from rag.records import Chunk, Hit
from rag.verification import Finding, check
from tests.fakes import WordEmbedder

TEXT = (
    "Copywriters use LLMs to draft campaigns. "
    "Copywriters still have to edit what LLMs draft, to keep the voice of the brand. "
    "It takes them 20 minutes."
)


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

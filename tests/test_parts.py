"""Who asks for two things is told both, and asked no more than was left out."""

from __future__ import annotations

from collections.abc import Generator, Mapping

import pytest

from rag.parts import answer_in_parts, two_parts
from rag.records import Answer, AnswerUpdate
from tests.test_steps import answered, likely

QUESTION = "Which bank's suite won in 2025, and how many of its staff use it?"
SECOND = "Acme's suite won in 2025. How many of its staff use it?"
WON = answered(QUESTION, "Acme's suite won in 2025.")
USED = answered(SECOND, "200,000 of Acme's staff use it.", "Acme's suite won in 2025.")


def in_both(question: str, known: Mapping[str, Answer]) -> tuple[Answer, list[str], list[str]]:
    """(the answer, what was asked for it, the drafts shown); unknown questions are abstained."""
    asked: list[str] = []

    def ask(part: str) -> Generator[AnswerUpdate, None, Answer]:
        asked.append(part)
        answer = known.get(part, answered(part))
        yield AnswerUpdate(stage="reading")
        yield AnswerUpdate(stage="writing", draft=answer.sentences[0].text)
        return answer

    answering = answer_in_parts(question, ask=ask)
    drafts: list[str] = []
    while True:
        try:
            drafts.append(next(answering).draft)
        except StopIteration as end:
            return end.value, asked, drafts


def test_what_an_answer_leaves_out_is_asked_by_itself_and_said_after_it() -> None:
    answer, asked, drafts = in_both(QUESTION, {QUESTION: WON, SECOND: USED})
    assert asked == [QUESTION, SECOND]
    assert answer.text == "Acme's suite won in 2025. [1] 200,000 of Acme's staff use it. [2]"
    assert [citation.quote for citation in answer.citations] == [
        "Acme's suite won in 2025.",
        "200,000 of Acme's staff use it.",
    ]
    assert answer.question == QUESTION
    # A reader sees what stands already while the rest is written.
    assert drafts == [
        "",
        WON.sentences[0].text,
        WON.text,
        f"{WON.text} {USED.sentences[0].text}",
    ]


@pytest.mark.parametrize("again", ["Of the bakers 15% use fires.", "A mere 15% bake over flames."])
def test_where_the_first_part_is_left_out_it_is_asked_by_itself_and_said_before(again: str) -> None:
    asked = "How many bakers use ovens, and how many use fires?"
    first = "How many bakers use ovens?"
    fires = answered(asked, "Of the bakers 15% use fires.")
    ovens = answered(first, "78% of bakers use ovens.")
    after = "Of the bakers 15% use fires. How many use fires?"
    answer, questions, _ = in_both(
        asked, {asked: fires, after: answered(after, again), first: ovens}
    )
    assert questions == [asked, after, first]
    assert answer.text == "78% of bakers use ovens. [1] Of the bakers 15% use fires. [2]"
    assert answer.question == asked


@pytest.mark.parametrize("second", [{}, {SECOND: answered(SECOND, "In 2025 Acme's suite won.")}])
def test_what_adds_nothing_is_not_said(second: dict[str, Answer]) -> None:
    answer, asked, _ = in_both(QUESTION, {QUESTION: WON, **second})
    assert asked == [QUESTION, SECOND]
    assert (answer.sentences, answer.citations) == (WON.sentences, WON.citations)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (QUESTION, "Acme's suite won in 2025, and 200,000 of its staff use it."),
        ("What did the mill burn, and when?", "The mill burned its oats in 1848."),
        ("When did the mill burn, and who owned it?", "In 1848 Hollis Trent's mill burned."),
        ("What does a clip cost?", "A clip costs $5."),
        ("What do cats and dogs eat?", "Cats and dogs eat fish."),
        (
            "Which singer is known for her voice who was born in 1951, and who lives in Rome?",
            "Bonnie Tyler is.",
        ),
    ],
)
def test_what_is_told_or_never_asked_is_not_asked_again(question: str, said: str) -> None:
    assert in_both(question, {question: answered(question, said)})[1] == [question]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What does a clip cost and how long does it take?", "A clip costs $5."),
        ("What did the bank win, and how many use its suite?", "In 2025 it won a prize."),
        ("How many make pictures, and how many sell them?", "78% of all make pictures."),
        ("When was the mill built, and when did it burn?", "It burned in 1848."),
    ],
)
def test_an_amount_of_another_kind_or_for_the_other_part_is_not_what_is_asked(
    question: str, said: str
) -> None:
    assert len(in_both(question, {question: answered(question, said)})[1]) > 1


@pytest.mark.parametrize(("support", "told"), [(0.4, 1), (0.6, 2)])
def test_what_nobody_could_see_missing_is_said_if_it_is_sure(support: float, told: int) -> None:
    question, second = "Why did the mill burn, and what helped?", "Oats burned. What helped?"
    rain = likely(answered(second, "The rain of that night helped."), support)
    answer, _, _ = in_both(question, {question: answered(question, "Oats burned."), second: rain})
    assert len(answer.sentences) == told


def test_where_all_of_it_has_no_answer_no_part_is_asked() -> None:
    answer, asked, _ = in_both(QUESTION, {SECOND: USED})
    assert answer.abstained
    assert asked == [QUESTION]


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("who found the wreck and when", "when"),
        ("What is it good for, and at what price is it sold?", "at what price is it sold?"),
        ("Why is it so and so?", None),
        ("Adobe and when it was founded", None),
    ],
)
def test_a_second_part_asks_for_itself(question: str, part: str | None) -> None:
    assert (two_parts(question) or ("", None))[1] == part

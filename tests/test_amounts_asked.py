"""Which amount a question asks for, and whether an answer gives it."""

from __future__ import annotations

import pytest

from rag.amounts_asked import kinds_asked, lacks_amount


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("What share of bakers use ovens?", {"percent"}),
        ("In which year did it open?", {"year"}),
        ("When did it open?", {"year"}),
        ("What happens when it opens?", set()),
        ("How does it open?", set()),
        ("How stale is the bread by then?", {"count"}),
    ],
)
def test_a_question_asks_for_amounts_of_a_kind(question: str, kinds: set[str]) -> None:
    assert kinds_asked(question) == kinds


@pytest.mark.parametrize(
    ("question", "said", "lacks"),
    [
        ("How often do ovens fail?", "Ovens fail at times.", True),
        ("How often do ovens fail?", "3-10% of ovens fail.", False),
        ("How many of the 500 bakers use ovens?", "The 500 bakers use ovens.", True),
        ("How much is a loaf?", "A loaf costs $5.", False),
        ("How long does a loaf take?", "A loaf costs $5.", True),
        ("Why do ovens fail?", "Ovens fail at times.", None),
    ],
)
def test_an_answer_gives_the_amount_or_lacks_it(
    question: str, said: str, lacks: bool | None
) -> None:
    assert lacks_amount(question, said, question=question) is lacks

"""Scores mean what they say: facts are whole, refusals are no right answers, intervals hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.calibrate import SIGNALS, learned
from eval.metrics import has_all_facts, has_fact, string_recall, wilson
from eval.score import is_right, summary


@pytest.mark.parametrize(
    ("fact", "answer", "found"),
    [
        ("$0.50", "It costs $0.50 to $5.", True),
        ("$5", "It costs $5.50.", False),
        ("5%", "some 85%", False),
        ("200,000", "over 200,000 people", True),
        ("GAN", "an organ", False),
        ("summar", "It summarises.", True),
        ("40-70%", "by 40\u201370%", True),
        ("JPMorgan", "jpmorgan  grew", True),
    ],
)
def test_a_fact_is_found_whole(fact: str, answer: str, found: bool) -> None:
    assert has_fact(fact, answer) is found


def test_every_fact_counts_and_any_spelling_does() -> None:
    facts = [["$0.50", "50 cents"], ["$5"]]
    assert has_all_facts(facts, "From 50 cents to $5.")
    assert not has_all_facts(facts, "About $5.")


def test_string_recall_ignores_articles_and_punctuation() -> None:
    assert string_recall(["the United States"], "In United States, yes.")
    assert not string_recall(["art"], "a party")


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_holds_its_rate(successes: int, more: int) -> None:
    trials = successes + more
    low, high = wilson(successes, trials)
    assert -1e-9 <= low <= high <= 1 + 1e-9
    if trials:
        assert low - 1e-9 <= successes / trials <= high + 1e-9


def answer(text: str, *, abstained: bool = False) -> dict[str, Any]:
    timings = {"total_ms": 1000.0, "first_token_ms": 500.0}
    return {"id": "q", "answer": text, "abstained": abstained, "timings": timings}


def test_a_refusal_is_right_only_where_there_is_no_answer() -> None:
    refusal = answer("The articles do not say.", abstained=True)
    assert is_right({"id": "q", "answerable": False, "answers": []}, refusal)
    assert not is_right({"id": "q", "key_facts": [["say"]]}, refusal)
    assert not is_right({"id": "q", "answerable": False, "answers": []}, answer("Paris."))


def test_the_summary_counts_each_question_once() -> None:
    lines = summary([{"id": "q", "key_facts": [["five"]]}], [answer("It is five.")])
    assert "100% (1/1" in lines[0]


def test_learning_prefers_the_signal_that_tells() -> None:
    lines = [
        {
            "answerable": n % 2 == 0,
            **dict.fromkeys(SIGNALS, (n % 5) / 5),
            "log_odds": (2.0 if n % 2 == 0 else -2.0) + (n % 7) / 10,
        }
        for n in range(60)
    ]
    value = learned(lines)
    assert value["figures"]["all_signals"]["auroc"] == 1.0
    weights = value["with_log_odds"]
    assert weights["log_odds"] == max(weights[name] for name in SIGNALS)

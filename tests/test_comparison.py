"""Two runs are compared question by question, and chance is called chance."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from eval.comparison import Comparison, compare, is_better
from eval.records import Figure, Outcome
from eval.terminal import comparison_to_json, show_comparison
from rag import UsageError
from tests.evaluation import a_case, a_run, an_outcome


def asked(number: int, *, right: bool) -> Outcome:
    case = a_case(f"q{number}", references=("310",))
    return an_outcome(case, right=right, said=f"Answer {number}, {right}.")


def not_answered(number: int, *, invented: bool) -> Outcome:
    case = a_case(f"u{number}", answerable=False)
    said = "Green." if invented else None
    return an_outcome(case, right=not invented, said=said, hallucinated=invented)


# Of ten questions B answers two more rightly and one less; it invents nothing where A does once.
A = a_run(
    "a",
    *(asked(n, right=n < 5) for n in range(10)),
    *(not_answered(n, invented=n == 0) for n in range(4)),
    passages=15,
)
B = a_run(
    "b",
    *(asked(n, right=0 < n < 7) for n in range(10)),
    *(not_answered(n, invented=False) for n in range(4)),
    passages=5,
)


def differences(found: Comparison) -> dict[str, tuple[float, int]]:
    return {figure.name: (round(figure.value, 6), figure.n) for figure in found.differences}


def test_a_difference_is_b_less_a_over_the_questions_that_count() -> None:
    told = differences(compare(A, B))
    assert told["accuracy"] == (0.1, 10)
    assert told["hallucination_unanswerable"] == (-0.25, 4)
    assert told["abstention_recall"] == (0.25, 4)
    assert told["over_refusal"] == (0, 10)
    assert "all_sources_at_10" not in told  # no question here needs several articles


def test_the_other_way_round_is_the_opposite() -> None:
    there, back = differences(compare(A, B)), differences(compare(B, A))
    assert {name: (-value, n) for name, (value, n) in there.items()} == back


def test_the_questions_that_changed_are_named_with_both_answers() -> None:
    found = {change.question: change for change in compare(A, B).changes}
    assert {question: change.better for question, change in found.items()} == {
        "What of q0?": False,
        "What of q5?": True,
        "What of q6?": True,
        "What of u0?": True,
    }
    worse = found["What of q0?"]
    assert (worse.before, worse.after) == ("Answer 0, True. [1]", "Answer 0, False. [1]")


def test_a_run_is_no_better_than_itself() -> None:
    found = compare(A, A)
    assert found.changes == () and found.settings == ()
    assert {value for value, _ in differences(found).values()} == {0}
    assert {is_better(figure) for figure in found.differences} == {None}
    assert (found.seconds.value, found.only_a, found.only_b) == (1, 0, 0)


def test_what_made_the_runs_differ_is_named_and_their_dates_are_not() -> None:
    assert compare(A, B).settings == (("passages", "15", "5"),)


def test_only_questions_that_both_asked_count() -> None:
    reworded = replace(A.outcomes[3], case=replace(A.outcomes[3].case, question="Another?"))
    fewer = replace(A, outcomes=(*A.outcomes[:3], reworded))
    found = compare(fewer, B)
    assert (found.questions, found.only_a, found.only_b) == (3, 1, 11)
    assert differences(found)["accuracy"][1] == 3


def test_drafted_questions_are_left_out() -> None:
    case = a_case("x", origin="drafted")
    with_drafted = [
        replace(run, outcomes=(*run.outcomes, an_outcome(case, right=right, said="x")))
        for run, right in ((A, True), (B, False))
    ]
    assert compare(*with_drafted) == compare(A, B)


def test_runs_without_a_question_in_common_cannot_be_compared() -> None:
    other = a_run("c", asked(99, right=True))
    with pytest.raises(UsageError, match="runs a and c have no question in common"):
        compare(A, other)


def test_slower_is_told_as_a_ratio() -> None:
    slow = [replace(o, reply=replace(o.reply, total_ms=3 * o.reply.total_ms)) for o in A.outcomes]
    assert compare(A, replace(A, outcomes=tuple(slow))).seconds.value == pytest.approx(3)


@pytest.mark.parametrize(
    ("name", "low", "high", "better"),
    [
        ("accuracy", 0.1, 0.3, True),
        ("accuracy", -0.3, -0.1, False),
        ("accuracy", -0.1, 0.3, None),
        ("accuracy", 0.0, 0.3, None),
        ("hallucination_answerable", -0.3, -0.1, True),
        ("over_refusal", 0.1, 0.3, False),
    ],
)
def test_better_is_what_chance_does_not_explain(
    name: str, low: float, high: float, better: bool | None
) -> None:
    assert is_better(Figure(name, (low + high) / 2, 50, low, high)) is better


def test_a_comparison_is_shown_and_is_one_json_value() -> None:
    found = compare(A, B)
    value = json.loads(json.dumps(comparison_to_json(found), allow_nan=False))
    assert value["differences"]["accuracy"]["value"] == 0.1
    assert len(value["changes"]) == 4
    out = Console(file=io.StringIO(), width=120)
    show_comparison(found, out=out)
    shown = out.file.getvalue()  # type: ignore[attr-defined]
    assert "passages: 15 -> 5" in shown
    assert "may be chance" in shown
    assert "now wrong What of q0?" in shown


def test_without_times_the_ratio_is_null() -> None:
    timeless = [replace(o, reply=replace(o.reply, total_ms=0.0)) for o in A.outcomes]
    found = compare(replace(A, outcomes=tuple(timeless)), B)
    value = json.loads(json.dumps(comparison_to_json(found), allow_nan=False))
    assert value["seconds_ratio"]["value"] is None

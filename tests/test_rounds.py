"""Two ways take turns, and what they give is compared in numbers that add up."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.rounds import Figure, in_turns, seconds

samples = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=9).map(tuple)


@given(samples, samples)
def test_the_ratio_is_that_of_the_medians_that_are_shown(
    ours: tuple[float, ...], raw: tuple[float, ...]
) -> None:
    told = Figure("copy", "Copying", "ms", ours, raw, raw_is="cp").to_json()
    assert told["ratio"] == told["ours"] / told["raw"]
    assert (told["ours"], told["raw"]) == (median(ours), median(raw))
    assert told["ours_range"] == [min(ours), max(ours)]
    assert told["raw_range"] == [min(raw), max(raw)]
    assert (told["n"], told["unit"], told["raw_is"]) == (len(ours), "ms", "cp")


def test_where_there_is_nothing_to_compare_with_there_is_no_ratio() -> None:
    told = Figure("copy", "Copying", "ms", (2.0, 4.0, 3.0)).to_json()
    assert told["ours"] == 3.0
    assert told["raw"] is told["ratio"] is told["raw_range"] is None


@pytest.mark.parametrize("warm_ups", [0, 1, 2])
def test_each_goes_first_every_other_time_and_warm_ups_do_not_count(warm_ups: int) -> None:
    order: list[tuple[str, int]] = []
    steps: list[int] = []

    def way(name: str, number: int) -> str:
        order.append((name, number))
        return f"{name}{number}"

    ours, raw = in_turns(
        lambda number: way("ours", number),
        lambda number: way("raw", number),
        rounds=3,
        warm_ups=warm_ups,
        done=lambda: steps.append(len(order)),
    )
    kept = range(warm_ups, warm_ups + 3)
    assert ours == [f"ours{number}" for number in kept]
    assert raw == [f"raw{number}" for number in kept]
    assert steps == [2 * (number + 1) for number in range(warm_ups + 3)]
    firsts = [name for name, _ in order[::2]]
    assert all(first != after for first, after in pairwise(firsts))


def test_seconds_are_those_that_the_action_takes() -> None:
    done: list[bool] = []
    assert seconds(lambda: done.append(True)) >= 0
    assert done == [True]

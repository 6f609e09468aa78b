"""The adapter's learning: every lesson once, like lengths together, in steps that rise and fall."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eval.adapter import RATE, SHARES, TOKENS_A_BATCH, Tokens, adapt, batches, chosen, rate_at

LENGTHS = st.lists(st.tuples(st.integers(1, 900), st.integers(1, 60)), min_size=1, max_size=40)


@given(LENGTHS)
def test_every_lesson_is_in_one_batch_that_fits(lengths: list[tuple[int, int]]) -> None:
    lessons = [Tokens([1] * prompt, [2] * reply) for prompt, reply in lengths]
    found = batches(lessons, shuffle=random.Random(0))
    assert sorted(len(lesson) for batch in found for lesson in batch) == sorted(map(len, lessons))
    for batch in found:
        assert len(batch) * max(map(len, batch)) <= max(TOKENS_A_BATCH, *map(len, batch))


def test_of_each_kind_of_lesson_its_share_is_in_the_mix() -> None:
    lines = [
        {"kind": kind, "prompt": [number], "reply": [1]} for kind in SHARES for number in range(40)
    ]
    learned = chosen(lines, shuffle=random.Random(0))
    assert len(learned) == sum(round(share * 40) for share in SHARES.values())
    assert chosen(lines, shuffle=random.Random(0)) == learned


@pytest.mark.parametrize("steps", [1, 7, 400])
def test_the_rate_rises_and_falls_back_and_never_leaves_its_bounds(steps: int) -> None:
    rates = [rate_at(step, steps) for step in range(steps)]
    assert all(0 < rate <= RATE * (1 + 1 / steps) for rate in rates)
    highest = rates.index(max(rates))
    assert rates[: highest + 1] == sorted(rates[: highest + 1])
    assert rates[highest:] == sorted(rates[highest:], reverse=True)


def test_an_adapter_changes_nothing_until_it_has_learned() -> None:
    def layer() -> SimpleNamespace:
        attention = SimpleNamespace(
            **{f"{name}_proj": torch.nn.Linear(8, 8) for name in ("q", "k", "v", "o")}
        )
        mlp = SimpleNamespace(
            **{f"{name}_proj": torch.nn.Linear(8, 8) for name in ("gate", "up", "down")}
        )
        return SimpleNamespace(self_attn=attention, mlp=mlp)

    layers = [layer() for _ in range(14)]
    states = torch.randn(2, 3, 8)
    before = layers[13].mlp.up_proj(states)
    adapted = adapt(SimpleNamespace(model=SimpleNamespace(layers=layers)))
    assert sorted({name.split(".")[1] for name in adapted}) == ["12", "13"]
    assert len(adapted) == 14
    torch.testing.assert_close(layers[13].mlp.up_proj(states), before)
    torch.nn.init.ones_(adapted["blk.13.ffn_up.weight"].up)
    assert not torch.allclose(layers[13].mlp.up_proj(states), before)

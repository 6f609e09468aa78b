"""The adapter's learning: every lesson once, like lengths together, in steps that rise and fall."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config, Qwen2ForCausalLM

from eval import adapter
from eval.adapter import RATE, SHARES, TOKENS_A_BATCH, Tokens, adapt, batches, chosen, rate_at
from rag import read_adapter

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


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=9).map(sorted))
def test_the_rate_rises_and_falls_back_and_never_leaves_its_bounds(done: list[float]) -> None:
    rates = [rate_at(share) for share in done]
    assert all(0.0 <= rate <= RATE * (1.0 + 1e-9) for rate in rates)
    highest = rates.index(max(rates))
    assert rates[: highest + 1] == sorted(rates[: highest + 1])
    assert rates[highest:] == sorted(rates[highest:], reverse=True)
    assert rate_at(0.0) == 0.0 == rate_at(1.0)


def small_model() -> Qwen2ForCausalLM:
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    return Qwen2ForCausalLM(
        Qwen2Config(vocab_size=50, num_hidden_layers=13, num_key_value_heads=1, **sizes)
    )


def test_what_has_learned_is_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "TOKENS_A_BATCH", 20)
    lessons = [Tokens([1, 2, number], [5, 6]) for number in range(3, 15)]
    first, second = tmp_path / "first.gguf", tmp_path / "second.gguf"
    adapter.learn(small_model(), lessons, out=first, minutes=1e6)
    learned = adapt(model := small_model())
    before = adapter.loss_of(model, lessons).item()
    adapter.resume(learned, read_adapter(first))
    assert adapter.loss_of(model, lessons).item() < before
    adapter.write(learned, second)
    for name, matrix in read_adapter(first).matrices.items():
        np.testing.assert_array_equal(read_adapter(second).matrices[name], matrix)
    adapter.learn(small_model(), lessons, out=second, minutes=1e6, start=read_adapter(first))
    assert second.read_bytes() != first.read_bytes()


def test_an_adapter_of_another_model_is_not_gone_on_from(tmp_path: Path) -> None:
    adapter.write(
        {"blk.12.attn_q.weight": SimpleNamespace(down=torch.ones(8, 9), up=torch.ones(9, 8))},
        tmp_path / "other.gguf",
    )
    with pytest.raises(adapter.CannotGoOn, match="attn_q"):
        adapter.resume(adapt(small_model()), read_adapter(tmp_path / "other.gguf"))


def test_a_run_that_was_cut_goes_on_and_learns_what_an_uncut_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "TOKENS_A_BATCH", 20)
    monkeypatch.setattr(adapter, "KEPT_EVERY", 1)
    lessons = [Tokens([1, 2, number], [5, 6]) for number in range(3, 15)]
    whole, cut = tmp_path / "whole.gguf", tmp_path / "cut.gguf"
    adapter.learn(small_model(), lessons, out=whole, minutes=1e6)
    learned = []

    def loss_of(model: Any, batch: Sequence[Tokens]) -> Any:
        if len(learned) == 2:
            raise KeyboardInterrupt
        learned.append(batch)
        return adapter_loss_of(model, batch)

    adapter_loss_of = adapter.loss_of
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(adapter, "loss_of", loss_of)
        adapter.learn(small_model(), lessons, out=cut, minutes=1e6)
    assert not cut.exists()
    with pytest.raises(adapter.CannotGoOn, match=r"cut\.state is of other lessons"):
        adapter.learn(small_model(), lessons[1:], out=cut, minutes=1e6)
    adapter.learn(small_model(), lessons, out=cut, minutes=1e6)
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.gguf", "whole.gguf"]


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

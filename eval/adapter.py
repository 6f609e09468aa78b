"""Teach the default model to point at what answers: a low-rank adapter [1] from lessons.

    python -m eval.lessons eval/training --out LESSONS.jsonl
    python -m eval.adapter LESSONS.jsonl --minutes 90

learns `rag/pointing.gguf` in the given time, and goes on where it was cut; with `--from ADAPTER`
it goes on from what that has learned, as where there are more lessons. The model's own weights stay
as they are: those of the quantised file that Footnote runs, so that what is learned fits them.
Only the upper layers get an adapter, as to go through all of them would take half as long again. It
needs the packages of `pip install -e ".[dev]"` and 12 GB of memory.

[1] E. Hu et al.: LoRA: Low-rank adaptation of large language models. 2021.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eval.cases import read_lines
from rag import (
    ADAPTER,
    LowRankAdapter,
    load_settings,
    model_file,
    read_adapter,
    write_adapter,
)

FIRST_LAYER = 12  # of 28
RANK = 8
ALPHA = 16.0
RATE = 4e-4
WARM_UP = 0.06  # share of the way
TOKENS_A_BATCH = 1200
# How many of the lessons of a kind are in the mix.
SHARES = {
    "answered": 0.7,
    "answered, alone": 0.25,
    "withheld": 0.35,
    "beside the point, alone": 0.25,
    "unanswered": 0.5,
    "unanswered, alone": 0.2,
}
KEPT_EVERY = 25  # batches
WRITING = 1.5  # how much the rest of a reply counts beside its first token, which decides
# The names of a layer's matrices here and in a GGUF file.
MATRICES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """A prompt and its reply, as the model's tokens."""

    prompt: list[int]
    reply: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.reply)


def chosen(lines: Sequence[dict[str, Any]], *, shuffle: random.Random) -> list[Tokens]:
    """The share of each kind of lessons that is in the mix."""
    kinds: dict[str, list[Tokens]] = {}
    for line in lines:
        kinds.setdefault(line["kind"], []).append(Tokens(line["prompt"], line["reply"]))
    return [
        lesson
        for kind, lessons in kinds.items()
        for lesson in shuffle.sample(lessons, round(SHARES[kind] * len(lessons)))
    ]


def batches(lessons: Sequence[Tokens], *, shuffle: random.Random) -> list[list[Tokens]]:
    """All lessons in a random order, those of like length together, so that little is padded."""
    mixed = list(lessons)
    shuffle.shuffle(mixed)
    mixed.sort(key=lambda lesson: len(lesson) // 40)
    found: list[list[Tokens]] = [[]]
    for lesson in mixed:
        longest = max([len(lesson), *map(len, found[-1])])
        if found[-1] and longest * (len(found[-1]) + 1) > TOKENS_A_BATCH:
            found.append([])
        found[-1].append(lesson)
    shuffle.shuffle(found)
    return found


def fingerprint(mixed: Sequence[Sequence[Tokens]]) -> str:
    """A text that is the same for the same lessons in the same batches."""
    return hashlib.sha256(repr(mixed).encode()).hexdigest()


def rate_at(done: float) -> float:
    """The learning rate where this share of the way is done, 0..1.

    It rises from 0 and falls back to it, both in a straight line.
    """
    return RATE * min(done / WARM_UP, (1.0 - done) / (1.0 - WARM_UP))


def open_weights(path: Path) -> Any:
    """The model in a GGUF file, in 16 bits."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    return AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )


def learn(
    model: Any,
    lessons: Sequence[Tokens],
    *,
    out: Path,
    minutes: float,
    start: LowRankAdapter | None = None,
) -> None:
    """Learn an adapter to a model from all lessons, or for so long; write it.

    It goes on from the adapter `start`, if there is one. What a run that was cut had learned lies
    beside `out` and is gone on from. Raises `CannotGoOn` where `start` is for another model, or
    the run that was cut had other lessons.
    """
    import torch

    torch.manual_seed(0)
    model.requires_grad_(False)
    adapted = adapt(model)
    if start:
        resume(adapted, start)
    weights = [weight for pair in adapted.values() for weight in (pair.down, pair.up)]
    optimizer = torch.optim.AdamW(weights, weight_decay=0.0, betas=(0.9, 0.98))
    mixed = batches(lessons, shuffle=random.Random(0))
    these = fingerprint(mixed)
    learned, spent, smooth = 0, 0.0, 0.0
    state = out.with_suffix(".state")
    if state.exists():
        kept = torch.load(state)
        if kept["lessons"] != these:
            raise CannotGoOn(f"{state} is of other lessons: give those, or delete it")
        learned, spent, smooth = kept["learned"], kept["spent"], kept["smooth"]
        optimizer.load_state_dict(kept["optimizer"])
        for weight, value in zip(weights, kept["weights"], strict=True):
            weight.data.copy_(value)
    began = time.monotonic() - spent
    done = max(learned / len(mixed), spent / 60 / minutes)
    while done < 1.0:
        loss = loss_of(model, mixed[learned])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(done)
        optimizer.step()
        optimizer.zero_grad()
        learned += 1
        spent = time.monotonic() - began
        done = min(1.0, max(learned / len(mixed), spent / 60 / minutes))
        smooth = 0.95 * smooth + 0.05 * loss.item() if smooth else loss.item()
        left = spent / 60 / done * (1.0 - done)
        print(f"\r{learned} of {len(mixed)}, loss {smooth:.3f}, {left:.0f} min left ", end="")
        if learned % KEPT_EVERY == 0:
            kept = {"learned": learned, "spent": spent, "smooth": smooth, "weights": weights}
            kept |= {"lessons": these, "optimizer": optimizer.state_dict()}
            torch.save(kept, state)
    write(adapted, out)
    state.unlink(missing_ok=True)
    print(f"\n{out} is written, from {sum(map(len, mixed[:learned]))} lessons.")


def loss_of(model: Any, batch: Sequence[Tokens]) -> Any:
    """The mean error over a batch's replies: of the first token, and of the rest beside it."""
    import torch
    from torch.nn.functional import cross_entropy

    longest = max(map(len, batch))
    table = torch.zeros(len(batch), longest, dtype=torch.long)
    for row, lesson in enumerate(batch):
        table[row, : len(lesson)] = torch.tensor(lesson.prompt + lesson.reply)
    # Nothing looks ahead, so what is padded at the end needs no mask.
    states = model.model(table, use_cache=False).last_hidden_state
    loss = torch.zeros(())
    for row, lesson in enumerate(batch):
        said = states[row, len(lesson.prompt) - 1 : len(lesson) - 1]
        errors = cross_entropy(
            model.lm_head(said).float(), torch.tensor(lesson.reply), reduction="none"
        )
        loss = loss + errors[0] + WRITING * errors[1:].mean()
    return loss / len(batch)


def adapt(model: Any) -> dict[str, Any]:
    """Put an adapter, which changes nothing yet, beside each matrix; by its name in a GGUF file."""
    import torch

    class Adapted(torch.nn.Module):  # type: ignore[misc]
        """A matrix that stays as it is, and beside it a product of two narrow ones."""

        def __init__(self, frozen: torch.nn.Linear) -> None:
            super().__init__()
            self.frozen = frozen
            wide, high = frozen.in_features, frozen.out_features
            self.down = torch.nn.Parameter(torch.randn(RANK, wide) / math.sqrt(wide))
            self.up = torch.nn.Parameter(torch.zeros(high, RANK))

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            """[lessons, tokens, wide] to [lessons, tokens, high]."""
            narrow = states @ (self.down * (ALPHA / RANK)).t().to(states.dtype)
            up = self.up.t().to(states.dtype).expand(len(states), -1, -1)
            return torch.baddbmm(self.frozen(states), narrow, up)

    adapted = {}
    for number, layer in enumerate(model.model.layers):
        if number < FIRST_LAYER:
            continue
        for name, written in MATRICES.items():
            part, _, matrix = name.partition(".")
            owner = getattr(layer, part)
            pair = Adapted(getattr(owner, matrix))
            setattr(owner, matrix, pair)
            adapted[f"blk.{number}.{written}.weight"] = pair
    return adapted


class CannotGoOn(ValueError):
    """What was learned before is for another model, or from other lessons."""


def resume(adapted: Mapping[str, Any], start: LowRankAdapter) -> None:
    """Set what was adapted to what an adapter has learned; `CannotGoOn` if it was another."""
    import torch

    for name, pair in adapted.items():
        for end, weight in (("lora_a", pair.down), ("lora_b", pair.up)):
            value = start.matrices.get(f"{name}.{end}")
            if value is None or value.shape != tuple(weight.shape):
                raise CannotGoOn(f"--from: no {name}.{end} of {tuple(weight.shape)} in it")
            weight.data.copy_(torch.tensor(value))


def write(adapted: Mapping[str, Any], out: Path, *, architecture: str = "qwen2") -> None:
    """Write an adapter to a model of this architecture in the form that llama.cpp reads."""
    matrices = {}
    for name, pair in adapted.items():
        matrices[f"{name}.lora_a"] = pair.down.detach().half().numpy()
        matrices[f"{name}.lora_b"] = pair.up.detach().half().numpy()
    write_adapter(out, LowRankAdapter(matrices, architecture=architecture, alpha=ALPHA))


def main() -> None:
    """Learn the adapter from lessons."""
    parser = argparse.ArgumentParser(prog="python -m eval.adapter", description=__doc__)
    parser.add_argument("lessons", type=Path)
    parser.add_argument("--minutes", type=float, required=True, help="how long to learn at most")
    parser.add_argument("--from", dest="start", type=Path, help="an adapter to go on from")
    parser.add_argument("--out", type=Path, default=Path(str(resources.files("rag") / ADAPTER)))
    arguments = parser.parse_args()
    if find_spec("accelerate") is None:
        parser.error('accelerate is not installed. Run: .venv/bin/pip install -e ".[dev]"')
    if arguments.minutes <= 0.0:
        parser.error(f"--minutes {arguments.minutes:g}: give it some time, as --minutes 90")
    try:
        start = read_adapter(arguments.start) if arguments.start else None
    except (OSError, ValueError) as error:
        parser.error(f"--from: {error}")
    if start and start.rank != RANK:
        parser.error(f"--from {arguments.start}: its rank is {start.rank} and not {RANK}")
    lessons = chosen(read_lines(arguments.lessons), shuffle=random.Random(0))
    print(f"{len(lessons)} lessons, {sum(map(len, lessons))} tokens")
    model = open_weights(model_file(load_settings()))
    try:
        learn(model, lessons, out=arguments.out, minutes=arguments.minutes, start=start)
    except CannotGoOn as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()

"""Teach the default model to point at what answers: a low-rank adapter [1] from lessons.

    python -m eval.lessons eval/training --out LESSONS.jsonl
    python -m eval.adapter LESSONS.jsonl

learns `rag/pointing.gguf`, on two cores in some 40 minutes. The model's own weights stay as they
are: those of the quantised file that Footnote runs, so that what is learned fits them. Only the
upper layers get an adapter, as to go through all of them would take half as long again. It needs
the packages of `pip install -e ".[dev]"` and 12 GB of memory.

[1] E. Hu et al.: LoRA: Low-rank adaptation of large language models. 2021.
"""

from __future__ import annotations

import argparse
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
from rag import ADAPTER, load_settings, model_file, write_adapter

FIRST_LAYER = 12  # of 28
RANK = 8
ALPHA = 16.0
RATE = 3e-4
WARM_UP = 0.06  # share of the steps
TOKENS_A_BATCH = 1600
MOST_BATCHES = 150  # as many as two cores learn from in 40 minutes
# How many of the lessons of a kind are in the mix.
SHARES = {
    "answered": 0.55,
    "answered, alone": 0.15,
    "withheld": 0.25,
    "beside the point, alone": 0.25,
    "unanswered": 0.4,
    "unanswered, alone": 0.2,
}
KEPT_EVERY = 50  # steps
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


def rate_at(step: int, steps: int) -> float:
    """The learning rate: it rises from 0 and falls back to it, both in a straight line."""
    done = (step + 1) / steps
    return RATE * min(done / WARM_UP, (1.0 - done) / (1.0 - WARM_UP) + 1.0 / steps)


def learn(model_path: Path, lessons: Sequence[Tokens], *, out: Path) -> None:
    """Learn an adapter to the model in a GGUF file, and write it as one."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM, GgufConfig

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(
        model_path.parent,
        gguf_file=model_path.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.requires_grad_(False)
    adapted = adapt(model)
    weights = [weight for pair in adapted.values() for weight in (pair.down, pair.up)]
    optimizer = torch.optim.AdamW(weights, weight_decay=0.0, betas=(0.9, 0.98))
    steps = batches(lessons, shuffle=random.Random(0))[:MOST_BATCHES]
    began = time.monotonic()
    smooth = 0.0
    for number, batch in enumerate(steps):
        longest = max(map(len, batch))
        table = torch.zeros(len(batch), longest, dtype=torch.long)
        for row, lesson in enumerate(batch):
            table[row, : len(lesson)] = torch.tensor(lesson.prompt + lesson.reply)
        # Nothing looks ahead, so what is padded at the end needs no mask.
        states = model.model(table).last_hidden_state
        loss = torch.zeros(())
        for row, lesson in enumerate(batch):
            said = states[row, len(lesson.prompt) - 1 : len(lesson) - 1]
            errors = cross_entropy(
                model.lm_head(said).float(), torch.tensor(lesson.reply), reduction="none"
            )
            loss = loss + errors[0] + WRITING * errors[1:].mean()
        loss = loss / len(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(number, len(steps))
        optimizer.step()
        optimizer.zero_grad()
        now = loss.item()
        smooth = 0.95 * smooth + 0.05 * now if number else now
        minutes = (time.monotonic() - began) / (number + 1) * (len(steps) - number - 1) / 60
        print(f"\r{number + 1} of {len(steps)}, loss {smooth:.3f}, {minutes:.0f} min left", end="")
        if (number + 1) % KEPT_EVERY == 0 or number + 1 == len(steps):
            write(adapted, out)
    print(f"\n{out} is written.")


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


def write(adapted: Mapping[str, Any], out: Path, *, architecture: str = "qwen2") -> None:
    """Write an adapter to a model of this architecture in the form that llama.cpp reads."""
    matrices = {}
    for name, pair in adapted.items():
        matrices[f"{name}.lora_a"] = pair.down.detach().half().numpy()
        matrices[f"{name}.lora_b"] = pair.up.detach().half().numpy()
    write_adapter(out, matrices, architecture=architecture, alpha=ALPHA)


def main() -> None:
    """Learn the adapter from lessons."""
    parser = argparse.ArgumentParser(prog="python -m eval.adapter", description=__doc__)
    parser.add_argument("lessons", type=Path)
    parser.add_argument("--out", type=Path, default=Path(str(resources.files("rag") / ADAPTER)))
    arguments = parser.parse_args()
    if find_spec("accelerate") is None:
        parser.error('accelerate is not installed. Run: .venv/bin/pip install -e ".[dev]"')
    lessons = chosen(read_lines(arguments.lessons), shuffle=random.Random(0))
    print(f"{len(lessons)} lessons, {sum(map(len, lessons))} tokens")
    learn(model_file(load_settings()), lessons, out=arguments.out)


if __name__ == "__main__":
    main()

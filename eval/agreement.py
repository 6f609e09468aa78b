"""The second judge: whether an answer and a reference say the same.

A linear score over the words and the meaning that they share, learned from people's preferences
between two answers to one question [1] and put on a scale of 0 to 1 by answers that were read
and labelled. The weights stand in `judges.json`. Shared figures and names, the two directions of
the overlap and the lengths were tried too, and made it worse on preferences it had not seen.

[1] D. Ru et al.: RAGChecker. 2024. Its people prefer as token F1 does at a Spearman
correlation of 0.54, and as each other at 0.69.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import resources
from typing import Any

from eval.metrics import token_f1

# One vector of length 1 for each text, as rows.
Embed = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike an answer and a reference are, each part 0..1."""

    token_f1: float  # SQuAD's, of their words
    cosine: float  # of their meaning, each as a whole


PARTS = [field.name for field in fields(Likeness)]


def likeness(answer: str, reference: str, *, embed: Embed) -> Likeness:
    """Compare two texts."""
    vectors = embed([answer, reference])
    return Likeness(token_f1([reference], answer), float(vectors[0] @ vectors[1]))


@dataclass(frozen=True, slots=True)
class AgreementWeights:
    """A logistic model over `Likeness`; from `threshold` an answer counts as agreeing."""

    bias: float
    weights: Mapping[str, float]
    threshold: float

    def agreement(self, alike: Likeness) -> float:
        """How surely they say the same, 0..1."""
        total = self.bias + sum(
            weight * getattr(alike, name) for name, weight in self.weights.items()
        )
        return 1.0 / (1.0 + math.exp(-total))


class AgreementJudge:
    """Compares answers with references; `embed` gives texts their vectors."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def judge(self, answer: str, references: Sequence[str]) -> tuple[float, bool]:
        """(agreement with the nearest reference, 0..1, whether that counts as the same)."""
        weights = learned_agreement()
        best = max(
            weights.agreement(likeness(answer, reference, embed=self._embed))
            for reference in references
        )
        return best, best >= weights.threshold


@lru_cache(maxsize=1)
def learned_agreement() -> AgreementWeights:
    """The weights from `judges.json`."""
    held = json.loads(resources.files("eval").joinpath("judges.json").read_text("utf-8"))
    return AgreementWeights(**held["agreement"])

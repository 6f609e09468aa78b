"""Where the language model looks among the facts that it has read.

A language model that is about to answer looks at what answers, with some of its heads [1, 2], and
does so more surely than it then writes. A linear model over the attention that each fact gets from
each head, at the end of the prompt, says which fact that is. Its weights stand in `pointer.json`
with the figures that justify them; `python -m eval.calibrate` learns them again.

[1] W. Wu, Y. Wang, G. Xiao, H. Peng, Y. Fu: Retrieval Head Mechanistically Explains Long-Context
    Factuality. 2024.
[2] S. Chen, B. Gutiérrez, Y. Su: Attention in Large Language Models Yields Efficient Zero-Shot
    Re-Rankers. 2024.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

LEAST_ATTENTION = 1e-5  # what is less counts as this, as there is no logarithm of nothing


@dataclass(frozen=True, slots=True)
class Pointer:
    """A linear model over the attention of a language model's heads."""

    weights: NDArray[np.float32]  # one for each head of each layer

    def log_odds(self, attention: NDArray[np.float32]) -> list[float]:
        """How likely each fact is to answer, as a logarithm, beside the others of its prompt.

        `attention` is layers x heads x facts, as in `rag.layers.Glance`.
        """
        return [float(value) for value in looks(attention) @ self.weights]


def looks(attention: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much more than the other facts each is looked at: facts x heads, as logarithms."""
    layers, heads, facts = attention.shape
    values = np.log(attention.reshape(layers * heads, facts).T + LEAST_ATTENTION)
    return np.asarray(values - values.sum(axis=0) / max(1, facts), dtype=np.float32)


@lru_cache(maxsize=1)
def learned_pointer() -> Pointer:
    """The pointer of `rag.answerability.WEIGHED_MODEL`, from `pointer.json`."""
    held = json.loads(resources.files("rag").joinpath("pointer.json").read_text("utf-8"))
    return Pointer(np.array(held["weights"], dtype=np.float32))

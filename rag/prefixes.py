"""Which beginnings of prompts are worth keeping, so that a model reads them once.

A language model keeps what it has read, until a prompt begins differently. Prompts for different
purposes take turns, each with its own instructions and examples at the start. So a beginning that
comes a second time, after other prompts, is kept with the model's state, and read no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FEWEST_TOKENS = 64  # that must be saved; restoring a state takes as long as reading a few
MOST_PROMPTS = 6  # that are remembered, to see what comes again
MOST_STATES = 4  # that are kept: some 30 kB a token for a model of 1.5 billion weights


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A model's state after these tokens, in whatever form the model gives it."""

    tokens: Sequence[int]
    data: bytes


class Prefixes:
    """The prompts that were read lately, and the states that are kept for their beginnings."""

    def __init__(self) -> None:
        self._prompts: deque[Sequence[int]] = deque(maxlen=MOST_PROMPTS)
        self._states: deque[State] = deque(maxlen=MOST_STATES)

    def best_state(self, prompt: Sequence[int], *, known: int) -> tuple[State, int] | None:
        """The kept state that saves most, and how many of its tokens the prompt begins with.

        None where none saves `FEWEST_TOKENS` beside the `known` ones that the model still has.
        """
        shared, state = max(
            ((shared_prefix(state.tokens, prompt), state) for state in self._states),
            key=lambda pair: pair[0],
            default=(0, None),
        )
        if state is None or shared - known < FEWEST_TOKENS:
            return None
        self._states.remove(state)
        self._states.append(state)  # the one used last is dropped last
        return state, shared

    def worth_keeping(self, prompt: Sequence[int], *, known: int) -> int:
        """How many of the prompt's first tokens came before and should be kept; 0 for none."""
        again = max((shared_prefix(earlier, prompt) for earlier in self._prompts), default=0)
        self._prompts.append(prompt)
        return again if again - known >= FEWEST_TOKENS else 0

    def keep(self, tokens: Sequence[int], data: bytes) -> None:
        """Keep the state after these tokens; the one unused longest goes if there are many."""
        self._states.append(State(tokens, data))


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What a model has read, and the beginnings of prompts that it has kept.

    Both are of no use to the same model with or without its adapter, where it was the other way.
    """

    state: State
    adapted: bool
    prefixes: Mapping[bool, Prefixes]  # with the adapter, and without


def no_prefixes() -> dict[bool, Prefixes]:
    """Nothing kept, with the adapter and without."""
    return {True: Prefixes(), False: Prefixes()}


def shared_prefix(known: Sequence[int] | np.ndarray[Any, Any], prompt: Sequence[int]) -> int:
    """How many tokens two sequences have in common at their start."""
    length = min(len(known), len(prompt))
    differs = np.asarray(known[:length]) != np.asarray(prompt[:length])
    return int(np.argmax(differs)) if differs.any() else length

"""Two ways of doing one thing, measured in turns, so that whatever slows one slows the other.

Knows nothing of what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

Ours = TypeVar("Ours")
Raw = TypeVar("Raw")


@dataclass(frozen=True, slots=True)
class Figure:
    """A speed or a time in both ways, one sample a round, all in `unit`.

    `raw` is empty where there is nothing to compare with; `raw_is` says what it is, and `note`
    what else a reader must know.

    >>> Figure("copy", "Copying", "ms", ours=(3.0, 2.0, 4.0), raw=(2.0, 2.0, 2.0)).ratio
    1.5
    """

    name: str
    label: str
    unit: str
    ours: tuple[float, ...]
    raw: tuple[float, ...] = ()
    raw_is: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of ours over the median of the raw; None where there is no raw one."""
        return median(self.ours) / median(self.raw) if self.raw else None

    def to_json(self) -> dict[str, Any]:
        """Medians, with the lowest and the highest sample of each."""
        return {
            "ours": median(self.ours),
            "raw": median(self.raw) if self.raw else None,
            "ratio": self.ratio,
            "unit": self.unit,
            "n": len(self.ours),
            "ours_range": [min(self.ours), max(self.ours)],
            "raw_range": [min(self.raw), max(self.raw)] if self.raw else None,
            "raw_is": self.raw_is or None,
            "note": self.note or None,
        }


def in_turns(
    ours: Callable[[int], Ours],
    raw: Callable[[int], Raw],
    *,
    rounds: int,
    warm_ups: int = 1,
    done: Callable[[], None] = lambda: None,
) -> tuple[list[Ours], list[Raw]]:
    """What both give in each round, without the first `warm_ups`; each goes first every other time.

    Both are given the number of the round, warm-ups included; `done` is called after each.
    """
    of_ours, of_raw = [], []
    for number in range(warm_ups + rounds):
        if number % 2:
            of_raw.append(raw(number))
            of_ours.append(ours(number))
        else:
            of_ours.append(ours(number))
            of_raw.append(raw(number))
        done()
    return of_ours[warm_ups:], of_raw[warm_ups:]


def seconds(action: Callable[[], object]) -> float:
    """How long `action` takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started

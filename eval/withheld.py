"""The same question with its answer taken away: what it is read with holds all but the facts.

People who ask what an article does not say ask of other things than people who ask what it does,
and whoever learns from their questions alone learns that. Beside each question that can be
answered, the same question with evidence that does not answer it leaves only the evidence to
tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from eval.meter import content_stems
from eval.metrics import has_all_facts
from eval.records import Case
from eval.scoring import short_references, states_one

if TYPE_CHECKING:
    from rag import Evidence, EvidenceSet

SHARED = 0.5  # of a long reference's words, or of a text's, that make the text tell of it


def read_without_answer(
    case: Case, evidence: EvidenceSet, *, budget: int, count_tokens: Callable[[str], int]
) -> list[Evidence]:
    """What would be read if no piece told any of the answer; empty if none of it does.

    Pieces take the place of those that tell, so that it is no shorter; `budget` is in tokens.
    """
    told = [p for p in evidence.select(budget, count_tokens=count_tokens) if tells(case, p.reading)]
    if not told:
        return []
    freed = sum(count_tokens(piece.reading) for piece in told)
    more = evidence.select(budget + freed, count_tokens=count_tokens)
    return [piece for piece in more if not tells(case, piece.reading)]


def tells(case: Case, text: str) -> bool:
    """Whether a text has any fact of the answer, or much of a long one."""
    if case.key_facts:
        return any(has_all_facts([fact], text) for fact in case.key_facts)
    if short := short_references(case):
        return states_one(short, text)
    stems = frozenset(content_stems(text))
    return any(_share(stems, frozenset(content_stems(long))) >= SHARED for long in case.references)


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of the smaller set that both have, 0..1."""
    return len(one & other) / max(1, min(len(one), len(other)))

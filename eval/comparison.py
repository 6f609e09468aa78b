"""Two runs on the same questions: paired differences, and the questions that changed.

A difference is B less A, of the questions that both runs asked, resampled in pairs. One whose
interval holds 0 may be chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eval import metrics
from eval.figures import is_mistake
from eval.records import Figure, Outcome, Run
from rag import UsageError

MEASURES: dict[str, tuple[Callable[[Outcome], bool], Callable[[Outcome], float]]] = {
    # name: (which questions count, their value)
    "accuracy": (lambda o: o.case.answerable, lambda o: float(o.right)),
    "over_refusal": (lambda o: o.case.answerable, lambda o: float(o.reply.abstained)),
    "abstention_recall": (lambda o: not o.case.answerable, lambda o: float(o.reply.abstained)),
    "hallucination_answerable": (lambda o: o.case.answerable, lambda o: float(o.hallucinated)),
    "hallucination_unanswerable": (
        lambda o: not o.case.answerable,
        lambda o: float(o.hallucinated),
    ),
    "token_f1": (lambda o: bool(o.case.references), lambda o: o.token_f1),
    "string_recall": (lambda o: bool(o.case.references), lambda o: float(o.string_recall)),
    "all_sources_at_10": (
        lambda o: bool(o.case.source_articles),
        lambda o: float(o.all_sources_rank is not None and o.all_sources_rank <= 10),
    ),
}


@dataclass(frozen=True, slots=True)
class Change:
    """A question that went right in one run and wrong in the other."""

    question: str
    better: bool
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What run B is more, or less, than run A."""

    a: str
    b: str
    questions: int
    only_a: int
    only_b: int
    settings: tuple[tuple[str, str, str], ...]  # (what differs, in A, in B)
    differences: tuple[Figure, ...]
    seconds: Figure  # of B over those of A, at the median question
    changes: tuple[Change, ...]


def compare(a: Run, b: Run) -> Comparison:
    """Compare two runs. Raises `UsageError` where they share no question."""
    first = {o.case.id: o for o in a.outcomes if o.case.origin != "drafted"}
    second = {o.case.id: o for o in b.outcomes if o.case.origin != "drafted"}
    both = [
        (o, second[id])
        for id, o in first.items()
        if id in second and second[id].case.question == o.case.question
    ]
    if not both:
        raise UsageError(
            f"The runs {a.id} and {b.id} have no question in common.",
            hint="Compare runs on the same articles or dataset.",
        )
    differences = []
    for name, (counts, value) in MEASURES.items():
        pairs = [(value(after), value(before)) for before, after in both if counts(before)]
        if pairs:
            differences.append(metrics.paired_difference(name, *zip(*pairs, strict=True)))
    ratios = [
        after.reply.total_ms / before.reply.total_ms
        for before, after in both
        if before.reply.total_ms
    ]
    return Comparison(
        a=a.id,
        b=b.id,
        questions=len(both),
        only_a=len(first) - len(both),
        only_b=len(second) - len(both),
        settings=_differing(a, b),
        differences=tuple(differences),
        seconds=metrics.quantile("seconds, ratio", ratios, 0.5, unit="score"),
        changes=tuple(
            Change(after.case.question, after.right, before.reply.text, after.reply.text)
            for before, after in both
            if before.right != after.right
        ),
    )


def is_better(difference: Figure) -> bool | None:
    """Whether B is better by this figure; None where the interval holds 0."""
    if difference.low <= 0 <= difference.high:
        return None
    return (difference.value > 0) != is_mistake(difference.name)


def _differing(a: Run, b: Run) -> tuple[tuple[str, str, str], ...]:
    """What made the two runs and is not the same in both."""
    sides = [{**run.made_by, **run.made_by["settings"]} for run in (a, b)]
    names = [name for name in sides[0] | sides[1] if name not in ("settings", "date")]
    return tuple(
        (name, str(sides[0].get(name)), str(sides[1].get(name)))
        for name in names
        if sides[0].get(name) != sides[1].get(name)
    )

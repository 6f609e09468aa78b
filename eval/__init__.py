"""Measuring Footnote: is it right, does it invent, and how good are those who judge it.

import eval
result = eval.run(["my-articles/"])
assert result.figures["hallucination_answer"].value <= 0.05
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.records import Run
    from rag import Settings


def run(
    articles: Sequence[Path | str] = (),
    *,
    dataset: Path | str | None = None,
    closed: bool | None = None,
    quick: bool = False,
    settings: Settings | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Run:
    """Evaluate on the FAQs of `articles`, or on the questions of `dataset`, as `rag eval` does.

    Without articles, on those of the index that `settings` name. `progress` is called with what
    is going on, how much is done, and of how many. The run is kept, with its report, under
    `eval/runs` in Footnote's home. Raises a `FootnoteError` for what a user can mend.
    """
    from eval.report import write_report
    from eval.runs import Plan, evaluate
    from rag import load_settings

    plan = Plan(
        settings=settings or load_settings(),
        articles=tuple(Path(path) for path in articles),
        dataset=None if dataset is None else Path(dataset),
        closed=closed,
        quick=quick,
    )
    made, kept = evaluate(plan, progress=progress)
    write_report(made, kept.report)
    return made

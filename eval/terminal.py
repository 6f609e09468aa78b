"""The evaluation in a terminal: a run as a table, a comparison as another."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from eval.comparison import Comparison, is_better
from eval.plots import formatted, interval
from eval.records import Figure, Run
from eval.report import FIGURES
from rag import UsageError

if TYPE_CHECKING:
    from rich.console import Console

_BAR = re.compile(r"\s*([a-z_0-9]+)\s*=\s*([0-9.]+)\s*")


def read_bars(text: str) -> dict[str, float]:
    """The bars in "accuracy=0.8,hallucination_answer=0.02". Raises `UsageError` naming what is off.

    "hallucination" alone stands for "hallucination_answer".
    """
    known = [name for group in FIGURES.values() for name in group]
    bars: dict[str, float] = {}
    for part in text.split(","):
        match = _BAR.fullmatch(part)
        name = {"hallucination": "hallucination_answer"}.get(match[1], match[1]) if match else ""
        if name not in known:
            raise UsageError(
                f"--min does not understand {part.strip()!r}.",
                hint=f"Write NAME=VALUE, with a name of: {', '.join(known)}.",
            )
        assert match is not None
        try:
            bars[name] = float(match[2])
        except ValueError as error:
            raise UsageError(
                f"--min does not understand the number {match[2]!r}.",
                hint="Try: --min accuracy=0.8",
            ) from error
    return bars


def show_run(run: Run, *, out: Console) -> None:
    """Print a run: its figures with their intervals, then the judges' own scores."""
    table = Table(title=escape(run.name), box=None, title_justify="left")
    for column in ("", "value", "95% interval", "n"):
        table.add_column(column, justify="left" if not column else "right")
    for title, group in FIGURES.items():
        present = [name for name in group if name in run.figures]
        if present:
            table.add_row(f"[bold]{title}[/bold]")
        for name in present:
            figure = run.figures[name]
            label = group[name][0]
            value = formatted(figure.value, figure.unit)
            table.add_row(f"  {label}", value, interval(figure) or "", str(figure.n))
    out.print(table)
    out.print("\n[bold]How far to trust the judges[/bold] (each item judged unseen)")
    for title, figures in run.judges.items():
        told = ", ".join(f"{_value(figure)}" for figure in figures.values())
        n = max(figure.n for figure in figures.values())
        out.print(f"  {escape(title)}, n={n}: {escape(told)}")
    for note in run.notes:
        out.print(f"[dim]{escape(note)}[/dim]")


def show_comparison(found: Comparison, *, out: Console) -> None:
    """Print what the second run is more or less than the first."""
    out.print(f"A {escape(found.a)}\nB {escape(found.b)}")
    for name, before, after in found.settings:
        out.print(f"  {escape(name)}: {escape(before[:60])} -> {escape(after[:60])}")
    left_out = f"; {found.only_a} only in A, {found.only_b} only in B" * bool(
        found.only_a or found.only_b
    )
    table = Table(title=f"B less A, {found.questions} questions{left_out}", box=None)
    for column in ("", "difference", "95% interval", "n", ""):
        table.add_column(column, justify="right" if column else "left")
    for figure in found.differences:
        better = is_better(figure)
        verdict = {True: "[green]better[/green]", False: "[red]worse[/red]", None: "may be chance"}
        table.add_row(
            figure.name,
            f"{figure.value:+.3f}",
            f"{figure.low:+.3f} to {figure.high:+.3f}",
            str(figure.n),
            verdict[better],
        )
    seconds = found.seconds
    table.add_row(
        "time, B / A", f"{seconds.value:.2f}", f"{seconds.low:.2f} to {seconds.high:.2f}", ""
    )
    out.print(table)
    for change in found.changes:
        mark = "[green]now right[/green]" if change.better else "[red]now wrong[/red]"
        out.print(f"{mark} {escape(change.question)}")
        out.print(
            f"   [dim]A:[/dim] {escape(change.before)}\n   [dim]B:[/dim] {escape(change.after)}"
        )


def run_to_summary(run: Run, *, folder: str, report: str) -> dict[str, Any]:
    """A run as the JSON value that `rag eval --json` prints."""
    return {
        "id": run.id,
        "name": run.name,
        "folder": folder,
        "report": report,
        "made_by": dict(run.made_by),
        "figures": _figures(run.figures),
        "by_kind": _figures(run.by_kind),
        "judges": {title: _figures(figures) for title, figures in run.judges.items()},
        "questions": [
            {
                "id": o.case.id,
                "question": o.case.question,
                "kind": o.case.kind,
                "origin": o.case.origin,
                "answerable": o.case.answerable,
                "answer": o.reply.text,
                "abstained": o.reply.abstained,
                "right": o.right,
                "hallucinated": o.hallucinated,
                "why": o.why,
            }
            for o in run.outcomes
        ],
        "notes": list(run.notes),
    }


def comparison_to_json(found: Comparison) -> dict[str, Any]:
    """A comparison as the JSON value that `rag eval --compare A B --json` prints."""
    return {
        "a": found.a,
        "b": found.b,
        "questions": found.questions,
        "settings": [{"name": n, "a": a, "b": b} for n, a, b in found.settings],
        "differences": _figures({figure.name: figure for figure in found.differences}),
        "seconds_ratio": _figure(found.seconds),
        "changes": [
            {"question": c.question, "better": c.better, "a": c.before, "b": c.after}
            for c in found.changes
        ],
    }


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: _figure(figure) for name, figure in figures.items()}


def _figure(figure: Figure) -> dict[str, Any]:
    """A figure with its interval; what could not be computed is null, which JSON has a word for."""
    numbers = {"value": figure.value, "low": figure.low, "high": figure.high}
    told = {name: None if math.isnan(v) else round(v, 4) for name, v in numbers.items()}
    return {**told, "n": figure.n, "unit": figure.unit}


def _value(figure: Figure) -> str:
    return f"{figure.name} {figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"

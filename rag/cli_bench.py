"""`rag bench`: what Footnote costs on this machine beside the libraries that it is made of."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from rag import terminal
from rag.errors import FootnoteError
from rag.settings import Settings, load_settings
from rag.terminal import JsonOption, ModelOption, err, out, print_json

if TYPE_CHECKING:
    from rag.bench import Failure
    from rag.rounds import Figure

MOST_FOR_AN_ANSWER = 1.5  # times the plain one, at the median


def bench_command(model: ModelOption = None, as_json: JsonOption = False) -> None:
    """Measure Footnote on this machine, in turns with the bare libraries that it is made of.

    Takes about five minutes on two cores with the default model. Works on the shipped articles
    in a temporary folder: your index is neither read nor written.
    """
    from rag.bench import Failure, Tools, measure
    from rag.machine import machine_facts

    settings = load_settings(model=model)
    err.print("About five minutes on two cores. What other programs take spoils the figures.")
    started = time.monotonic()
    figures: list[Figure] = []
    failures: list[Failure] = []
    facts = machine_facts()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="footnote-bench-") as folder,
            terminal.measuring(err) as progress,
        ):
            tools, place = Tools.of(settings), Path(folder)
            with closing(
                measure(settings, tools=tools, workspace=place, progress=progress)
            ) as found:  # closed before its folder goes, when it is stopped too
                for each in found:
                    if isinstance(each, Failure):
                        failures.append(each)
                    else:
                        figures.append(each)
    except KeyboardInterrupt:
        if not as_json:
            show_figures(figures, facts)
        raise
    if as_json:
        print_json(
            {
                "machine": facts,
                "model": {"name": settings.model, "sha256": _hash(settings)},
                "embedding_model": settings.embedding_model,
                "figures": {figure.name: figure.to_json() for figure in figures},
                "not_measured": [failure.to_json() for failure in failures],
                "seconds": time.monotonic() - started,
            }
        )
    else:
        show_figures(figures, facts)
    show_failures(failures)
    if failures:
        raise typer.Exit(1)


def _hash(settings: Settings) -> str | None:
    """The language model's; None where it is not here, or on a server."""
    from rag.pipeline import sha256_of_model

    try:
        return None if settings.llm_url else sha256_of_model(settings)
    except FootnoteError:
        return None


def show_figures(figures: Sequence[Figure], facts: dict[str, Any]) -> None:
    """Print a table of medians with their ranges, and what the raw figures are."""
    if not figures:
        return
    gib = facts["memory_bytes"] / (1 << 30)
    out.print(f"{escape(facts['processor'])}, {facts['cores']} cores, {gib:.1f} GiB")
    table = Table("median (range)", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("ours", "raw", "ratio", "n"):
        table.add_column(column, justify="right", no_wrap=True)
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        table.add_row(
            f"{figure.label}, {figure.unit}",
            _spread(figure.ours),
            _spread(figure.raw),
            ratio,
            str(len(figure.ours)),
        )
    out.print(table)
    out.print()
    for figure in figures:
        said = [*([f"raw is {figure.raw_is}"] if figure.raw_is else []), figure.note]
        if any(said):
            out.print(f"[dim]{figure.label}: {'; '.join(filter(None, said))}.[/dim]")
    _show_promise({figure.name: figure for figure in figures})


def _spread(samples: Sequence[float]) -> str:
    if not samples:
        return ""
    return f"{_short(median(samples))} ({_short(min(samples))}–{_short(max(samples))})"


def _short(value: float) -> str:
    """At most three digits that count: 0.012, 0.12, 1.23, 12.3, 123."""
    for digits, least in ((0, 100), (1, 10), (2, 0.1)):
        if value >= least:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


def _show_promise(figures: dict[str, Figure]) -> None:
    """Whether answers and abstentions are as quick as they are meant to be."""
    whole, hopeless = figures.get("whole_answer"), figures.get("hopeless_abstention")
    if whole and whole.ratio:
        kept = "yes" if whole.ratio <= MOST_FOR_AN_ANSWER else "no"
        out.print(f"Whole answer within {MOST_FOR_AN_ANSWER} times the plain one: {kept}")
    if whole and hopeless:
        kept = "yes" if median(hopeless.ours) < median(whole.ours) else "no"
        out.print(f"Abstaining on a hopeless question quicker than answering: {kept}")


def show_failures(failures: Sequence[Failure]) -> None:
    """Print a line for each reason why something was not measured."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        reasons.setdefault((failure.error, failure.hint), []).append(failure.part)
    for (error, hint), parts in reasons.items():
        line = escape(f"{', '.join(parts)}: {error} {hint}".rstrip())
        err.print(f"[red]Not measured:[/red] {line}", soft_wrap=True)

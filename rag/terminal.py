"""What the command line shows: streamed answers, sources, tables and progress bars.

Everything that a user waits for is drawn on stderr, so that stdout holds results only.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.spinner import Spinner
from rich.text import Text

from rag.records import Answer, AnswerUpdate, Hit

if TYPE_CHECKING:
    from rag.reports import IndexProgress, IndexReport

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)

INDEX_COMMAND = re.compile(r"\brag (?:index(?: --rebuild)?|doctor)\b")


def naming_index(advice: str, index: Path | None) -> str:
    """What to run next, for the index that `--index` named, so that no other one is changed."""
    if index is None:
        return advice
    return INDEX_COMMAND.sub(rf"\g<0> --index {shlex.quote(str(index))}", advice)


@dataclass
class Named:
    """What a command line named, for whoever tells of its error after it has ended."""

    index: Path | None = None


def _keep_index(context: typer.Context, index: Path | None) -> Path | None:
    if isinstance(context.obj, Named):
        context.obj.index = index
    return index


IndexOption = Annotated[
    Path | None,
    typer.Option("--index", help="The index folder.", metavar="DIR", callback=_keep_index),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="A name from `rag models list`, or a .gguf file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]

STAGES = {
    "searching": "Searching the articles",
    "reading": "Reading the passages",
    "writing": "Writing (unchecked)",
    "checking": "Checking every sentence",
}

SHOWN_DUPLICATES = 10

INDEX_STAGES = {
    "waiting": "Waiting for another rag index",
    "reading": "Reading files",
    "embedding": "Embedding passages",
    "storing": "Storing vectors",
    "checking": "Checking the new index",
    "switching": "Switching to the new index",
    "cleaning": "Clearing the old index",
}


def print_json(value: Any) -> None:
    """One JSON value on stdout, whatever the width of the terminal."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def show_stream(updates: Iterable[AnswerUpdate], *, out: Console, err: Console) -> Answer:
    """Draw an answer as it comes and print it, with its sources, when it is checked."""
    answer: Answer | None = None
    with Live(console=err, transient=True, refresh_per_second=8) as live:
        for update in updates:
            if update.answer is not None:
                answer = update.answer
                break
            stage = Spinner("dots", text=Text(STAGES.get(update.stage, update.stage), "dim"))
            live.update(Group(stage, Text(update.draft, style="dim italic")))
    assert answer is not None  # the last update carries it
    show_answer(answer, out=out)
    return answer


def show_answer(answer: Answer, *, out: Console) -> None:
    """Print an answer: its sentences with their marks, then the numbered sources."""
    if answer.understood:
        out.print(f"[dim]Understood as: {escape(answer.understood)}[/dim]")
    if answer.abstained:
        out.print(f"[bold]{escape(answer.text)}[/bold]")
        out.print(f"[dim]{escape(answer.reason or '')}[/dim]")
        return
    text = Text()
    for sentence in answer.sentences:
        text.append(sentence.text)
        for number in sentence.citations:
            text.append(f" [{number}]", style="cyan")
        text.append(" ")
    out.print(text)
    out.print()
    for citation in answer.citations:
        out.print(
            f"[cyan]\\[{citation.number}][/cyan] [bold]{escape(citation.title)}[/bold] "
            f"[dim]{escape(citation.article_id)}, characters {citation.start}-{citation.end}[/dim]"
        )
        out.print(Text(f"    “{' '.join(citation.quote.split())}”"))
        show_also(citation.also, out=out)
    timings = answer.timings
    out.print(
        f"[dim]{timings.total_ms / 1000:.1f} s, first word after "
        f"{timings.first_token_ms / 1000:.1f} s, {escape(answer.model)}[/dim]"
    )


def show_trace(answer: Answer, *, err: Console) -> None:
    """Print why the question was answered or not, and each drafted sentence kept or withdrawn."""
    for verdict in (*([answer.gate] if answer.gate else []), *answer.trace):
        mark = "[green]yes[/green]" if verdict.kept else "[red]no[/red] "
        err.print(f"{mark} {verdict.support:.2f} {escape(verdict.text)}")
        err.print(f"     [dim]{escape(verdict.why)}[/dim]")


def show_hits(hits: Sequence[Hit], *, out: Console) -> None:
    """Print retrieved passages, best first."""
    if not hits:
        out.print("Nothing in the index resembles that.")
    for hit in hits:
        chunk = hit.chunk
        out.print(
            f"[cyan]{hit.rank}.[/cyan] [bold]{escape(chunk.title)}[/bold] "
            f"[dim]{escape(chunk.article_id)}, characters {chunk.start}-{chunk.end}, "
            f"score {hit.score:.4f}[/dim]"
        )
        if chunk.heading:
            out.print(Text(f"   {chunk.heading}", style="dim"))
        out.print(Text(f"   {' '.join(chunk.text.split())}"))
        show_also(chunk.also, out=out)


def show_also(sources: Sequence[str], *, out: Console) -> None:
    """Print where else an article was found, if it was."""
    if sources:
        out.print(Text(f"    The same in {', '.join(sources)}", style="dim"))


@contextmanager
def counting(err: Console) -> Iterator[Progress]:
    """A bar for so many of so many, with the time left."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]left[/dim]"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # or it leaves an empty line in a log
    ) as progress:
        yield progress


@contextmanager
def measuring(err: Console) -> Iterator[Callable[[str, float, float], None]]:
    """A bar that is told (what is measured, how much is done, of how much), with the time left."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]left[/dim]"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as progress:
        task = progress.add_task("Starting", total=None)
        yield lambda what, done, total: progress.update(
            task, description=what, completed=done, total=total
        )


@contextmanager
def indexing(err: Console) -> Iterator[Callable[[IndexProgress], None]]:
    """A bar for each stage of bringing an index up to date."""
    with counting(err) as progress:
        task = progress.add_task("Looking for articles", total=None)

        def show(step: IndexProgress) -> None:
            progress.update(
                task,
                description=INDEX_STAGES[step.stage],
                completed=step.done,
                total=step.total or None,
            )

        yield show


def show_index_report(report: IndexReport, *, index: Path, out: Console, err: Console) -> None:
    """Print what was done to an index, then a line for each file that is not in it."""
    for one in report.duplicates[:SHOWN_DUPLICATES]:
        out.print(f"[dim]Indexed once:[/dim] {escape(one.path)} says the same as {escape(one.of)}")
    if (more := len(report.duplicates) - SHOWN_DUPLICATES) > 0:
        out.print(f"[dim]Indexed once:[/dim] {more} more duplicates; --json lists them all")
    if report.backup:
        err.print(f"The damaged catalogue is kept as {escape(str(report.backup))}")
    out.print(
        f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
        f"{report.removed} removed: {report.chunks} passages in {report.seconds:.1f} s ({index})",
        soft_wrap=True,
    )
    for failure in report.failed:
        line = (
            failure.error if failure.path in failure.error else f"{failure.path}: {failure.error}"
        )
        line = escape(" ".join(line.split()))  # a name may hold the end of a line
        err.print(f"[red]Not indexed:[/red] {line}", soft_wrap=True)


def show_update(report: IndexReport, *, out: Console) -> None:
    """Print what was done to a watched index, as one line with the time of day."""
    line = (
        f"[dim]{datetime.now():%H:%M:%S}[/dim] {report.added} added, {report.changed} changed, "
        f"{report.removed} removed: {report.chunks} passages in {report.seconds:.1f} s"
    )
    if report.failed:
        errors = escape(" ".join(failure.error for failure in report.failed))
        line += f"; [red]not indexed:[/red] {errors}"
    out.print(line)


@contextmanager
def downloading(err: Console) -> Iterator[Progress]:
    """A bar for bytes, with the speed and the time left."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("[dim]left[/dim]"),
        TimeRemainingColumn(),
        console=err,
    ) as progress:
        yield progress


@contextmanager
def waiting(message: str, *, err: Console) -> Iterator[None]:
    """A spinner with the seconds gone, for work whose length is not known."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # or it leaves an empty line in a log
    ) as progress:
        progress.add_task(message, total=None)
        yield

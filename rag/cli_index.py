"""`rag index`: brings an index up to date, and with `--watch` keeps it so."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from rag import terminal
from rag.errors import FootnoteError
from rag.settings import Settings, load_settings
from rag.terminal import IndexOption, JsonOption, err, out, print_json

if TYPE_CHECKING:
    from rag.embedding import Embedder
    from rag.reports import IndexReport


def index_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files and folders; without any, all that were named before."),
    ] = None,
    index: IndexOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then index whatever changes, until Ctrl-C.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the whole index again from the files.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add articles to the index, and bring what changed up to date.

    Reads Markdown, text, HTML and saved web pages, PDF, Word, EPUB, e-mails, CSV and Excel.
    Unchanged articles cost nothing. A file that cannot be read is reported; the rest goes on.
    A .footnoteignore file, written like a .gitignore, leaves out files of its folder.
    """
    from rag.pipeline import open_embedder
    from rag.updating import sync

    settings = load_settings(index=index)
    embedder = open_embedder(settings)
    with terminal.indexing(err) as progress:
        report = sync(settings, paths or [], embedder=embedder, progress=progress, rebuild=rebuild)
    if as_json:
        print_json(report.to_json())
    else:
        terminal.show_index_report(report, index=settings.index_directory, out=out, err=err)
    if watch:
        _watch(settings, embedder, paths or [], after=report, as_json=as_json)
    elif report.failed:
        raise typer.Exit(1)


def _watch(
    settings: Settings,
    embedder: Embedder,
    paths: Sequence[Path],
    *,
    after: IndexReport,
    as_json: bool,
) -> None:
    """Keeps the index up to date with the named paths, or with all that it covers, until Ctrl-C."""
    from rag.pipeline import open_index
    from rag.roots import absolute
    from rag.updating import sync
    from rag.watching import changes, follow

    def update() -> IndexReport:
        with terminal.indexing(err) as progress:
            return sync(settings, watched, embedder=embedder, progress=progress, keep_missing=True)

    def tell(report: IndexReport) -> None:
        if as_json:
            print_json(report.to_json())
        else:
            terminal.show_update(report, out=out)

    def complain(error: FootnoteError) -> None:
        line = escape(f"{error} The next change tries again.")
        err.print(f"[red]Not indexed:[/red] {line}", soft_wrap=True)

    try:
        watched = [absolute(path) for path in paths] or open_index(settings).roots()
        names = escape(", ".join(map(str, watched)))
        err.print(f"Watching {names} (Ctrl-C ends it)", soft_wrap=True)
        heard = changes(watched, index=settings.index_directory, stop=threading.Event())
        follow(heard, watched, after=after, sync=update, tell=tell, complain=complain)
    except KeyboardInterrupt:
        err.print("Stopped watching.")

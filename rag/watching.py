"""Keeps an index up to date while its articles change.

    file system -> changes -> follow -> sync

What the file system tells is taken as a hint that something may have changed, no more: its names
can be those of another way to the same file, and events get lost. What the index covers is looked
at again each time, and decides.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rag.articles import is_hidden
from rag.errors import FootnoteError
from rag.generations import is_part_of_index
from rag.ignoring import IGNORE_FILE
from rag.reports import IndexReport
from rag.roots import absolute, article_files

QUIET_SECONDS = 1.0  # a burst of saves is over when nothing has changed for so long
LONGEST_BURST_SECONDS = 10.0  # and does not keep what came first waiting for longer
STEP_SECONDS = 0.2  # how often a stop or Ctrl-C is looked for
MOST_ATTEMPTS = 3  # to begin to listen


def follow(
    changes: Iterable[None],
    paths: Sequence[Path],
    *,
    after: IndexReport,
    sync: Callable[[], IndexReport],
    tell: Callable[[IndexReport], None],
    complain: Callable[[FootnoteError], None],
) -> None:
    """Calls `sync` for each of `changes` that is one to the article files under `paths`.

    The first always counts, for what changed since the sync that made the report `after`. `tell`
    gets each report that says anything new, with no failure that the one before had too. A sync
    that fails is told to `complain`, and done again at the next change.
    """
    seen: dict[Path, object] | None = None
    known = after.failed
    for _ in changes:
        now = _look_at(paths)  # first, so that what changes during the sync is seen as a change
        if now == seen:
            continue
        try:
            report = sync()
        except FootnoteError as error:
            seen = None
            complain(error)
            continue
        seen = now
        news = replace(report, failed=tuple(file for file in report.failed if file not in known))
        known = report.failed
        if news.added or news.changed or news.removed or news.failed:
            tell(news)


def _look_at(paths: Sequence[Path]) -> dict[Path, object]:
    """Every article file with its size and time, and every folder that cannot be read."""
    look: dict[Path, object] = {}
    for root in paths:
        # The root, or a file in it, may be deleted at this instant, and is then not there.
        with suppress(FootnoteError):
            for file in article_files(root, passed_over=look.setdefault):
                with suppress(OSError):
                    status = file.stat()
                    look[file] = status.st_size, status.st_mtime_ns
    return look


def changes(paths: Sequence[Path], *, index: Path, stop: threading.Event) -> Iterator[None]:
    """Yields once it listens, and then after each burst of changes under `paths`, until `stop`.

    A path may come and go. Changes while the caller works are not lost. What happens in hidden
    places, and to the files of the index itself, does not count. Raises `FootnoteError` where
    the system cannot watch, and `KeyboardInterrupt` at Ctrl-C.
    """
    from watchfiles import watch

    places = [absolute(path) for path in paths]
    own = absolute(index)
    attempts = 0
    while not stop.is_set():
        # Listening begins anew after each burst: a folder that was replaced is another one to the
        # system, even where it has the same name.
        here = _identities(places)
        attempts += 1
        began, listens = time.monotonic(), False
        heard = watch(
            *here,
            watch_filter=None,
            debounce=round(QUIET_SECONDS * 1000),
            step=round(STEP_SECONDS * 1000),
            rust_timeout=round(QUIET_SECONDS * 1000),
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
        )
        try:
            for events in heard:
                is_quiet = not any(_counts(Path(name), places, own) for _, name in events)
                if listens:
                    if not is_quiet or _identities(places) != here:
                        break
                elif is_quiet or time.monotonic() - began > LONGEST_BURST_SECONDS:
                    attempts, listens = 0, True
                    yield
        except (OSError, RuntimeError) as error:
            # A path that was just deleted, a name that is not Unicode, more changes than the
            # system keeps: all are over when listening begins anew. Other errors stay.
            if attempts == MOST_ATTEMPTS:
                raise FootnoteError(
                    f"{', '.join(map(str, places))} cannot be watched: {error}.",
                    hint="Run rag index after each change, or set WATCHFILES_FORCE_POLLING=true.",
                ) from error
            stop.wait(QUIET_SECONDS)


def _counts(path: Path, places: Sequence[Path], own: Path) -> bool:
    """Whether a path is one that could change what the index covers."""
    if is_part_of_index(path, own):
        return False
    below = [path.relative_to(place).parts for place in places if path.is_relative_to(place)]
    return any(all(part == IGNORE_FILE or not is_hidden(part) for part in parts) for parts in below)


def _identities(paths: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    """The paths that are there, and which file or folder each one is."""
    found = {}
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            found[path] = status.st_dev, status.st_ino
    return found

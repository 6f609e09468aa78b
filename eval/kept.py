"""Where runs are kept, so that one can go on where it was cut and be compared later."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from eval.records import Run
from rag import Settings, UsageError, write_json


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a run is kept."""

    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def replies(self) -> Path:
        return self.folder / "replies.jsonl"

    @property
    def run(self) -> Path:
        return self.folder / "run.json"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"


@contextmanager
def kept_folder(settings: Settings, made_by: Mapping[str, Any]) -> Iterator[Kept]:
    """Holds the folder of an unfinished run of the same making, else a new one.

    A run that another process is in the middle of is left to it.
    """
    runs = settings.home / "eval" / "runs"
    making = digest_of({name: value for name, value in made_by.items() if name != "date"})[:8]
    unfinished = [f for f in runs.glob(f"*-{making}*") if not Kept(f).run.exists()]
    new = f"{datetime.now():%Y%m%d-%H%M%S}-{making}"
    started_now = (runs / (f"{new}-{count}" if count else new) for count in itertools.count())
    for folder in itertools.chain(sorted(unfinished, reverse=True), started_now):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            kept = Kept(folder)
            if not kept.run.exists():  # it may have been finished since it was looked for
                if not kept.plan.exists():
                    write_json(kept.plan, dict(made_by))
                yield kept
                return
        finally:
            lock.release()


def load_run(name: str, *, settings: Settings) -> Run:
    """A kept run by its id, the beginning of one, or its folder or `run.json`.

    Raises `UsageError` where there is none, or more than one.
    """
    runs = settings.home / "eval" / "runs"
    path = Path(name)
    if path.is_dir() or path.is_file():
        found = [path if path.is_file() else Kept(path).run]
    else:
        found = [f for f in sorted(runs.glob("*/run.json")) if f.parent.name.startswith(name)]
    found = [file for file in found if file.is_file()]
    if len(found) != 1:
        kept = sorted(file.parent.name for file in runs.glob("*/run.json"))
        raise UsageError(
            f"{len(found) or 'No'} finished runs are called {name!r}.",
            hint=f"There are: {', '.join(kept) or 'none yet; run `rag eval` first'}.",
        )
    try:
        return from_json(Run, json.loads(found[0].read_text("utf-8")))
    except ValueError as error:  # not UTF-8, not JSON, or not what a run holds
        raise UsageError(
            f"{found[0]} is not a run, or one that another version of Footnote kept.",
            hint="Make it again with `rag eval`.",
        ) from error


T = TypeVar("T")


def from_json(kind: type[T], value: Any) -> T:
    """A record of the evaluation from what `dataclasses.asdict` made of it."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validate_python(value)


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that was written line by line; a last one that was cut is cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    # Bytes, since a cut may go through a character, and JSON has line ends of Unicode in texts.
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return [json.loads(line) for line in whole.split(b"\n") if line]


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

"""The bookkeeping of one pull: what has arrived of each file, and who is told how far it is.

Beside FILE there may lie FILE.part, what a cut pull had received, and FILE.part.json, where
that came from; the next pull goes on from them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rag.errors import ModelCorrupt
from rag.models import ModelFile, ModelSpec, read_json, write_json, wrong_bytes


@dataclass(frozen=True, slots=True)
class PullProgress:
    """One step of a pull: bytes of the whole model so far, and what is going on in words."""

    source: str
    done_bytes: int
    total_bytes: int
    detail: str


class Part:
    """What has arrived of one file, and a note of where it came from."""

    def __init__(self, file: ModelFile, directory: Path) -> None:
        self.file = file
        self.target = directory / file.path
        self.path = self.target.with_name(f"{self.target.name}.part")
        self._note_path = self.target.with_name(f"{self.target.name}.part.json")
        self.finished = False

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def missing_bytes(self) -> int:
        return 0 if self.finished else max(0, self.file.size - self.size)

    def note(self, source: str) -> dict[str, Any]:
        """What was noted when `source` wrote last; {} if another source did."""
        note = read_json(self._note_path)
        return note if note.get("source") == source else {}

    def write_note(self, source: str, **note: Any) -> None:
        write_json(self._note_path, {"source": source, **note})

    def open(self, *, offset: int) -> BinaryIO:
        """The bytes received, opened for writing at `offset`; those after it are dropped."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stream = self.path.open("r+b" if offset else "wb")
        stream.seek(offset)
        stream.truncate()
        return stream

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Move the file into its place. Raises `ModelCorrupt`, and forgets the bytes, if wrong."""
        if problem := wrong_bytes(self.path, expected=self.file):
            self.discard()
            raise ModelCorrupt(f"{self.file.hub_path} {problem}")
        with self.path.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(self.path, self.target)
        self._note_path.unlink(missing_ok=True)
        self.finished = True


class Job:
    """One pull: the model, the files still wanted, and who is told how far it is."""

    def __init__(
        self, spec: ModelSpec, directory: Path, progress: Callable[[PullProgress], None]
    ) -> None:
        self.spec = spec
        self.directory = directory
        self.parts: list[Part] = []
        # How long a source may say nothing before it is given up. A machine without a network
        # is told so at once by its own system; only a network that leads nowhere takes waiting,
        # and the first source that was silent makes it likely that the next will be.
        self.patience_s = 8.0
        self._progress = progress

    @property
    def unfinished(self) -> list[Part]:
        return [part for part in self.parts if not part.finished]

    def report(self, source: str, detail: str, *, underway: int = 0) -> None:
        """Tell how far it is; `underway` are bytes received that are in no part yet."""
        wanted = sum(part.missing_bytes for part in self.parts)
        done = self.spec.size - wanted + min(underway, wanted)
        self._progress(PullProgress(source, done, self.spec.size, detail))

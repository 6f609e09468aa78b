"""What indexing tells while it runs, and what it did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rag.duplicates import Duplicate
from rag.roots import FailedFile

Stage = Literal["waiting", "reading", "embedding", "storing", "checking", "switching", "cleaning"]


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """One step of `sync`: `done` of `total` files or chunks; `seconds_left` while embedding."""

    stage: Stage
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What `sync` did to the articles it looked at, and how many chunks the index has now.

    `duplicates` are the files of the index that add nothing to others, and are not indexed; and
    `backup` is where a damaged catalogue is kept that a rebuild has replaced.
    """

    added: int
    changed: int
    unchanged: int
    removed: int
    failed: tuple[FailedFile, ...]
    chunks: int
    seconds: float
    duplicates: tuple[Duplicate, ...] = ()
    backup: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as the JSON value that `rag index --json` prints."""
        return asdict(self) | {
            "failed": [asdict(file) for file in self.failed],
            "seconds": round(self.seconds, 3),
            "duplicates": [asdict(one) for one in self.duplicates],
            "backup": str(self.backup) if self.backup else None,
        }

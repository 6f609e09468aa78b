"""Seals: whether a generation's files are still, byte for byte, what its writer left.

A disk that flips a bit, a copy that was cut short or a careless program says nothing; a reader
would find too little, quote what was never written, or be killed inside Chroma's graph. So a
finished generation holds the checksums of its files, and whoever opens it compares them first:
about 0.1 s for 100 MB.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from typing import Any

from rag.catalogue import Catalogue, database_checksum, file_checksum
from rag.errors import IndexUnavailable
from rag.generations import Place
from rag.vectors import checksums

SEAL = "seal.json"


@dataclass(frozen=True, slots=True)
class Seal:
    """CRC-32 of the catalogue file, and of the vector files by their path in their folder.

    Where `exact` there are no vector files on purpose: those of the catalogue are searched.
    """

    catalogue: int
    vectors: dict[str, int]
    exact: bool = False


def write_seal(place: Place, *, exact: bool = False) -> None:
    """Seals a generation that is finished; vectors on a server have no files to seal."""
    vectors = checksums(place.vectors) if place.vectors.is_dir() else {}
    seal = asdict(Seal(file_checksum(place.catalogue), vectors, exact))
    content = json.dumps({**seal, "seal": _checksum(seal)}, indent=1)
    (place.folder / SEAL).write_text(content, encoding="utf-8")


def read_seal(place: Place) -> Seal | None:
    """The seal of a generation; None where there is none that can be believed.

    Generations of the first version have none.
    """
    try:
        content = json.loads((place.folder / SEAL).read_text(encoding="utf-8"))
        if content.pop("seal") == _checksum(content):
            return Seal(**content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass
    return None


def open_catalogue(place: Place) -> Catalogue:
    """The catalogue of a finished generation, seen to be whole. Raises `IndexUnavailable`."""
    if not place.catalogue.is_file():
        raise IndexUnavailable(f"{place.catalogue} is gone.", hint="Run: rag index --rebuild")
    if not catalogue_is_whole(place):
        raise IndexUnavailable(
            f"{place.catalogue} is damaged: it is not as it was written.",
            hint="Run: rag index --rebuild",
        )
    return Catalogue(place.catalogue)


def catalogue_is_whole(place: Place) -> bool:
    """Whether the catalogue is as it was written; without a seal, as far as SQLite can tell."""
    seal = read_seal(place)
    try:
        if seal is not None:
            return file_checksum(place.catalogue) == seal.catalogue
        database_checksum(place.catalogue)
    except (OSError, IndexUnavailable):
        return False
    return True


def searches_exactly(place: Place) -> bool:
    """Whether a generation was made without a store, since none found its vectors again."""
    seal = read_seal(place)
    return seal is not None and seal.exact


def vectors_are_whole(place: Place) -> bool:
    """Whether the vector files are sealed and as they were written, or there need be none."""
    seal = read_seal(place)
    try:
        return seal is not None and (seal.exact or checksums(place.vectors) == seal.vectors)
    except (OSError, IndexUnavailable):
        return False


def _checksum(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())

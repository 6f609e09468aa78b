"""The generations of an index on disk, and the one pointer that says which is read.

    DIR/current.json                      which generation is read, and which came before it
    DIR/generations/7-3f2a91c4/           catalogue.sqlite and, unless a server has it, chroma/;
                                          seal.json tells whether they are as they were written
    DIR/damaged/7-3f2a91c4.sqlite         a damaged catalogue that a rebuild has replaced
    DIR/write.lock, DIR/writer.json       held by the one process that writes, and who that is

A generation that the pointer names is never changed, and one that somebody reads is never
deleted. A writer prepares the next one beside it, has it all on disk, and then replaces the
pointer in one step: killed at any instant, the index is the old one or the new one. What a
killed writer leaves behind is in no pointer, and the next writer clears it away.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from rag.errors import IndexLocked, IndexUnavailable
from rag.reading import one_line

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

POINTER = "current.json"
POINTER_FORMAT = 1
GENERATIONS = "generations"
CATALOGUE = "catalogue.sqlite"
VECTORS = "chroma"
DAMAGED = "damaged"
LEASE = "lease"
LOCK = "write.lock"
WRITER = "writer.json"
LOCK_SECONDS = 5.0
LOCK_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Pointer:
    """What current.json says.

    `name` is the generation that is read and `previous` the one before, "" for none.
    """

    number: int
    name: str
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the parts of one generation are."""

    index: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.index / GENERATIONS / self.name

    @property
    def catalogue(self) -> Path:
        return self.folder / CATALOGUE

    @property
    def vectors(self) -> Path:
        return self.folder / VECTORS


def read_pointer(index: Path) -> Pointer | None:
    """The pointer of an index; None where there is no index. Raises `IndexUnavailable`."""
    path = index / POINTER
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != POINTER_FORMAT:
            raise IndexUnavailable(
                f"{path} was written by another version of Footnote.",
                hint="Run: rag index --rebuild",
            )
        content.pop("vector_files", None)  # of the first version, which had no seals
        pointer = Pointer(**content)
        if pointer.number != number_of(pointer.name):
            raise ValueError(f"number {pointer.number} of generation {pointer.name!r}")
        return pointer
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexUnavailable(
            f"{path} cannot be read: {one_line(str(error))}.", hint="Run: rag doctor"
        ) from error


def is_part_of_index(path: Path, index: Path) -> bool:
    """Whether a path is one that a writer of the index makes and deletes."""
    files = (POINTER, f"{POINTER}.new", LOCK, WRITER)
    folders = (index / GENERATIONS, index / DAMAGED)
    return any(map(path.is_relative_to, folders)) or path in {index / name for name in files}


def new_place(index: Path, *, number: int) -> Place:
    """An empty folder for the next generation.

    The name is never used twice, so nothing that a process remembers of a folder by its path
    can be mistaken for another index that was made in the same place. What a reader locks is
    made here, so that it can read from a disk that takes no more.
    """
    place = Place(index, f"{number}-{secrets.token_hex(4)}")
    place.folder.mkdir(parents=True)
    (place.folder / LEASE).touch()
    return place


def switch(index: Path, pointer: Pointer) -> None:
    """Makes a generation the one that is read, once every byte of it is on the disk."""
    _sync_tree(Place(index, pointer.name).folder)
    _sync(index / GENERATIONS)
    _sync(index)  # the folder of all generations is new where this is the first
    draft = index / f"{POINTER}.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"format": POINTER_FORMAT, **asdict(pointer)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, index / POINTER)
    _sync(index)
    with suppress(PermissionError):  # a folder of other people may not be ours to open
        _sync(index.parent)


def leftovers(index: Path, pointer: Pointer | None) -> list[Place]:
    """Generations that the pointer does not name, oldest first.

    They are outdated, or a writer that was killed left them.
    """
    named = {pointer.name, pointer.previous} if pointer else set()
    folder = index / GENERATIONS
    if not folder.is_dir():
        return []
    others = [
        entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name not in named
    ]
    return [Place(index, name) for name in sorted(others, key=lambda one: (number_of(one), one))]


def number_of(name: str) -> int:
    """The number of a generation of this name; 0 for a name that none has."""
    number = name.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


class Lease:
    """Keeps a generation from being deleted until it is closed, or its process ends.

    Raises `IndexUnavailable` when the generation is gone already.
    """

    def __init__(self, place: Place) -> None:
        path = place.folder / LEASE
        try:
            try:
                self._descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:  # made by a version that left this to the first reader
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise IndexUnavailable(
                f"{place.folder} cannot be opened: {error.strerror}.", hint="Run: rag doctor"
            ) from error
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        os.close(self._descriptor)


def is_leased(place: Place) -> bool:
    """Whether some reader holds a lease of this generation."""
    path = place.folder / LEASE
    try:
        if fcntl is None:
            path.unlink()  # Windows deletes no file that is open
            return False
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def discard(place: Place) -> None:
    """Deletes a generation. What cannot be deleted now, the next writer finds again."""
    shutil.rmtree(place.folder, ignore_errors=True)


def empty(place: Place) -> None:
    """Deletes what a generation holds, but keeps its name for whoever clears up after it."""
    for path in (place.catalogue, *place.folder.glob(f"{CATALOGUE}-*")):
        with suppress(OSError):
            path.unlink()
    shutil.rmtree(place.vectors, ignore_errors=True)


@contextmanager
def writing(
    index: Path, *, waiting: Callable[[], None], patience: float = LOCK_SECONDS
) -> Iterator[None]:
    """Holds the right to write this index.

    While another process holds it, calls `waiting` some times a second, and after `patience` in
    seconds raises `IndexLocked` that names the process. Raises `IndexUnavailable` when the disk
    or its permissions do not let the holder go on.
    """
    try:
        index.mkdir(parents=True, exist_ok=True)
        lock = FileLock(index / LOCK)
        _acquire(lock, index, waiting, patience)
        try:
            with suppress(OSError):  # a full disk, on which a run may yet clear something away
                (index / WRITER).write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
            yield
        finally:
            (index / WRITER).unlink(missing_ok=True)
            lock.release()
    except OSError as error:
        raise IndexUnavailable(
            f"The index in {index} cannot be written: {error.strerror or error}; "
            "it stays as it was.",
            hint="Free some space or check the folder's permissions, then run: rag index",
        ) from error


def _acquire(lock: FileLock, index: Path, waiting: Callable[[], None], patience: float) -> None:
    give_up = time.monotonic() + patience
    while True:
        try:
            lock.acquire(timeout=LOCK_POLL_SECONDS)
            return
        except Timeout as error:
            if time.monotonic() > give_up:
                raise IndexLocked(
                    f"Another process{_writer(index)} is writing the index in {index}.",
                    hint="Wait for it to end, then try again.",
                ) from error
            waiting()


def _writer(index: Path) -> str:
    try:
        return f" (pid {json.loads((index / WRITER).read_text(encoding='utf-8'))['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _sync_tree(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for name in files:
            _sync(Path(parent) / name)
        _sync(Path(parent))


def _sync(path: Path) -> None:
    """Has a file, or the entries of a folder, written to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no such thing for folders
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

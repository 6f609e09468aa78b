"""Vectors and their nearest neighbours: the only file that knows Chroma.

Chroma's files do not survive a kill in the wrong moment and fail without a word, so a store is
disposable: it is filled from the catalogue, checked, and never written again once it is read.
Only ids and vectors go in; the texts stay in the catalogue.

A store lives in a folder of its own (Chroma inside this process), or as a collection on a
Chroma server when a URL is given. Where there can be none, `ExactVectors` answers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.catalogue import copy_database, database_checksum, file_checksum
from rag.errors import DependencyError, IndexUnavailable, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLLECTION = "chunks"  # the name in a folder, where there is only one
BATCH = 5_000  # Chroma takes 5,461 at most
DATABASE = "chroma.sqlite3"
TOUCHED_TABLES = frozenset({"acquire_write"})  # each opening leaves a row there
GRAPH = {
    "space": "cosine",
    # Wide enough that a search is exact in practice at a laptop's sizes.
    "ef_construction": 200,
    "ef_search": 200,
    # Everything is on disk when a write returns, so that no reader has to finish the writing.
    "batch_size": 2,
    "sync_threshold": 2,
}
SAME_VECTOR = 1e-3  # a cosine distance that rounding explains
MOST_MISSED = 0.05  # of the vectors that are searched for
CHECK_SECONDS = 600
MOST_SEARCHED = 2_000  # vectors that one look for faults searches for, evenly spread

# Chroma keeps one engine per folder in a dictionary that it changes without a lock. Re-entrant,
# because the garbage collector may close a store while this thread opens another.
_clients = threading.RLock()


@dataclass(frozen=True, slots=True)
class VectorFaults:
    """How many vectors a store lacks, or does not find, and how many it should not have."""

    missing: int = 0
    extra: int = 0


class VectorStore:
    """Vectors by id, and a search by cosine. May be shared by threads.

    Raises `IndexUnavailable` whenever Chroma fails, whatever way it chose.
    """

    def __init__(
        self, folder: Path, *, url: str | None = None, collection: str = "", create: bool = False
    ) -> None:
        """Opens the store in `folder`, or the `collection` of the server at `url` instead."""
        self._place = url or str(folder)
        self._client: Any = None
        with _mapped(self._place):
            with _clients:
                self._client = _connect(folder, url)
            try:
                name = collection if url else COLLECTION
                if create:
                    self._collection = self._client.create_collection(
                        name, embedding_function=None, configuration={"hnsw": GRAPH}
                    )
                else:
                    self._collection = self._client.get_collection(name, embedding_function=None)
            except BaseException:
                self.close()
                raise

    def put(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Adds vectors, or replaces those of ids that are there."""
        with _mapped(self._place):
            for start in range(0, len(ids), BATCH):
                some = slice(start, start + BATCH)
                self._collection.upsert(ids=list(ids[some]), embeddings=vectors[some])

    def remove(self, ids: Sequence[str]) -> None:
        with _mapped(self._place):
            for start in range(0, len(ids), BATCH):
                self._collection.delete(ids=list(ids[start : start + BATCH]))

    def search(self, vector: NDArray[np.float32], *, limit: int) -> list[tuple[str, float]]:
        """The nearest ids and their cosines, best first, ties by id."""
        with _mapped(self._place):
            found = self._collection.query(
                query_embeddings=[vector], n_results=limit, include=["distances"]
            )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return sorted(
            ((name, 1.0 - float(distance)) for name, distance in pairs),
            key=lambda pair: (-pair[1], pair[0]),
        )

    def holds(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> bool:
        """Whether a search for each of these vectors finds its id, or another with the same vector.

        This is the only sign that can be trusted: Chroma's count stays right when vectors are lost.
        But its graph is approximate, and among many like vectors a few may not be reached: those
        must be stored as they are.
        """
        missed = []
        for name, vector in zip(ids, vectors, strict=True):
            found = self.search(vector, limit=3)
            if not found or (found[0][0] != name and found[0][1] < 1.0 - SAME_VECTOR):
                missed.append((name, vector))
        few = len(missed) <= max(1, MOST_MISSED * len(ids))
        return few and all(self._stores(name, vector) for name, vector in missed)

    def _stores(self, name: str, vector: NDArray[np.float32]) -> bool:
        with _mapped(self._place):
            found = self._collection.get(ids=[name], include=["embeddings"])["embeddings"]
        return len(found) == 1 and float(vector @ found[0]) >= 1.0 - SAME_VECTOR

    def faults(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> VectorFaults:
        """What is missing and what is too many in a store that should hold exactly these."""
        there = set(self._ids())
        step = 1 + len(ids) // MOST_SEARCHED
        searched = zip(ids[::step], vectors[::step], strict=True)
        lost = {name for name, vector in searched if not self.holds([name], vector[None])}
        return VectorFaults(len(lost | (set(ids) - there)), len(there - set(ids)))

    def _ids(self) -> list[str]:
        with _mapped(self._place):
            return list(self._collection.get(include=[])["ids"])

    def close(self) -> None:
        if self._client is not None:
            with _clients:
                self._client.close()
            self._client = None


class PlainStore:
    """Chroma as it comes, texts and defaults included: what Footnote's index is measured against.

    Raises `IndexUnavailable` as `VectorStore` does.
    """

    def __init__(self, folder: Path) -> None:
        """Makes a store in `folder`."""
        self._place = str(folder)
        with _mapped(self._place):
            with _clients:
                self._client = _connect(folder, None)
            self._collection = self._client.create_collection(
                COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )

    def add(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Adds texts, at most `BATCH`, each with its vector."""
        ids = [str(number) for number in range(len(texts))]
        with _mapped(self._place):
            self._collection.add(ids=ids, embeddings=vectors, documents=list(texts))

    def search(self, vector: NDArray[np.float32], *, limit: int) -> list[str]:
        """The nearest texts, best first."""
        with _mapped(self._place):
            found = self._collection.query(query_embeddings=[vector], n_results=limit)
        return list(found["documents"][0])

    def close(self) -> None:
        with _clients:
            self._client.close()


class ExactVectors:
    """The same search without a store: compares with every vector, in memory.

    For where a store cannot be used: Chroma writes to its folder when it opens it, which a full
    or read-only disk does not take, and its graph loses its way among many like vectors. Takes
    four bytes a dimension of each vector. Up to some 30,000 it is the quicker of the two.
    """

    def __init__(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """`vectors` are rows of length 1."""
        self._ids = ids
        self._vectors = vectors

    def search(self, vector: NDArray[np.float32], *, limit: int) -> list[tuple[str, float]]:
        """The nearest ids and their cosines, best first, ties by id."""
        import numpy as np

        if not self._ids:
            return []
        # Row by row alike: a product of BLAS gives equal rows cosines that differ in the last bit.
        cosines = np.einsum("ij,j->i", self._vectors, vector)
        least = np.partition(cosines, -limit)[-limit] if limit < len(cosines) else -np.inf
        near = np.flatnonzero(cosines >= least).tolist()
        pairs = [(self._ids[i], float(cosines[i])) for i in near]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def close(self) -> None:
        """Nothing is open."""


def copy_folder(source: Path, target: Path) -> None:
    """Copies a store that nobody writes.

    Its database is copied by SQLite, because a reader that opens a store touches it.
    """
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(f"{DATABASE}*"))
    copy_database(source / DATABASE, target / DATABASE)


def checksums(folder: Path) -> dict[str, int]:
    """A checksum of each file of a store, by its path in the folder; opening it changes none.

    Raises `IndexUnavailable` where there is no store, or its database is damaged.
    """
    graph = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.startswith(DATABASE)
    ]
    return {
        DATABASE: database_checksum(folder / DATABASE, without=TOUCHED_TABLES),
        **{file.relative_to(folder).as_posix(): file_checksum(file) for file in graph},
    }


def folder_holds(folder: Path, ids: Sequence[str], vectors: NDArray[np.float32]) -> bool:
    """`VectorStore.holds` for a folder, asked in a child process."""
    return _ask_child("holds", folder, ids, vectors) is True


def folder_faults(
    folder: Path, ids: Sequence[str], vectors: NDArray[np.float32]
) -> VectorFaults | None:
    """`VectorStore.faults` for a folder, asked in a child process; None for no answer at all."""
    found = _ask_child("faults", folder, ids, vectors)
    return VectorFaults(**found) if isinstance(found, dict) else None


def _ask_child(
    question: str, folder: Path, ids: Sequence[str], vectors: NDArray[np.float32]
) -> object:
    """Asks a store in a child process, since a damaged one may kill or hang who opens it.

    None where that happens.
    """
    import numpy as np

    header = json.dumps({"question": question, "folder": str(folder), "ids": list(ids)})
    package_parent = str(Path(__file__).resolve().parent.parent)
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        child = subprocess.run(
            [sys.executable, "-c", "from rag.vectors import answer_parent; answer_parent()"],
            input=header.encode() + b"\n" + np.ascontiguousarray(vectors, dtype="<f4").tobytes(),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
        return json.loads(child.stdout.splitlines()[-1]) if child.returncode == 0 else None
    except (subprocess.TimeoutExpired, IndexError, ValueError):
        return None


def answer_parent() -> None:
    """The child's side: reads a question from stdin, and prints the answer as a line of JSON."""
    import numpy as np

    question = json.loads(sys.stdin.buffer.readline())
    vectors = np.frombuffer(sys.stdin.buffer.read(), dtype="<f4")
    ids = question["ids"]
    rows = vectors.reshape(len(ids), -1) if ids else vectors.reshape(0, 0)
    with closing(VectorStore(Path(question["folder"]))) as store:
        if question["question"] == "holds":
            print(json.dumps(store.holds(ids, rows)))
        else:
            print(json.dumps(asdict(store.faults(ids, rows))))


def delete_collection(url: str, *, collection: str) -> None:
    """Removes a collection from a server; one that is not there is fine."""
    from chromadb.errors import NotFoundError

    with _mapped(url):
        with _clients:
            client = _connect(Path(), url)
        try:
            client.delete_collection(collection)
        except NotFoundError:
            pass
        finally:
            with _clients:
                client.close()


def _connect(folder: Path, url: str | None) -> Any:
    try:
        import chromadb
        from chromadb.config import Settings
    except ImportError as error:
        raise DependencyError(
            f"chromadb cannot be loaded: {error}", hint="Run: make install"
        ) from error
    settings = Settings(anonymized_telemetry=False)
    if url is None:
        try:
            return chromadb.PersistentClient(path=folder, settings=settings)
        except BaseException:
            _forget_failed_engine(str(folder))
            raise
    host, port, ssl = _parse_url(url)
    return chromadb.HttpClient(host=host, port=port, ssl=ssl, settings=settings)


def _forget_failed_engine(path: str) -> None:
    """Lets a folder be opened again: Chroma keeps even an engine that could not start."""
    from chromadb.api.shared_system_client import SharedSystemClient

    if path not in SharedSystemClient._identifier_to_refcount:
        SharedSystemClient._identifier_to_system.pop(path, None)


def _parse_url(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            f"The Chroma server's address {url!r} is not of the form http://host:port.",
            hint="Mend RAG_CHROMA_URL.",
        )
    ssl = parts.scheme == "https"
    return parts.hostname, port or (443 if ssl else 8000), ssl


@contextmanager
def _mapped(place: str) -> Iterator[None]:
    """Chroma's errors, the panics of its native part and those of the network as ours."""
    try:
        yield
    except (DependencyError, UsageError, IndexUnavailable):
        raise
    except BaseException as error:
        if not _is_chroma_failure(error):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        hint = (
            "Check RAG_CHROMA_URL and that the server runs."
            if place.startswith("http")
            else "Run: rag doctor"
        )
        raise IndexUnavailable(
            f"The vectors in {place} cannot be used: {reason}.", hint=hint
        ) from error


def _is_chroma_failure(error: BaseException) -> bool:
    if type(error).__name__ == "PanicException":  # of the native part; it cannot be imported
        return True
    try:
        from chromadb.errors import ChromaError
        from httpx import HTTPError
    except ImportError:
        return False
    return isinstance(error, ChromaError | HTTPError | ValueError | RuntimeError | OSError)

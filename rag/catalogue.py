"""The catalogue: articles, chunks, words and embeddings in one SQLite file, which is the truth.

A catalogue file belongs to one generation of the index. While it is written nobody reads it,
and once it is finished nobody writes it again: a reader needs no lock on the file and can never
see half a change. The vector store is made from it, and can be made from it again.

The word index is FTS5 over the title, heading and text of each chunk, kept in step by triggers.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.duplicates import Duplicate
from rag.errors import IndexOutdated, IndexUnavailable
from rag.records import Article, Block, Chunk, Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA_VERSION = 2
CHUNK_COLUMNS = "id, article_id, title, source, heading, start_offset, end_offset, text"
READ_BYTES = 1 << 20
ROWS_PER_QUERY = 500  # well under SQLite's limit of bound values

# What a match in each indexed column counts. A title stands on every chunk of its article, so
# it says little about which chunk.
COLUMN_WEIGHTS = (0.5, 1.5, 1.0)

MOST_QUERY_TERMS = 64
QUERY_WORD = re.compile(r"[^\W_]+(?:['’\-.,/&][^\W_]+)*")
# Words that say nothing about the topic of a question. Others that are merely frequent stay,
# since bm25 weighs a word by its rarity.
STOP_WORDS = frozenset(
    """
    a about an and any are as at be been being but by can could did do does doing for from had has
    have having he her his how i if in into is it its me my of on or our she should so some such
    than that the their them then there these they this those to was we were what when where which
    who whom whose why will with would you your
    """.split()
)
# A damaged file; SQLite's own message about it may quote bytes that are no text.
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class ArticleSummary:
    """One line of a list of articles; `chunks` is how many there are, `path` is the file.

    `also` are the sources of its duplicates, which are not in the list.
    """

    id: str
    title: str
    source: str
    chunks: int
    path: Path
    mtime_ns: int
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """What the index knows of an article's file, to see without reading it whether it changed."""

    path: Path
    article_id: str
    size: int
    mtime_ns: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class VectorChanges:
    """Chunk ids whose vectors a copy of an earlier vector store must lose, gain or replace."""

    removed: tuple[str, ...]
    put: tuple[str, ...]


class Catalogue:
    """Reads a finished catalogue. May be shared by threads.

    Raises `IndexUnavailable` when the file is missing, damaged or of another schema.
    """

    def __init__(self, path: Path) -> None:
        # Immutable: nobody writes a finished file, so SQLite needs no locks and leaves no files.
        self._start(path, f"{path.absolute().as_uri()}?mode=ro&immutable=1")
        try:
            self._check_schema()
        except IndexUnavailable:
            self.close()
            raise

    def _start(self, path: Path, uri: str) -> None:
        self.path = path
        self._lock = threading.RLock()
        with mapped_errors(path):
            self._connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10
            )

    def _check_schema(self) -> None:
        version = self._schema_version()
        if version != SCHEMA_VERSION:
            error = IndexOutdated if 0 < version < SCHEMA_VERSION else IndexUnavailable
            raise error(
                f"The index has schema {version}; this version of Footnote reads {SCHEMA_VERSION}.",
                hint="Run: rag index --rebuild",
            )

    def _schema_version(self) -> int:
        return int(self._rows("PRAGMA user_version")[0][0])

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, mapped_errors(self.path):
            return self._connection.execute(sql, values).fetchall()

    # What was recorded about the index itself.

    def meta(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def roots(self) -> list[Path]:
        return [Path(row[0]) for row in self._rows("SELECT path FROM roots ORDER BY path")]

    def files(self) -> list[IndexedFile]:
        rows = self._rows(
            "SELECT path, id, size, mtime_ns, content_hash FROM articles ORDER BY path"
        )
        return [IndexedFile(Path(path), *rest) for path, *rest in rows]

    def chunk_count(self) -> int:
        return int(self._rows("SELECT count(*) FROM chunks")[0][0])

    # Articles and chunks.

    def articles(self) -> list[ArticleSummary]:
        rows = self._rows(
            "SELECT id, title, source,"
            " (SELECT count(*) FROM chunks WHERE article_id = articles.id), path, mtime_ns"
            " FROM articles WHERE duplicate_of IS NULL ORDER BY id"
        )
        also = self._also([row[0] for row in rows])
        return [
            ArticleSummary(name, title, source, chunks, Path(path), mtime_ns, also.get(name, ()))
            for name, title, source, chunks, path, mtime_ns in rows
        ]

    def duplicates(self) -> list[Duplicate]:
        """The files whose articles are not indexed, because other articles say it all."""
        rows = self._rows(
            "SELECT one.path, other.path FROM articles AS one"
            " JOIN articles AS other ON other.id = one.duplicate_of ORDER BY one.path"
        )
        return [Duplicate(*row) for row in rows]

    def _also(self, article_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The sources of the duplicates of these articles."""
        also: dict[str, tuple[str, ...]] = {}
        for some in _batches(sorted(article_ids), ROWS_PER_QUERY):
            marks = ",".join("?" * len(some))
            rows = self._rows(
                "SELECT DISTINCT duplicate_of, source FROM articles"
                f" WHERE duplicate_of IN ({marks}) ORDER BY source",
                some,
            )
            for name, source in rows:
                also[name] = (*also.get(name, ()), source)
        return also

    def article(self, article_id: str) -> Article:
        """The whole article. Raises `IndexUnavailable` when there is none of this id."""
        rows = self._rows(
            "SELECT id, title, source, text, sections FROM articles WHERE id = ?", (article_id,)
        )
        if not rows:
            raise IndexUnavailable(f"The index has no article {article_id!r}.")
        name, title, source, text, sections = rows[0]
        return Article(name, title, source, text, _sections_from_json(sections))

    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        """The chunks of these ids, in the order given; ids that are not there are left out."""
        found: dict[str, Chunk] = {}
        for some in _batches(ids, ROWS_PER_QUERY):
            marks = ",".join("?" * len(some))
            rows = self._rows(f"SELECT {CHUNK_COLUMNS} FROM chunks WHERE id IN ({marks})", some)
            found.update((row[0], Chunk(*row)) for row in rows)
        also = self._also({chunk.article_id for chunk in found.values()})
        return [
            replace(chunk, also=also[chunk.article_id]) if chunk.article_id in also else chunk
            for chunk in (found[chunk_id] for chunk_id in ids if chunk_id in found)
        ]

    def neighbours(self, chunk_id: str) -> tuple[Chunk | None, Chunk | None]:
        """The chunks before and after this one in its article; None at either end."""
        rows = self._rows("SELECT article_id, ordinal FROM chunks WHERE id = ?", (chunk_id,))
        if not rows:
            return None, None
        article_id, ordinal = rows[0]
        found = self._rows(
            f"SELECT ordinal, {CHUNK_COLUMNS} FROM chunks"
            " WHERE article_id = ? AND ordinal IN (?, ?)",
            (article_id, ordinal - 1, ordinal + 1),
        )
        by_ordinal = {row[0]: Chunk(*row[1:]) for row in found}
        return by_ordinal.get(ordinal - 1), by_ordinal.get(ordinal + 1)

    def search_words(self, query: str, *, limit: int) -> list[tuple[str, float]]:
        """Chunk ids that hold words of the query and their bm25 scores, best first, ties by id."""
        expression = match_expression(query)
        if not expression:
            return []
        rows = self._rows(
            "SELECT chunks.id, -bm25(words, ?, ?, ?) AS score"
            " FROM words JOIN chunks ON chunks.key = words.rowid"
            " WHERE words MATCH ? ORDER BY score DESC, chunks.id LIMIT ?",
            (*COLUMN_WEIGHTS, expression, limit),
        )
        return [(chunk_id, float(score)) for chunk_id, score in rows]

    # Vectors, for the vector store.

    def chunk_ids(self) -> list[str]:
        """All chunk ids, the ones added last at the end."""
        return [row[0] for row in self._rows("SELECT id FROM chunks ORDER BY key")]

    def vectors(self, ids: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        """These ids, those without a stored vector left out, and the vectors as rows."""
        import numpy as np

        found: dict[str, bytes] = {}
        for some in _batches(ids, ROWS_PER_QUERY):
            marks = ",".join("?" * len(some))
            found.update(
                self._rows(
                    "SELECT chunks.id, vector FROM chunks"
                    f" JOIN embeddings ON hash = embedding WHERE chunks.id IN ({marks})",
                    some,
                )
            )
        kept = [chunk_id for chunk_id in ids if chunk_id in found]
        joined = np.frombuffer(b"".join(found[chunk_id] for chunk_id in kept), dtype="<f4")
        return kept, joined.reshape(len(kept), -1) if kept else joined.reshape(0, 0)

    def vector_changes_since(self, earlier: Path) -> VectorChanges:
        """What has to change in the vector store of an earlier, finished catalogue."""
        with self._attached(f"{earlier.absolute().as_uri()}?mode=ro&immutable=1"):
            removed = self._rows(
                "SELECT id FROM other.chunks WHERE id NOT IN (SELECT id FROM main.chunks)"
            )
            put = self._rows(
                "SELECT new.id FROM main.chunks AS new LEFT JOIN other.chunks AS old"
                " ON old.id = new.id WHERE old.embedding IS NOT new.embedding ORDER BY new.key"
            )
        return VectorChanges(tuple(row[0] for row in removed), tuple(row[0] for row in put))

    @contextmanager
    def _attached(self, uri: str) -> Iterator[None]:
        self._rows("ATTACH DATABASE ? AS other", (uri,))
        try:
            yield
        finally:
            self._rows("DETACH DATABASE other")


def copy_database(source: Path, target: Path) -> None:
    """Copies any SQLite file, whole even while others have it open."""
    with (
        mapped_errors(source),
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def readable_articles(path: Path) -> Iterator[tuple[Article, IndexedFile]]:
    """The articles of a catalogue, however damaged, that are certain to be as they were written.

    A damaged page ends a reading, so a second one comes from the other end.
    """
    for order in ("ASC", "DESC"):
        with (
            suppress(*UNREADABLE),
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database,
        ):
            database.text_factory = lambda text: text.decode("utf-8", "replace")
            rows = database.execute(
                "SELECT id, title, source, text, sections, path, size, mtime_ns, content_hash"
                f" FROM articles ORDER BY rowid {order}"
            )
            for name, title, source, text, sections, file, *rest in rows:
                with suppress(ValueError, TypeError):
                    article = Article(name, title, source, text, _sections_from_json(sections))
                    known = IndexedFile(Path(file), name, *rest)
                    if article.content_hash == known.content_hash:
                        yield article, known


def readable_roots(path: Path) -> list[Path]:
    """The roots that a catalogue names, of whatever schema and however damaged."""
    with (
        suppress(*UNREADABLE),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database,
    ):
        return [Path(row[0]) for row in database.execute("SELECT path FROM roots ORDER BY path")]
    return []


def file_checksum(path: Path) -> int:
    """CRC-32 of the bytes of a file."""
    total = 0
    with path.open("rb") as file:
        while some := file.read(READ_BYTES):
            total = zlib.crc32(some, total)
    return total


def database_checksum(path: Path, *, without: Collection[str] = ()) -> int:
    """CRC-32 of every row of any SQLite file, but for these tables, however its pages lie.

    Raises `IndexUnavailable` where the file is damaged, in an index or anywhere else.
    """
    total = 0
    with (
        mapped_errors(path),
        # To be written, so that SQLite can undo what a killed process left half done.
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as database,
    ):
        [problem] = database.execute("PRAGMA integrity_check(1)").fetchone()
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        for [table] in tables.fetchall():
            if table not in without:
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    total = zlib.crc32(repr(row).encode(), total)
    return total


def match_expression(query: str) -> str:
    """A user's words as an FTS5 expression: any word may match; "" when there is none.

    Each word is quoted, so that no text can be taken for an operator. A compound ("GPT-4",
    "0.50") counts by its parts and once more as a phrase.

    >>> match_expression('cost OR "NEAR" of GPT-4?')
    '"cost" OR "near" OR "gpt-4" OR "gpt" OR "4"'
    """
    terms: dict[str, None] = {}
    for word in QUERY_WORD.findall(query.lower()):
        plain = re.sub(r"['’]s$", "", word)
        terms.update(dict.fromkeys([plain, *re.findall(r"[^\W_]+", plain)]))
    telling = [term for term in terms if term not in STOP_WORDS] or list(terms)
    return " OR ".join(f'"{term}"' for term in telling[:MOST_QUERY_TERMS])


def _sections_from_json(value: str) -> tuple[Section, ...]:
    return tuple(
        Section(heading, start, end, tuple(Block(*block) for block in blocks))
        for heading, start, end, blocks in json.loads(value)
    )


def _batches(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except UNREADABLE as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            message, hint = "The disk is full", "Free some space, then run: rag index"
        elif isinstance(error, sqlite3.OperationalError):
            message, hint = f"{path} cannot be used: {error}", "Run: rag doctor"
        else:
            message, hint = f"{path} is damaged: {error}", "Run: rag index --rebuild"
        raise IndexUnavailable(f"{message}.", hint=hint) from error

"""Writing the catalogue of the next generation.

An embedding's key is a hash of the embedder's name and the text it read, so a chunk that moves,
or that two articles share, is embedded once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.catalogue import SCHEMA_VERSION, Catalogue, mapped_errors, readable_articles
from rag.duplicates import Sketch, sketch_of, split_hashes, wording
from rag.errors import IndexUnavailable
from rag.records import Article, Chunk, Section

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE articles (
    id TEXT PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    sections TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    words INTEGER NOT NULL DEFAULT 0,
    sketch BLOB NOT NULL DEFAULT x'',
    duplicate_of TEXT
);
CREATE INDEX duplicates ON articles (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE TABLE chunks (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    title TEXT NOT NULL,
    source TEXT NOT NULL,
    heading TEXT NOT NULL,
    start_offset INTEGER NOT NULL,
    end_offset INTEGER NOT NULL,
    text TEXT NOT NULL,
    embedding BLOB NOT NULL,
    UNIQUE (article_id, ordinal)
);
CREATE INDEX chunks_by_embedding ON chunks (embedding);
CREATE TABLE embeddings (hash BLOB PRIMARY KEY, vector BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (
    title, heading, text,
    content = 'chunks', content_rowid = 'key', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER words_insert AFTER INSERT ON chunks BEGIN
    INSERT INTO words (rowid, title, heading, text)
    VALUES (new.key, new.title, new.heading, new.text);
END;
CREATE TRIGGER words_delete AFTER DELETE ON chunks BEGIN
    INSERT INTO words (words, rowid, title, heading, text)
    VALUES ('delete', old.key, old.title, old.heading, old.text);
END;
"""

# What makes a catalogue of each earlier schema one of the next; the sketches are filled in after.
MIGRATIONS = {
    1: """
ALTER TABLE articles ADD COLUMN words INTEGER NOT NULL DEFAULT 0;
ALTER TABLE articles ADD COLUMN sketch BLOB NOT NULL DEFAULT x'';
ALTER TABLE articles ADD COLUMN duplicate_of TEXT;
CREATE INDEX duplicates ON articles (duplicate_of) WHERE duplicate_of IS NOT NULL;
"""
}


def embedding_key(embedder_name: str, text: str) -> bytes:
    """The key of an embedding: the same embedder and text always give the same one."""
    return hashlib.sha256(f"{embedder_name}\0{text}".encode()).digest()


class CatalogueWriter(Catalogue):
    """Changes the catalogue of a generation that nobody reads yet; one thread only.

    Embeddings are committed as they come, so that a run cut short loses none: the next one
    takes them over with `take_embeddings`. Everything else needs no transaction of its own,
    because the whole file counts only once the index points at its generation.
    """

    def __init__(self, path: Path) -> None:
        """Opens a copy of a finished catalogue, or makes an empty one where there is no file.

        A copy of an earlier schema is brought to this one.
        """
        is_new = not path.exists()
        self._start(path, f"{path.absolute().as_uri()}?mode=rwc")
        try:
            self._rows("PRAGMA journal_mode = WAL")
            self._rows("PRAGMA synchronous = NORMAL")
            self._rows("PRAGMA foreign_keys = ON")
            if is_new:
                with mapped_errors(path):
                    self._connection.executescript(
                        f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                    )
            self._migrate()
            self._check_schema()
            self._rows("BEGIN")
        except IndexUnavailable:
            self.close()
            raise

    def _migrate(self) -> None:
        while (version := self._schema_version()) in MIGRATIONS:
            with mapped_errors(self.path):
                self._connection.executescript(
                    f"BEGIN; {MIGRATIONS[version]} PRAGMA user_version = {version + 1}; COMMIT;"
                )
            self._rows("BEGIN")
            for (name,) in self._rows("SELECT id FROM articles WHERE words = 0"):
                self._put_sketch(sketch_of(name, self.wording(name)))
            self._rows("COMMIT")

    def commit(self) -> None:
        """What was written so far survives a kill."""
        self._rows("COMMIT")
        self._rows("BEGIN")

    def finish(self) -> None:
        """Commits, folds the journal into the one file and closes it."""
        self._rows("COMMIT")
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")
        self._rows("PRAGMA journal_mode = DELETE")
        self.close()

    def set_meta(self, key: str, value: str) -> None:
        self._rows("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def set_roots(self, roots: Iterable[Path]) -> None:
        self._rows("DELETE FROM roots")
        self._write_all("INSERT INTO roots VALUES (?)", [(str(root),) for root in roots])

    def put_article(self, article: Article, *, path: Path, size: int, mtime_ns: int) -> None:
        """Adds the article of a file, in place of what that file held before. Has no chunks yet."""
        self.remove_file(path)
        self._rows(
            "INSERT INTO articles (id, path, title, source, text, sections, content_hash, size,"
            " mtime_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                article.id,
                str(path),
                article.title,
                article.source,
                article.text,
                _sections_to_json(article.sections),
                article.content_hash,
                size,
                mtime_ns,
            ),
        )
        self._put_sketch(sketch_of(article.id, wording(article, path)))

    def _put_sketch(self, sketch: Sketch) -> None:
        self._rows(
            "UPDATE articles SET words = ?, sketch = ? WHERE id = ?",
            (sketch.words, b"".join(sketch.hashes), sketch.article_id),
        )

    def wording(self, article_id: str) -> str:
        """What an article says, for the comparison with others."""
        [(path,)] = self._rows("SELECT path FROM articles WHERE id = ?", (article_id,))
        return wording(self.article(article_id), Path(path))

    def sketches(self) -> list[Sketch]:
        """The sketches of all articles."""
        return [
            Sketch(name, words, tuple(split_hashes(hashes)))
            for name, words, hashes in self._rows(
                "SELECT id, words, sketch FROM articles ORDER BY id"
            )
        ]

    def set_duplicates(self, duplicates: Mapping[str, str]) -> list[str]:
        """Has these articles stand behind those given, without chunks, and no others.

        Returns the ids of those that did before and do not any more: they need chunks again.
        """
        were = self._rows("SELECT id FROM articles WHERE duplicate_of IS NOT NULL ORDER BY id")
        self._rows("UPDATE articles SET duplicate_of = NULL WHERE duplicate_of IS NOT NULL")
        self._write_all(
            "UPDATE articles SET duplicate_of = ? WHERE id = ?",
            [(other, name) for name, other in duplicates.items()],
        )
        self._write_all("DELETE FROM chunks WHERE article_id = ?", [(n,) for n in duplicates])
        return [name for (name,) in were if name not in duplicates]

    def touch_file(self, path: Path, *, size: int, mtime_ns: int) -> None:
        """Notes that the file was written again with what it held before."""
        self._rows(
            "UPDATE articles SET size = ?, mtime_ns = ? WHERE path = ?", (size, mtime_ns, str(path))
        )

    def remove_file(self, path: Path) -> None:
        self._rows("DELETE FROM articles WHERE path = ?", (str(path),))

    def rename_article(self, article_id: str, new_id: str) -> None:
        """Gives an article another id; its chunks, whose ids begin with it, are dropped."""
        self._rows("DELETE FROM chunks WHERE article_id = ?", (article_id,))
        self._rows("UPDATE articles SET id = ? WHERE id = ?", (new_id, article_id))

    def put_chunks(self, article_id: str, chunks: Sequence[Chunk], *, embedder_name: str) -> None:
        """Gives an article these chunks, in place of those it had."""
        self._rows("DELETE FROM chunks WHERE article_id = ?", (article_id,))
        self._write_all(
            "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    chunk.id,
                    article_id,
                    ordinal,
                    chunk.title,
                    chunk.source,
                    chunk.heading,
                    chunk.start,
                    chunk.end,
                    chunk.text,
                    embedding_key(embedder_name, chunk.embedded_text),
                )
                for ordinal, chunk in enumerate(chunks)
            ],
        )

    def missing_embeddings(self) -> list[tuple[bytes, str, int]]:
        """(key, id of a chunk with that text, its letters) for all that is not embedded yet.

        Longest first, so that a batch of neighbours in this list pads little.
        """
        rows = self._rows(
            "SELECT embedding, min(id), max(length(text)) AS letters FROM chunks"
            " WHERE embedding NOT IN (SELECT hash FROM embeddings)"
            " GROUP BY embedding ORDER BY letters DESC, min(id)"
        )
        return [(key, chunk_id, letters) for key, chunk_id, letters in rows]

    def put_embeddings(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        self._write_all(
            "INSERT OR REPLACE INTO embeddings VALUES (?, ?)",
            [
                (key, vector.astype("<f4").tobytes())
                for key, vector in zip(keys, vectors, strict=True)
            ],
        )
        self.commit()

    def take_articles(self, other: Path) -> None:
        """Copies what can be trusted of another catalogue, damaged or not; without chunks.

        Files that are here already stay, and an id that is in use is replaced by a makeshift one.
        """
        paths = {file.path for file in self.files()}
        ids = {file.article_id for file in self.files()}
        for article, file in readable_articles(other):
            if file.path in paths:
                continue
            if article.id in ids:
                article = replace(article, id=f"\0{file.path}")  # as no file can be called
            self.put_article(article, path=file.path, size=file.size, mtime_ns=file.mtime_ns)
            paths.add(file.path)
            ids.add(article.id)

    def take_embeddings(self, other: Path) -> None:
        """Copies the embeddings of another catalogue, finished or cut short."""
        try:
            with self._attached(f"{other.absolute().as_uri()}?mode=rw"):
                self._rows(
                    "INSERT OR IGNORE INTO embeddings SELECT hash, vector FROM other.embeddings"
                )
        except IndexUnavailable:
            pass  # a catalogue cut short in its first moments: there is nothing to take over

    @contextmanager
    def _attached(self, uri: str) -> Iterator[None]:
        self._rows("COMMIT")  # SQLite attaches nothing inside a transaction
        try:
            with super()._attached(uri):
                yield
        finally:
            self._rows("BEGIN")

    def drop_unused_embeddings(self) -> None:
        self._rows("DELETE FROM embeddings WHERE hash NOT IN (SELECT embedding FROM chunks)")

    def rebuild_words(self) -> None:
        """Makes the word index again from the chunks."""
        self._rows("INSERT INTO words (words) VALUES ('rebuild')")

    def _write_all(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._lock, mapped_errors(self.path):
            self._connection.executemany(sql, rows)


def _sections_to_json(sections: Sequence[Section]) -> str:
    return json.dumps(
        [
            [
                section.heading,
                section.start,
                section.end,
                [
                    [block.kind, block.start, block.end, block.answer_start]
                    for block in section.blocks
                ],
            ]
            for section in sections
        ]
    )

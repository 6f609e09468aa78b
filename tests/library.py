"""A folder of articles with its index, for tests of what changes between two runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.catalogue import Catalogue
from rag.generations import Place, read_pointer
from rag.index import Index
from rag.records import Article, Chunk
from rag.reports import IndexReport
from rag.settings import Settings
from rag.updating import sync
from tests.fakes import WordEmbedder

TOPICS = ["telescope", "embargo", "glacier", "violin", "harbour", "tariff", "comet", "orchid"]


class CountingEmbedder(WordEmbedder):
    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return super().embed(texts)


def prose(topic: str, *, paragraphs: int = 3) -> str:
    facts = [f"Fact {n} about the {topic} is that it has {n * 7} parts." for n in range(20)]
    return f"# The {topic}\n\n" + "\n\n".join(
        " ".join(facts[n * 4 : n * 4 + 4]) for n in range(paragraphs)
    )


class Library:
    """A folder of articles, and an index of it that counts what is embedded."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.articles = folder / "articles"
        self.articles.mkdir(parents=True, exist_ok=True)
        self.settings = Settings(index=folder / "index", chunk_tokens=48, **settings)
        self.embedder = CountingEmbedder()

    def write(self, name: str, text: str) -> Path:
        path = self.articles / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def sync(self, *paths: Path, **options: Any) -> IndexReport:
        self.embedder.embedded.clear()
        return sync(self.settings, paths, embedder=self.embedder, **options)

    def counts(self, *paths: Path, **options: Any) -> tuple[int, int, int, int, int]:
        report = self.sync(*paths, **options)
        return (
            report.added,
            report.changed,
            report.unchanged,
            report.removed,
            len(report.failed),
        )

    def open(self) -> Index:
        return Index.open(self.settings.index_directory, chroma_url=self.settings.chroma_url)

    def contents(self) -> list[tuple[Article, list[Chunk]]]:
        """Every article with its chunks, as the index has them."""
        index = self.settings.index_directory
        pointer = read_pointer(index)
        assert pointer is not None
        with closing(Catalogue(Place(index, pointer.name).catalogue)) as catalogue:
            chunks = catalogue.chunks(catalogue.chunk_ids())
            return [
                (
                    catalogue.article(summary.id),
                    sorted(
                        (c for c in chunks if c.article_id == summary.id), key=lambda c: c.start
                    ),
                )
                for summary in catalogue.articles()
            ]

    def answers(self) -> list[Any]:
        """What both searches find for each topic."""
        index = self.open()
        try:
            return [
                [
                    [(name, round(score, 4)) for name, score in found]
                    for found in (
                        index.search_words(topic, limit=50),
                        index.search_vectors(self.embedder.embed([topic])[0], limit=50),
                    )
                ]
                for topic in TOPICS
            ]
        finally:
            index.close()

    def generations(self) -> list[str]:
        return sorted(
            path.name for path in (self.settings.index_directory / "generations").iterdir()
        )


def assert_whole(library: Library) -> None:
    """The laws of an index: offsets hold, and every chunk is found by its words and its vector."""
    index = library.open()
    for article, chunks in library.contents():
        assert chunks
        for chunk in chunks:
            assert article.text[chunk.start : chunk.end] == chunk.text
            assert chunk.id.startswith(article.id)
            vector = library.embedder.embed([chunk.embedded_text])[0]
            assert dict(index.search_vectors(vector, limit=50))[chunk.id] > 0.999  # its twins too
            assert chunk.id in dict(index.search_words(chunk.text, limit=50))
    index.close()


class Pristine:
    """A library of three indexed articles, made once and put back for each test that asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        library = Library(folder / "used")
        for topic in TOPICS[:3]:
            library.write(f"{topic}.md", prose(topic))
        library.sync(library.articles)
        shutil.copytree(folder / "used", folder / "kept")

    def restore(self) -> Library:
        """The library as it was made, in the same place, so that its paths are right."""
        shutil.rmtree(self._folder / "used")
        shutil.copytree(self._folder / "kept", self._folder / "used")
        return Library(self._folder / "used")

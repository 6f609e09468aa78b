"""The index, as its readers see it: articles, chunks, and the two searches.

    Chunk -> Index -> (chunk id, score)

Readers and the one writer never meet: a reader keeps the generation that it opened, and the
writer (`updating.sync`) prepares the next one beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rag.catalogue import ArticleSummary
from rag.errors import IndexUnavailable
from rag.generations import read_pointer
from rag.publishing import OpenGeneration, open_generation
from rag.records import Article, Chunk
from rag.vectors import ExactVectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Index:
    """Searches one index. May be shared by threads.

    It keeps the generation that it opened until `reload_if_changed`, and a `snapshot` keeps its
    own for good: whoever answers a question takes one, so that the chunks, texts and offsets
    that it puts together belong to each other.

    >>> index = Index.open(Path("index"))                       # doctest: +SKIP
    >>> index.search_words("JPMorgan employees", limit=5)       # doctest: +SKIP
    """

    def __init__(
        self,
        directory: Path,
        opened: OpenGeneration,
        *,
        chroma_url: str | None,
        embedder_name: str | None,
    ) -> None:
        self.directory = directory
        self._opened: OpenGeneration | None = opened
        self._chroma_url = chroma_url
        self._embedder_name = embedder_name
        self._reloading = threading.Lock()

    @classmethod
    def open(
        cls, directory: Path, *, chroma_url: str | None = None, embedder_name: str | None = None
    ) -> Index:
        """Opens the index in `directory`; vectors that cannot be read are made again first.

        Raises `IndexUnavailable` where there is no index, or one that another version of
        Footnote, or an embedder other than `embedder_name`, has made.
        """
        opened = _open(directory, chroma_url, embedder_name)
        return cls(directory, opened, chroma_url=chroma_url, embedder_name=embedder_name)

    @property
    def generation(self) -> int:
        """Counts up by one with each change of the index."""
        return self._generation.pointer.number

    @property
    def searches_exactly(self) -> bool:
        """Whether a question is compared with every vector, and not by Chroma."""
        return isinstance(self._generation.vectors, ExactVectors)

    def articles(self) -> list[ArticleSummary]:
        """All articles, by id."""
        return self._generation.catalogue.articles()

    def roots(self) -> list[Path]:
        """The files and folders that the index was made from."""
        return self._generation.catalogue.roots()

    def article(self, article_id: str) -> Article:
        """The whole article. Raises `IndexUnavailable` when there is none of this id."""
        return self._generation.catalogue.article(article_id)

    def chunks(self, ids: Sequence[str]) -> list[Chunk]:
        """The chunks of these ids, in the order given; ids that are not there are left out."""
        return self._generation.catalogue.chunks(ids)

    def neighbours(self, chunk_id: str) -> tuple[Chunk | None, Chunk | None]:
        """The chunks before and after this one in its article; None at either end."""
        return self._generation.catalogue.neighbours(chunk_id)

    def search_vectors(self, vector: NDArray[np.float32], *, limit: int) -> list[tuple[str, float]]:
        """The chunk ids nearest to a query's vector and their cosines, best first, ties by id."""
        return self._generation.vectors.search(vector, limit=limit)

    def search_words(self, query: str, *, limit: int) -> list[tuple[str, float]]:
        """Chunk ids that hold words of the query and their bm25 scores, best first, ties by id."""
        return self._generation.catalogue.search_words(query, limit=limit)

    def snapshot(self) -> Index:
        """The index as it is now, whatever is written or reloaded later."""
        return Index(
            self.directory,
            self._generation,
            chroma_url=self._chroma_url,
            embedder_name=self._embedder_name,
        )

    def reload_if_changed(self) -> bool:
        """Goes on with the newest generation, if there is a newer one; True if so.

        Snapshots keep theirs. Where the index has gone meanwhile, cannot be read any more or is
        made with another embedding model now, the opened one goes on.
        """
        with self._reloading:
            try:
                pointer = read_pointer(self.directory)
                if pointer is None or pointer.name == self._generation.pointer.name:
                    return False
                opened = _open(self.directory, self._chroma_url, self._embedder_name)
            except IndexUnavailable:
                return False
            self._opened = opened
            return True

    def close(self) -> None:
        """Lets go of the files, once the last snapshot does too."""
        self._opened = None

    @property
    def _generation(self) -> OpenGeneration:
        if self._opened is None:
            raise IndexUnavailable(f"The index in {self.directory} is closed.")
        return self._opened


def _open(directory: Path, chroma_url: str | None, embedder_name: str | None) -> OpenGeneration:
    opened = open_generation(directory, chroma_url=chroma_url)
    made_by = opened.catalogue.meta("embedder")
    if embedder_name is not None and made_by != embedder_name:
        raise IndexUnavailable(
            f"The index in {directory} was made with the embedding model {made_by}, "
            f"not {embedder_name}.",
            hint="Run: rag index",
        )
    return opened

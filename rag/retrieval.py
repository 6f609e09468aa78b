"""From a question to the passages that may answer it: the Query -> Hit arrow.

Two searches propose chunks: vectors find the same meaning in other words, the word index finds
names and numbers that vectors blur. Reciprocal rank fusion [1] joins the two lists without
having to compare their scores. Some questions need a second article that only the first one
names ("the director of X": X's article says who): a second search follows the names in the best
passage. Near-duplicates are then dropped, and chunks that follow each other in an article are
joined, so that the language model reads running text. Each stage has its own setting.

The retriever is a LangChain `BaseRetriever`; `documents_to_hits` brings back what it returns.

[1] G. V. Cormack, C. L. A. Clarke, S. Buettcher: Reciprocal Rank Fusion outperforms Condorcet
    and individual rank learning methods. SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, SkipValidation

from rag.embedding import Embedder
from rag.index import Index
from rag.records import Chunk, Hit
from rag.settings import Settings
from rag.terms import content_words, fold_name, named_part, names, words

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun

FUSION_CONSTANT = 60  # of [1]: how slowly a list's say fades with rank
NEAR_DUPLICATE = 0.9  # share of content words that two passages have in common
SECOND_CANDIDATES = 5  # chunks the second search may propose; many would bury the first search's


class HybridRetriever(BaseRetriever):
    """Searches an index by vectors and by words, and joins what both propose.

    >>> retriever.invoke("What does a video clip cost?")[0].page_content    # doctest: +SKIP
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: SkipValidation[Index]
    embedder: SkipValidation[Embedder]
    settings: SkipValidation[Settings]

    def hits(self, question: str, *, limit: int | None = None) -> tuple[Hit, ...]:
        """The best `limit` passages (default: the setting `passages`), best first."""
        limit = limit or self.settings.passages
        self.index.reload_if_changed()
        index = self.index.snapshot()  # one generation for the whole question
        fused = self._search(question, index)
        chunks = index.chunks([chunk_id for chunk_id, _ in fused])
        scores = dict(fused)
        ranked = [
            Hit(chunk=chunk, score=scores[chunk.id], rank=rank)
            for rank, chunk in enumerate(chunks, start=1)
        ]
        # Joining makes fewer of them, so whoever asks for few gets the first of the usual ones.
        considered = max(limit, self.settings.passages)
        if self.settings.drop_near_duplicates:
            ranked = without_near_duplicates(ranked, limit=considered)
        ranked = ranked[:considered]
        if self.settings.join_neighbours:
            ranked = join_neighbours(ranked, article_text=lambda name: index.article(name).text)
        return tuple(replace(hit, rank=rank) for rank, hit in enumerate(ranked[:limit], start=1))

    def _search(self, question: str, index: Index) -> list[tuple[str, float]]:
        """Chunk ids and their fused scores, best first."""
        most = self.settings.candidates
        proposals: list[list[str]] = []
        if self.settings.search_vectors:
            proposals.append(self._nearest(question, index, limit=most))
        if self.settings.search_words:
            found = index.search_words(question, limit=most)
            proposals.append([chunk_id for chunk_id, _ in found])
        fused = fuse(proposals)
        if self.settings.search_vectors and self.settings.second_search:
            best = index.chunks([chunk_id for chunk_id, _ in fused[:1]])
            query = second_query(question, best[0]) if best else ""
            if query:
                proposals.append(self._nearest(query, index, limit=SECOND_CANDIDATES))
                fused = fuse(proposals)
        return fused

    def _nearest(self, query: str, index: Index, *, limit: int) -> list[str]:
        """The ids of the chunks whose meaning is nearest to the query's, nearest first."""
        vector = self.embedder.embed([query])[0]
        return [chunk_id for chunk_id, _ in index.search_vectors(vector, limit=limit)]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [hit_to_document(hit) for hit in self.hits(query)]


def fuse(proposals: Sequence[Sequence[str]]) -> list[tuple[str, float]]:
    """Reciprocal rank fusion: (id, score) pairs, best first, ties by id.

    An id's score is the sum over the lists of 1 / (60 + its rank there).

    >>> fuse([["a", "b"], ["b", "c"]])[0][0]
    'b'
    """
    scores: dict[str, float] = {}
    for proposal in proposals:
        for rank, name in enumerate(proposal, start=1):
            scores[name] = scores.get(name, 0.0) + 1.0 / (FUSION_CONSTANT + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def second_query(question: str, passage: Chunk) -> str:
    """What to search for next: the names that a passage brings in, then what it leaves open.

    "" where the passage meets every word of the question, or has no name that the question
    lacks: then it leads nowhere else.

    For "Who is the wife of the director of Jump?" and a passage "The director of Jump was
    Raoul Walsh." it is "Raoul Walsh wife".
    """
    asked, met = content_words(question), content_words(passage.embedded_text)
    open_words = [word for word in words(question) if content_words(word) - met]
    printed_as_names = names(passage.text)
    new_names: dict[str, str] = {}  # as folded, as printed first
    for word in words(passage.text):
        folded = fold_name(named_part(word))
        if folded in printed_as_names and content_words(word) - asked:
            new_names.setdefault(folded, word)
    return " ".join([*new_names.values(), *open_words]) if open_words and new_names else ""


def without_near_duplicates(hits: Sequence[Hit], *, limit: int) -> list[Hit]:
    """The first `limit` hits that do not say the same words as a better one."""
    kept: list[tuple[Hit, frozenset[str]]] = []
    for hit in hits:
        found = content_words(hit.chunk.text)
        if all(_overlap(found, other) < NEAR_DUPLICATE for _, other in kept):
            kept.append((hit, found))
        if len(kept) == limit:
            break
    return [hit for hit, _ in kept]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's index of two sets; 0 when both are empty."""
    union = one | other
    return len(one & other) / len(union) if union else 0.0


def join_neighbours(hits: Sequence[Hit], *, article_text: Callable[[str], str]) -> list[Hit]:
    """Hits with nothing but space between them become one, with the better one's score.

    A joined chunk obeys the same law: its text is the article's text from start to end.
    """
    joined: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.chunk.article_id, hit.chunk.start)):
        last = joined[-1] if joined else None
        if last is not None and last.chunk.article_id == hit.chunk.article_id:
            text = article_text(hit.chunk.article_id)
            if not text[last.chunk.end : hit.chunk.start].strip():
                chunk = _spanning(last.chunk, hit.chunk, text)
                joined[-1] = replace(last, chunk=chunk, score=max(last.score, hit.score))
                continue
        joined.append(hit)
    return sorted(joined, key=lambda hit: (-hit.score, hit.chunk.id))


def _spanning(first: Chunk, second: Chunk, text: str) -> Chunk:
    start, end = first.start, second.end
    return replace(
        first, id=f"{first.article_id}#{start}-{end}", start=start, end=end, text=text[start:end]
    )


def hit_to_document(hit: Hit) -> Document:
    """A hit as a LangChain document: the text, and everything else as metadata."""
    metadata = asdict(hit.chunk) | {"score": hit.score}
    return Document(page_content=metadata.pop("text"), metadata=metadata, id=hit.chunk.id)


def documents_to_hits(documents: Iterable[Document]) -> tuple[Hit, ...]:
    """Hits from any retriever's documents, in their order.

    A document of another retriever has no offsets: it then counts as an article of its own, so
    that a citation's offsets refer to its `page_content`.
    """
    hits = []
    for rank, document in enumerate(documents, start=1):
        metadata = document.metadata
        source = str(metadata.get("source", ""))
        article_id = str(metadata.get("article_id") or document.id or source or f"document-{rank}")
        start = int(metadata.get("start", 0))
        end = start + len(document.page_content)
        chunk = Chunk(
            id=str(metadata.get("id") or f"{article_id}#{start}-{end}"),
            article_id=article_id,
            title=str(metadata.get("title") or article_id),
            source=source or article_id,
            heading=str(metadata.get("heading", "")),
            start=start,
            end=end,
            text=document.page_content,
            also=tuple(map(str, metadata.get("also", ()))),
        )
        hits.append(Hit(chunk=chunk, score=float(metadata.get("score", 1.0 / rank)), rank=rank))
    return tuple(hits)

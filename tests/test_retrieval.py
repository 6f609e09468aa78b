"""Fusion, duplicates, joining and the second search obey their laws; documents lose nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from numpy.typing import NDArray

from rag.records import Chunk, Hit
from rag.retrieval import (
    HybridRetriever,
    documents_to_hits,
    fuse,
    hit_to_document,
    join_neighbours,
    second_query,
    without_near_duplicates,
)
from rag.terms import content_words, words
from tests.library import TOPICS, CountingEmbedder, Library, prose

ARTICLE = "First sentence here. Second one follows.\n\nThird stands apart. Fourth ends it."


def hit(start: int, end: int, *, rank: int = 1, article: str = "a.md", text: str = ARTICLE) -> Hit:
    chunk = Chunk(
        id=f"{article}#{start}-{end}",
        article_id=article,
        title="A",
        source="a",
        heading="H",
        start=start,
        end=end,
        text=text[start:end],
    )
    return Hit(chunk=chunk, score=1.0 / rank, rank=rank)


RANKINGS = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=3)


@given(RANKINGS)
def test_fusion_keeps_every_proposal_once_and_ranks_by_score(rankings: list[list[str]]) -> None:
    fused = fuse(rankings)
    assert sorted(name for name, _ in fused) == sorted({name for r in rankings for name in r})
    scores = [score for _, score in fused]
    assert scores == sorted(scores, reverse=True)


@given(st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_one_list_keeps_its_order(ranking: list[str]) -> None:
    assert [name for name, _ in fuse([ranking])] == ranking


def test_both_lists_beat_one() -> None:
    assert fuse([["a", "b"], ["c", "b"]])[0][0] == "b"


def test_passages_that_follow_each_other_become_one() -> None:
    joined = join_neighbours(
        [hit(21, 40, rank=1), hit(0, 20, rank=2), hit(62, 78, rank=3)],
        article_text=lambda name: ARTICLE,
    )
    assert [(h.chunk.start, h.chunk.end) for h in joined] == [(0, 40), (62, 78)]
    assert joined[0].score == 1.0


def test_passages_are_not_joined_over_words_that_are_in_no_passage() -> None:
    apart = [hit(0, 20, rank=1), hit(62, 78, rank=2)]
    assert join_neighbours(apart, article_text=lambda name: ARTICLE) == apart


@given(st.sets(st.integers(0, len(ARTICLE)), min_size=2, max_size=9))
def test_joined_passages_are_verbatim(cuts: set[int]) -> None:
    marks = sorted(cuts)
    hits = [hit(a, b, rank=n + 1) for n, (a, b) in enumerate(itertools.pairwise(marks))]
    for joined in join_neighbours(hits[::2] + hits[1::2], article_text=lambda name: ARTICLE):
        assert ARTICLE[joined.chunk.start : joined.chunk.end] == joined.chunk.text


def test_the_same_words_are_given_once() -> None:
    same = hit(0, 40, article="b.md")
    kept = without_near_duplicates([hit(0, 40), same, hit(42, 78)], limit=5)
    assert [h.chunk.id for h in kept] == ["a.md#0-40", "a.md#42-78"]


def test_a_hit_survives_the_way_through_a_document() -> None:
    original = hit(21, 40)
    assert documents_to_hits([hit_to_document(original)]) == (original,)


def test_a_foreign_document_is_an_article_of_its_own() -> None:
    (found,) = documents_to_hits([Document(page_content="Some text.", metadata={"source": "x"})])
    assert (found.chunk.article_id, found.chunk.start, found.chunk.end) == ("x", 0, 10)


QUESTION = "Who is the wife of the director of Jump?"
NAMED = "The director of the film Jump was Raoul Walsh, and Walsh edited it."


def passage(text: str) -> Chunk:
    return Chunk("a.md#0-1", "a.md", "Film", "a", "", 0, len(text), text)


def test_the_second_query_is_the_new_names_and_what_is_still_open() -> None:
    assert second_query(QUESTION, passage(NAMED)) == "Raoul Walsh wife"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who was the director of Jump?", NAMED),  # nothing is open
        (QUESTION, "It was the first film of its director, and Jump sold well."),  # no new name
        ("Who is the wife of Raoul Walsh?", "An old film by Raoul Walsh."),
    ],
)
def test_a_passage_that_leads_nowhere_gives_no_second_query(question: str, text: str) -> None:
    assert second_query(question, passage(text)) == ""


TEXTS = st.lists(
    st.sampled_from("who is the wife of Jump Raoul Walsh's film 1937 GPT-4 Oslo, near.".split()),
    max_size=12,
).map(" ".join)


@given(TEXTS, TEXTS)
def test_the_second_query_has_only_words_that_question_and_passage_do_not_share(
    question: str, text: str
) -> None:
    query = second_query(question, passage(text))
    shared = content_words(question) & content_words(text)
    assert set(words(query)) <= {*words(question), *words(text)}
    assert not content_words(query) & shared


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A film, the article of a person whom only that one names, and other films."""
    library = Library(tmp_path)
    library.write("jump.md", "# Jump for Glory\n\nThe director of Jump for Glory was Raoul Walsh.")
    library.write("walsh.md", "# Raoul Walsh\n\nRaoul Walsh married Miriam Cooper.")
    for topic in TOPICS:
        library.write(f"{topic}.md", f"# The {topic}\n\nThe director of The {topic} has a wife.")
    library.sync(library.articles)
    return library


def retriever(library: Library, **settings: object) -> HybridRetriever:
    changed = library.settings.model_copy(update=settings)
    return HybridRetriever(index=library.open(), embedder=library.embedder, settings=changed)


def rank_of(article: str, hits: tuple[Hit, ...]) -> int:
    return next(hit.rank for hit in hits if hit.chunk.article_id == article)


def test_the_article_that_the_best_passage_leads_to_moves_up(library: Library) -> None:
    question = "Who was the wife of the director of Jump for Glory?"
    once = retriever(library, second_search=False).hits(question)
    twice = retriever(library).hits(question)
    assert once[0].chunk.article_id == twice[0].chunk.article_id == "jump.md"
    assert rank_of("walsh.md", twice) < rank_of("walsh.md", once)


def test_a_question_that_its_best_passage_meets_is_searched_for_once(library: Library) -> None:
    question = "Who was the director of Jump for Glory?"
    library.embedder.embedded.clear()
    found = retriever(library).hits(question)
    assert library.embedder.embedded == [question]
    assert found == retriever(library, second_search=False).hits(question)


def test_whoever_asks_for_fewer_gets_the_first_of_the_usual_ones(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.write("comet.md", prose("comet"))  # several chunks, to be joined into one hit
    for topic in TOPICS[:4]:
        library.write(f"{topic}.md", f"# The {topic}\n\nNo fact about the {topic} is known.")
    library.sync(library.articles)
    question = "Which fact about the comet has 7 parts?"
    usual = retriever(library).hits(question)
    assert len(usual) == 5
    for limit in range(1, 6):
        assert retriever(library).hits(question, limit=limit) == usual[:limit]


def test_an_empty_index_has_no_hits(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.sync(library.articles)
    assert retriever(library).hits(QUESTION) == ()


class SyncingEmbedder(CountingEmbedder):
    """Has the articles changed and the index brought up to date while a question is embedded."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        for topic in ("zither", "bassoon"):  # twice: a generation that nobody reads is deleted
            self._library.write("new.md", f"# The {topic}\n\nThe {topic} has nine keys.")
            (self._library.articles / "comet.md").unlink(missing_ok=True)
            self._library.sync()
        return super().embed(texts)


def test_a_question_ends_on_the_index_that_it_began_with_and_the_next_sees_the_new_one(
    library: Library,
) -> None:
    asking = retriever(library)
    before = retriever(library).hits("Has the comet a wife?")
    asking.embedder = SyncingEmbedder(library)
    assert asking.hits("Has the comet a wife?") == before
    asking.embedder = library.embedder
    found = asking.hits("How many keys has the bassoon?")
    assert found[0].chunk.text.endswith("The bassoon has nine keys.")
    assert "comet.md" not in {hit.chunk.article_id for hit in asking.hits("the comet")}

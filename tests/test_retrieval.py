"""Fusion, duplicates and joining obey their laws; LangChain documents lose nothing."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from rag.records import Chunk, Hit
from rag.retrieval import (
    documents_to_hits,
    fuse,
    hit_to_document,
    join_neighbours,
    without_near_duplicates,
)

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

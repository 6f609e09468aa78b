from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.catalogue import Catalogue, match_expression
from rag.catalogue_writer import CatalogueWriter
from rag.duplicates import sketch_of
from rag.errors import IndexOutdated, IndexUnavailable
from rag.records import Article, Block, Chunk, Section
from tests.conftest import ROOT

TEXTS = {
    "clips.md": ["One clip costs $5 with GPT-4.", "Fine-tuning a model is slow.", "Café, naïve."],
    "oil.md": ["The embargo began in 1973.", "Running costs doubled; \x00 and NEAR rose."],
}


def make_article(name: str, passages: list[str]) -> tuple[Article, list[Chunk]]:
    text = "\n".join(passages)
    chunks, start = [], 0
    for passage in passages:
        end = start + len(passage)
        place = f"{name}#{start}-{end}"
        chunks.append(Chunk(place, name, "Title", name, "Costs > Units", start, end, passage))
        start = end + 1
    blocks = (Block("paragraph", 0, 4), Block("faq", 4, len(text), 6))
    article = Article(name, "Title", name, text, (Section("Costs", 0, len(text), blocks),))
    return article, chunks


def put(writer: CatalogueWriter, name: str, passages: list[str]) -> None:
    article, chunks = make_article(name, passages)
    writer.put_article(article, path=Path("/articles", name), size=1, mtime_ns=2)
    writer.put_chunks(name, chunks, embedder_name="test")


def embed_missing(writer: CatalogueWriter) -> None:
    missing = writer.missing_embeddings()
    vectors = np.arange(len(missing) * 3, dtype=np.float32).reshape(-1, 3)
    writer.put_embeddings([key for key, _, _ in missing], vectors)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    path = tmp_path_factory.mktemp("catalogue") / "a #1?.sqlite"
    writer = CatalogueWriter(path)
    for name, passages in TEXTS.items():
        put(writer, name, passages)
    embed_missing(writer)
    writer.finish()
    catalogue = Catalogue(path)
    yield catalogue
    catalogue.close()


def found(catalogue: Catalogue, query: str) -> list[str]:
    ids = [chunk_id for chunk_id, _ in catalogue.search_words(query, limit=10)]
    return [chunk.text for chunk in catalogue.chunks(ids)]


def test_what_was_put_comes_back_whole(catalogue: Catalogue) -> None:
    for name, passages in TEXTS.items():
        article, chunks = make_article(name, passages)
        assert catalogue.article(name) == article
        assert catalogue.chunks([chunk.id for chunk in chunks]) == chunks
    assert [(a.id, a.chunks) for a in catalogue.articles()] == [("clips.md", 3), ("oil.md", 2)]


def test_chunks_come_in_the_order_asked_for_and_unknown_ones_are_left_out(
    catalogue: Catalogue,
) -> None:
    ids = catalogue.chunk_ids()[::-1]
    assert [chunk.id for chunk in catalogue.chunks(["no such", *ids])] == ids


def test_neighbours_are_of_the_same_article(catalogue: Catalogue) -> None:
    first, second, third, *_ = catalogue.chunk_ids()
    before, after = catalogue.neighbours(second)
    assert before and after and (before.id, after.id) == (first, third)
    assert catalogue.neighbours(third)[1] is None
    assert catalogue.neighbours("no such") == (None, None)


def test_an_unknown_article_is_an_error_that_names_it(catalogue: Catalogue) -> None:
    with pytest.raises(IndexUnavailable, match="'no such'"):
        catalogue.article("no such")


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("what does a CLIP cost?", "One clip costs $5 with GPT-4."),
        ("gpt-4", "One clip costs $5 with GPT-4."),
        ("models tuned", "Fine-tuning a model is slow."),
        ("the clip's", "One clip costs $5 with GPT-4."),
        ("cafe", "Café, naïve."),
        ("NEAR", "Running costs doubled; \x00 and NEAR rose."),
        ("1973 OR", "The embargo began in 1973."),
    ],
)
def test_words_are_found_in_any_form(catalogue: Catalogue, query: str, best: str) -> None:
    assert found(catalogue, query)[0] == best


def test_stop_words_count_only_when_there_is_nothing_else(catalogue: Catalogue) -> None:
    assert found(catalogue, "is the embargo") == ["The embargo began in 1973."]
    assert found(catalogue, "is a") == ["Fine-tuning a model is slow."]


HOSTILE = st.text() | st.lists(
    st.sampled_from(["AND", "NOT", "NEAR(", ")", '"', "'", "*", "^", ":", "{", "-", "\0", "\ud800"])
    | st.sampled_from(["text:", "title", "cost", "🎬", "ß", "GPT-4", "a.b.c", "_", "%", ";--"])
).map(" ".join)


@given(HOSTILE)
def test_no_query_breaks_the_search(catalogue: Catalogue, query: str) -> None:
    results = catalogue.search_words(query, limit=3)
    assert len(results) <= 3
    assert results == sorted(results, key=lambda pair: (-pair[1], pair[0]))


def test_a_very_long_query_is_answered(catalogue: Catalogue) -> None:
    assert catalogue.search_words("cost " + " ".join(f"word{n}" for n in range(20_000)), limit=1)
    assert match_expression("?!") == ""


def test_threads_may_share_a_catalogue(catalogue: Catalogue) -> None:
    expected = found(catalogue, "cost")
    with ThreadPoolExecutor(8) as pool:
        assert all(
            texts == expected
            for texts in pool.map(lambda query: found(catalogue, query), ["cost"] * 200)
        )


def test_removed_text_is_found_no_more(tmp_path: Path) -> None:
    writer = CatalogueWriter(tmp_path / "c.sqlite")
    put(writer, "a.md", ["An old fact about zebras."])
    put(writer, "a.md", ["A new fact about lions."])
    assert writer.search_words("zebras", limit=5) == []
    assert len(writer.search_words("lions", limit=5)) == 1
    writer.remove_file(Path("/articles/a.md"))
    assert writer.search_words("lions fact", limit=5) == []
    assert writer.chunk_count() == 0
    writer.close()


def test_a_text_is_embedded_once_and_forgotten_when_unused(tmp_path: Path) -> None:
    writer = CatalogueWriter(tmp_path / "c.sqlite")
    put(writer, "a.md", ["Same.", "Other."])
    put(writer, "b.md", ["Same."])
    assert len(writer.missing_embeddings()) == 2
    embed_missing(writer)
    assert writer.missing_embeddings() == []
    ids = writer.chunk_ids()
    kept, vectors = writer.vectors(ids)
    assert kept == ids and vectors.shape == (3, 3) and np.array_equal(vectors[0], vectors[2])
    writer.remove_file(Path("/articles/a.md"))
    writer.drop_unused_embeddings()
    put(writer, "a.md", ["Same.", "Other."])
    assert len(writer.missing_embeddings()) == 1
    writer.close()


def test_changes_since_an_earlier_catalogue(tmp_path: Path) -> None:
    earlier = CatalogueWriter(tmp_path / "1.sqlite")
    put(earlier, "a.md", ["One.", "Two."])
    put(earlier, "b.md", ["Kept."])
    earlier.finish()
    later = CatalogueWriter(tmp_path / "2.sqlite")
    put(later, "a.md", ["One.", "Two?"])
    put(later, "b.md", ["Kept."])
    put(later, "c.md", ["New."])
    changes = later.vector_changes_since(tmp_path / "1.sqlite")
    assert changes.removed == ()
    assert changes.put == ("a.md#5-9", "c.md#0-4")
    later.remove_file(Path("/articles/b.md"))
    assert later.vector_changes_since(tmp_path / "1.sqlite").removed == ("b.md#0-5",)
    later.close()


def test_embeddings_of_a_writer_that_was_cut_short_are_taken_over(tmp_path: Path) -> None:
    stopped = CatalogueWriter(tmp_path / "stopped.sqlite")
    put(stopped, "a.md", ["One.", "Two."])
    embed_missing(stopped)
    put(stopped, "b.md", ["Not committed."])
    stopped.close()
    writer = CatalogueWriter(tmp_path / "next.sqlite")
    writer.take_embeddings(tmp_path / "stopped.sqlite")
    put(writer, "a.md", ["One.", "Two."])
    assert writer.missing_embeddings() == []
    writer.close()


@pytest.mark.parametrize("content", [b"", b"not a database" * 500], ids=["empty", "garbage"])
def test_a_catalogue_that_holds_nothing_gives_nothing_and_cannot_be_read(
    tmp_path: Path, content: bytes
) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(content)
    writer = CatalogueWriter(tmp_path / "next.sqlite")
    writer.take_embeddings(broken)
    writer.take_embeddings(tmp_path / "not there.sqlite")
    put(writer, "a.md", ["One."])
    assert len(writer.missing_embeddings()) == 1
    writer.close()
    for path in (broken, tmp_path / "not there.sqlite"):
        with pytest.raises(IndexUnavailable):
            Catalogue(path)


def test_an_earlier_schema_is_outdated_until_it_is_written(tmp_path: Path) -> None:
    with zipfile.ZipFile(ROOT / "tests" / "data" / "index-1.zip") as kept:
        kept.extractall(tmp_path)
    [path] = tmp_path.rglob("catalogue.sqlite")
    with pytest.raises(IndexOutdated, match="schema 1"):
        Catalogue(path)
    CatalogueWriter(path).finish()
    Catalogue(path).close()
    migrated = CatalogueWriter(path)
    assert migrated.sketches() == [
        sketch_of(name, migrated.wording(name)) for name in ("embargo.md", "telescope.md")
    ]
    fresh = CatalogueWriter(tmp_path / "fresh.sqlite")
    for writer in (migrated, fresh):
        put(writer, "a.md", ["One.", "Two."])
    assert migrated.article("a.md") == fresh.article("a.md")
    assert migrated.sketches()[0] == fresh.sketches()[0]
    migrated.close()
    fresh.close()


def test_another_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    CatalogueWriter(path).finish()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(IndexUnavailable, match=r"schema 99.*rag index --rebuild"):
        Catalogue(path)

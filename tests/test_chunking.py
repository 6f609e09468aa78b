"""Chunks cover their article, fit the embedder, and are cut where a reader would cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.articles import find_files, read_article
from rag.blocks import parse_sections
from rag.chunking import split_article
from rag.embedding import load_embedder
from rag.records import Article, Chunk
from tests.conftest import need_model

SHARED_ARTICLES = Path(__file__).parents[1].parent / "shared" / "articles"
needs_shared_articles = pytest.mark.skipif(
    not SHARED_ARTICLES.is_dir(), reason="the two scraped articles are not on this machine"
)


def count_words(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def article(text: str, *, title: str = "Guide") -> Article:
    sections = parse_sections(text, title=title)
    return Article(id="guide", title=title, source="guide.md", text=text, sections=sections)


def split(text: str, *, max_tokens: int = 40, title: str = "Guide") -> list[Chunk]:
    return split_article(
        article(text, title=title), max_tokens=max_tokens, count_tokens=count_words
    )


def assert_laws(
    whole: Article, chunks: list[Chunk], *, max_tokens: int, count_tokens: Callable[[str], int]
) -> None:
    position = 0
    outside = ""
    for chunk in chunks:
        assert position <= chunk.start < chunk.end
        assert whole.text[chunk.start : chunk.end] == chunk.text == chunk.text.strip()
        assert chunk.id == f"{whole.id}#{chunk.start}-{chunk.end}"
        assert count_tokens(chunk.embedded_text) <= max_tokens
        outside += whole.text[position : chunk.start]
        position = chunk.end
    assert not (outside + whole.text[position:]).strip()


PARTS = st.sampled_from(
    [
        *("# Guide", "## A long heading of words", "Is it so?", "1. Is it?", "**Why?**", ""),
        *("- item", "✓ done", "It can:", "| a | b |", "| cell. Two | " + "words " * 20 + "|"),
        *("One sentence. " * 9, "word " * 60, "a, b; c. d " * 9, "x" * 90, "日本語。" * 20, "  \t"),
    ]
)


@pytest.mark.parametrize("count", [count_words, len], ids=["words", "characters"])
@settings(max_examples=150)
@given(
    parts=st.lists(PARTS, max_size=14),
    title=st.sampled_from(["", "Guide", "A title of many words " * 9]),
    max_tokens=st.integers(32, 120),
)
def test_chunks_cover_the_article_once_and_fit(
    parts: list[str], title: str, max_tokens: int, count: Callable[[str], int]
) -> None:
    whole = article("\n".join(parts), title=title)
    chunks = split_article(whole, max_tokens=max_tokens, count_tokens=count)
    assert_laws(whole, chunks, max_tokens=max_tokens, count_tokens=count)
    assert chunks == split_article(whole, max_tokens=max_tokens, count_tokens=count)


def test_a_section_that_fits_is_one_chunk_with_its_heading() -> None:
    (first, second) = split("# Guide\n\nHello there.\n\n## Use\n\nPress it.\n\nThen wait.")
    assert (first.heading, first.text) == ("", "# Guide\n\nHello there.")
    assert (second.heading, second.text) == ("Use", "## Use\n\nPress it.\n\nThen wait.")
    assert (second.title, second.source, second.article_id) == ("Guide", "guide.md", "guide")


def test_a_long_paragraph_is_cut_at_sentence_ends_into_even_chunks() -> None:
    sentence = "Each of these sentences has nine words and a stop."
    texts = [chunk.text for chunk in split(" ".join([sentence] * 5))]
    assert sorted(text.count(sentence) for text in texts) == [2, 3]
    assert all(text.startswith("Each") and text.endswith("stop.") for text in texts)


def test_no_small_rest_is_left_at_the_end_of_a_section() -> None:
    paragraphs = ["Ten words of prose stand in this one paragraph here."] * 4
    sizes = [count_words(chunk.text) for chunk in split("\n\n".join(paragraphs), max_tokens=36)]
    assert sizes == [22, 22]


def test_a_row_or_pair_is_never_cut_when_it_fits() -> None:
    rows = [f"| row {n} | is ten words long. And two sentences. |" for n in range(6)]
    pairs = [f"{n}. Is it so?\nIt is so, in ten words. Or it may be eight." for n in range(6)]
    chunks = split("\n".join(["## Rows", "| A | B |", "|---|---|", *rows, "## FAQ", *pairs]))
    assert len(chunks) > 4
    for part in [*rows, *pairs]:
        assert sum(part in chunk.text for chunk in chunks) == 1


def test_a_chunk_inside_a_table_carries_the_header_row() -> None:
    rows = [f"| row {n} | is ten words long. And two sentences. |" for n in range(6)]
    first, *others = split("\n".join(["## Rows", "| A | B |", "|---|---|", *rows]))
    assert first.heading == "Rows"
    assert others
    assert {chunk.heading for chunk in others} == {"Rows\n| A | B |"}


def test_a_second_table_does_not_carry_the_first_ones_header() -> None:
    rows = [f"| row {n} | is ten words long. And two sentences. |" for n in range(3)]
    chunks = split("\n".join(["| A | B |", *rows, "", "| C | D |", *rows]))
    second = next(number for number, chunk in enumerate(chunks) if "| C | D |" in chunk.text)
    assert {chunk.heading for chunk in chunks[1:second]} == {"| A | B |"}
    assert {chunk.heading for chunk in chunks[second + 1 :]} == {"| C | D |"}


def test_a_list_stays_with_the_line_that_announces_it() -> None:
    text = "Some words of plain prose " * 6 + "end here.\n\nIt can do:\n\n- read\n- write\n- sing"
    *_, last = split(text)
    assert last.text == "It can do:\n\n- read\n- write\n- sing"


def test_title_and_heading_leave_two_thirds_to_the_text() -> None:
    text = "## " + "Heading words " * 30 + "\n\n" + "Words of prose. " * 40
    chunks = split(text, title="Title words " * 30, max_tokens=60)
    for chunk in chunks:
        assert count_words(f"{chunk.title} {chunk.heading}") <= 20
    assert chunks[0].title.startswith("Title words")


@pytest.fixture(scope="module")
def count_tokens() -> Callable[[str], int]:
    name = "all-MiniLM-L6-v2"
    folder = need_model(name)
    return load_embedder(folder, name=name, directory=folder.parent).count_tokens


@pytest.mark.models
@settings(max_examples=40)
@given(text=st.one_of(st.lists(PARTS, max_size=12).map("\n".join), st.text(max_size=400)))
def test_no_chunk_is_longer_than_the_embedder_reads(
    count_tokens: Callable[[str], int], text: str
) -> None:
    whole = article(text)
    chunks = split_article(whole, max_tokens=64, count_tokens=count_tokens)
    assert_laws(whole, chunks, max_tokens=64, count_tokens=count_tokens)


@needs_shared_articles
@pytest.mark.parametrize("max_tokens", [64, 160, 254])
def test_the_scraped_articles_keep_the_laws(max_tokens: int) -> None:
    for path in find_files(SHARED_ARTICLES):
        whole = read_article(path, article_id=path.stem)
        chunks = split_article(whole, max_tokens=max_tokens, count_tokens=count_words)
        assert_laws(whole, chunks, max_tokens=max_tokens, count_tokens=count_words)


@needs_shared_articles
def test_the_cost_of_a_video_clip_stands_whole_in_one_chunk() -> None:
    whole = read_article(SHARED_ARTICLES / "generative-ai-vs-llm.txt", article_id="a")
    row = (
        "Cost per generation | $0.01-$0.50 per image, $0.50-$5 per video clip, variable for other "
        "media. | $0.001-$0.05 per query, depending on model size and context length."
    )
    (chunk,) = [
        chunk
        for chunk in split_article(whole, max_tokens=160, count_tokens=count_words)
        if row in chunk.text.split("\n")
    ]
    assert "Aspect | Generative AI | Large Language Model (LLM)" in chunk.embedded_text

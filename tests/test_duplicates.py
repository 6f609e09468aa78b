"""What counts as saying the same, and that no order of files changes it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.duplicates import adds_nothing, find_duplicates, sketch_of, wording
from rag.records import Article
from tests.library import TOPICS, Library, assert_whole, prose

REPORT = " ".join(
    f"In region {word} the company sold {n * 13} machines and opened {n} shops near the {topic}."
    for n, (word, topic) in enumerate(zip("abcdefgh", TOPICS, strict=True), start=1)
)
FOOTER = "\n\nRead more articles like this in our archive."


def duplicates(texts: dict[str, str]) -> dict[str, str]:
    sketches = [sketch_of(name, text) for name, text in texts.items()]
    return find_duplicates(sketches, wording_of=texts.__getitem__)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (REPORT, True),
        (REPORT.replace(" ", "\n"), True),
        ("# " + REPORT.replace("13 machines", "13 **machines**"), True),
        (REPORT + FOOTER, True),
        ("At a glance.\n\n" + REPORT + FOOTER, True),
        (REPORT.replace("13 machines", "14 machines"), False),
        (REPORT.replace("region a", "region z"), False),
        (REPORT.replace("opened 1 shops", "closed 1 shops"), False),
        (REPORT.replace("opened 1 shops", "opened no 1 shops"), False),
        (REPORT + " In 2024 it went on.", False),
        (REPORT + " This was written by Edith Marlowe.", False),
        (REPORT.replace(" 26 ", " X ").replace(" 39 ", " 26 ").replace(" X ", " 39 "), False),
        (
            REPORT + FOOTER + "\n\nIt is best read slowly, with friends and a cup of tea.",
            False,
        ),
        (" ".join(REPORT.split()[::-1]), False),
        (REPORT[: len(REPORT) // 2], False),
    ],
)
def test_a_duplicate_adds_nothing(other: str, same: bool) -> None:
    longer = {"b": "a"} if len(other) <= len(REPORT) + 9 else {"a": "b"}
    assert duplicates({"a": REPORT, "b": other}) == (longer if same else {})


def test_a_sign_or_a_point_makes_another_figure() -> None:
    for one, other in [("-5%", "5%"), ("1.5", "15"), ("$3", "3")]:
        assert duplicates({"a": f"Sales went by {one}.", "b": f"Sales went by {other}."}) == {}
    assert duplicates({"a": "!!!", "b": "???"}) == {}


def test_a_title_counts_unless_it_is_the_name_of_the_file() -> None:
    def article(title: str) -> Article:
        return Article("id", title, "source", "All is well.", ())

    assert wording(article("My notes"), Path("my-notes.txt")) == "All is well."
    assert "2024" in wording(article("Report of 2024"), Path("r.txt"))


VARIANTS = [REPORT, REPORT + FOOTER, REPORT.upper(), REPORT + FOOTER * 2, "Short.", "short"]


@settings(max_examples=30)
@given(st.dictionaries(st.text(min_size=1), st.sampled_from(VARIANTS), max_size=5), st.randoms())
def test_the_set_alone_decides_which_stands_for_the_others(
    texts: dict[str, str], chance: random.Random
) -> None:
    items = list(texts.items())
    chance.shuffle(items)
    found = duplicates(texts)
    assert duplicates(dict(items)) == found
    assert not found.keys() & found.values()
    for name, other in found.items():
        assert adds_nothing(texts[name], to=texts[other])


def test_thousands_of_articles_are_compared_in_seconds() -> None:
    texts = {
        f"{n}": f"{FOOTER} Number {n}: " + " ".join(f"{w}{n * i}" for i, w in enumerate(TOPICS * 9))
        for n in range(2000)
    } | {"copy": f"{FOOTER} Number 7: " + " ".join(f"{w}{7 * i}" for i, w in enumerate(TOPICS * 9))}
    compared: list[str] = []

    def wording_of(name: str) -> str:
        compared.append(name)
        return texts[name]

    sketches = [sketch_of(name, text) for name, text in texts.items()]
    assert find_duplicates(sketches, wording_of=wording_of) == {"copy": "7"}
    assert len(compared) < 20


def test_duplicates_are_indexed_once_with_all_sources(library: Library) -> None:
    chunks = library.sync().chunks
    text = prose("glacier")
    copy = library.write("sub/ice.txt", text.replace("# ", ""))
    longer = library.write("aaa.md", text + FOOTER)
    report = library.sync()
    assert {(one.path, one.of) for one in report.duplicates} == {
        (str(library.articles / "glacier.md"), str(longer)),
        (str(copy), str(longer)),
    }
    assert report.added == 2
    assert [article.id for article, _ in library.contents()] == [
        *("aaa.md", "embargo.md", "telescope.md")
    ]
    index = library.open()
    also = (str(library.articles / "glacier.md"), str(copy))
    assert [summary.also for summary in index.articles()] == [also, (), ()]
    [best, *_] = index.chunks([name for name, _ in index.search_words("glacier", limit=1)])
    assert (best.article_id, best.also) == ("aaa.md", also)
    longer.unlink()
    copy.unlink()
    report = library.sync()
    assert (report.chunks, report.duplicates) == (chunks, ())
    assert library.counts() == (0, 0, 3, 0, 0)
    assert_whole(library)

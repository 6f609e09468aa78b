from __future__ import annotations

import json
import os
import random
import shutil
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.errors import IndexUnavailable, UsageError
from rag.generations import Place, read_pointer
from rag.index import Index
from rag.settings import Settings
from tests.conftest import ROOT
from tests.library import TOPICS, CountingEmbedder, Library, assert_whole, prose
from tests.test_vectors import run_chroma_server


def test_indexing_twice_changes_and_embeds_nothing(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for topic in TOPICS[:3]:
        library.write(f"{topic}.md", prose(topic))
    first = library.sync(library.articles)
    assert (first.added, first.failed) == (3, ())
    assert len(library.embedder.embedded) == first.chunks > 3
    assert_whole(library)
    before = library.generations()
    assert library.counts(library.articles) == (0, 0, 3, 0, 0)
    assert library.counts() == (0, 0, 3, 0, 0)
    os.utime(library.articles / "embargo.md", ns=(1, 1))
    assert library.counts() == (0, 0, 3, 0, 0)
    assert library.embedder.embedded == []
    assert library.generations() == before


def test_the_report_is_the_contract(library: Library) -> None:
    library.write("empty.md", "")
    value = library.sync().to_json()
    assert list(value)[:7] == [
        *("added", "changed", "unchanged", "removed", "failed", "chunks", "seconds")
    ]
    assert [list(failure) for failure in value["failed"]] == [["path", "error"]]
    assert json.loads(json.dumps(value)) == value


def test_each_kind_of_change_is_seen_and_only_new_text_is_embedded(library: Library) -> None:
    ending = "It ended in March of the next year, when nobody expected it. " * 3
    library.write("embargo.md", prose("embargo") + "\n\n" + ending)
    (library.articles / "glacier.md").rename(library.articles / "deep ice.md")
    (library.articles / "telescope.md").unlink()
    library.write("sub/violin.txt", prose("violin", paragraphs=1))
    assert library.counts() == (2, 1, 0, 2, 0)
    embedded = " ".join(library.embedder.embedded)
    assert "March" in embedded and "violin" in embedded
    assert "glacier" not in embedded
    assert embedded.count("embargo") < prose("embargo").count("embargo")
    assert [article.id for article, _ in library.contents()] == [
        *("deep ice.md", "embargo.md", "sub/violin.txt")
    ]
    assert library.open().search_words("telescope", limit=5) == []
    assert_whole(library)


def test_one_bad_file_does_not_hinder_the_others_nor_lose_what_it_held(library: Library) -> None:
    before = dict(library.contents())
    library.write("glacier.md", "")
    bad = library.write("bad.md", "")
    library.write("violin.md", prose("violin"))
    report = library.sync()
    assert (report.added, report.changed, report.unchanged, report.removed) == (1, 0, 2, 0)
    assert [failure.path for failure in report.failed] == [
        str(bad),
        str(library.articles / "glacier.md"),
    ]
    assert before.items() <= dict(library.contents()).items()
    assert_whole(library)


def test_a_name_that_is_not_unicode_is_one_failure(library: Library) -> None:
    try:
        Path(os.fsdecode(os.fsencode(library.articles) + b"/\xff.md")).write_text(prose("orchid"))
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    report = library.sync()
    assert report.unchanged == 3
    assert "\\udcff.md" in report.failed[0].path


def test_what_an_ignore_file_names_leaves_the_index_and_comes_back(library: Library) -> None:
    before = library.contents()
    library.write("sub/orchid.md", prose("orchid"))
    assert library.counts() == (1, 0, 3, 0, 0)
    ignore = library.write(".footnoteignore", "glacier.md\nsub/\n")
    assert library.counts() == (0, 0, 2, 2, 0)
    assert {article.id for article, _ in library.contents()} == {"embargo.md", "telescope.md"}
    assert_whole(library)
    ignore.write_text("sub/")
    assert library.counts() == (1, 0, 2, 0, 0)
    assert library.contents() == before


def test_a_file_that_is_named_itself_is_indexed_whatever_an_ignore_file_says(
    library: Library,
) -> None:
    library.write(".footnoteignore", "glacier.md")
    glacier = library.articles / "glacier.md"
    library.sync()
    assert library.counts(glacier) == (1, 0, 0, 0, 0)
    assert library.counts(library.articles) == (0, 0, 3, 0, 0)
    assert library.counts() == (0, 0, 3, 0, 0)


def test_a_folder_whose_ignore_file_cannot_be_used_stays_as_it_was(library: Library) -> None:
    library.write("sub/orchid.md", prose("orchid"))
    library.sync()
    before = dict(library.contents())
    library.write("sub/.footnoteignore", "[z-a].md")
    library.write("sub/violin.md", prose("violin"))
    library.write("comet.md", prose("comet"))
    report = library.sync()
    assert (report.added, report.removed) == (1, 0)
    (failure,) = report.failed
    assert failure.path == str(library.articles / "sub")
    assert "line 1" in failure.error
    assert before.items() <= dict(library.contents()).items()


def test_a_named_root_that_is_gone_keeps_its_articles_where_it_may_come_back(
    library: Library,
) -> None:
    violin = library.articles.parent / "violin.md"
    violin.write_text(prose("violin"))
    named = (library.articles, violin)
    library.sync(*named)
    violin.unlink()  # its folder is there: it was deleted
    library.articles.rename(library.articles.parent / "away")
    for removed in (1, 0):
        report = library.sync(*named, keep_missing=True)
        assert report.removed == removed
        assert [failure.path for failure in report.failed] == [str(library.articles)]
        assert len(library.contents()) == 3
    (library.articles.parent / "away").rename(library.articles)
    violin.write_text(prose("violin"))
    assert library.counts(*named, keep_missing=True) == (1, 0, 3, 0, 0)


def test_a_missing_path_alone_indexes_nothing_in_its_place(tmp_path: Path) -> None:
    library = Library(tmp_path)
    assert library.counts(tmp_path / "gone.md", keep_missing=True) == (0, 0, 0, 0, 0)


def test_naming_a_root_refreshes_that_one_and_no_name_refreshes_all(library: Library) -> None:
    other = library.articles.parent / "other"
    other.mkdir()
    (other / "violin.txt").write_text(prose("violin"))
    (library.articles / "glacier.md").unlink()
    assert library.counts(other) == (1, 0, 0, 0, 0)
    (other / "violin.txt").write_text(prose("violin", paragraphs=4))
    assert library.counts() == (0, 1, 2, 1, 0)


def test_a_path_that_never_was_changes_nothing(tmp_path: Path) -> None:
    library = Library(tmp_path)
    with pytest.raises(UsageError, match="typo") as caught:
        library.sync(library.articles, tmp_path / "typo")
    assert caught.value.exit_code == 2
    assert not library.settings.index_directory.exists()


def test_a_root_that_is_away_keeps_its_articles_until_it_is_named(library: Library) -> None:
    violin = library.articles.parent / "violin.md"
    violin.write_text(prose("violin"))
    library.sync(violin)
    library.articles.rename(library.articles.parent / "away")
    report = library.sync()
    assert report.removed == 0
    assert [failure.path for failure in report.failed] == [str(library.articles)]
    assert library.counts(library.articles) == (0, 0, 0, 3, 0)
    assert library.counts() == (0, 0, 1, 0, 0)
    violin.unlink()
    assert library.counts() == (0, 0, 0, 1, 0)
    assert library.counts() == (0, 0, 0, 0, 0)


def test_a_file_in_two_roots_is_indexed_once(tmp_path: Path) -> None:
    library = Library(tmp_path)
    deep = library.write("deep/violin.md", prose("violin"))
    assert library.counts(deep) == (1, 0, 0, 0, 0)
    assert [article.id for article, _ in library.contents()] == ["violin.md"]
    library.write("comet.md", prose("comet"))
    assert library.counts(library.articles) == (1, 0, 1, 0, 0)
    assert [article.id for article, _ in library.contents()] == ["comet.md", "deep/violin.md"]
    assert_whole(library)


def test_a_named_file_that_is_no_article_is_no_root(library: Library) -> None:
    picture = library.articles.parent / "picture.png"
    picture.write_bytes(b"\x89PNG")
    assert library.counts(picture) == (0, 0, 0, 0, 1)
    assert library.counts() == (0, 0, 3, 0, 0)
    shutil.rmtree(library.settings.index_directory)
    assert library.counts(picture) == (0, 0, 0, 0, 1)
    assert read_pointer(library.settings.index_directory) is None


ENDINGS = ["", "\n\nRead more.", "\n\nRead much more."]


@pytest.mark.parametrize("seed", [1, 2])
def test_steps_in_any_order_give_the_index_made_at_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    steps = Library(tmp_path / "steps")
    other = steps.articles.parent / "more"
    other.mkdir()
    roots = [steps.articles, other]
    chance.shuffle(roots)
    names = ["a.md", "b.txt", "sub/a.md", "c.md"]
    for step in range(3):
        for name in chance.sample(names, 3):
            root = chance.choice(roots)
            topic, count = chance.choice(TOPICS), chance.randint(1, 4)
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(prose(topic, paragraphs=count) + chance.choice(ENDINGS))
        original = chance.choice(sorted(steps.articles.parent.rglob("*.[mt][dx]*")))
        (chance.choice(roots) / f"copy {chance.randint(1, 3)}.md").write_text(
            original.read_text() + chance.choice(ENDINGS)
        )
        victims = sorted(file for root in roots for file in root.rglob("*") if file.is_file())
        if len(victims) > 3:
            chance.choice(victims).unlink()
        steps.sync(*roots[: step + 1])
    at_once = Library(tmp_path / "steps")
    at_once.settings = Settings(index=tmp_path / "at once", chunk_tokens=48)
    at_once.sync(*sorted(roots))
    assert steps.contents() == at_once.contents()
    assert steps.answers() == at_once.answers()
    assert steps.sync().duplicates == at_once.sync().duplicates
    assert_whole(steps)


def test_an_index_of_the_first_version_answers_as_before_and_loses_nothing(
    tmp_path: Path,
) -> None:
    """The kept index was made of the files that are written here, when they lay in /articles."""
    library = Library(tmp_path)
    for topic in TOPICS[:2]:
        text = prose(topic, paragraphs=2)
        library.write(f"{topic}.md", f"---\nsource: https://example.org/{topic}\n---\n{text}")
    library.sync(library.articles)
    contents, answers = library.contents(), library.answers()
    with zipfile.ZipFile(ROOT / "tests" / "data" / "index-1.zip") as kept:
        kept.extractall(tmp_path / "kept")
    library.settings = Settings(index=tmp_path / "kept", chunk_tokens=48)
    assert library.answers() == answers
    assert library.contents() == contents
    report = library.sync()
    assert library.embedder.embedded == []
    assert [failure.path for failure in report.failed] == ["/articles"]
    assert library.contents() == contents
    assert library.answers() == answers


def test_other_settings_split_and_embed_again(library: Library) -> None:
    chunks = library.sync().chunks
    library.settings = library.settings.model_copy(update={"chunk_tokens": 32})
    library.embedder = CountingEmbedder("other words")
    report = library.sync()
    assert (report.changed, report.unchanged) == (0, 3)
    assert len(library.embedder.embedded) == report.chunks > chunks
    assert_whole(library)
    directory = library.settings.index_directory
    Index.open(directory, embedder_name="other words").close()
    with pytest.raises(IndexUnavailable, match="other words"):
        Index.open(directory, embedder_name="words")


class TurnedEmbedder(CountingEmbedder):
    """Other vectors for the same texts, counted by the same tokens."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.roll(super().embed(texts), 1, axis=1)


def test_another_embedder_embeds_the_same_chunks_again_and_nothing_else_changes(
    library: Library,
) -> None:
    before = library.contents()
    roots = library.open().roots()
    library.embedder = TurnedEmbedder("turned")
    report = library.sync()
    assert (report.added, report.changed, report.removed, report.failed) == (0, 0, 0, ())
    assert len(library.embedder.embedded) == report.chunks
    assert library.contents() == before
    assert library.open().roots() == roots == [library.articles]
    assert_whole(library)
    library.sync()
    assert library.embedder.embedded == []


def test_an_index_may_leave_faqs_out_and_take_them_back(library: Library) -> None:
    pair = "### Is the violin in tune?\n\nNo, the violin lacks a string."
    after = "Unlike the orchid, it has no leaves. " * 2
    library.write("violin.md", f"{prose('violin')}\n\n## FAQ\n\n{pair}\n\n## Orchid\n\n{after}")
    library.write("questions.md", "# FAQ\n\n## Is a comet hot?\n\nNot at all.")
    library.sync()
    opened = library.contents()
    library.settings = library.settings.model_copy(update={"leave_out_faqs": True})
    library.sync()
    closed = library.contents()
    assert [article for article, _ in closed] == [article for article, _ in opened]
    text = "\n".join(chunk.text for _, chunks in closed for chunk in chunks)
    assert "lacks a string" not in text and "Not at all" not in text and "FAQ" not in text
    assert after.strip() in text
    for (article, with_faqs), (_, without) in zip(opened, closed, strict=True):
        for section in article.sections:
            for block in section.blocks:
                covered = any(c.start < block.end and block.start < c.end for c in without)
                assert covered == (block.kind != "faq") or block.kind == "heading"
        if not any(block.kind == "faq" for s in article.sections for block in s.blocks):
            assert without == with_faqs
    assert library.counts() == (0, 0, 5, 0, 0)
    library.settings = library.settings.model_copy(update={"leave_out_faqs": False})
    library.sync()
    assert library.contents() == opened


def test_a_rebuild_makes_the_same_index_and_embeds_nothing(library: Library) -> None:
    before, answers = library.contents(), library.answers()
    assert library.counts(rebuild=True) == (0, 0, 3, 0, 0)
    assert library.embedder.embedded == []
    assert library.contents() == before
    assert library.answers() == answers


def test_a_rebuild_mends_an_index_that_cannot_be_read(library: Library) -> None:
    library.write("orchid.md", prose("orchid"))
    library.sync()
    before = library.contents()
    index = library.settings.index_directory

    pointer = read_pointer(index)
    assert pointer is not None
    Place(index, pointer.name).catalogue.write_bytes(b"garbage" * 1000)
    for attempt in (library.open, library.sync):
        with pytest.raises(IndexUnavailable, match="rag index --rebuild"):
            attempt()
    report = library.sync(rebuild=True)
    assert (report.added, report.unchanged) == (1, 3)  # the generation before had three
    assert report.backup and report.backup.read_bytes() == b"garbage" * 1000
    assert library.contents() == before
    assert_whole(library)


def test_a_rebuild_that_cannot_know_of_what_asks(library: Library) -> None:
    for catalogue in library.settings.index_directory.rglob("catalogue.sqlite"):
        catalogue.write_bytes(b"garbage" * 1000)
    with pytest.raises(UsageError, match="rag index --rebuild PATH"):
        library.sync(rebuild=True)
    assert library.counts(library.articles, rebuild=True) == (3, 0, 0, 0, 0)


@pytest.mark.slow
def test_a_chroma_server_gives_the_same_answers(library: Library, tmp_path: Path) -> None:
    answers = library.answers()
    with closing(run_chroma_server(tmp_path)) as addresses:
        library.settings = library.settings.model_copy(update={"chroma_url": next(addresses)})
        assert library.answers() == answers  # put on the server by the first who opens the index
        assert library.counts() == (0, 0, 3, 0, 0)
        for topic in ("orchid", "violin"):
            library.write("new.md", prose(topic))
            library.sync()
            assert_whole(library)
    library.settings = library.settings.model_copy(update={"chroma_url": None})
    assert_whole(library)

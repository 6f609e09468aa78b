"""The library's list, and what adding, replacing and removing uploaded articles does to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.articles import is_hidden
from rag.errors import FootnoteError, IndexLocked, UsageError
from rag.generations import writing
from rag.library import (
    MOST_NAME_BYTES,
    UploadReport,
    add_articles,
    list_articles,
    read_generation,
    refresh_articles,
    remove_article,
    safe_name,
)
from rag.settings import Settings
from tests.library import Library, assert_whole, prose


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def add(library: Library, *files: Path) -> UploadReport:
    return add_articles(library.settings, files, embedder=library.embedder)


def remove(library: Library, article_id: str) -> object:
    return remove_article(library.settings, article_id, embedder=library.embedder)


def titles(library: Library) -> list[str]:
    return [article.title for article in list_articles(library.settings).articles]


def uploads(library: Library) -> dict[str, str]:
    folder = library.settings.uploads_directory
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_list_has_what_the_index_holds_now(library: Library) -> None:
    os.utime(library.write("violin.md", prose("violin")), (1_000_000_000, 1_000_000_000))
    before = list_articles(library.settings)
    library.sync()
    after = list_articles(library.settings)
    assert before.generation != after.generation == read_generation(library.settings)
    assert [article.title for article in after.articles] == [
        *("The embargo", "The glacier", "The telescope", "The violin")
    ]
    violin = after.articles[-1]
    assert violin.path == library.articles / "violin.md"
    assert violin.changed.timestamp() == 1_000_000_000
    assert violin.chunks == sum(a.id == violin.id for a, c in library.contents() for _ in c)
    assert not violin.is_uploaded


def test_a_file_with_an_impossible_date_is_listed_all_the_same(library: Library) -> None:
    os.utime(library.write("violin.md", prose("violin")), (400_000_000_000, -5))
    library.sync()
    assert "The violin" in titles(library)


def test_an_uploaded_file_is_an_article_and_stays_one(library: Library, inbox: Path) -> None:
    report = add(library, put(inbox, "violin.md", prose("violin")))
    assert report == UploadReport(added=("violin.md",), replaced=(), same=(), failed=())
    (inbox / "violin.md").unlink()
    refresh_articles(library.settings, embedder=library.embedder)
    violin = list_articles(library.settings).articles[-1]
    assert (violin.title, violin.is_uploaded) == ("The violin", True)
    assert_whole(library)


def test_the_same_file_again_is_nothing_to_do_and_other_content_replaces(
    library: Library, inbox: Path
) -> None:
    violin = put(inbox, "violin.md", prose("violin"))
    add(library, violin)
    generation = read_generation(library.settings)
    assert add(library, violin).same == ("violin.md",)
    assert read_generation(library.settings) == generation
    violin.write_text(prose("orchid"))
    assert add(library, violin).replaced == ("violin.md",)
    assert "The orchid" in titles(library)
    assert "The violin" not in titles(library)
    assert uploads(library) == {"violin.md": prose("orchid")}


def test_what_cannot_be_an_article_is_named_and_not_kept(library: Library, inbox: Path) -> None:
    report = add(
        library,
        put(inbox, "scan.pdf", "no PDF"),
        put(inbox, "photo.png", "x"),
        put(inbox, "empty.md", " "),
        put(inbox, "violin.md", prose("violin")),
    )
    assert report.added == ("violin.md",)
    assert [file.path for file in report.failed] == ["scan.pdf", "photo.png", "empty.md"]
    assert not any(str(inbox) in file.error for file in report.failed)
    assert list(uploads(library)) == ["violin.md"]


def test_a_replacement_that_cannot_be_read_leaves_the_article(
    library: Library, inbox: Path
) -> None:
    violin = put(inbox, "violin.md", prose("violin"))
    add(library, violin)
    violin.write_text("")
    assert [file.path for file in add(library, violin).failed] == ["violin.md"]
    assert uploads(library) == {"violin.md": prose("violin")}


def test_an_uploaded_article_is_removed_with_its_file(library: Library, inbox: Path) -> None:
    add(library, put(inbox, "violin.md", prose("violin")))
    assert remove(library, "violin.md") is not None
    assert uploads(library) == {}
    assert "The violin" not in titles(library)
    assert remove(library, "violin.md") is None
    add(library, put(inbox, "comet.md", prose("comet")))
    assert "The comet" in titles(library)


def test_a_file_of_the_users_own_is_never_deleted(library: Library) -> None:
    with pytest.raises(UsageError, match="your own file"):
        remove(library, "glacier.md")
    assert (library.articles / "glacier.md").exists()
    assert "The glacier" in titles(library)


def test_an_upload_while_another_process_writes_is_indexed_by_the_next_refresh(
    library: Library, inbox: Path
) -> None:
    violin = put(inbox, "violin.md", prose("violin"))
    with (
        writing(library.settings.index_directory, waiting=lambda: None),
        pytest.raises(IndexLocked, match="pid"),
    ):
        add(library, violin)
    assert "The violin" not in titles(library)
    refresh_articles(library.settings, embedder=library.embedder)
    assert "The violin" in titles(library)


def test_a_refresh_keeps_the_articles_of_a_folder_that_is_gone(library: Library) -> None:
    library.articles.rename(library.articles.with_name("away"))
    report = refresh_articles(library.settings, embedder=library.embedder)
    assert len(titles(library)) == 3
    assert any("is gone" in failed.error for failed in report.failed)


def test_a_folder_that_cannot_be_written_is_told_in_words(library: Library, inbox: Path) -> None:
    library.settings.uploads_directory.write_text("in the way")
    with pytest.raises(FootnoteError, match="cannot be written"):
        add(library, put(inbox, "violin.md", prose("violin")))
    library.settings.uploads_directory.unlink()


def test_uploads_lie_beside_a_named_index_and_never_in_the_cache(tmp_path: Path) -> None:
    beside = tmp_path / "index-articles"
    assert Settings(index=tmp_path / "index").uploads_directory == beside
    assert Settings(home=tmp_path).uploads_directory == beside


@given(st.text())
@example("../../etc/passwd.md")
@example("..\\secret.txt")
@example(".footnoteignore")
@example("~$~$.x.docx")
@example("CON.md")
@example("é" * 400 + ".md")
@example("\ud800\x00\u202e.md")
@example("a." + "b" * 400)
def test_a_safe_name_is_one_visible_file_of_the_folder_everywhere(name: str) -> None:
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert safe not in {"", ".", ".."}
    assert not is_hidden(safe)
    assert len(safe.encode("utf-8")) <= MOST_NAME_BYTES + 1
    assert not set(safe) & set('<>:"/\\|?*\0\n')
    assert safe_name(safe) == safe


@pytest.mark.parametrize("name", ["Café (2).pdf", "C# notes.md", "报告.docx", "a.b.c.txt"])
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert safe_name(name) == name

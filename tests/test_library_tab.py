"""The Library tab: what it says, and that answers go on while the index is changed."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import (
    ArticleList,
    Assistant,
    Embedder,
    FailedFile,
    IndexLocked,
    IndexProgress,
    IndexReport,
    ListedArticle,
    UploadReport,
    list_articles,
)
from rag.generations import writing
from rag.retrieval import HybridRetriever
from tests.fakes import PointingChat
from tests.library import Library as Shelf
from tests.library import prose
from ui import render_library as render
from ui.library import Change, Library

VIOLIN = ListedArticle(
    id="violin.md",
    title="The violin",
    source="/home/ann/violin.md",
    chunks=1200,
    path=Path("/home/ann/violin.md"),
    changed=datetime(2026, 3, 7, 9, 30, tzinfo=UTC),
    is_uploaded=False,
)


def table(*articles: ListedArticle, wanted: str = "") -> str:
    return render.render_articles(ArticleList("1", articles), wanted=wanted)


def make_library(shelf: Shelf) -> Library:
    return Library(shelf.settings, open_embedder=lambda: shelf.embedder)


def outcome(change: Change) -> str:
    return list(change.follow())[-1]


@pytest.fixture
def violin(tmp_path: Path) -> Path:
    path = tmp_path / "violin.md"
    path.write_text(prose("violin"))
    return path


def test_a_row_has_title_source_passages_and_date() -> None:
    html = table(VIOLIN)
    for shown in ("The violin", ">violin.md<", "1,200", "7 Mar 2026", "1 article, 1,200 passages"):
        assert shown in html


def test_a_file_of_the_readers_own_cannot_be_deleted_and_an_uploaded_one_is_asked_about() -> None:
    own, uploaded = table(VIOLIN), table(replace(VIOLIN, is_uploaded=True))
    assert "data-article" not in own
    assert "<code>/home/ann/violin.md</code> is your own file" in own
    assert 'data-article="violin.md"' in uploaded
    assert "will be deleted" in uploaded


def test_the_search_takes_all_its_words_in_any_case_from_title_and_source() -> None:
    comet = replace(VIOLIN, id="comet.md", title="A Comet", source="https://example.org/sky")
    for wanted in ("comet", "COMET sky", "a example"):
        assert "1 of 2 articles" in table(VIOLIN, comet, wanted=wanted)
    assert "No article" in table(VIOLIN, comet, wanted="comet violin")


def test_a_long_list_is_cut_and_says_so() -> None:
    many = [replace(VIOLIN, id=f"{n}.md", title=f"No. {n}") for n in range(300)]
    assert table(*many).count("<tr>") == render.MOST_ROWS + 1
    assert "Shown are the first 200" in table(*many)
    assert "No. 299" in table(*many, wanted="299")


@given(st.text(), st.booleans())
def test_no_name_or_title_becomes_markup(text: str, is_uploaded: bool) -> None:
    hostile = f"<img src=x onerror=a>\"'{text}"
    article = replace(VIOLIN, id=hostile, title=hostile, source=hostile, is_uploaded=is_uploaded)
    failed = (FailedFile(hostile, hostile),)
    for html in (
        table(article),
        render.render_removed(article),
        render.render_uploaded(UploadReport((hostile,), (hostile,), (hostile,), failed)),
        render.render_refreshed(IndexReport(0, 0, 0, 0, failed, 0, 0.0)),
        render.render_failure(IndexLocked(hostile, hint=hostile)),
    ):
        assert "<img" not in html
        html.encode("utf-8")


def test_progress_is_told_with_counts_and_the_time_left() -> None:
    html = render.render_working(IndexProgress("embedding", 64, 640, 118.0))
    assert "64 of 640 passages" in html
    assert "about 2 minutes left" in html
    assert '<progress value="64" max="640"' in html
    assert "Waiting for the change before this one" in render.render_working(None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (54.9, "about 50 seconds"),
        (55, "about 1 minute"),
        (150, "about 2 minutes"),
        (3299, "about 55 minutes"),
        (3300, "about 1 hour"),
        (90_000, "about 25 hours"),
    ],
)
def test_the_time_left_is_told_roughly(seconds: float, words: str) -> None:
    assert render.time_left(seconds) == words


def test_uploading_replacing_and_removing_are_told_and_the_list_follows(
    library: Shelf, violin: Path
) -> None:
    tab = make_library(library)
    assert tab.note() == "3 articles"
    content = violin.read_text()
    assert "1 added (violin.md)." in outcome(tab.add([violin]))
    assert not violin.exists()  # the copy on the way
    assert tab.note() == "4 articles"
    violin.write_text(content)
    assert "1 already here" in outcome(tab.add([violin]))
    violin.write_text(prose("orchid"))
    assert "1 replaced" in outcome(tab.add([violin]))
    assert "The orchid" in tab.look("")[1]
    assert "“The orchid” was removed." in outcome(tab.remove("violin.md"))
    assert "removed before" in outcome(tab.remove("violin.md"))
    assert tab.note() == "3 articles"


def test_what_another_process_indexes_is_shown_and_a_second_look_has_the_same_name(
    library: Shelf,
) -> None:
    tab = make_library(library)
    before = tab.look("")
    assert tab.look("") == before
    library.write("violin.md", prose("violin"))
    library.sync()
    after = tab.look("")
    assert after[0] != before[0]
    assert "The violin" in after[1]
    assert tab.note() == "4 articles"


def test_a_refresh_tells_what_changed_and_names_the_files_that_failed(library: Shelf) -> None:
    tab = make_library(library)
    assert "Nothing has changed." in outcome(tab.refresh())
    library.write("violin.md", prose("violin"))
    library.write("scan.pdf", "no PDF")
    (library.articles / "glacier.md").unlink()
    told = outcome(tab.refresh())
    assert "1 added, 1 removed." in told
    assert "1 file could not be read" in told
    assert "scan.pdf" in told


def test_a_locked_index_is_told_with_its_holder_and_the_files_come_in_later(
    library: Shelf, violin: Path
) -> None:
    tab = make_library(library)
    with writing(library.settings.index_directory, waiting=lambda: None):
        told = outcome(tab.add([violin]))
    assert "(pid " in told
    assert "is writing the index" in told
    assert "1 added" in outcome(tab.refresh())


def test_an_index_that_is_gone_is_told_in_words(tmp_path: Path) -> None:
    tab = make_library(Shelf(tmp_path))
    assert "There is no index" in tab.look("")[1]
    assert "There is no index" in tab.note()
    assert "There is no index" in outcome(tab.refresh())


def test_an_unforeseen_fault_ends_the_change_and_reaches_the_terminal(
    library: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.append(args.exc_type))

    def fail() -> Embedder:
        raise ZeroDivisionError

    change = Library(library.settings, open_embedder=fail).refresh()
    assert "did not expect" in outcome(change)
    for thread in threading.enumerate():
        if thread.name == "change-library":
            thread.join()
    assert reported == [ZeroDivisionError]


def test_changes_take_turns_and_go_on_when_the_page_is_closed(library: Shelf, violin: Path) -> None:
    may_load = threading.Event()

    def load() -> Embedder:
        may_load.wait()
        return library.embedder

    tab = Library(library.settings, open_embedder=load)
    first = tab.add([violin])
    next(first.follow())  # and the page that asked is closed
    second = tab.remove("violin.md")
    assert "Waiting for the change before this one" in next(iter(second.follow()))
    assert tab.underway() is second
    may_load.set()
    assert "was removed" in outcome(second)
    assert first.is_finished
    assert tab.underway() is None


def test_a_question_in_flight_is_answered_and_the_next_from_the_new_index(
    library: Shelf, violin: Path
) -> None:
    def say(prompt: str) -> str:
        topic = "violin" if "violin" in prompt.rpartition("Question: ")[2] else "glacier"
        return f"Fact 2 about the {topic} is that it has 14 parts. [1]"

    index = library.open()
    assistant = Assistant(
        retriever=HybridRetriever(
            index=index, embedder=library.embedder, settings=library.settings
        ),
        model=PointingChat(reply=say, belief=9.0),
        embedder=library.embedder,
        settings=library.settings,
        model_name="scripted",
    )
    tab = make_library(library)
    updates = assistant.stream("How many parts has fact 2 about the glacier?")
    while next(updates).stage != "reading":
        pass
    outcome(tab.add([violin]))
    (library.articles / "glacier.md").unlink()
    outcome(tab.refresh())
    answer = list(updates)[-1].answer
    assert answer is not None
    assert [citation.title for citation in answer.citations] == ["The glacier"]
    answer = assistant.invoke("How many parts has fact 2 about the violin?")
    assert [citation.title for citation in answer.citations] == ["The violin"]
    assert "The glacier" not in [a.title for a in list_articles(library.settings).articles]
    index.close()

"""An index that follows its articles: what is looked at again, told, and survived."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from rag.errors import FootnoteError, IndexLocked
from rag.ignoring import IGNORE_FILE
from rag.reports import IndexReport
from rag.settings import Settings
from rag.watching import changes, follow
from tests.conftest import ARTICLE, ROOT, need_model
from tests.library import Library, assert_whole, prose


class Followed:
    """Follows a library's folder through edits, and remembers what was synced and told."""

    def __init__(self, library: Library, *paths: Path) -> None:
        self.library = library
        self.paths = paths or (library.articles,)
        self.after = library.sync(*self.paths)
        self.syncs = 0
        self.told: list[tuple[int, int, int]] = []
        self.failed: list[str] = []
        self.errors: list[FootnoteError] = []
        self.before_sync: Callable[[], None] = lambda: None

    def sync(self) -> IndexReport:
        self.syncs += 1
        self.before_sync()
        return self.library.sync(*self.paths, keep_missing=True)

    def tell(self, report: IndexReport) -> None:
        self.told.append((report.added, report.changed, report.removed))
        self.failed += [failure.error for failure in report.failed]

    def through(self, changes: Iterable[None]) -> None:
        follow(
            changes,
            self.paths,
            after=self.after,
            sync=self.sync,
            tell=self.tell,
            complain=self.errors.append,
        )


def each(*edits: Callable[[], object]) -> Iterator[None]:
    """What the file system would say: once at first, and after each edit."""
    yield
    for edit in edits:
        edit()
        yield


def test_each_change_is_synced_and_told_once(library: Library) -> None:
    followed = Followed(library)
    glacier = library.articles / "glacier.md"
    followed.through(
        each(
            lambda: library.write("violin.md", prose("violin")),
            lambda: library.write("violin.md", prose("violin", paragraphs=5)),
            lambda: glacier.rename(library.articles / "ice.md"),
            lambda: glacier.with_name("ice.md").unlink(),
        )
    )
    assert followed.told == [(1, 0, 0), (0, 1, 0), (1, 0, 1), (0, 0, 1)]
    assert followed.errors == []
    assert_whole(library)


def test_what_changed_before_the_first_word_of_the_file_system_is_seen(library: Library) -> None:
    followed = Followed(library)
    library.write("violin.md", prose("violin"))
    followed.through(each())
    assert followed.told == [(1, 0, 0)]


def test_what_the_index_would_not_look_at_is_no_reason_to_sync(library: Library) -> None:
    library.write(IGNORE_FILE, "drafts/\n*.tmp.md\n")
    followed = Followed(library)
    followed.through(
        each(
            lambda: library.write("drafts/a.md", prose("violin")),
            lambda: library.write("b.tmp.md", prose("violin")),
            lambda: library.write(".hidden.md", prose("violin")),
            lambda: library.write("picture.png", "x"),
            lambda: library.write("~$letter.docx", "x"),
            lambda: None,
        )
    )
    assert followed.syncs == 1  # the first, for what may have changed before
    assert followed.told == []


def test_an_ignore_file_that_changes_is_followed(library: Library) -> None:
    followed = Followed(library)
    followed.through(
        each(
            lambda: library.write(IGNORE_FILE, "glacier.md"),
            lambda: library.write(IGNORE_FILE, "glacier.md\n[z-a]"),
            lambda: library.write(IGNORE_FILE, ""),
        )
    )
    assert followed.told == [(0, 0, 1), (0, 0, 0), (1, 0, 0)]
    assert ["line 2" in error for error in followed.failed] == [True]


def test_a_file_that_cannot_be_read_is_told_once(library: Library) -> None:
    library.write("bad.pdf", "no PDF")
    followed = Followed(library)
    followed.through(
        each(
            lambda: library.write("empty.md", ""),
            lambda: library.write("violin.md", prose("violin")),
            lambda: library.write("empty.md", " "),
            lambda: library.write("empty.md", prose("comet")),
            lambda: library.write("empty.md", ""),
        )
    )
    assert followed.told == [(0, 0, 0), (1, 0, 0), (1, 0, 0), (0, 0, 0)]
    assert len(followed.failed) == 2
    assert_whole(library)


def test_a_sync_that_fails_is_told_and_done_at_the_next_change(library: Library) -> None:
    followed = Followed(library)

    def locked() -> None:
        raise IndexLocked("Another process (pid 7) is writing the index.")

    def free() -> None:
        followed.before_sync = lambda: None

    def add_while_locked() -> None:
        followed.before_sync = locked
        library.write("violin.md", prose("violin"))

    followed.through(each(add_while_locked, lambda: None, free))
    assert [type(error) for error in followed.errors] == [IndexLocked, IndexLocked]
    assert followed.told == [(1, 0, 0)]


def test_a_file_that_changes_or_goes_while_it_is_synced_is_looked_at_again(
    library: Library,
) -> None:
    followed = Followed(library)
    violin = library.articles / "violin.md"

    def change_after_the_look() -> None:
        followed.before_sync = lambda: None
        violin.unlink()

    def write() -> None:
        followed.before_sync = change_after_the_look
        violin.write_text(prose("violin"))

    followed.through(each(write, lambda: violin.write_text(prose("comet"))))
    assert followed.told == [(1, 0, 0)]
    assert followed.errors == []


def test_a_folder_that_is_deleted_keeps_its_articles_until_it_is_made_again(
    library: Library,
) -> None:
    followed = Followed(library)

    def make_again() -> None:
        library.write("telescope.md", prose("telescope"))

    followed.through(each(lambda: shutil.rmtree(library.articles), make_again))
    assert followed.told == [(0, 0, 0), (0, 0, 2)]
    assert "is gone" in followed.failed[0]
    assert [article.id for article, _ in library.contents()] == ["telescope.md"]


def test_a_named_file_that_is_deleted_leaves_and_comes_back(library: Library) -> None:
    violin = library.articles.parent / "violin.md"
    violin.write_text(prose("violin"))
    followed = Followed(library, violin)
    followed.through(each(violin.unlink, lambda: None, lambda: violin.write_text(prose("violin"))))
    assert followed.told == [(0, 0, 1), (1, 0, 0)]
    assert len(library.contents()) == 4


SECONDS = 240.0  # far more than all steps take


class Steps:
    """Takes the next step each time that the watcher has told of the one before."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps = list(steps)
        self.stop = threading.Event()
        self.is_late = False
        self._timer = threading.Timer(SECONDS, self._give_up)
        self._timer.start()

    def _give_up(self) -> None:
        self.is_late = True
        self.stop.set()

    def next(self) -> None:
        if self._steps:
            self._steps.pop(0)()
        else:
            self._timer.cancel()
            self.stop.set()


@pytest.mark.slow
def test_the_file_system_is_followed_until_the_stop(library: Library) -> None:
    """With a link that leads in circles and a folder that is replaced at a stroke."""
    (library.articles / "circle").symlink_to(library.articles)
    named = library.articles.parent / "named.md"
    index = library.settings.index_directory

    def replace_named() -> None:
        (library.articles.parent / "new").write_text(prose("orchid"))
        (library.articles.parent / "new").replace(named)

    def replace_folder() -> None:
        shutil.rmtree(library.articles)
        library.write("sub/comet.md", prose("comet"))

    steps = Steps(
        lambda: library.write("violin.md", prose("violin")),
        lambda: library.write("violin.md", prose("violin", paragraphs=1)),
        lambda: named.write_text(prose("harbour", paragraphs=1)),
        replace_named,
        replace_folder,
        lambda: library.write("sub/comet.md", prose("comet", paragraphs=1)),
        lambda: shutil.rmtree(library.articles),
        lambda: library.write("tariff.md", prose("tariff")),
    )
    named.write_text(prose("harbour"))
    followed = Followed(library, library.articles, named)
    remember = followed.tell

    def tell(report: IndexReport) -> None:
        remember(report)
        steps.next()

    def heard() -> Iterator[None]:
        events = changes(followed.paths, index=index, stop=steps.stop)
        yield next(events)  # it listens from here on
        steps.next()
        yield from events

    followed.tell = tell  # type: ignore[method-assign]
    followed.through(heard())
    assert not steps.is_late, followed.told
    assert followed.told == [
        *((1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 1, 0)),
        *((1, 0, 4), (0, 1, 0), (0, 0, 0), (1, 0, 1)),
    ]
    assert followed.errors == []
    assert_whole(library)


def test_a_burst_of_saves_is_one_change(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    steps = Steps()
    heard = changes([folder], index=tmp_path / "index", stop=steps.stop)
    next(heard)
    for number in range(200):
        (folder / f"{number % 20}.md").write_text(prose("violin"))
    next(heard)
    quiet = threading.Timer(3.0, steps.next)
    quiet.start()
    assert list(heard) == []
    assert not steps.is_late


@pytest.mark.parametrize("index", ["articles/index", "articles", "."])
def test_an_index_around_or_inside_of_what_it_covers_does_not_wake_itself(
    library: Library, index: str
) -> None:
    library.settings = Settings(index=library.articles.parent / index, chunk_tokens=48)
    directory = library.settings.index_directory
    library.sync(library.articles)
    steps = Steps()
    heard = changes([library.articles], index=directory, stop=steps.stop)
    next(heard)
    library.write(".hidden/a.md", "Text.")
    library.sync(library.articles, rebuild=True)
    quiet = threading.Timer(3.0, lambda: library.write("violin.md", prose("violin")))
    quiet.start()
    next(heard)
    assert quiet.finished.is_set()
    steps.next()
    assert not steps.is_late


def test_a_name_that_is_not_unicode_does_not_end_the_watch(tmp_path: Path) -> None:
    steps = Steps()
    heard = changes([tmp_path], index=tmp_path / "index", stop=steps.stop)
    next(heard)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.md")).write_text("Text.")
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    next(heard)
    (tmp_path / "a.md").write_text("Text.")
    next(heard)
    steps.next()
    assert not steps.is_late


@pytest.mark.models
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_the_command_tells_each_sync_and_ends_well_at_ctrl_c(tmp_path: Path) -> None:
    need_model("all-MiniLM-L6-v2")
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.md").write_text(ARTICLE, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "rag", "index", folder, "--index", tmp_path / "i", "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # What runs in the background of a shell ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert process.stdout and process.stderr
    try:
        assert process.stdout.readline().startswith("1 added, 0 changed, 0 unchanged, 0 removed")
        assert process.stderr.readline() == f"Watching {folder} (Ctrl-C ends it)\n"
        (folder / "b.md").write_text("# Tariffs\n\nA tariff is a tax on what is imported.")
        (folder / "empty.md").touch()
        line = process.stdout.readline()
        assert " 1 added, 0 changed, 0 removed: " in line
        assert line.endswith(f"; not indexed: {folder / 'empty.md'} is empty.\n")
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=SECONDS)
        assert rest == ("", "Stopped watching.\n")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()

"""A writer that is killed, starved or cut off leaves the old index or the new one.

The share of `tests.crash_runs` that is quick enough for every day.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rag.generations import (
    Lease,
    Place,
    Pointer,
    leftovers,
    new_place,
    read_pointer,
    switch,
    writing,
)
from rag.index import Index
from rag.settings import Settings
from rag.updating import IndexProgress
from tests.crash_runs import power_losses, small_disk
from tests.crashes import CrashHarness, Outcome, Scenario
from tests.library import TOPICS, Library, assert_whole, prose

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills and limits are of POSIX")

KILLS, ERRORS, POWER_LOSSES = 10, 5, 4  # of each scenario


class Stopped(Exception):
    """Raised in the middle of a run, as Ctrl-C is."""


def failures(harness: CrashHarness) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kills spread over all changes of files, and errors of every sort among them."""
    for number in range(KILLS):
        harness.restore()
        at = 1 + number * (harness.changes - 1) // (KILLS - 1)
        found = harness.work(at=at, then="kill")
        assert found == {}
        yield f"killed at change {at}", found
    for number in range(ERRORS):
        harness.restore()
        if number % 2:
            size = 300 * 40**number
            yield f"no file over {size}", harness.work(largest_file=size)
        else:
            at = 3 + number * (harness.changes - 3) // ERRORS
            error = "EIO" if number else "ENOSPC"
            yield f"{error} from change {at}", harness.work(at=at, then=error, stays=True)


def run(scenario: Scenario, folder: Path) -> list[Outcome]:
    folder.mkdir()
    with CrashHarness(folder, scenario) as harness:
        outcomes = [harness.judge(kind, found) for kind, found in failures(harness)]
        return [*outcomes, *power_losses(harness, folder, 1, POWER_LOSSES)]


def test_whatever_stops_a_writer_the_index_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    scenarios: tuple[Scenario, ...] = ("edits", "first")
    with ThreadPoolExecutor() as threads:
        every = threads.map(lambda scenario: run(scenario, tmp_path / scenario), scenarios)
        outcomes = [outcome for some in every for outcome in some]
    assert [outcome for outcome in outcomes if not outcome.is_fine] == []
    assert len(outcomes) == len(scenarios) * (KILLS + ERRORS + POWER_LOSSES)
    assert {outcome.served for outcome in outcomes} == {"old", "new"}


def test_a_generations_folders_are_on_the_disk_before_it_is_pointed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a loss of power may leave a pointer, and nothing where it points."""
    place = new_place(tmp_path, number=1)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    monkeypatch.setattr(os, "replace", lambda *names: synced.append(0))
    switch(tmp_path, Pointer(number=1, name=place.name, previous=""))
    needed = [folder.stat().st_ino for folder in (place.folder, *place.folder.parents[:2])]
    assert place.folder.parents[1] == tmp_path
    assert set(needed) <= set(synced[: synced.index(0)])


def test_an_index_is_read_where_the_disk_takes_no_more(tmp_path: Path) -> None:
    with small_disk(tmp_path) as is_mounted:
        if not is_mounted:
            pytest.skip("nothing may be mounted here")
        library = Library(tmp_path)
        for topic in TOPICS[:3]:
            library.write(f"{topic}.md", prose(topic))
        library.sync(library.articles)
        answers = library.answers()
        with (tmp_path / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError):
            while True:
                ballast.write(bytes(4096))
        assert library.answers() == answers
        assert library.counts() == (0, 0, 3, 0, 0)


def test_damaged_vectors_are_done_without_while_another_process_writes(library: Library) -> None:
    answers = library.answers()
    for vectors in library.settings.index_directory.rglob("chroma"):
        shutil.rmtree(vectors)
    with writing(library.settings.index_directory, waiting=lambda: None):
        assert library.answers() == answers
    assert library.answers() == answers
    assert_whole(library)


def test_runs_that_fail_leave_no_more_than_one_draft(library: Library) -> None:
    def fail(step: IndexProgress) -> None:
        if step.stage == "storing":
            raise Stopped

    index = library.settings.index_directory
    for topic in TOPICS[3:6]:
        library.write(f"{topic}.md", prose(topic))
        with pytest.raises(Stopped):
            library.sync(progress=fail)
        pointer = read_pointer(index)
        drafts = [place for place in leftovers(index, pointer) if place.catalogue.exists()]
        assert len(drafts) == 1
    library.sync()
    assert library.embedder.embedded == []
    assert leftovers(index, read_pointer(index)) == []
    assert_whole(library)


def edit(library: Library, chance: random.Random) -> None:
    """Adds, renames or deletes an article, or writes one paragraph of it anew."""
    files = sorted(library.articles.rglob("*.md"))
    kind = chance.choice(["add", "paragraph", "rename", "delete"]) if len(files) > 2 else "add"
    name = f"{chance.choice(['', 'sub/'])}{chance.randrange(30)}.md"
    if kind == "add":
        topic = f"{chance.choice(TOPICS)} {chance.randrange(4)}"
        library.write(name, prose(topic, paragraphs=chance.randint(1, 4)))
        return
    file = chance.choice(files)
    if kind == "delete":
        file.unlink()
    elif kind == "rename":
        target = library.articles / name
        target.parent.mkdir(exist_ok=True)
        file.rename(target)
    else:
        paragraphs = file.read_text("utf-8").split("\n\n")
        paragraphs[-1] = f"Nobody had foreseen number {chance.randrange(100)}. " * 6
        file.write_text("\n\n".join(paragraphs), encoding="utf-8")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_edits_and_stopped_runs_in_any_order_end_as_the_index_made_at_once(
    tmp_path: Path, seed: int
) -> None:
    def stop(step: IndexProgress) -> None:
        if step.stage == stage:
            raise Stopped

    chance = random.Random(seed)
    library = Library(tmp_path)
    known: set[str] = set()
    for _ in range(4):
        for _ in range(4):
            edit(library, chance)
        stage = chance.choice(["none", "reading", "embedding", "storing", "checking", "switching"])
        with suppress(Stopped):
            library.sync(library.articles, progress=stop)
        embedded = list(library.embedder.embedded)
        library.sync(library.articles)
        embedded += library.embedder.embedded
        chunks = [chunk for _, some in library.contents() for chunk in some]
        texts = {chunk.embedded_text for chunk in chunks}
        assert sorted(embedded) == sorted(texts - known)  # what is new, each text once
        known = texts
    at_once = Library(tmp_path)
    at_once.settings = Settings(index=tmp_path / "at once", chunk_tokens=48)
    at_once.sync(at_once.articles)
    assert library.contents() == at_once.contents()
    assert library.answers() == at_once.answers()


def test_a_stray_file_among_the_generations_is_nobodys(library: Library) -> None:
    stray = library.settings.index_directory / "generations" / ".DS_Store"
    stray.write_bytes(b"made by a file manager")
    library.write("violin.md", prose("violin"))
    assert library.counts() == (1, 0, 3, 0, 0)
    assert_whole(library)


def test_a_generation_is_leased_without_a_write(library: Library) -> None:
    index = library.settings.index_directory
    pointer = read_pointer(index)
    assert pointer is not None
    place = Place(index, pointer.name)
    before = place.folder.stat().st_mtime_ns
    Lease(place).close()
    assert place.folder.stat().st_mtime_ns == before
    Index.open(index).close()

"""Writers that are killed, stopped by the disk or kept waiting: readers notice nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.errors import IndexLocked
from rag.reports import IndexProgress
from rag.settings import Settings
from tests.conftest import ROOT
from tests.library import TOPICS, Library, assert_whole, prose

KILLED_SYNC = """
import json, os, sys
from pathlib import Path
from rag.settings import Settings
from rag.updating import sync
from tests.fakes import WordEmbedder

index, articles, stage, count = json.loads(sys.argv[1])
seen = []

def kill(step):
    seen.append(step.stage)
    if seen.count(stage) == count:
        os._exit(9)

settings = Settings(index=Path(index), chunk_tokens=48)
sync(settings, [Path(articles)], embedder=WordEmbedder(), progress=kill)
"""


def run_child(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_writers_killed_at_every_stage_lose_nothing(library: Library, tmp_path: Path) -> None:
    before, answers = library.contents(), library.answers()
    for topic in TOPICS[2:]:
        library.write(f"{topic}.md", prose(topic, paragraphs=5))
    index = library.settings.index_directory
    for stage, count in [
        *(("reading", 2), ("embedding", 2), ("storing", 1), ("checking", 1), ("switching", 1))
    ]:
        arguments = json.dumps([str(index), str(library.articles), stage, count])
        killed = run_child(KILLED_SYNC, arguments)
        assert killed.returncode == 9, killed.stderr
        assert library.contents() == before
        assert library.answers() == answers
    killed = run_child(KILLED_SYNC, json.dumps([str(index), str(library.articles), "cleaning", 1]))
    assert killed.returncode == 9, killed.stderr
    assert library.counts() == (0, 0, len(TOPICS), 0, 0)
    assert library.embedder.embedded == []
    assert len(library.generations()) == 2
    clean = Library(library.articles.parent)
    clean.settings = Settings(index=tmp_path / "clean", chunk_tokens=48)
    clean.sync(library.articles)
    assert library.contents() == clean.contents()
    assert library.answers() == clean.answers()


def test_what_a_killed_writer_embedded_is_not_embedded_again(library: Library) -> None:
    for topic in TOPICS:
        library.write(f"{topic}.md", prose(topic, paragraphs=5) * 2)
    index = library.settings.index_directory
    killed = run_child(KILLED_SYNC, json.dumps([str(index), str(library.articles), "storing", 1]))
    assert killed.returncode == 9, killed.stderr
    assert library.sync().added == 5
    assert library.embedder.embedded == []
    assert_whole(library)


FULL_DISK = """
import resource, sys
from pathlib import Path
from rag.errors import IndexUnavailable
from rag.settings import Settings
from rag.updating import sync
from tests.fakes import WordEmbedder

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), -1))
try:
    sync(Settings(index=Path(sys.argv[1])), [Path(sys.argv[2])], embedder=WordEmbedder())
except IndexUnavailable as error:
    print(error.message)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of file size")
def test_when_the_disk_takes_no_more_the_old_index_stays(library: Library) -> None:
    before, answers = library.contents(), library.answers()
    for topic in TOPICS:
        library.write(f"{topic}.md", prose(topic, paragraphs=5) * 3)
    for largest_file in ("10000", "200000"):
        run = run_child(
            FULL_DISK, str(library.settings.index_directory), str(library.articles), largest_file
        )
        assert run.returncode == 0, run.stderr
        assert len(run.stdout.splitlines()) == 1
        assert library.contents() == before
        assert library.answers() == answers
    assert library.sync().added == 5
    assert_whole(library)


HOLD_LOCK = """
import sys, time
from pathlib import Path
from rag.generations import writing

with writing(Path(sys.argv[1]), waiting=lambda: None):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(library: Library) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(library.settings.index_directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_writer_waits_for_another_and_then_goes_on(
    library: Library, holder: subprocess.Popen[str]
) -> None:
    def release(step: IndexProgress) -> None:
        stages.append(step.stage)
        if step.stage == "waiting" and stages.count("waiting") == 2:
            holder.kill()

    stages: list[str] = []
    library.write("violin.md", prose("violin"))
    assert library.sync(progress=release).added == 1
    assert stages.index("waiting") < stages.index("reading")


@pytest.mark.slow
def test_a_writer_that_waits_too_long_says_for_whom(
    library: Library, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(IndexLocked, match=rf"\(pid {holder.pid}\)"):
        library.sync(library.articles)

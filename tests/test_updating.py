from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.catalogue import Catalogue
from rag.errors import IndexLocked, IndexUnavailable, UsageError
from rag.generations import Place, read_pointer
from rag.index import Index
from rag.records import Article, Chunk
from rag.settings import Settings
from rag.updating import IndexProgress, IndexReport, sync
from tests.conftest import ROOT
from tests.fakes import WordEmbedder
from tests.test_vectors import run_chroma_server

TOPICS = ["telescope", "embargo", "glacier", "violin", "harbour", "tariff", "comet", "orchid"]


class CountingEmbedder(WordEmbedder):
    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return super().embed(texts)


def prose(topic: str, *, paragraphs: int = 3) -> str:
    facts = [f"Fact {n} about the {topic} is that it has {n * 7} parts." for n in range(20)]
    return f"# The {topic}\n\n" + "\n\n".join(
        " ".join(facts[n * 4 : n * 4 + 4]) for n in range(paragraphs)
    )


class Library:
    """A folder of articles, and an index of it that counts what is embedded."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.articles = folder / "articles"
        self.articles.mkdir(parents=True, exist_ok=True)
        self.settings = Settings(index=folder / "index", chunk_tokens=48, **settings)
        self.embedder = CountingEmbedder()

    def write(self, name: str, text: str) -> Path:
        path = self.articles / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def sync(self, *paths: Path, **options: Any) -> IndexReport:
        self.embedder.embedded.clear()
        return sync(self.settings, paths, embedder=self.embedder, **options)

    def counts(self, *paths: Path, **options: Any) -> tuple[int, int, int, int, int]:
        report = self.sync(*paths, **options)
        return (
            report.added,
            report.changed,
            report.unchanged,
            report.removed,
            len(report.failed),
        )

    def open(self) -> Index:
        return Index.open(self.settings.index_directory, chroma_url=self.settings.chroma_url)

    def contents(self) -> list[tuple[Article, list[Chunk]]]:
        """Every article with its chunks, as the index has them."""
        index = self.settings.index_directory
        pointer = read_pointer(index)
        assert pointer is not None
        with closing(Catalogue(Place(index, pointer.name).catalogue)) as catalogue:
            chunks = catalogue.chunks(catalogue.chunk_ids())
            return [
                (
                    catalogue.article(summary.id),
                    sorted(
                        (c for c in chunks if c.article_id == summary.id), key=lambda c: c.start
                    ),
                )
                for summary in catalogue.articles()
            ]

    def answers(self) -> list[Any]:
        """What both searches find for each topic."""
        index = self.open()
        try:
            return [
                [
                    [(name, round(score, 4)) for name, score in found]
                    for found in (
                        index.search_words(topic, limit=50),
                        index.search_vectors(self.embedder.embed([topic])[0], limit=50),
                    )
                ]
                for topic in TOPICS
            ]
        finally:
            index.close()

    def generations(self) -> list[str]:
        return sorted(
            path.name for path in (self.settings.index_directory / "generations").iterdir()
        )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path)
    for topic in TOPICS[:3]:
        library.write(f"{topic}.md", prose(topic))
    return library


def assert_whole(library: Library) -> None:
    """The laws of an index: offsets hold, and every chunk is found by its words and its vector."""
    index = library.open()
    for article, chunks in library.contents():
        assert chunks
        for chunk in chunks:
            assert article.text[chunk.start : chunk.end] == chunk.text
            assert chunk.id.startswith(article.id)
            vector = library.embedder.embed([chunk.embedded_text])[0]
            assert chunk.id in dict(index.search_vectors(vector, limit=3))
            assert chunk.id in dict(index.search_words(chunk.text, limit=50))
    index.close()


def test_indexing_twice_changes_and_embeds_nothing(library: Library) -> None:
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
    value = library.sync(library.articles).to_json()
    assert list(value) == [
        "added", "changed", "unchanged", "removed", "failed", "chunks", "seconds",
    ]  # fmt: skip
    assert [list(failure) for failure in value["failed"]] == [["path", "error"]]
    assert json.loads(json.dumps(value)) == value


def test_an_edited_paragraph_costs_a_paragraph(library: Library) -> None:
    library.sync(library.articles)
    text = prose("embargo") + "\n\n" + "It ended in March of the next year. " * 4
    library.write("embargo.md", text)
    assert library.counts() == (0, 1, 2, 0, 0)
    assert 0 < len(library.embedder.embedded) <= 2
    assert_whole(library)


def test_what_is_gone_is_found_no_more(library: Library) -> None:
    library.sync(library.articles)
    (library.articles / "glacier.md").unlink()
    assert library.counts() == (0, 0, 2, 1, 0)
    index = library.open()
    assert index.search_words("glacier", limit=5) == []
    assert [article.id for article in index.articles()] == ["embargo.md", "telescope.md"]
    with pytest.raises(IndexUnavailable, match=r"glacier\.md"):
        index.article("glacier.md")
    assert_whole(library)


def test_a_renamed_file_is_embedded_no_more(library: Library) -> None:
    library.sync(library.articles)
    (library.articles / "glacier.md").rename(library.articles / "ice.md")
    assert library.counts() == (1, 0, 2, 1, 0)
    assert library.embedder.embedded == []
    assert {article.id for article, _ in library.contents()} == {
        "embargo.md", "ice.md", "telescope.md",
    }  # fmt: skip


def test_one_bad_file_does_not_hinder_the_others(library: Library) -> None:
    bad = library.write("bad.md", "")
    report = library.sync(library.articles)
    assert report.added == 3
    assert [failure.path for failure in report.failed] == [str(bad)]
    assert_whole(library)


def test_a_file_that_turns_bad_keeps_what_it_held(library: Library) -> None:
    library.sync(library.articles)
    before = library.contents()
    library.write("glacier.md", "")
    assert library.counts() == (0, 0, 2, 0, 1)
    assert library.contents() == before


def test_a_name_that_cannot_be_written_down_is_one_failure(library: Library) -> None:
    try:
        Path(os.fsdecode(os.fsencode(library.articles) + b"/\xff.md")).write_text(prose("orchid"))
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    report = library.sync(library.articles)
    assert report.added == 3
    assert "\\udcff.md" in report.failed[0].path


def test_roots_are_remembered_and_refreshed_one_by_one(library: Library, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "violin.txt").write_text(prose("violin"))
    library.sync(library.articles)
    assert library.counts(other) == (1, 0, 0, 0, 0)
    (other / "violin.txt").write_text(prose("violin", paragraphs=4))
    (library.articles / "glacier.md").unlink()
    assert library.counts(other) == (0, 1, 0, 0, 0)
    assert library.counts() == (0, 0, 3, 1, 0)


def test_a_path_that_never_was_changes_nothing(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="typo") as caught:
        library.sync(library.articles, tmp_path / "typo")
    assert caught.value.exit_code == 2
    assert not library.settings.index_directory.exists()


def test_naming_a_deleted_root_forgets_it(library: Library, tmp_path: Path) -> None:
    violin = tmp_path / "violin.md"
    violin.write_text(prose("violin"))
    library.sync(library.articles, violin)
    library.articles.rename(tmp_path / "away")
    report = library.sync()
    assert (report.removed, [failure.path for failure in report.failed]) == (
        0,
        [str(library.articles)],
    )
    assert library.counts(library.articles) == (0, 0, 0, 3, 0)
    assert library.counts() == (0, 0, 1, 0, 0)
    violin.unlink()
    assert library.counts() == (0, 0, 0, 1, 0)


def test_a_file_in_two_roots_is_indexed_once(library: Library) -> None:
    deep = library.write("deep/violin.md", prose("violin"))
    assert library.counts(deep) == (1, 0, 0, 0, 0)
    assert [article.id for article, _ in library.contents()] == ["violin.md"]
    assert library.counts(library.articles) == (3, 0, 1, 0, 0)
    assert "deep/violin.md" in {article.id for article, _ in library.contents()}
    assert len(library.contents()) == 4
    assert_whole(library)


def test_a_named_file_that_is_no_article_is_no_root(library: Library, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG")
    assert library.counts(picture) == (0, 0, 0, 0, 1)
    assert read_pointer(library.settings.index_directory) is None
    assert library.counts(library.articles, picture) == (3, 0, 0, 0, 1)
    assert library.counts() == (0, 0, 3, 0, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_steps_in_any_order_give_the_index_made_at_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    steps = Library(tmp_path / "steps")
    other = steps.articles.parent / "more"
    other.mkdir()
    roots = [steps.articles, other]
    chance.shuffle(roots)
    names = ["a.md", "b.txt", "sub/a.md", "c.md"]
    for step in range(4):
        for name in chance.sample(names, 3):
            root = chance.choice(roots)
            topic, count = chance.choice(TOPICS), chance.randint(1, 4)
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(prose(topic, paragraphs=count))
        victims = sorted(file for root in roots for file in root.rglob("*") if file.is_file())
        if len(victims) > 3:
            chance.choice(victims).unlink()
        steps.sync(*roots[: step + 1])
    at_once = Library(tmp_path / "steps")
    at_once.settings = Settings(index=tmp_path / "at once", chunk_tokens=48)
    at_once.sync(*sorted(roots))
    assert steps.contents() == at_once.contents()
    assert steps.answers() == at_once.answers()
    assert_whole(steps)


def test_other_settings_split_and_embed_again(library: Library) -> None:
    chunks = library.sync(library.articles).chunks
    library.settings = library.settings.model_copy(update={"chunk_tokens": 32})
    assert library.counts() == (0, 0, 3, 0, 0)
    assert_whole(library)
    report = library.sync()
    assert report.chunks > chunks and library.embedder.embedded == []
    library.embedder = CountingEmbedder("other words")
    library.sync()
    assert len(library.embedder.embedded) == report.chunks
    assert_whole(library)
    directory = library.settings.index_directory
    Index.open(directory, embedder_name="other words").close()
    with pytest.raises(IndexUnavailable, match="other words"):
        Index.open(directory, embedder_name="words")


def test_a_rebuild_reads_all_and_embeds_nothing(library: Library) -> None:
    library.sync(library.articles)
    before = library.contents()
    assert library.counts(rebuild=True) == (0, 0, 3, 0, 0)
    assert library.embedder.embedded == []
    assert library.contents() == before
    assert_whole(library)


@pytest.mark.parametrize("damaged", ["catalogue", "pointer"])
def test_a_rebuild_mends_an_index_that_cannot_be_read(library: Library, damaged: str) -> None:
    library.sync(library.articles)
    library.write("orchid.md", prose("orchid"))
    library.sync()
    before = library.contents()
    index = library.settings.index_directory
    pointer = read_pointer(index)
    assert pointer is not None
    broken = (
        Place(index, pointer.name).catalogue if damaged == "catalogue" else index / "current.json"
    )
    broken.write_bytes(b"garbage" * 1000)
    for attempt in (library.open, library.sync):
        with pytest.raises(IndexUnavailable, match="rag index --rebuild"):
            attempt()
    assert library.counts(rebuild=True) == (4, 0, 0, 0, 0)
    assert library.contents() == before
    assert_whole(library)


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


@pytest.mark.parametrize(
    ("stage", "count"),
    [
        ("reading", 2),
        ("embedding", 2),
        ("storing", 1),
        ("checking", 1),
        ("switching", 1),
        ("cleaning", 1),
    ],
)
def test_a_writer_killed_at_any_stage_loses_nothing(
    library: Library, tmp_path: Path, stage: str, count: int
) -> None:
    library.sync(library.articles)
    before, answers = library.contents(), library.answers()
    for topic in TOPICS[2:]:
        library.write(f"{topic}.md", prose(topic, paragraphs=5))
    arguments = [str(library.settings.index_directory), str(library.articles), stage, count]
    killed = run_child(KILLED_SYNC, json.dumps(arguments))
    assert killed.returncode == 9, killed.stderr
    if stage != "cleaning":
        assert library.contents() == before
        assert library.answers() == answers
    library.sync()
    if stage not in {"reading", "embedding"}:
        assert library.embedder.embedded == []
    clean = Library(tmp_path)
    clean.settings = Settings(index=tmp_path / "clean", chunk_tokens=48)
    clean.sync(library.articles)
    assert library.contents() == clean.contents()
    assert library.answers() == clean.answers()
    library.write("orchid.md", prose("orchid", paragraphs=1))
    library.sync()
    assert len(library.generations()) == 2


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
@pytest.mark.parametrize("largest_file", [10_000, 200_000])
def test_when_the_disk_takes_no_more_the_old_index_stays(
    library: Library, largest_file: int
) -> None:
    library.sync(library.articles)
    before, answers = library.contents(), library.answers()
    for topic in TOPICS:
        library.write(f"{topic}.md", prose(topic, paragraphs=5) * 3)
    run = run_child(
        FULL_DISK, str(library.settings.index_directory), str(library.articles), str(largest_file)
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 1
    assert library.contents() == before
    assert library.answers() == answers
    assert library.sync().chunks > 0
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
    assert library.sync(library.articles, progress=release).added == 3
    assert stages.index("waiting") < stages.index("reading")


@pytest.mark.slow
def test_a_writer_that_waits_too_long_says_for_whom(
    library: Library, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(IndexLocked, match=rf"\(pid {holder.pid}\)"):
        library.sync(library.articles)


@pytest.mark.slow
def test_a_chroma_server_gives_the_same_answers(library: Library, tmp_path: Path) -> None:
    library.sync(library.articles)
    answers = library.answers()
    with closing(run_chroma_server(tmp_path / "server")) as addresses:  # type: ignore[type-var]
        library.settings = library.settings.model_copy(update={"chroma_url": next(addresses)})
        assert library.answers() == answers  # made on the server by the first who opens it
        assert library.counts() == (0, 0, 3, 0, 0)
        library.write("orchid.md", prose("orchid"))
        assert library.counts() == (1, 0, 3, 0, 0)
        assert len(library.embedder.embedded) < 5
        assert_whole(library)
        library.write("orchid.md", prose("violin"))
        library.sync()
        assert_whole(library)
    library.settings = library.settings.model_copy(update={"chroma_url": None})
    assert_whole(library)

"""The comparison of two embedders, on invented articles."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eval.embedders import CHUNK_TOKENS, beginnings, compare, cosines_moved
from rag.errors import UsageError
from rag.settings import Settings
from tests.conftest import ROOT
from tests.fakes import WordEmbedder
from tests.library import TOPICS, prose


class BlindEmbedder(WordEmbedder):
    """To whom all texts are the same."""

    name = "blind"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), self.dimension), self.dimension**-0.5, dtype=np.float32)


@pytest.fixture
def dataset(tmp_path: Path) -> tuple[Path, Path]:
    """Questions and articles. The last article by id has the answer to the first question."""
    folder = tmp_path / "invented" / "articles"
    folder.mkdir(parents=True)
    for topic in TOPICS:
        (folder / f"{topic}.md").write_text(prose(topic, paragraphs=5), encoding="utf-8")
    lines = [
        {
            "id": "1",
            "question": "Which fact about the violin is told?",
            "answers": ["about the violin"],
        },
        {"id": "2", "question": "What is a kazoo?", "answerable": False},
        {
            "id": "3",
            "question": "Have the violin and the tariff 0 parts each?",
            "answers": ["about the violin", "about the tariff"],
            "source_articles": ["violin.md", "tariff.md"],
        },
    ]
    questions = folder.parent / "questions.jsonl"
    questions.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return questions, folder


def test_a_chunk_begins_its_text_and_has_about_as_many_tokens() -> None:
    texts = ["one two\n" * CHUNK_TOKENS, "too short", "a " * CHUNK_TOKENS]
    first, last = beginnings(texts, count_tokens=WordEmbedder().count_tokens)
    assert texts[0].startswith(first)
    assert len(first.split()) == len(last.split()) == CHUNK_TOKENS


def test_cosines_move_by_what_the_embedders_differ() -> None:
    words, blind = WordEmbedder(), BlindEmbedder()
    assert cosines_moved(words, words, ["car"], ["car", "clip"]) == (0, 0)
    mean, most = cosines_moved(words, blind, ["car"], ["car", "clip"])
    assert most == pytest.approx(1.0, abs=0.01)
    assert mean == pytest.approx(0.5, abs=0.01)


def test_the_table_tells_a_good_embedder_from_a_bad_one(
    dataset: tuple[Path, Path], tmp_path: Path
) -> None:
    rows = compare([WordEmbedder(), BlindEmbedder()], [dataset], settings=Settings(home=tmp_path))
    cells = {row[0]: row[1:] for row in rows}
    found, lost = cells["invented: Recall at 5, vectors alone, n=2"]
    assert found.startswith("100% (")
    assert lost.startswith("0% (")
    assert cells["invented: Recall at 5, as Footnote searches, n=2"][1].startswith("100% (")
    assert cells["invented: All sources at 10, vectors alone, n=1"][0].startswith("100% (")
    assert cells["Cosines moved, mean and most"][0] == "0.0000, 0.0000"
    assert all(len(row) == 3 for row in rows)


def test_articles_that_are_too_short_to_measure_are_one_line(
    dataset: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "a.md").write_text("Few words.", encoding="utf-8")
    with pytest.raises(UsageError, match="None of the 1 articles has 200 tokens"):
        compare([WordEmbedder()], [(dataset[0], tmp_path / "short")], settings=Settings())


def test_a_dataset_without_articles_is_told_before_anything_starts() -> None:
    arguments = "--dataset a.jsonl --dataset b.jsonl --articles a"
    child = subprocess.run(
        [sys.executable, "-m", "eval.embedders", *arguments.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert child.returncode == 2
    assert "as many --articles as --dataset" in child.stderr

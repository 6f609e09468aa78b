"""How the index grows: `python -m tests.scale_runs --chunks 100000 [--passages FILE.jsonl]`.

Prints a Markdown table: the making of an index, a run that finds nothing changed, and the
searches. Each is a process of its own, so that its memory can be told. The text is generated,
or one file for each {"title", "text"} of a passages file; the vectors are sums of random word
vectors, which cost next to nothing, so that what is measured is the index and not the model.
Words count the less the more frequent they are, or all texts would be much alike: so two of
them have a cosine of 0.03 in the mean, and two passages of real vectors 0.02 to 0.04.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import accumulate, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rag.index import Index
from rag.retrieval import HybridRetriever
from rag.settings import Settings
from rag.updating import sync

CHUNKS_PER_FILE = 50
SYLLABLES = "ba de ki lo mu na pe ri so tu va xe".split()
VOCABULARY = 20_000
WEIGHING_FILES = 40
RARE = 1e-4  # the share of all words at which one counts half
QUESTIONS = 50
WORDS_PER_QUESTION = 8


class WordSums:
    """Texts that share words are near each other, as with a real model, in microseconds.

    The weights are those of Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline for
    Sentence Embeddings" (2017).
    """

    name = "word sums"
    dimension = 384

    def __init__(self, articles: Path) -> None:
        """Weighs words by how often the first of `articles` have them."""
        first = islice(sorted(articles.iterdir()), WEIGHING_FILES)
        self._counts = Counter(word for file in first for word in file.read_text().split())
        self._all = self._counts.total()
        self._vector = lru_cache(maxsize=None)(self._word_vector)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [
            sum(
                (self._vector(word) for word in text.split()),
                start=np.zeros(self.dimension, dtype=np.float32),
            )
            for text in texts
        ]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dimension)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _word_vector(self, word: str) -> NDArray[np.float32]:
        chance = np.random.default_rng(crc32(word.encode()))
        weight = RARE / (RARE + self._counts[word] / self._all)
        return weight * chance.standard_normal(self.dimension, dtype=np.float32)


def generated_sentences(chance: random.Random) -> Iterator[str]:
    """Sentences of made-up words, few of them frequent and most of them rare, as in English."""
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(VOCABULARY)]
    weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    while True:
        length = chance.randint(8, 24)
        yield " ".join(chance.choices(words, cum_weights=weights, k=length)).capitalize() + "."


def write_generated(folder: Path, *, chunks: int, chunk_tokens: int, seed: int) -> None:
    """Markdown files that are split into about as many chunks."""
    sentences = generated_sentences(random.Random(seed))
    for number in range(max(1, chunks // CHUNKS_PER_FILE)):
        lines: list[str] = []
        left = CHUNKS_PER_FILE * (chunk_tokens - 16)  # what a sentence leaves of a chunk is empty
        for line in sentences:
            lines.append(line)
            left -= len(line.split())
            if left <= 0:
                break
        (folder / f"{number:06}.md").write_text("\n\n".join([f"# Article {number}", *lines]))


def write_passages(folder: Path, file: Path) -> None:
    """A Markdown file for each line of the passages."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            passage = json.loads(line)
            (folder / f"{number:06}.md").write_text(f"# {passage['title']}\n\n{passage['text']}\n")


def index_all(articles: Path, settings: Settings) -> dict[str, Any]:
    """What a run of `rag index` takes, and what it found."""
    before = time.process_time(), time.perf_counter()
    report = sync(settings, [articles], embedder=WordSums(articles))
    return {
        "files": report.added + report.unchanged,
        "chunks": report.chunks,
        "processor_seconds": time.process_time() - before[0],
        "seconds": time.perf_counter() - before[1],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def search_all(articles: Path, settings: Settings) -> dict[str, Any]:
    """Milliseconds of processor time at the median, for words of the articles as questions."""
    files = sorted(articles.iterdir())[:: max(1, len(list(articles.iterdir())) // QUESTIONS)]
    questions = [
        " ".join(islice(file.read_text().split(), 5, 5 + WORDS_PER_QUESTION)) for file in files
    ]
    embedder = WordSums(articles)
    index = Index.open(settings.index_directory)
    retriever = HybridRetriever(index=index, embedder=embedder, settings=settings)
    limit = settings.candidates
    vectors = {question: embedder.embed([question])[0] for question in questions}
    timed = {
        "words_ms": lambda question: index.search_words(question, limit=limit),
        "vectors_ms": lambda question: index.search_vectors(vectors[question], limit=limit),
        "both_ms": retriever.hits,
    }
    found: dict[str, Any] = {}
    for name, search in timed.items():
        taken = []
        for question in questions:
            started = time.process_time()  # so that other work on the machine does not count
            search(question)
            taken.append((time.process_time() - started) * 1000)
        found[name] = statistics.median(taken)
    return found | {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


def measure(articles: Path, settings: Settings) -> str:
    """A row of the table."""
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as processes:
        made, again, searched = (
            processes.submit(task, articles, settings).result()
            for task in (index_all, index_all, search_all)
        )
    cells = [
        f"{made['files']:,}",
        f"{made['chunks']:,}",
        f"{made['seconds']:.0f} s ({made['processor_seconds']:.0f} s of processor)",
        f"{made['chunks'] / made['processor_seconds']:.0f}",
        f"{made['megabytes']:.0f} MB",
        f"{again['seconds']:.2f} s ({again['processor_seconds']:.2f}), {again['megabytes']:.0f} MB",
        *(f"{searched[name]:.1f} ms" for name in ("words_ms", "vectors_ms", "both_ms")),
        f"{searched['megabytes']:.0f} MB",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale_runs", description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="*", default=[], help="sizes to generate")
    parser.add_argument("--passages", type=Path, help="a JSON Lines file of passages")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(
        "| files | chunks | made in | chunks a second of processor | at most | nothing changed "
        "| words | vectors | both | searching, at most |\n" + "|---" * 10 + "|"
    )
    sizes: list[int | Path] = [*arguments.chunks]
    for size in [arguments.passages, *sizes] if arguments.passages else sizes:
        with tempfile.TemporaryDirectory() as folder:
            articles = Path(folder) / "articles"
            articles.mkdir()
            settings = Settings(index=Path(folder) / "index", home=Path(folder))
            if isinstance(size, Path):
                write_passages(articles, size)
            else:
                tokens = settings.chunk_tokens
                write_generated(articles, chunks=size, chunk_tokens=tokens, seed=arguments.seed)
            print(measure(articles, settings), flush=True)
            print(f"{size}: done", file=sys.stderr)


if __name__ == "__main__":
    main()

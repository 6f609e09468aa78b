"""Is the quick embedder as good as the one it stands in for? Speed and recall, in one run.

    python -m eval.embedders --dataset squad2/questions.jsonl --articles squad2/articles

compares sentence-transformers on torch, as it is, with the embedder that Footnote uses: chunks a
second, how far cosines between questions and chunks move, and how many answers are among the
first five passages, by vectors alone and as Footnote searches, and where answers need several
articles, how often all of those are among the first ten. `--dataset` and `--articles` may be
given several times, in pairs; a dataset is written as for `rag eval`. Both embed all articles,
which is a minute for 500 chunks and longer beside other work.

Speed is in processor time, summed over all threads, since other work on the machine does not
count in it; the two take turns, so that neither has the warmer processor.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from eval.cases import dataset_cases
from eval.metrics import recall_at
from eval.plots import formatted, interval
from eval.records import Case, Figure, Passage
from eval.scoring import all_sources_rank, found_rank
from rag import (
    Embedder,
    FootnoteError,
    Hit,
    IndexProgress,
    Settings,
    UsageError,
    load_settings,
    open_embedder,
    open_retriever,
    read_articles,
    sync,
)

CHUNK_TOKENS = 200
CHUNKS = 32  # that are embedded in each round, and that questions are compared with
ROUNDS = 9
RANKS = 5
SOURCE_RANKS = 10  # among which all articles that an answer needs shall be
# Beside the usual way to search, that by the vectors alone, with nothing done to what they find.
VECTORS_ALONE = {
    "search_words": False,
    "second_search": False,
    "drop_near_duplicates": False,
    "join_neighbours": False,
}
SEARCHES = {"vectors alone": VECTORS_ALONE, "as Footnote searches": {}}


@dataclass(frozen=True, slots=True)
class Speed:
    """Chunks a second of processor time at the median, and the ratio to the first embedder's."""

    chunks: float
    ratio: float
    least_ratio: float
    greatest_ratio: float


def beginnings(texts: Iterable[str], *, count_tokens: Callable[[str], int]) -> Iterator[str]:
    """The first 200 tokens or so of each text that has as many, cut at a space."""
    for text in texts:
        length = 0
        for match in re.finditer(r"\S+", text):
            length += count_tokens(match[0])
            if length >= CHUNK_TOKENS:
                yield text[: match.end()]
                break


def speeds(embedders: Sequence[Embedder], chunks: Sequence[str]) -> list[Speed]:
    """How quick each embedder is with these chunks, measured in turns, after one that warms up."""
    seconds = np.array([[_seconds(e, chunks) for e in embedders] for _ in range(1 + ROUNDS)])[1:]
    ratios = seconds[:, :1] / seconds
    return [
        Speed(
            chunks=len(chunks) / float(np.median(seconds[:, column])),
            ratio=float(np.median(ratios[:, column])),
            least_ratio=float(ratios[:, column].min()),
            greatest_ratio=float(ratios[:, column].max()),
        )
        for column in range(len(embedders))
    ]


def _seconds(embedder: Embedder, chunks: Sequence[str]) -> float:
    began = time.process_time()
    embedder.embed(chunks)
    return time.process_time() - began


def cosines_moved(
    embedder: Embedder, other: Embedder, questions: Sequence[str], chunks: Sequence[str]
) -> tuple[float, float]:
    """How far apart two embedders' cosines between questions and chunks are: mean and most."""
    cosines = [each.embed(questions) @ each.embed(chunks).T for each in (embedder, other)]
    moved = np.abs(cosines[0] - cosines[1])
    return float(moved.mean()), float(moved.max())


def recalls(cases: Sequence[Case], settings: Settings, *, embedder: Embedder) -> dict[str, Figure]:
    """Recall at 5 of each way to search the index that `settings` name, by its name.

    Where questions need several articles, also how often all of them are among the first 10.
    """
    sought = [c for c in cases if c.answerable and (c.gold or c.key_facts or c.references)]
    joining = [c for c in cases if c.answerable and len(set(c.source_articles)) > 1]
    figures = {}
    for name, switches in SEARCHES.items():
        retriever = open_retriever(settings.model_copy(update=switches), embedder=embedder)
        found = {
            case.id: [_passage(hit) for hit in retriever.hits(case.question, limit=SOURCE_RANKS)]
            for case in {case.id: case for case in (*sought, *joining)}.values()
        }
        ranks = [found_rank(case, found[case.id][:RANKS]) for case in sought]
        figures[f"Recall at {RANKS}, {name}"] = recall_at(RANKS, ranks)
        if joining:
            last = [all_sources_rank(case, found[case.id]) for case in joining]
            figures[f"All sources at {SOURCE_RANKS}, {name}"] = recall_at(SOURCE_RANKS, last)
    return figures


def _passage(hit: Hit) -> Passage:
    chunk = hit.chunk
    return Passage(chunk.article_id, chunk.title, chunk.start, chunk.end, chunk.text, hit.rank)


def compare(
    embedders: Sequence[Embedder], datasets: Sequence[tuple[Path, Path]], *, settings: Settings
) -> list[list[str]]:
    """The rows of the table: what is measured, then a cell for each embedder, the first torch's.

    A dataset is its questions and its articles. Raises `UsageError` for one that cannot be used.
    """
    cases = [dataset_cases(questions) for questions, _ in datasets]
    texts = [article.text for _, folder in datasets for article in read_articles([folder])[0]]
    first = embedders[0]
    chunks = list(islice(beginnings(texts, count_tokens=first.count_tokens), CHUNKS))
    if not chunks:
        raise UsageError(f"None of the {len(texts)} articles has {CHUNK_TOKENS} tokens.")
    _tell(f"measuring the speed on {len(chunks)} chunks")
    measured = speeds(embedders, chunks)
    questions = [case.question for each in cases for case in each]
    moved = [cosines_moved(first, each, questions, chunks) for each in embedders]
    rows = [
        ["Chunks a second of processor time", *(f"{speed.chunks:.1f}" for speed in measured)],
        [
            f"  times torch, {ROUNDS} rounds",
            *(f"{s.ratio:.2f} ({s.least_ratio:.2f} to {s.greatest_ratio:.2f})" for s in measured),
        ],
        ["Cosines moved, mean and most", *(f"{mean:.4f}, {most:.4f}" for mean, most in moved)],
    ]
    for (file, folder), asked in zip(datasets, cases, strict=True):
        name = file.resolve().parent.name
        columns = [_recalls(asked, folder, settings, name, embedder=each) for each in embedders]
        for label in columns[0]:
            figures = [column[label] for column in columns]
            cells = [f"{formatted(figure.value)} ({interval(figure)})" for figure in figures]
            rows.append([f"{name}: {label}, n={figures[0].n}", *cells])
    return rows


def _recalls(
    cases: Sequence[Case], articles: Path, settings: Settings, name: str, *, embedder: Embedder
) -> dict[str, Figure]:
    def tell(step: IndexProgress) -> None:
        left = f", {step.seconds_left:.0f} s left" if step.seconds_left else ""
        _tell(f"{name}, {embedder.name}: {step.stage} {step.done} of {step.total}{left}")

    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        own = settings.model_copy(update={"index": Path(folder) / "index"})
        sync(own, [articles], embedder=embedder, progress=tell)
        _tell(f"{name}, {embedder.name}: asking {len(cases)} questions")
        return recalls(cases, own, embedder=embedder)


def _tell(what: str) -> None:
    print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Compare the two embedders on the datasets that were named."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.embedders",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", type=Path, action="append", required=True, metavar="FILE")
    parser.add_argument("--articles", type=Path, action="append", required=True, metavar="DIR")
    arguments = parser.parse_args()
    if len(arguments.dataset) != len(arguments.articles):
        parser.error("give as many --articles as --dataset, in the same order")
    try:
        settings = load_settings()
        embedder = open_embedder(settings)
        if embedder.fallback:
            raise UsageError(f"There is only torch to measure: {embedder.fallback}")
        rows = compare(
            [embedder.reference, embedder],
            list(zip(arguments.dataset, arguments.articles, strict=True)),
            settings=settings,
        )
    except FootnoteError as error:
        parser.exit(error.exit_code, f"\n{error}\n")
    _tell("")
    table = Table("", f"{embedder.reference.name} on torch", f"{embedder.name} in onnxruntime")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    main()

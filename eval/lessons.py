"""Lessons for the default model's adapter: prompts as they are asked, with the right replies.

    python -m eval.lessons eval/training --out LESSONS.jsonl

The practice articles of each folder are indexed, and each practice question is searched for like
any other. From what is found lessons are made: the evidence with the words that answer among it,
and the reply that points at them; the same with these words withheld, and what only looks like an
answer, with the reply that no line answers. A lesson is two lists of tokens, from which
`eval.adapter` learns.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.cases import read_lines
from eval.meter import content_stems
from rag import (
    Embedder,
    Evidence,
    EvidenceSet,
    Settings,
    fact_lines,
    load_settings,
    open_chat_model,
    open_embedder,
    open_retriever,
    pointing_messages,
    pointing_reply,
    sync,
)

QUESTIONS = "questions.jsonl"
LEAST_READ = 60  # tokens of evidence; short lessons cost less, and teach as much
TELLS = 0.6  # share of an answer's own words and numbers that make other words tell it too
SENTENCE = 25  # characters; a shorter quote is a cell or an item, and may stand in many places
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Practice:
    """A practice question: what answers it, word for word, and the best answer; None if none."""

    question: str
    answer: str | None
    quotes: tuple[str, ...]
    articles: frozenset[str]  # file names


class RememberingEmbedder:
    """An embedder that embeds a text once: most pieces are found for many questions."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, NDArray[np.float32]] = {}
        self.name, self.dimension = embedder.name, embedder.dimension
        self.count_tokens = lru_cache(maxsize=None)(embedder.count_tokens)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 for each text: shape [len(texts), dimension]."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(new, self._embedder.embed(new), strict=True) if new else ()
        return np.array([self._known[text] for text in texts])


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is read, and which of it answers how; `kind` tells why it was made."""

    kind: str
    question: str
    read: tuple[Evidence, ...]
    telling: frozenset[Evidence]
    answer: str


def practice_of(line: Mapping[str, Any]) -> Practice:
    """A practice question from its line of JSON."""
    return Practice(
        question=line["question"],
        answer=line["answer"],
        quotes=tuple(line["quotes"]),
        articles=frozenset([line["article"], *line.get("also", [])]),
    )


def lessons_of(
    practice: Practice, evidence: EvidenceSet, *, budget: int, embedder: Embedder
) -> Iterator[Lesson]:
    """All lessons from one question and what was found for it; `budget` is in tokens.

    None come from a question whose answer was not found whole.
    """
    read = evidence.select(budget, count_tokens=embedder.count_tokens)
    likely = evidence.likeliest(3)

    def nothing(kind: str, pieces: Sequence[Evidence]) -> Lesson:
        return Lesson(kind, practice.question, tuple(pieces), frozenset(), "")

    if practice.answer is None:
        yield nothing("unanswered", read)
        yield from (nothing("unanswered, alone", pieces) for pieces in likely[:2])
        return
    telling = telling_pieces(practice, evidence.pieces)
    if telling is None:
        return
    answering = frozenset(telling)
    whole = tuple(evidence.together(read, evidence.with_antecedents(telling)))
    yield Lesson("answered", practice.question, whole, answering, practice.answer)
    alone = tuple(evidence.with_antecedents(telling))
    yield Lesson("answered, alone", practice.question, alone, answering, practice.answer)
    freed = sum(embedder.count_tokens(piece.reading) for piece in telling)
    more = evidence.select(budget + freed, count_tokens=embedder.count_tokens)
    rest = [p for p in more if p not in answering and not tells(practice, p.reading)]
    if rest:
        yield nothing("withheld", rest)
    for pieces in likely:
        text = " ".join(piece.reading for piece in pieces)
        if answering.isdisjoint(pieces) and not tells(practice, text):
            yield nothing("beside the point, alone", pieces)
            break


def telling_pieces(practice: Practice, pieces: Sequence[Evidence]) -> list[Evidence] | None:
    """The pieces that the quotes stand in; None if one that matters was not found.

    The name of a table's row is no piece of evidence, but tells which of equal cells is meant.
    """
    quotes = [" ".join(quote.split()) for quote in practice.quotes]
    context = frozenset(content_stems(" ".join([*quotes, practice.question])))
    found: dict[str, list[Evidence]] = {}
    for quote in quotes:
        places = [p for p in pieces if _is_from(p, practice) and _overlap(p.text, quote)]
        places = [p for p in places if _flat(p.text) == quote] or places
        if len(places) > 1 and len(quote) < SENTENCE:
            places = [max(places, key=lambda p: _shared(p.headed_reading, context))]
        found[quote] = places
    missing = [quote for quote in quotes if not found[quote]]
    telling = list(dict.fromkeys(piece for places in found.values() for piece in places))
    around = " ".join(_flat(f"{p.context} {p.chunk.heading} {p.chunk.title}") for p in telling)
    if not telling or any(quote.strip("|*# ") not in around for quote in missing):
        return None
    return telling


def tells(practice: Practice, text: str) -> bool:
    """Whether other words tell the answer as well, as far as words and numbers show."""
    assert practice.answer is not None
    asked = frozenset(_marks(practice.question))
    own = frozenset(_marks(practice.answer)) - asked or frozenset(_marks(practice.answer))
    return len(own & frozenset(_marks(text))) >= TELLS * len(own)


def _marks(text: str) -> list[str]:
    return [*content_stems(text), *NUMBER.findall(text)]


def _is_from(piece: Evidence, practice: Practice) -> bool:
    return Path(piece.chunk.source).name in practice.articles


def _flat(text: str) -> str:
    return " ".join(text.split())


def _overlap(text: str, quote: str) -> bool:
    """Whether one stands in the other, and is not just a scrap of it."""
    flat = _flat(text)
    return quote in flat or (flat in quote and len(flat) > min(SENTENCE, len(quote) / 4))


def _shared(text: str, stems: frozenset[str]) -> int:
    return len(stems & frozenset(content_stems(text)))


def main() -> None:
    """Write the lessons of all folders of practice articles."""
    parser = argparse.ArgumentParser(prog="python -m eval.lessons", description=__doc__)
    parser.add_argument("practice", type=Path, help="a folder of folders of practice articles")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    settings = load_settings()
    embedder = RememberingEmbedder(open_embedder(settings))
    model: Any = open_chat_model(settings)
    kinds: Counter[str] = Counter()
    with arguments.out.open("w", encoding="utf-8") as file:
        for folder in sorted(path.parent for path in arguments.practice.glob(f"*/{QUESTIONS}")):
            for lesson in lessons_in(folder, settings=settings, embedder=embedder):
                lines = fact_lines(lesson.read)
                numbers = [
                    number
                    for number, line in enumerate(lines, start=1)
                    if not lesson.telling.isdisjoint(line.pieces)
                ]
                reply = pointing_reply(numbers, lesson.answer)
                written = {
                    "kind": lesson.kind,
                    "folder": folder.name,
                    "prompt": model.prompt_tokens(pointing_messages(lesson.question, lines)),
                    "reply": model.reply_tokens(reply),
                }
                file.write(json.dumps(written) + "\n")
                kinds[lesson.kind] += 1
            print(f"{folder.name}: {kinds.total()} lessons so far")
    print(dict(kinds))


def lessons_in(folder: Path, *, settings: Settings, embedder: Embedder) -> Iterator[Lesson]:
    """The lessons of one folder: its articles and `questions.jsonl`."""
    with tempfile.TemporaryDirectory() as index:
        own = settings.model_copy(update={"index": Path(index)})
        articles = [path for path in sorted(folder.iterdir()) if path.suffix in {".md", ".txt"}]
        sync(own, articles, embedder=embedder)
        retriever = open_retriever(own, embedder=embedder)
        sizes = random.Random(folder.name)
        for line in read_lines(folder / QUESTIONS):
            practice = practice_of(line)
            budget = sizes.randint(LEAST_READ, own.reading_tokens)
            hits = retriever.hits(practice.question)
            evidence = EvidenceSet(practice.question, hits, embedder=embedder)
            yield from lessons_of(practice, evidence, budget=budget, embedder=embedder)


if __name__ == "__main__":
    main()

"""For the tests of the chat: an assistant, scripted by the question, and a small real library."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag import (
    Answer,
    AnswerUpdate,
    Chunk,
    Citation,
    EngineError,
    Hit,
    Sentence,
    Timings,
    Verdict,
)
from tests.library import TOPICS, prose
from tests.library import Library as Shelf
from ui.library import Library

DRAFT = "The bridge is 310 metres long. It was painted green."
QUOTE = "At 310 metres, the bridge was the longest of its day."


def make_hit(rank: int, *, title: str, heading: str = "") -> Hit:
    chunk = Chunk(f"chunk-{rank}", "bridge", title, "bridge.md", heading, 0, 4, "text")
    return Hit(chunk, score=1 / rank, rank=rank)


ANSWER = Answer(
    question="How long is the bridge?",
    sentences=(
        Sentence("The bridge is 310 metres long.", (1,), 0.93),
        Sentence("It was the longest of its day.", (1, 2), 0.81),
    ),
    citations=(
        Citation(1, "bridge", "The old bridge", "bridge.md", 40, 40 + len(QUOTE), QUOTE),
        Citation(2, "records", "Records", "https://example.org/records", 7, 14, "longest"),
    ),
    hits=(make_hit(1, title="The old bridge", heading="History > Building"),),
    abstained=False,
    reason=None,
    timings=Timings(12.0, 1400.0, 2600.0, 640, 31),
    model="a-small-model",
    trace=(
        Verdict("The bridge is 310 metres long.", True, 0.93, "its number stands in source 1"),
        Verdict("It was painted green.", False, 0.04, "no passage names a colour"),
    ),
)
ABSTENTION = Answer(
    question="Who painted it?",
    sentences=(Sentence("The articles do not say.", (), 0.0),),
    citations=(),
    hits=(
        make_hit(1, title="The old bridge", heading="Upkeep"),
        make_hit(2, title="The old bridge", heading="Upkeep"),
        make_hit(3, title="Records"),
    ),
    abstained=True,
    reason="Looked at 3 passages. None of them mentions painted.",
    timings=Timings(),
    model="a-small-model",
)
ENGINE_FAILURE = EngineError("The engine stopped.", hint="Try `rag doctor`.")


class ScriptedAssistant:
    """Answers with the constants above; `may_finish` holds an answer back after its draft."""

    model_name = "a-small-model"

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.closed_early = 0
        self.may_finish = threading.Event()
        self.may_finish.set()

    def stream(self, question: dict[str, Any], /) -> Iterator[AnswerUpdate]:
        self.asked.append(question)
        try:
            yield AnswerUpdate("searching")
            if "fail" in question["question"]:
                raise ENGINE_FAILURE
            if "crash" in question["question"]:
                raise ZeroDivisionError
            yield AnswerUpdate("writing", draft=DRAFT)
            while "forever" in question["question"]:
                time.sleep(0.02)
                yield AnswerUpdate("writing", draft=DRAFT)
            self.may_finish.wait()
            yield AnswerUpdate(
                "done", answer=ABSTENTION if "Who" in question["question"] else ANSWER
            )
        except GeneratorExit:
            self.closed_early += 1
            raise


def six_articles(folder: Path) -> Library:
    """A library of six small articles, indexed, with an embedder that needs no model."""
    shelf = Shelf(folder)
    for topic in TOPICS[:6]:
        shelf.write(f"{topic}.md", prose(topic))
    shelf.sync(shelf.articles)
    return Library(shelf.settings, open_embedder=lambda: shelf.embedder)

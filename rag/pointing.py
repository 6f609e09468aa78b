"""The language model points at the lines that answer a question, and answers from them.

A small model asked plainly answers whatever it is given. With a low-rank adapter (`eval.adapter`)
it has learned another reply, "2, 5: One clip costs $5.", or that no line answers, which it says
with its first token. So how likely that token is tells before a word is written whether what was
read holds the answer, and the lines that it points at are evidence chosen before the answer. The
same is asked of a few words by themselves: with no other facts beside them to mix them up with,
it is surer of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from langchain_core.messages import BaseMessage

from rag.evidence import Evidence
from rag.prompts import NO_LINE, FactLine, fact_lines, pointing_messages

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage

POINTED = re.compile(r"\s*(\d+(?:, ?\d+)*):(?:\s+|$)")
UNFINISHED = re.compile(r"[\s\d,]*")


@runtime_checkable
class Points(Protocol):
    """A chat model that may have learned to point, as `rag.llm.LlamaChat`."""

    @property
    def has_adapter(self) -> bool: ...

    def beginning_log_odds(self, messages: list[BaseMessage], text: str) -> float:
        """How likely its reply begins with this text's first token, as log-odds."""
        ...


class Pointer:
    """What a model that has learned to point makes of evidence for one question.

    The same evidence is read once.
    """

    def __init__(self, question: str, *, model: BaseChatModel) -> None:
        assert isinstance(model, Points)
        self.question = question
        self._model = model
        self._read: dict[tuple[Evidence, ...], float] = {}

    def log_odds(self, words: Sequence[Evidence]) -> float:
        """The log of how likely some of these words answer the question against that none does."""
        key = tuple(words)
        if key not in self._read:
            messages = pointing_messages(self.question, fact_lines(words))
            self._read[key] = -self._model.beginning_log_odds(messages, NO_LINE)
        return self._read[key]

    def reply(self, lines: Sequence[FactLine], *, max_tokens: int) -> Iterator[AIMessage]:
        """The reply to these lines as it is written, which points at one at least."""
        writing = self._model.bind(max_tokens=max_tokens, adapted=True, not_beginning=NO_LINE)
        yield from writing.stream(pointing_messages(self.question, lines))


def pointer_of(question: str, *, model: BaseChatModel) -> Pointer | None:
    """A model's pointer; None where it has not learned to point."""
    points = isinstance(model, Points) and model.has_adapter
    return Pointer(question, model=model) if points else None


def split_reply(reply: str) -> tuple[list[int], str]:
    """(the numbers of the lines that a reply points at, the answer after them), as far as written.

    >>> split_reply("2, 5: It costs $5.")
    ([2, 5], 'It costs $5.')
    >>> split_reply("2, ")
    ([], '')
    """
    pointed = POINTED.match(reply)
    if not pointed:
        return [], "" if UNFINISHED.fullmatch(reply) else reply
    return [int(number) for number in pointed[1].split(",")], reply[pointed.end() :]

"""Small real stand-ins for the two models, for tests that must run in milliseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from numpy.typing import NDArray
from pydantic import Field

from rag.prompts import NO_LINE
from rag.terms import content_words


class WordEmbedder:
    """Texts that share stems are near each other: a bag of hashed stems, normalised."""

    name = "words"
    dimension = 256

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in content_words(text) or {"nothing"}:
                digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
                vectors[row, int.from_bytes(digest) % self.dimension] += 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class ScriptedChat(BaseChatModel):
    """Says what `reply` returns for a prompt; asked for log-probabilities, says Yes or No.

    `log_odds` is the log of P(Yes) / P(No) that it reports; None reports no probabilities.
    """

    reply: Callable[[str], str]
    log_odds: float | None = 3.0
    prompts: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        prompt = str(messages[-1].text)
        self.prompts.append(prompt)
        if "top_logprobs" not in kwargs:
            return _result(AIMessage(self.reply(prompt)))
        if self.log_odds is None:
            return _result(AIMessage("Yes"))
        no = -np.log1p(np.exp(self.log_odds))
        alternatives = [
            {"token": "Yes", "logprob": float(no + self.log_odds)},
            {"token": "No", "logprob": float(no)},
        ]
        content = [{**alternatives[0], "top_logprobs": alternatives}]
        return _result(AIMessage("Yes", response_metadata={"logprobs": {"content": content}}))

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        prompt = str(messages[-1].text)
        self.prompts.append(prompt)
        for word in self.reply(prompt).split(" "):
            yield ChatGenerationChunk(message=AIMessageChunk(word + " "))


class PointingChat(ScriptedChat):
    """Has learned to point besides.

    `belief` is the log-odds that it finds an answer in what it reads; where no fact has `answering`
    in it, it is sure that none is there.
    """

    belief: float
    answering: str = ""
    has_adapter: bool = True

    def beginning_log_odds(self, messages: list[BaseMessage], text: str) -> float:
        assert text == NO_LINE
        facts = str(messages[-1].text).partition("Question:")[0]
        return -self.belief if self.answering in facts else 9.0


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])

"""Do these passages hold the answer? The gate before a word is written.

A language model asked plainly answers whatever passages it is given. So several signals, none
good enough alone, are weighed by a logistic model: whether the language model itself says Yes
or No when asked (its log-odds, read from one token), how surprising a word of the question
becomes to it by reading the passages, how near the question is to the nearest piece of
evidence, and how many of its names and numbers the passages hold. The weights stand in
`answerability.json` with the figures that justify them; `python -m eval.calibrate` learns them
again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from langchain_core.messages import AIMessage, BaseMessage

from rag.errors import EngineError
from rag.evidence import Evidence, EvidenceSet
from rag.prompts import QUESTION_LEAD, answerable_messages, question_messages
from rag.terms import name_is_in, names, numbers, numbers_asked_about

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# The model whose Yes and No the weights were learned with. Another one's are on another scale:
# SmolLM2-135M would refuse every question. So its word is left out.
WEIGHED_MODEL = "qwen2.5-coder-1.5b-instruct"
TOP_LOGPROBS = 20  # the most that OpenAI's API allows
UNSEEN_LOGPROB = -12.0  # a word that is not among them


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for and against an answer being in the evidence; None where not measured."""

    log_odds: float | None  # of Yes against No, by the language model
    surprise: float | None  # see `surprise_of`, 0 or more
    cosine: float  # of the question with the nearest piece, -1..1
    anchors: float  # share of the question's names and numbers in all that is read, 0..1


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic model over `Signals`, and the probability from which a question is answered."""

    bias: float
    log_odds: float
    surprise: float
    cosine: float
    anchors: float
    threshold: float

    def probability(self, signals: Signals) -> float:
        """How likely the evidence holds the answer, 0..1."""
        total = (
            self.bias
            + self.log_odds * (signals.log_odds or 0.0)
            + self.surprise * (signals.surprise or 0.0)
            + self.cosine * signals.cosine
            + self.anchors * signals.anchors
        )
        return 1.0 / (1.0 + math.exp(-total))


@lru_cache(maxsize=1)
def learned_weights() -> tuple[Weights, Weights]:
    """(with the language model's word, without it), from `answerability.json`."""
    held = json.loads(resources.files("rag").joinpath("answerability.json").read_text("utf-8"))
    return Weights(**held["with_log_odds"]), Weights(**held["without_log_odds"])


def measure(evidence: EvidenceSet, read: Sequence[Evidence]) -> Signals:
    """The signals that need no language model; `read` is what it would be given to read."""
    question = evidence.question
    text = "\n".join(
        f"{piece.chunk.title}\n{piece.chunk.heading}\n{piece.reading}" for piece in read
    )
    return Signals(
        log_odds=None,
        surprise=None,
        cosine=max(evidence.cosines, default=0.0),
        anchors=_share_of_anchors(question, text),
    )


def ask_model(
    signals: Signals, *, read: Sequence[Evidence], question: str, model: BaseChatModel
) -> Signals:
    """The signals with the model's word, as they were if it cannot give it.

    That is its log P(Yes) - log P(No), and how much the evidence surprises it of the question.
    """
    if not isinstance(model, ReadsText):
        return signals
    # First, so that the evidence is read once, for this and for Yes or No.
    surprise = surprise_of(question, read=read, model=model)
    log_odds = log_odds_of_yes(model, answerable_messages(question, read))
    return signals if log_odds is None else replace(signals, log_odds=log_odds, surprise=surprise)


@runtime_checkable
class ReadsText(Protocol):
    """A model that tells how likely a text is in its prompt, as `rag.llm.LlamaChat` does."""

    def text_logprobs(self, messages: list[BaseMessage], text: str, *, lead: str) -> list[float]:
        """The log-probability of each token of the text, where it last follows the lead."""
        ...


def surprise_of(question: str, *, read: Sequence[Evidence], model: ReadsText) -> float:
    """log(1 + nats) by which the evidence makes a word of the question less likely, at most.

    Whoever has read what a video clip costs expects a question about clips, and not about audio. So
    each token's log-probability after the evidence is compared with that of the question alone.
    """
    alone, after = (
        model.text_logprobs(messages, question, lead=QUESTION_LEAD)
        for messages in (question_messages(question), answerable_messages(question, read))
    )
    drops = (before - now for before, now in zip(alone, after, strict=True))
    return math.log1p(max([0.0, *drops]))


def log_odds_of_yes(model: BaseChatModel, messages: Sequence[BaseMessage]) -> float | None:
    """log P(Yes) - log P(No) of the first token of the reply; None where it is not reported."""
    asking = model.bind(max_tokens=1, logprobs=True, top_logprobs=TOP_LOGPROBS)
    try:
        reply = asking.invoke(list(messages))
    except EngineError:
        # Some servers refuse to report probabilities; one that is down will fail at the draft.
        return None
    content = (_logprobs(reply) or {}).get("content") or []
    if not content:
        return None
    alternatives = content[0]["top_logprobs"]
    return _logprob_of("yes", alternatives) - _logprob_of("no", alternatives)


def unmet_anchors(question: str, text: str) -> list[str]:
    """The question's names and numbers that `text` lacks, names as the question writes them."""
    unmet = sorted(name for name in names(question) if not name_is_in(name, text))
    spelled = [re.search(re.escape(name), question, re.IGNORECASE) for name in unmet]
    written = [match[0] if match else name for match, name in zip(spelled, unmet, strict=True)]
    return written + sorted(f"{value:f}" for value in numbers_asked_about(question) - numbers(text))


def _share_of_anchors(question: str, text: str) -> float:
    wanted_names, wanted_numbers = names(question), numbers_asked_about(question)
    wanted = len(wanted_names) + len(wanted_numbers)
    if not wanted:
        return 1.0
    met = sum(name_is_in(name, text) for name in wanted_names)
    return (met + len(wanted_numbers & numbers(text))) / wanted


def _logprobs(reply: AIMessage) -> dict[str, list[dict[str, list[dict[str, object]]]]] | None:
    found = reply.response_metadata.get("logprobs")
    return found if isinstance(found, dict) else None


def _logprob_of(word: str, alternatives: Iterable[dict[str, object]]) -> float:
    """The log of the summed probability of every way the tokens spell `word`."""
    total = sum(
        math.exp(float(str(item["logprob"])))
        for item in alternatives
        if str(item["token"]).strip().lower() == word
    )
    return math.log(total) if total > 0 else UNSEEN_LOGPROB

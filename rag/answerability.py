"""Do these passages hold the answer? The gate before a word is written.

A language model asked plainly answers whatever passages it is given. So several signals, none
good enough alone, are weighed by a logistic model: whether the language model itself says Yes
or No when asked (its log-odds, read from one token), how near the question is to the nearest
sentence, and how many of the question's own words, names and numbers the passages hold. The
weights stand in `answerability.json` with the figures that justify them; `python -m
eval.calibrate` learns them again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage

from rag.prompts import answerable_messages
from rag.records import Hit
from rag.terms import content_words, coverage, name_is_in, names, numbers

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from rag.verification import Verifier

TOP_LOGPROBS = 20  # the most that OpenAI's API allows
UNSEEN_LOGPROB = -12.0  # a word that is not among them


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for and against an answer being in the passages; None where not measured."""

    log_odds: float | None  # of Yes against No, by the language model
    cosine: float  # of the question with the nearest sentence, -1..1
    best_words: float  # share of the question's content words in the best passage, 0..1
    all_words: float  # the same in all passages together
    anchors: float  # share of the question's names and numbers in the best passage, 0..1


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic model over `Signals`, and the probability from which a question is answered."""

    bias: float
    log_odds: float
    cosine: float
    best_words: float
    all_words: float
    anchors: float
    threshold: float

    def probability(self, signals: Signals) -> float:
        """How likely the passages hold the answer, 0..1."""
        total = (
            self.bias
            + self.log_odds * (signals.log_odds or 0.0)
            + self.cosine * signals.cosine
            + self.best_words * signals.best_words
            + self.all_words * signals.all_words
            + self.anchors * signals.anchors
        )
        return 1.0 / (1.0 + math.exp(-total))


@lru_cache(maxsize=1)
def learned_weights() -> tuple[Weights, Weights]:
    """(with the language model's log-odds, without them), from `answerability.json`."""
    held = json.loads(resources.files("rag").joinpath("answerability.json").read_text("utf-8"))
    return Weights(**held["with_log_odds"]), Weights(**held["without_log_odds"])


def measure(
    question: str, hits: Sequence[Hit], *, verifier: Verifier, model: BaseChatModel | None
) -> Signals:
    """The signals for one question; `model` None leaves the language model unasked."""
    asked = content_words(question)
    passages = [content_words(hit.chunk.embedded_text) for hit in hits]
    similarities = verifier.similarities(question) if verifier.evidence else []
    return Signals(
        log_odds=None if model is None else yes_no_log_odds(question, hits, model=model),
        cosine=max((float(value) for value in similarities), default=0.0),
        best_words=max((coverage(asked, held) for held in passages), default=0.0),
        all_words=coverage(asked, frozenset().union(*passages)),
        anchors=max((_anchors_met(question, hit) for hit in hits), default=0.0),
    )


def yes_no_log_odds(question: str, hits: Sequence[Hit], *, model: BaseChatModel) -> float | None:
    """log P(Yes) - log P(No) of the model's first word; None if it reports no probabilities."""
    reply = model.bind(max_tokens=1, logprobs=True, top_logprobs=TOP_LOGPROBS).invoke(
        answerable_messages(question, hits)
    )
    content = (_logprobs(reply) or {}).get("content") or []
    if not content:
        return None
    alternatives = content[0]["top_logprobs"]
    return _logprob_of("yes", alternatives) - _logprob_of("no", alternatives)


def unmet_anchors(question: str, hits: Sequence[Hit]) -> list[str]:
    """The question's names and numbers that no passage has, as printed in the question."""
    passages = "\n".join(hit.chunk.embedded_text for hit in hits)
    unmet = [name for name in names(question) if not name_is_in(name, passages)]
    return sorted(unmet) + sorted(f"{value:f}" for value in numbers(question) - numbers(passages))


def _anchors_met(question: str, hit: Hit) -> float:
    text = hit.chunk.embedded_text
    wanted_names, wanted_numbers = names(question), numbers(question)
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

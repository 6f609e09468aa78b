"""Do these passages hold the answer? The gate before a word is written.

A language model asked plainly answers whatever passages it is given. Yet what it makes of them
tells more than what it says: a linear probe [1] reads from its state, before the first word of a
reply, whether they hold the answer. A logistic model weighs that with how near the question is
to the nearest piece of evidence, and how many of its names and numbers the passages hold. The
probe stands in `probe.json` and the weights in `answerability.json`, with the figures that
justify them; `python -m eval.calibrate` learns them again.

[1] G. Alain, Y. Bengio: Understanding intermediate layers using linear classifier probes. 2016.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from langchain_core.messages import BaseMessage
from numpy.typing import NDArray

from rag.amounts import numbers, numbers_asked_about
from rag.evidence import Evidence, EvidenceSet
from rag.prompts import answer_messages
from rag.terms import WORD, fold_name, name_is_in, named_part, names

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# The model whose states the probe was learned with. Another's mean nothing to it and are left out.
WEIGHED_MODEL = "qwen2.5-coder-1.5b-instruct"


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for and against an answer being in the evidence; None where not measured."""

    probe: float | None  # log-odds of an answer, see `Probe`
    cosine: float  # of the question with the nearest piece, -1..1
    anchors: float  # share of the question's names and numbers in all that is read, 0..1


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic model over `Signals`, and the probability from which a question is answered."""

    bias: float
    probe: float
    cosine: float
    anchors: float
    threshold: float

    def probability(self, signals: Signals) -> float:
        """How likely the evidence holds the answer, 0..1."""
        total = (
            self.bias
            + self.probe * (signals.probe or 0.0)
            + self.cosine * signals.cosine
            + self.anchors * signals.anchors
        )
        return probability_of(total)


def probability_of(log_odds: float) -> float:
    """The probability that log-odds stand for, 0..1."""
    return 1.0 / (1.0 + math.exp(-log_odds))


def learned(name: str) -> Any:
    """The content of a file of weights, which `python -m eval.calibrate` wrote."""
    return json.loads(resources.files("rag").joinpath(f"{name}.json").read_text("utf-8"))


@lru_cache(maxsize=1)
def learned_weights() -> tuple[Weights, Weights]:
    """(with the language model's signals, without them), from `answerability.json`."""
    held = learned("answerability")
    return Weights(**held["with_model"]), Weights(**held["without_model"])


@dataclass(frozen=True, slots=True)
class Probe:
    """A linear model over a language model's state after one layer, at the end of a prompt."""

    layer: int
    bias: float
    weights: NDArray[np.float32]  # as many as the language model is wide

    def log_odds(self, state: NDArray[np.float32]) -> float:
        """The log of how likely the prompt's evidence holds the answer against that it does not."""
        return self.bias + float(self.weights @ state)


@lru_cache(maxsize=2)
def learned_probe(name: str = "probe") -> Probe:
    """A probe of `WEIGHED_MODEL`, from the file of this name: of all that is read, by default."""
    held = learned(name)
    return Probe(held["layer"], held["bias"], np.array(held["weights"], dtype=np.float32))


def measure(evidence: EvidenceSet, read: Sequence[Evidence]) -> Signals:
    """The signals that need no language model; `read` is what it would be given to read."""
    question = evidence.question
    text = "\n".join(
        f"{piece.chunk.title}\n{piece.chunk.heading}\n{piece.reading}" for piece in read
    )
    return Signals(
        probe=None,
        cosine=max(evidence.cosines, default=0.0),
        anchors=_share_of_anchors(question, text),
    )


def probe_model(
    signals: Signals, *, read: Sequence[Evidence], question: str, model: BaseChatModel
) -> Signals:
    """The signals with what the model makes of the evidence, if it shows that."""
    if not isinstance(model, ShowsState):
        return signals
    probe = learned_probe()
    messages = answer_messages(question, read)
    state = model.hidden_state(messages, layer=probe.layer, to_answer=True)
    return replace(signals, probe=probe.log_odds(state))


@runtime_checkable
class ShowsState(Protocol):
    """A model that shows what it makes of a prompt, as `rag.llm.LlamaChat` does."""

    def hidden_state(
        self, messages: list[BaseMessage], *, layer: int, to_answer: bool
    ) -> NDArray[np.float32]:
        """Its state after a layer (from 0) at the end of the prompt, as wide as the model.

        `to_answer` if a reply to the same prompt may follow.
        """
        ...


def unmet_anchors(question: str, text: str) -> list[str]:
    """The question's names and numbers that `text` lacks, names as the question writes them.

    Names that stand together are one: "Goldman Sachs".
    """
    unmet = {name for name in names(question) if not name_is_in(name, text)}
    written: list[str] = []
    end = 0  # of the name before, if that is unmet
    for match in WORD.finditer(question):
        name = named_part(match[0])
        folded = fold_name(name)
        if folded not in unmet:
            end = 0
            continue
        if end and question[end : match.start()] == " ":
            written[-1] += f" {name[: len(folded)]}"
        else:
            written.append(name[: len(folded)])
        end = match.end()
    values = sorted(f"{value:f}" for value in numbers_asked_about(question) - numbers(text))
    return [*dict.fromkeys(written), *values]


def _share_of_anchors(question: str, text: str) -> float:
    wanted_names, wanted_numbers = names(question), numbers_asked_about(question)
    wanted = len(wanted_names) + len(wanted_numbers)
    if not wanted:
        return 1.0
    met = sum(name_is_in(name, text) for name in wanted_names)
    return (met + len(wanted_numbers & numbers(text))) / wanted

"""The meter: does an article say this? A second opinion, measured on sentences people labelled.

It shares nothing with the check that the assistant filters its own sentences by. Where that
asks whether a sentence meets some floors, this is a logistic model over what tells held from
invented sentences: words that the passages lack, figures and names from nowhere, and what a
language model says when it is asked about the sentence. It is set to call few held sentences
invented, so that what it counts is worth reading, and misses some. The weights stand in
`judges.json` with the meter's own errors; `python -m eval.judges` learns them again.

The overlap of words alone is a known, strong baseline for made-up talk and blind to a swapped
figure; figures and names are the reverse [1, 2].

[1] N. Dziri et al.: Evaluating Attribution in Dialogue Systems: The BEGIN Benchmark. 2022.
[2] P. Laban et al.: SummEdits: Measuring LLM Ability at Factual Reasoning. 2023.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage, HumanMessage

from eval.facts import foreign_facts
from eval.quantities import quantities
from eval.yes_or_no import log_odds_of_yes

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

STEM_LETTERS = 6  # words are compared by as many: "repaired" and "repairing" are alike
LONGEST_PASSAGE = 6000  # characters that the language model is shown; passages are far shorter
ASK = (
    "Text:\n{text}\n\nStatement: {sentence}\n\n"
    "Does the text support everything in the statement? Reply Yes or No."
)

_WORD = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")
_PLAIN = frozenset(
    "a an the of to in on at for and or but is are was were be been being it its this that these "
    "those he she they them his her their you your as by with from into than then so if not no do "
    "does did have has had will would can could may might also about there which who whom what "
    "when where how i we my our me us".split()
)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a sentence shows beside the passages that should hold it; all but the last are 0..1."""

    lacking: float  # share of its content words that the passages lack
    figures: float  # 1 if it has a quantity from nowhere
    names: float  # 1 if it has a name from nowhere
    doubt: float | None  # the language model's log P(No) - log P(Yes); None if not asked

    @property
    def features(self) -> dict[str, float]:
        """What the logistic model reads; the language model's word only if it was asked.

        It counts for less where the words alone tell, so their product is a feature.
        """
        found = {"lacking": self.lacking, "figures": self.figures, "names": self.names}
        if self.doubt is not None:
            found |= {"doubt": self.doubt, "doubt_of_lacking": self.doubt * self.lacking}
        return found


def traces(sentence: str, passages: Sequence[str]) -> Traces:
    """What can be seen without a language model."""
    text = "\n".join(passages)
    content = content_stems(sentence)
    held = {stem for _, stem in _stems(text)}
    lacking = sum(stem not in held for stem in content)
    foreign = foreign_facts(sentence, *passages)
    figures = sum(bool(quantities(fact)) for fact in foreign)
    return Traces(
        lacking=lacking / len(content) if content else 0.0,
        figures=float(figures > 0),
        names=float(len(foreign) > figures),
        doubt=None,
    )


def ask(found: Traces, sentence: str, passages: Sequence[str], *, model: BaseChatModel) -> Traces:
    """The traces with the language model's doubt; as they were where it reports none."""
    text = "\n".join(passages)[:LONGEST_PASSAGE]
    message: BaseMessage = HumanMessage(ASK.format(text=text, sentence=sentence))
    log_odds = log_odds_of_yes(model, [message])
    return found if log_odds is None else replace(found, doubt=-log_odds)


@dataclass(frozen=True, slots=True)
class MeterWeights:
    """A logistic model over `features`; from `threshold` a sentence counts as invented."""

    bias: float
    weights: Mapping[str, float]
    threshold: float

    def invented(self, found: Traces) -> float:
        """How likely the passages do not hold the sentence, 0..1."""
        features = found.features
        total = self.bias + sum(weight * features[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-total))


class Meter:
    """Judges sentences by their passages; `model` may be None, the meter is then blunter."""

    def __init__(self, model: BaseChatModel | None) -> None:
        self._model = model

    def judge(self, sentence: str, passages: Sequence[str]) -> tuple[float, bool]:
        """(how likely the passages do not hold the sentence, whether that counts as invented)."""
        found = traces(sentence, passages)
        if self._model is not None:
            found = ask(found, sentence, passages, model=self._model)
        weights = learned_meter()["without_doubt" if found.doubt is None else "with_doubt"]
        probability = weights.invented(found)
        return probability, probability >= weights.threshold


@lru_cache(maxsize=1)
def learned_meter() -> dict[str, MeterWeights]:
    """The weights "with_doubt" and "without_doubt", from `judges.json`."""
    held: dict[str, Any] = json.loads(
        resources.files("eval").joinpath("judges.json").read_text("utf-8")
    )
    return {name: MeterWeights(**value) for name, value in held["meter"].items()}


def content_stems(text: str) -> list[str]:
    """The stems of the words that say something, in order."""
    return [stem for word, stem in _stems(text) if word not in _PLAIN]


def _stems(text: str) -> list[tuple[str, str]]:
    """(word, its stem) in lower case, in order."""
    words = [match[0].lower().replace("’", "'") for match in _WORD.finditer(text)]
    return [(word, word[:STEM_LETTERS].rstrip("s") or word) for word in words]

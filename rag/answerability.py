"""Do these passages hold the answer? The gate before a word is written.

A logistic model weighs how surely the language model points at something among them
(`rag.pointing`) with how near the question is to the nearest piece of evidence, and how many of
its names and numbers the passages hold. Its weights stand in `answerability.json`, with the figures
that justify them; `python -m eval.calibrate` learns them again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any

from rag.amounts import numbers, numbers_asked_about
from rag.evidence import Evidence, EvidenceSet
from rag.terms import WORD, fold_name, is_function_word, name_is_in, named_part, names

# They stand before the name of someone who has another first name.
TITLES = frozenset(
    "Bishop Captain Chancellor Chief Colonel Count Dame Director Doctor Dr Duke Emperor Empress "
    "General Governor Judge Justice King Lady Lord Madame Major Miss Mr Mrs Ms Pope Premier "
    "President Prince Princess Prof Professor Queen Saint Secretary Senator Sergeant Sir St".split()
)


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for and against an answer being in the evidence; None where not measured."""

    points: float | None  # log-odds of an answer, as the language model points
    cosine: float  # of the question with the nearest piece, -1..1
    anchors: float  # share of the question's names and numbers in all that is read, 0..1


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic model over `Signals`, and the probability from which a question is answered."""

    bias: float
    points: float
    cosine: float
    anchors: float
    threshold: float

    def probability(self, signals: Signals) -> float:
        """How likely the evidence holds the answer, 0..1."""
        total = (
            self.bias
            + self.points * (signals.points or 0.0)
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


def measure(evidence: EvidenceSet, read: Sequence[Evidence]) -> Signals:
    """The signals that need no language model; `read` is what it would be given to read."""
    question = evidence.question
    text = "\n".join(
        f"{piece.chunk.title}\n{piece.chunk.heading}\n{piece.reading}" for piece in read
    )
    return Signals(
        points=None,
        cosine=max(evidence.cosines, default=0.0),
        anchors=_share_of_anchors(question, text),
    )


def unmet_anchors(question: str, text: str) -> list[str]:
    """The question's names and numbers that `text` lacks, names as the question writes them.

    Names that stand together are one: "Goldman Sachs".
    """
    unmet = unmet_names(question, text)
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


def unmet_names(question: str, text: str) -> frozenset[str]:
    """The question's names, folded, that `text` lacks, or has only as those of something else."""
    lacking = {name for name in names(question) if not name_is_in(name, text)}
    return swapped_names(question, text) | lacking


def swapped_names(question: str, text: str) -> frozenset[str]:
    """Names of the question, folded, of which `text` has the last word after other ones only.

    A text with the Red Army in it and the Warsaw Uprising does not tell of the Red Army Uprising.
    """
    asked = names(question)
    found: set[str] = set()
    for before, word in pairwise(WORD.finditer(question)):
        pair = {fold_name(named_part(match[0])) for match in (before, word)}
        adjacent = question[before.end() : word.start()] == " "
        if adjacent and pair <= asked and _is_of_another(before[0], word[0], question, text):
            found |= pair
    return frozenset(found)


def _is_of_another(before: str, word: str, question: str, text: str) -> bool:
    """Whether a text has `word` after other names than `before`, and nowhere the two together.

    Middle names and initials may stand between them. Anything may stand before an abbreviation, as
    in "generative AI".
    """
    if not word[:-1].istitle():
        return False
    first, last = re.escape(fold_name(before)), re.escape(fold_name(word))
    together = (
        rf"\b{first}(?:s|['\u2019]s)?[ -](?:\w\. ?|(?-i:[A-Z])[\w-]+ ){{0,2}}{last}"
        rf"|\b{last} of (?:\w+ ){{0,2}}{first}\b"
    )
    if re.search(together, text, re.IGNORECASE):
        return False
    others = re.findall(rf"\b([A-Z][\w-]+)\.? {last.capitalize()}(?:s|['\u2019]s)?\b", text)
    return any(
        not is_function_word(name) and name not in TITLES and not name_is_in(name, question)
        for name in others
    )


def _share_of_anchors(question: str, text: str) -> float:
    wanted_names, wanted_numbers = names(question), numbers_asked_about(question)
    wanted = len(wanted_names) + len(wanted_numbers)
    if not wanted:
        return 1.0
    met = len(wanted_names - unmet_names(question, text))
    return (met + len(wanted_numbers & numbers(text))) / wanted

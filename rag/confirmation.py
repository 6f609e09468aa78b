"""Is this draft the answer to exactly this question? The second gate, after a draft has passed.

Every sentence of a draft may be in the articles and yet answer another question: the price of
an image where a video was asked for, one company's figure told of another. So two things are
asked of the draft as a whole: whether the language model, shown the draft beside the facts it
has just read, says that the facts state it (its log-odds, from a few more tokens), and whether
all of the question's own names and numbers stand in the passages that are cited, or round them.
A logistic model weighs the two. The weights stand in `confirmation.json` with the figures that
justify them; `python -m eval.calibrate` learns them again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from rag.answerability import log_odds_of_yes, unmet_anchors
from rag.evidence import Evidence
from rag.prompts import confirmation_messages

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from rag.verification import Finding


@dataclass(frozen=True, slots=True)
class DraftSignals:
    """What speaks for and against a draft; `log_odds` is None where the model reports none."""

    log_odds: float | None  # of Yes against No, that the facts state this answer
    mentioned: float  # 1 if what is cited mentions all names and numbers of the question, else 0


@dataclass(frozen=True, slots=True)
class DraftWeights:
    """A logistic model over `DraftSignals`, and the probability from which a draft is said."""

    bias: float
    log_odds: float
    mentioned: float
    threshold: float

    def probability(self, signals: DraftSignals) -> float:
        """How likely the draft answers the question, 0..1."""
        total = (
            self.bias
            + self.log_odds * (signals.log_odds or 0.0)
            + self.mentioned * signals.mentioned
        )
        return 1.0 / (1.0 + math.exp(-total))


@lru_cache(maxsize=1)
def draft_weights() -> tuple[DraftWeights, DraftWeights]:
    """(with the language model's log-odds, without them), from `confirmation.json`."""
    held = json.loads(resources.files("rag").joinpath("confirmation.json").read_text("utf-8"))
    return DraftWeights(**held["with_log_odds"]), DraftWeights(**held["without_log_odds"])


def measure_draft(
    findings: Sequence[Finding],
    *,
    question: str,
    read: Sequence[Evidence],
    model: BaseChatModel | None,
) -> DraftSignals:
    """The signals of a draft: the model reads what was kept, behind the facts it came from.

    Without a `model` its word is left out.
    """
    kept = [finding for finding in findings if finding.kept]
    log_odds = None
    if model is not None:
        said = " ".join(finding.text for finding in kept)
        log_odds = log_odds_of_yes(model, confirmation_messages(question, read, said))
    return DraftSignals(
        log_odds=log_odds,
        mentioned=float(not unmet_in(question, cited_by(kept))),
    )


def cited_by(findings: Sequence[Finding]) -> list[Evidence]:
    """Everything that these sentences cite, in order."""
    return [item for finding in findings for item in finding.evidence]


def unmet_in(question: str, cited: Sequence[Evidence]) -> list[str]:
    """The question's names and numbers that the cited passages and their headings lack."""
    surroundings = "\n".join(f"{item.context}\n{item.chunk.embedded_text}" for item in cited)
    return unmet_anchors(question, surroundings)


def draft_probability(signals: DraftSignals) -> tuple[float, float]:
    """(how likely the draft answers the question, the threshold to say it from)."""
    with_log_odds, without = draft_weights()
    weights = without if signals.log_odds is None else with_log_odds
    return weights.probability(signals), weights.threshold


def nearest_words(question: str, cited: Sequence[Evidence]) -> str:
    """What the articles say instead, as a sentence for the reader of an abstention."""
    if not cited:
        return ""
    quote = " ".join(cited[0].reading.split())
    unmet = unmet_in(question, cited[:1])
    what = f", which does not mention {', '.join(unmet)}" if unmet else ""
    return f" The nearest they come is “{quote}” ({cited[0].chunk.title}){what}."

"""Is this draft the answer to exactly this question? The second gate, after the check.

Every sentence of a draft may be near the articles' own and yet answer another question: the
price of an image where a video was asked for, one company's figure told of another. So the
language model reads what the draft cites once more, and nothing else, and points at it or not
(`rag.pointing`). A logistic model judges by that, by how surely it pointed before, and by whether
all names and numbers of the question stand in the cited passages; for a model that has not learned
to point, by the latter and how well the cited words back the sentences.

The weights stand in `confirmation.json`, with the figures that justify them; `python -m
eval.calibrate` learns them again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.amounts import amounts, numbers, numbers_asked_about
from rag.answerability import learned, probability_of, swapped_names, unmet_anchors
from rag.evidence import Evidence, EvidenceSet, own_words
from rag.pointing import Pointer
from rag.records import Verdict
from rag.sentences import sentence_spans
from rag.terms import content_words, name_is_in, names

if TYPE_CHECKING:
    from rag.verification import Finding

# In place of a draft or after it an article's own words are said from this probability. It is
# higher than a draft's, since what is near a question is often about its subject and no answer.
QUOTED_FROM = 0.6
SUM_ASKED = re.compile(
    r"\bhow much (?:money\b|(?:is|was|are|were|do|does|did|has|have|had|will|would|can|could)\b"
    r".*\b(?:cost|pay|paid|spend|spent|charge|charged)\b)",
    re.IGNORECASE,
)
# A share answers these as well as a sum.
CHANGE_ASKED = re.compile(
    r"\b(?:ris|f[ae]ll|dr[oe]p|gr[oe]w|increas|decreas|reduc|lower|cut|chang|more|less)",
    re.IGNORECASE,
)
MONEY_WORDS = content_words(
    "dollar cent euro pound sterling penny pence shilling guinea yen yuan rupee franc mark rouble "
    "ruble lira peso krona krone crown ducat florin thaler livre talent drachma denarius sesterce "
    "usd eur gbp jpy cny inr free gratis nothing"
)
NUMBER_ASKED = re.compile(
    r"\b(?:how (?:many|much)|(?:what|which) year|when (?:was|were|did|is))\b", re.IGNORECASE
)
DATE_ASKED = re.compile(
    r"\b(?:when (?:was|were|did|is|do|does|has|have|had|will)"
    r"|(?:what|which) (?:day|date|month|year|decade|century))\b",
    re.IGNORECASE,
)
COUNT_ASKED = re.compile(
    r"\bhow many (?!times\b)(?P<counted>[^,.;?]+?) (?:do|does|did|is|are|was|were|has|have|had"
    r"|will|would|can|could|should|must)\b",
    re.IGNORECASE,
)
SHARE_ASKED = re.compile(
    r"\b(?:what|which) (?:percentage|per ?cent|proportion|fraction|portion|share of)\b",
    re.IGNORECASE,
)
SHARE_WORD = re.compile(
    r"\b(?:hal(?:f|ves)|thirds?|quarters?|(?:fif|six|seven|eigh|nin|ten)ths?|most|majority|minority"
    r"|all|every|none|no|out of|in \d+|\d+ of)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DraftSignals:
    """What speaks for and against a draft; None is what no model pointed at."""

    points: float | None  # log-odds of an answer in all that was read
    alone: float | None  # the same in what is cited alone
    support: float  # mean over the sentences, 0..1
    mentioned: float  # 1 if the cited passages mention all names and numbers asked about, else 0
    # The cited passages have all numbers asked about, no name of the question as another's, all of
    # its names if a number is asked for, and something of what is counted; the draft has no other
    # years, and a sum or a share if asked.
    fits: bool


@dataclass(frozen=True, slots=True)
class DraftWeights:
    """A logistic model over `DraftSignals`, and the probability from which a draft is said."""

    bias: float
    points: float
    alone: float
    support: float
    mentioned: float
    threshold: float

    def probability(self, signals: DraftSignals) -> float:
        """How likely the draft answers the question, 0..1; what was said of 2030 is not of 2035."""
        if not signals.fits:
            return 0.0
        total = (
            self.bias
            + self.points * (signals.points or 0.0)
            + self.alone * (signals.alone or 0.0)
            + self.support * signals.support
            + self.mentioned * signals.mentioned
        )
        return probability_of(total)


@lru_cache(maxsize=1)
def draft_weights() -> tuple[DraftWeights, DraftWeights]:
    """(with the language model's signals, without them), from `confirmation.json`."""
    held = learned("confirmation")
    return DraftWeights(**held["with_model"]), DraftWeights(**held["without_model"])


def measure_draft(findings: Sequence[Finding], *, question: str) -> DraftSignals:
    """The signals, but for those of a model, of a draft of which something was kept."""
    kept = [finding for finding in findings if finding.kept]
    cited = cited_by(kept)
    said = " ".join(finding.text for finding in kept)
    return DraftSignals(
        points=None,
        alone=None,
        support=sum(finding.support for finding in kept) / len(kept),
        mentioned=float(not unmet_in(question, cited)),
        fits=_fits(said, question, cited),
    )


def verdict_on(words: Sequence[Evidence], *, pointer: Pointer) -> Verdict:
    """Whether an article's own words answer the question, in place of a draft or after it."""
    asked = "Do these words answer this question?"
    question = pointer.question
    fits = _fits(" ".join(own_words(words)), question, words)
    if not fits or not may_answer(question, words):
        return Verdict(asked, False, 0.0, "they lack its names or a number")
    probability = probability_of(pointer.log_odds(words))
    why = f"{probability:.0%} likely; said from {QUOTED_FROM:.0%}"
    return Verdict(asked, probability >= QUOTED_FROM, probability, why)


def draft_verdict(
    findings: Sequence[Finding],
    evidence: EvidenceSet,
    *,
    pointer: Pointer | None,
    points: float | None,
) -> Verdict:
    """Whether what was kept answers the question; what it cites is read again by itself."""
    asked = "Does the draft answer this question?"
    signals = measure_draft(findings, question=evidence.question)
    if pointer and signals.fits:  # else it cannot be said anyhow
        alone = pointer.log_odds(evidence.with_antecedents(cited_by(findings)))
        signals = replace(signals, points=points, alone=alone)
    probability, threshold = draft_probability(signals)
    why = f"{probability:.0%} likely; said from {threshold:.0%}"
    return Verdict(asked, probability >= threshold, probability, why)


def cited_by(findings: Sequence[Finding]) -> list[Evidence]:
    """Everything that these sentences cite, once, in order."""
    return list(dict.fromkeys(item for finding in findings for item in finding.evidence))


def unmet_in(question: str, cited: Sequence[Evidence]) -> list[str]:
    """The question's names and numbers that the cited passages and their headings lack."""
    return unmet_anchors(question, _surroundings(cited))


def _fits(said: str, question: str, cited: Sequence[Evidence]) -> bool:
    """See `DraftSignals.fits`."""
    return (
        numbers_asked_about(question) <= numbers(_surroundings(cited))
        and not swapped_names(question, _surroundings(cited))
        and not (NUMBER_ASKED.search(question) and unmet_in(_asking(question), cited))
        and not _tells_of_other_years(said, question)
        and not _owes_a_sum(said, question)
        and not _owes_a_share(said, question)
        and not _counts_others(question, cited)
    )


def _asking(question: str) -> str:
    """The sentences of a question that ask, if others stand before them; else all of it."""
    sentences = [question[start:end] for start, end in sentence_spans(question)]
    return " ".join(text for text in sentences if text.endswith("?")) or question


def _tells_of_other_years(said: str, question: str) -> bool:
    """Whether an answer gives years that nobody asked for, and none of those asked about."""
    if DATE_ASKED.search(question):  # its years only describe what the date is asked of
        return False
    asked, told = (
        {value for value, kind in amounts(text) if kind == "year"} for text in (question, said)
    )
    return bool(asked and told) and not asked & told


def _owes_a_sum(said: str, question: str) -> bool:
    """Whether a sum of money was asked for, and the answer gives none: "200,000 employees"."""
    if not SUM_ASKED.search(question) or CHANGE_ASKED.search(question):
        return False
    told = any(kind == "money" for _, kind in amounts(said))
    return not told and not content_words(said) & MONEY_WORDS


def _counts_others(question: str, cited: Sequence[Evidence]) -> bool:
    """Whether what a question counts is nowhere in what is cited: "how many creative people".

    One word alone may have another for it: people are employees.
    """
    asked = COUNT_ASKED.search(question)
    wanted = content_words(asked["counted"]) if asked else frozenset()
    held = content_words(" ".join(item.headed_reading for item in cited))
    return len(wanted) > 1 and wanted.isdisjoint(held)


def may_answer(question: str, near: Sequence[Evidence]) -> bool:
    """Whether an article's own words have all names of a question, and a number if it asks so."""
    owes_a_number = NUMBER_ASKED.search(question) and not numbers(" ".join(own_words(near)))
    words = "\n".join(item.headed_reading for item in near)
    named = all(name_is_in(name, words) for name in names(question))
    return bool(near) and not owes_a_number and named


def _owes_a_share(said: str, question: str) -> bool:
    """Whether a percentage was asked for, and the answer gives none: "3 times the enquiries"."""
    if not SHARE_ASKED.search(question) or SHARE_WORD.search(said):
        return False
    return all(kind != "percent" for _, kind in amounts(said))


def _surroundings(cited: Sequence[Evidence]) -> str:
    return "\n".join(item.passage for item in cited)


def draft_probability(signals: DraftSignals) -> tuple[float, float]:
    """(how likely the draft answers the question, the threshold to say it from)."""
    with_model, without = draft_weights()
    weights = without if signals.points is None else with_model
    return weights.probability(signals), weights.threshold


def nearest_words(question: str, near: Sequence[Evidence]) -> str:
    """What the articles say instead, as a sentence for the reader of an abstention."""
    if not near:
        return ""
    unmet = unmet_in(question, near)
    what = f", which does not mention {', '.join(unmet)}" if unmet else ""
    quote = " ".join(own_words(near))
    return f" The nearest they come is “{quote}” ({near[0].chunk.title}){what}."

"""What shows it: the article's own words after an answer that leaves too much out.

"Yes, editors still have to read it." says what was asked and nothing else. A reader wants to know
why, and a language model of this size seldom says. So what backs such a sentence follows it, word
for word. And where the words nearest to the question tell more than the answer, they follow too:
a draft gives one of two prices, and the article both in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import replace

from rag.amounts import numbers
from rag.evidence import Evidence, EvidenceSet, own_words
from rag.records import Verdict
from rag.terms import content_words, coverage
from rag.verification import OWN_WORDS, Finding

# Of the nearest words: an answer that has this many of them need not be followed by them.
MOSTLY_TOLD = 0.6
MOST_NEAR = 2  # that are judged after an answer, half a second each
# By their scores: words no nearer to the question than this are as near as those cited.
AS_NEAR = 0.01


def give_reasons(findings: Sequence[Finding], evidence: EvidenceSet) -> list[Finding]:
    """The findings, each kept one that adds nothing to the question followed by what backs it.

    Of several pieces it is the one nearest in meaning that tells more than the answer does.
    """
    given: list[Finding] = []
    question = evidence.question
    asked = content_words(question)
    told = " ".join(finding.text for finding in findings if finding.kept)
    for finding in findings:
        given.append(finding)
        if finding.kept and _adds_nothing(finding.text, asked=asked, question=question):
            near = dict(zip(evidence.pieces, evidence.similarities(finding.text), strict=True))
            telling = [item for item in finding.evidence if _tells_more(item, told)]
            if telling:
                reason = max(telling, key=lambda item: near[item])
                # Of a FAQ the answer alone: its question was asked, more or less.
                shown = replace(reason, context="") if reason.answers else reason
                given += quoted([shown], [reason])
    return given


def add_nearest(
    findings: Sequence[Finding],
    evidence: EvidenceSet,
    *,
    answers: Callable[[Sequence[Evidence]], Verdict] | None,
) -> list[Finding]:
    """The findings, and after what is kept the words nearest to the question, if they tell more.

    Nothing is added to nothing, as what is near is no answer by itself, nor what has no word of the
    question. `answers` tells whether words answer the question, and if the nearest do not, the
    next may. Where nobody can tell, the nearest are added unless what is cited is as near.
    """
    kept = [finding for finding in findings if finding.kept]
    if not kept:
        return list(findings)
    told = _words(" ".join(finding.text for finding in kept))
    cited = {item for finding in findings for item in finding.evidence}
    asked = content_words(evidence.question)
    nearest = evidence.likeliest(MOST_NEAR) if answers else [evidence.nearest()]
    for near in nearest:
        if asked.isdisjoint(_words(" ".join(item.reading for item in near))):
            continue
        if coverage(_words(" ".join(item.text for item in near)), told) >= MOSTLY_TOLD:
            continue
        verdict = answers(near) if answers else None
        if verdict.kept if verdict else _is_nearer(near, cited, evidence):
            new = [item for item in near if item not in cited or _words(item.text) - told]
            begun = near[0].answers and near[0] in cited  # the rest needs its question no more
            shown = [replace(item, context="") for item in new] if begun else new
            why = f"{OWN_WORDS}: {verdict.why}" if verdict else OWN_WORDS
            return [*findings, *quoted(shown, new, why=why)]
    return list(findings)


def quoted(
    shown: Sequence[Evidence], cited: Sequence[Evidence], *, why: str = OWN_WORDS
) -> list[Finding]:
    """Pieces in their own words, as sentences that cite them; `shown` may lack their context."""
    said = zip(own_words(shown), cited, strict=True)
    return [Finding(text, (item,), 1.0, why) for text, item in said]


def _is_nearer(near: Sequence[Evidence], cited: Set[Evidence], evidence: EvidenceSet) -> bool:
    """Whether words are of what is cited, or nearer to the question than that."""
    scores = dict(zip(evidence.pieces, evidence.scores, strict=True))
    nearer = max(scores[item] for item in near) - max(scores[item] for item in cited)
    return nearer >= AS_NEAR or not cited.isdisjoint(near)


def _adds_nothing(sentence: str, *, asked: frozenset[str], question: str) -> bool:
    return content_words(sentence) <= asked and numbers(sentence) <= numbers(question)


def _tells_more(item: Evidence, told: str) -> bool:
    """Whether a piece of evidence holds anything that the answer does not say already."""
    return bool(content_words(item.text) - content_words(told) or numbers(item.text))


def _words(text: str) -> frozenset[str]:
    return content_words(text) | {str(value) for value in numbers(text)}

"""What shows it: the article's own words after an answer that only repeats the question.

"Yes, editors still have to read it." says what was asked and nothing else. A reader wants to know
why, and a language model of this size seldom says. So what backs such a sentence follows it, word
for word.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.evidence import Evidence, EvidenceSet
from rag.terms import content_words, numbers
from rag.verification import Finding


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
                words = reason.text if reason.context.endswith("?") else reason.reading
                text = " ".join(words.split())
                text = text if text.endswith((".", "!")) else f"{text.rstrip(';:,')}."
                given.append(Finding(text, (reason,), finding.support, "in its own words"))
    return given


def _adds_nothing(sentence: str, *, asked: frozenset[str], question: str) -> bool:
    return content_words(sentence) <= asked and numbers(sentence) <= numbers(question)


def _tells_more(item: Evidence, told: str) -> bool:
    """Whether a piece of evidence holds anything that the answer does not say already."""
    return bool(content_words(item.text) - content_words(told) or numbers(item.text))

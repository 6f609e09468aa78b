"""Do the articles agree? What another article says of the same thing, beside what is said.

A sentence that holds is cited from where it stands best. Another article may say the same: then
it is cited too, so that a reader sees that two sources agree. Or it may give another figure for
the same thing: then its own words follow, with their source, and the reader decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.amounts import amounts, ranges
from rag.evidence import Evidence, EvidenceSet
from rag.terms import content_words, coverage, names
from rag.verification import MOST_CITATIONS, OWN_WORDS, Finding, fault_of

# Of the sentence's words in the other article's, and the cosine of the two. High, since two
# sentences about one thing and about its neighbour ("an image costs", "a clip costs") are near.
SAME_WORDS, SAME_MEANING = 0.7, 0.7


def compare_articles(findings: Sequence[Finding], evidence: EvidenceSet) -> list[Finding]:
    """The findings with further sources, and after each what another article says otherwise."""
    compared: list[Finding] = []
    told = {item.text for finding in findings for item in finding.evidence}
    for finding in findings:
        if not finding.kept:
            compared.append(finding)
            continue
        near = _elsewhere(finding, evidence)
        agreeing = [i for i in near if not fault_of(finding.text, (i,), evidence)]
        compared.append(_with_sources(finding, agreeing))
        for item in near:
            if item.text not in told and _gives_other_figure(finding.text, item):
                told.add(item.text)
                words = " ".join(item.reading.split()).rstrip(".")
                text = f"“{item.chunk.title}” gives another figure: {words}."
                compared.append(Finding(text, (item,), finding.support, OWN_WORDS))
    return compared


def _elsewhere(finding: Finding, evidence: EvidenceSet) -> list[Evidence]:
    """What other articles say of the same thing: of each the nearest piece, nearest first."""
    cited = {item.chunk.article_id for item in finding.evidence}
    said = content_words(finding.text)
    similarities = evidence.similarities(finding.text)
    found: dict[str, Evidence] = {}
    for i in sorted(range(len(evidence.pieces)), key=lambda i: -similarities[i]):
        piece = evidence.pieces[i]
        same = similarities[i] >= SAME_MEANING and coverage(said, evidence.words[i]) >= SAME_WORDS
        if same and piece.chunk.article_id not in cited:
            found.setdefault(piece.chunk.article_id, piece)
    return list(found.values())


def _with_sources(finding: Finding, agreeing: Sequence[Evidence]) -> Finding:
    room = MOST_CITATIONS - len(finding.evidence)
    return replace(finding, evidence=(*finding.evidence, *agreeing[: max(room, 0)]))


def _gives_other_figure(sentence: str, item: Evidence) -> bool:
    """Whether a piece about the same names has a figure of the same kind, and no equal one.

    Ranges are compared whole: 5-30 seconds are others than 2-5.
    """
    said, there = amounts(sentence), amounts(item.text)
    kinds = {kind for _, kind in said} & {kind for _, kind in there}
    (our_ranges, _), (their_ranges, _) = ranges(sentence), ranges(item.text)
    if our_ranges and their_ranges:
        agree = bool(our_ranges & their_ranges)
    else:
        agree = bool({value for value, _ in said} & {value for value, _ in there})
    return (
        bool(kinds)
        and not agree
        and not names(item.text) - names(sentence) - names(item.chunk.title)
    )

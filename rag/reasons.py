"""What shows it: the article's own words after an answer that leaves too much out.

"Yes, editors still have to read it." says what was asked and nothing else. A reader wants to know
why, and a language model of this size seldom says. So what backs such a sentence follows it, word
for word. And where the words nearest to the question tell more than the answer, they follow too:
a draft gives one of two prices, and the article both in one line. So does the rest of a list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import replace

from rag.amounts import amounts, numbers
from rag.amounts_asked import kinds_asked, lacks_amount
from rag.evidence import MOSTLY, REFERS_BACK, Evidence, EvidenceSet, own_words
from rag.records import Verdict
from rag.sides import sides_of
from rag.terms import content_words, coverage
from rag.verification import OWN_WORDS, Finding

# Of the nearest words: an answer that has this many of them need not be followed by them. Of a
# FAQ's question: so much of it need not be repeated.
MOSTLY_TOLD = 0.6
MOST_NEAR = 2  # beside what the model pointed at
MOST_JUDGED = 3  # after an answer, half a second each
# By their scores: words no nearer to the question than this are as near as those cited.
AS_NEAR = 0.01
# What asks for more than one: "List the ...", "What are the six ...", "which industries".
ASKS_FOR_SEVERAL = re.compile(
    r"(?:^|\b(?:please|kindly|you) )(?:list|name|enumerate)\b|\b(?:what|which)(?: \w+)? are\b"
    r"|\b(?:what|which) (?!(?:does|is|was|has|this)\b)\w*[a-z]s\b(?! (?:an?|the)\b)",
    re.IGNORECASE,
)
FEWEST_TOLD = 2  # items of a list, that it is told
LONGEST_LIST = 12


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
                given += quoted([reason], begun=True)
    return given


def add_other_side(
    findings: Sequence[Finding],
    evidence: EvidenceSet,
    sides: Sequence[Sequence[Evidence]],
    *,
    answers: Callable[[Sequence[Evidence]], Verdict] | None,
) -> list[Finding]:
    """The findings, and what is told of a side of which an answer to a comparison says nothing.

    `sides` are the pieces for each side, which have to answer the question together, as far as
    `answers` can tell.
    """
    kept = [finding for finding in findings if finding.kept]
    if not (kept and sides and answers):
        return list(findings)
    told = content_words(" ".join(finding.text for finding in kept))
    cited = {item for finding in kept for item in finding.evidence}
    missing = [
        item
        for wanted, pieces in zip(sides_of(evidence.question), sides, strict=True)
        for item in pieces
        if evidence.share(wanted, told) <= MOSTLY and item not in cited
    ]
    verdict = answers(evidence.together(*sides)) if missing else None
    if not (verdict and verdict.kept):
        return list(findings)
    return [*findings, *quoted(missing, why=f"{OWN_WORDS}: {verdict.why}")]


def add_nearest(
    findings: Sequence[Finding],
    evidence: EvidenceSet,
    *,
    answers: Callable[[Sequence[Evidence]], Verdict] | None,
    pointed: Sequence[Sequence[Evidence]] = (),
) -> list[Finding]:
    """The findings, and after what is kept the words nearest to the question, if they tell more.

    What the model `pointed` at comes before them: it is what the answer was to be made from. Before
    all comes what gives an amount, if one was asked for and is not told. Nothing is added to
    nothing, as what is near is no answer by itself, nor else what has no word of the question.
    `answers` tells whether words answer the question, and if the nearest do not, the next may.
    Where nobody can tell, the nearest are added unless what is cited is as near.
    """
    kept = [finding for finding in findings if finding.kept]
    if not kept:
        return list(findings)
    said = " ".join(finding.text for finding in kept)
    told = _words(said)
    cited = {item for finding in findings for item in finding.evidence}
    wanted: Set[str] = frozenset()  # kinds of amounts
    nearest: list[Sequence[Evidence]] = [evidence.nearest()]
    if answers:
        chosen = [evidence.with_antecedents(pieces) for pieces in pointed]
        nearest = [*evidence.best_first(chosen), *evidence.likeliest(MOST_NEAR)]
        if lacks_amount(evidence.question, said, question=evidence.question):
            wanted = kinds_asked(evidence.question)
            nearest += evidence.likeliest(MOST_NEAR, kinds=wanted)
            nearest.sort(key=lambda near: not _gives(near, wanted, told))
    telling = [
        near
        for near in nearest
        if _gives(near, wanted, told) or _is_more(near, told, evidence.question)
    ]
    for near in telling[:MOST_JUDGED]:
        verdict = answers(near) if answers else None
        if verdict.kept if verdict else _is_nearer(near, cited, evidence):
            new = [item for item in near if item not in cited or _words(item.text) - told]
            why = f"{OWN_WORDS}: {verdict.why}" if verdict else OWN_WORDS
            begun = near[0] in cited
            return [*findings, *quoted(new, begun=begun, why=why)]
    return list(findings)


def complete_list(findings: Sequence[Finding], evidence: EvidenceSet) -> list[Finding]:
    """The findings, and the rest of a list of which some is told, where the question asks for it.

    What is read of a long list is what is nearest to the question.
    """
    cited = list(dict.fromkeys(i for finding in findings if finding.kept for i in finding.evidence))
    of_lists = Counter(item.group for item in cited if item.context.endswith(":"))
    given = list(findings)
    for group, count in of_lists.items() if ASKS_FOR_SEVERAL.search(evidence.question) else []:
        items = [piece for piece in evidence.pieces if piece.group == group]
        if count >= FEWEST_TOLD and len(items) <= LONGEST_LIST:
            rest = [item for item in items if item not in cited]
            given += _said(rest, needless=items[0].context, why=OWN_WORDS)
    return given


def quoted(
    pieces: Sequence[Evidence], *, begun: bool = False, why: str = OWN_WORDS
) -> list[Finding]:
    """Pieces in their own words, as sentences that cite them.

    The question of a FAQ is left out where its answer was `begun` before, or tells enough without.
    """
    first = pieces[0]
    needless = first.context if first.answers and (begun or _tells_alone(first)) else ""
    return _said(pieces, needless=needless, why=why)


def _said(pieces: Sequence[Evidence], *, needless: str, why: str) -> list[Finding]:
    """Pieces in their own words, without the context that is `needless`."""
    shown = [replace(item, context="") if item.context == needless else item for item in pieces]
    said = zip(own_words(shown), pieces, strict=True)
    return [Finding(text, (item,), 1.0, why) for text, item in said]


def _tells_alone(answer: Evidence) -> bool:
    """Whether a FAQ's answer repeats most of its question; "Both." and "It costs $5." do not."""
    repeated = coverage(content_words(answer.context), content_words(answer.text))
    return repeated >= MOSTLY_TOLD and not REFERS_BACK.match(answer.text)


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


def _gives(pieces: Sequence[Evidence], kinds: Set[str], told: Set[str]) -> bool:
    """Whether pieces have an amount of one of these kinds that is not told."""
    return any(
        kind in kinds and str(value) not in told
        for item in pieces
        for value, kind in amounts(item.text)
    )


def _is_more(pieces: Sequence[Evidence], told: Set[str], question: str) -> bool:
    """Whether pieces have a word of the question, and not mostly what is told."""
    of_it = _words(" ".join(item.reading for item in pieces)) & content_words(question)
    return bool(of_it) and coverage(_words(" ".join(i.text for i in pieces)), told) < MOSTLY_TOLD


def _words(text: str) -> frozenset[str]:
    return content_words(text) | {str(value) for value in numbers(text)}

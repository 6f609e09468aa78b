"""From passages to an Answer: draft, check every sentence, cite, and abstain where nothing holds.

    hits -> evidence -> draft --------------------------> reasons, other articles -> Answer
                          +-> of each side -> own words -^

A question that compares is drafted again from what is told of each side, where the first draft
did not hold (`rag.drafting`). The Answer holds only sentences that passed the check, each with the
exact words that back it, and the articles' own words where they tell more. With none left, it
abstains.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rag.answerability import unmet_anchors
from rag.confirmation import nearest_words, verdict_on
from rag.disagreement import compare_articles
from rag.drafting import Stopwatch, stream_draft
from rag.evidence import Evidence, EvidenceSet
from rag.pointing import Pointer, pointer_of
from rag.prompts import ABSTENTION
from rag.reasons import add_nearest, add_other_side, complete_list, give_reasons, quoted
from rag.records import Answer, AnswerUpdate, Citation, Hit, Query, Sentence, Verdict
from rag.verification import Finding

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from rag.embedding import Embedder
    from rag.settings import Settings

MOST_READINGS = 2  # before it is said that none of the evidence answers
MOST_QUOTES = 3  # that are judged in place of a draft that did not hold, half a second each


def stream_answer(
    query: Query,
    hits: Sequence[Hit],
    *,
    model: BaseChatModel,
    embedder: Embedder,
    settings: Settings,
    stopwatch: Stopwatch,
    model_name: str,
) -> Generator[AnswerUpdate, None, Answer]:
    """Yield updates as the answer comes, and return it."""

    def finish(
        findings: Sequence[Finding], reason: str | None, gate: Verdict | None = None
    ) -> Answer:
        sentences, citations = cite(findings)
        return Answer(
            question=query.question,
            sentences=sentences or (Sentence(ABSTENTION, (), 0.0),),
            citations=citations,
            hits=tuple(hits),
            abstained=not sentences,
            reason=None if sentences else reason,
            timings=stopwatch.timings(),
            model=model_name,
            gate=gate,
            trace=tuple(Verdict(f.text, f.kept, f.support, f.why) for f in findings),
            understood=query.standalone if query.standalone != query.question else None,
        )

    if not hits:
        return finish((), "The index has no passage that resembles the question.")
    yield AnswerUpdate(stage="reading")
    evidence = EvidenceSet(query.standalone, hits, embedder=embedder)
    pointer = pointer_of(query.standalone, model=model) if settings.pointing else None
    drafting = partial(
        stream_draft,
        evidence,
        pointer=pointer,
        model=model,
        settings=settings,
        stopwatch=stopwatch,
    )
    readings = evidence.readings(
        settings.reading_tokens, count_tokens=embedder.count_tokens, most=MOST_READINGS
    )
    draft = yield from drafting(readings)
    instead = nearest_words(query.standalone, draft.cited[:1] or evidence.nearest())
    instead = instead or not_mentioned(query, hits)
    if not instead and draft.was_written:
        instead = " Nothing drafted from them held."
    findings, gate, pointed = list(draft.findings), draft.gate, draft.pointed
    sides = evidence.of_sides() if settings.verify else []
    if sides and not draft.holds:
        of_sides = yield from drafting([evidence.together(*sides)])
        findings += of_sides.findings
        if of_sides.holds:
            gate, pointed = of_sides.gate, of_sides.pointed
    if gate and pointer and draft.was_written and not any(finding.kept for finding in findings):
        quotes, gate = quote_instead(evidence, sides, pointer=pointer, gate=gate)
        findings += quotes
    if settings.verify:
        answers = partial(verdict_on, pointer=pointer) if pointer else None
        findings = give_reasons(findings, evidence)
        findings = add_other_side(findings, evidence, sides, answers=answers)
        findings = add_nearest(findings, evidence, answers=answers, pointed=pointed)
        findings = complete_list(findings, evidence)
        findings = compare_articles(findings, evidence)
    return finish(findings, f"{looked_at(hits)}{instead}", gate)


def quote_instead(
    evidence: EvidenceSet, sides: Sequence[Sequence[Evidence]], *, pointer: Pointer, gate: Verdict
) -> tuple[list[Finding], Verdict]:
    """(the articles' own words that most likely answer, the word on them), for want of a draft.

    They are those of both sides of a question that compares, or the nearest ones; they are said if
    they have the question's names, a number where it asks for one, and surely answer it, which only
    a model that points can tell. Where none do, `gate` is the last word.
    """
    both = [evidence.together(*sides)] if sides else []
    for words in (*both, *evidence.likeliest(MOST_QUOTES)):
        verdict = verdict_on(words, pointer=pointer)
        if verdict.kept:
            return quoted(words), verdict
    return [], gate


def cite(findings: Sequence[Finding]) -> tuple[tuple[Sentence, ...], tuple[Citation, ...]]:
    """Number the evidence of the kept sentences in order of first use."""
    numbers: dict[tuple[str, int, int], int] = {}
    evidence: list[Evidence] = []
    sentences: list[Sentence] = []
    for finding in findings:
        if not finding.kept:
            continue
        marks = []
        for item in finding.evidence:
            place = (item.chunk.article_id, item.start, item.end)
            if place not in numbers:
                numbers[place] = len(numbers) + 1
                evidence.append(item)
            marks.append(numbers[place])
        sentences.append(Sentence(finding.text, tuple(sorted(marks)), finding.support))
    citations = tuple(
        Citation(
            number=number,
            article_id=item.chunk.article_id,
            title=item.chunk.title,
            source=item.chunk.source,
            start=item.start,
            end=item.end,
            quote=item.text,
            also=item.chunk.also,
        )
        for number, item in enumerate(evidence, start=1)
    )
    return tuple(sentences), citations


def looked_at(hits: Sequence[Hit]) -> str:
    """What was read before abstaining."""
    titles = list(dict.fromkeys(hit.chunk.title for hit in hits))
    count = f"{len(hits)} passage" + ("s" if len(hits) > 1 else "")
    listed = ", ".join(f"“{title}”" for title in titles[:3])
    more = f" and {len(titles) - 3} more" if len(titles) > 3 else ""
    return f"Looked at {count} in {listed}{more}."


def not_mentioned(query: Query, hits: Sequence[Hit]) -> str:
    """The question's names and numbers that were not found in any passage, as a sentence."""
    passages = "\n".join(hit.chunk.embedded_text for hit in hits)
    unmet = unmet_anchors(query.standalone, passages)
    return f" None of them mentions {', '.join(unmet)}." if unmet else ""

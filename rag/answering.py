"""From passages to an Answer: ask whether they hold it, draft, check every sentence, cite.

    hits -> evidence -> read -> answerable? -> draft -> sentences -> checked -> Answer
                         ^          |                                   |
                         +- read on +------------ abstain <-------------+

The draft streams as it is written and is marked as unchecked; the Answer holds only sentences
that passed the check, each with the exact words that back it, and the articles' own words where
they tell more. With none left, it abstains.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from rag.answerability import Signals, Weights, learned_weights, measure, unmet_anchors
from rag.confirmation import cited_by, draft_verdict, nearest_words, verdict_on
from rag.disagreement import compare_articles
from rag.evidence import Evidence, EvidenceSet
from rag.pointing import Pointer, pointer_of, split_reply
from rag.prompts import ABSTENTION, answer_messages, fact_lines
from rag.reasons import add_nearest, give_reasons, quoted
from rag.records import (
    Answer,
    AnswerUpdate,
    Citation,
    Hit,
    Query,
    Sentence,
    Timings,
    Verdict,
)
from rag.sentences import CITATION_MARKS, list_marker_length, sentence_spans
from rag.verification import Finding, check, nearest

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from rag.embedding import Embedder
    from rag.settings import Settings

# Below this the question is so far from every passage that the language model is not asked.
HOPELESS = 0.05
MOST_READINGS = 2  # before it is said that none of the evidence answers
SURE = 0.5  # that a reading holds the answer: more is not read
MOST_QUOTES = 3  # that are judged in place of a draft that did not hold, half a second each


@dataclass
class Stopwatch:
    """Milliseconds since the question came, read at each point on the way."""

    started: float = field(default_factory=time.perf_counter)
    retrieve_ms: float = 0.0
    first_token_ms: float = 0.0
    prompt_tokens: int = 0
    answer_tokens: int = 0

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.started) * 1000

    def timings(self) -> Timings:
        return Timings(
            retrieve_ms=self.retrieve_ms,
            first_token_ms=self.first_token_ms,
            total_ms=self.elapsed_ms,
            prompt_tokens=self.prompt_tokens,
            answer_tokens=self.answer_tokens,
        )


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
    readings = evidence.readings(
        settings.reading_tokens, count_tokens=embedder.count_tokens, most=MOST_READINGS
    )
    gate = points = None
    if settings.gate:
        read, points, gate = find_answer(evidence, readings, pointer=pointer)
        if not gate.kept:
            instead = nearest_words(query.standalone, evidence.nearest())
            instead = instead or not_mentioned(query, hits)
            return finish((), f"{looked_at(hits)}{instead}", gate)
    else:
        read = next(readings)  # there is always one
    if pointer:
        chunks = pointer.reply(fact_lines(read), max_tokens=settings.answer_tokens)
    else:
        writing = model.bind(max_tokens=settings.answer_tokens)
        chunks = writing.stream(answer_messages(query.standalone, read))
    reply = draft = ""
    for chunk in chunks:
        usage = getattr(chunk, "usage_metadata", None)
        if usage:
            stopwatch.prompt_tokens += usage["input_tokens"]
            stopwatch.answer_tokens += usage["output_tokens"]
        if chunk.text:
            reply += chunk.text
            draft = split_reply(reply)[1] if pointer else reply
        if draft:
            stopwatch.first_token_ms = stopwatch.first_token_ms or stopwatch.elapsed_ms
            yield AnswerUpdate(stage="writing", draft=draft)
    yield AnswerUpdate(stage="checking", draft=draft)
    judge = check if settings.verify else nearest
    findings = withdraw_lead_ins([judge(sentence, evidence) for sentence in draft_sentences(draft)])
    instead = nearest_words(query.standalone, cited_by(findings)[:1] or evidence.nearest())
    instead = instead or f"{not_mentioned(query, hits)} Nothing drafted from them held."
    if gate:
        findings, gate = judge_draft(findings, evidence, gate=gate, pointer=pointer, points=points)
    if settings.verify:
        answers = partial(verdict_on, pointer=pointer) if pointer else None
        findings = give_reasons(findings, evidence)
        findings = add_nearest(findings, evidence, answers=answers)
        findings = compare_articles(findings, evidence)
    return finish(findings, f"{looked_at(hits)}{instead}", gate)


def find_answer(
    evidence: EvidenceSet, readings: Iterable[Sequence[Evidence]], *, pointer: Pointer | None
) -> tuple[Sequence[Evidence], float | None, Verdict]:
    """(what to answer from, how surely the model points there, the first gate's word on it).

    It is the first of the readings that surely holds the answer; where none does, the likeliest.
    Without the model's word one reading is as good as another.
    """
    judged: list[tuple[Sequence[Evidence], float | None, Verdict]] = []
    for read in readings:
        signals, weights = weigh(evidence, read, pointer=pointer)
        probability, threshold = weights.probability(signals), weights.threshold
        answerable = probability >= threshold
        why = f"{probability:.0%} likely; answered from {threshold:.0%}"
        gate = Verdict("Do the passages hold the answer?", answerable, probability, why)
        judged.append((read, signals.points, gate))
        if probability >= SURE or signals.points is None:
            break
    return max(judged, key=lambda reading: reading[2].support)


def weigh(
    evidence: EvidenceSet, read: Sequence[Evidence], *, pointer: Pointer | None
) -> tuple[Signals, Weights]:
    """What speaks for the evidence holding the answer, and the weights to judge it by.

    The language model reads it if it can point, unless the other signals make it hopeless.
    """
    with_model, without = learned_weights()
    signals = measure(evidence, read)
    if pointer is None or without.probability(signals) < HOPELESS:
        return signals, without
    return replace(signals, points=pointer.log_odds(read)), with_model


def judge_draft(
    findings: list[Finding],
    evidence: EvidenceSet,
    *,
    gate: Verdict,
    pointer: Pointer | None,
    points: float | None,
) -> tuple[list[Finding], Verdict]:
    """(what may be said of a checked draft, the second gate's word on it).

    A draft that answers something else is withdrawn. Where nothing is left, the articles' own
    words that most likely answer are said if they have the question's names, a number where it
    asks for one, and surely answer it, which only a model that points can tell. `gate` is the first
    gate's word, `points` how surely the model pointed at something among all that it read.
    """
    if any(finding.kept for finding in findings):
        gate = draft_verdict(findings, evidence, pointer=pointer, points=points)
        if gate.kept:
            return findings, gate
        findings = [withdraw(finding, "it does not answer this question") for finding in findings]
    if pointer:
        for words in evidence.likeliest(MOST_QUOTES):
            verdict = verdict_on(words, pointer=pointer)
            if verdict.kept:
                return [*findings, *quoted(words)], verdict
    return findings, gate


def withdraw(finding: Finding, reason: str) -> Finding:
    """The same sentence, not kept for another reason than what the check found."""
    if not finding.kept:
        return finding
    return Finding(finding.text, (), finding.support, f"{finding.why}, but {reason}")


def withdraw_lead_ins(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without lines that lead in to a list of which nothing is kept."""
    last_first: list[Finding] = []
    listed = False
    for finding in reversed(findings):
        leads_in = finding.text.endswith(":")
        if leads_in and not listed:
            finding = withdraw(finding, "nothing that it leads in to is kept")
        listed = not leads_in and (listed or finding.kept)
        last_first.append(finding)
    return last_first[::-1]


def draft_sentences(draft: str) -> list[str]:
    """The sentences of a draft, without the marks of lists, or of citations that it made up."""
    text = CITATION_MARKS.sub("", draft).strip()
    sentences = [text[start:end] for start, end in sentence_spans(text)]
    return [sentence[list_marker_length(sentence) :] for sentence in sentences]


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

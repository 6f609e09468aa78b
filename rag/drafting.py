"""A draft from the evidence, of which only what holds is left.

    evidence -> read -> answerable? -> writing -> sentences -> checked -> answers it? -> Draft
                 ^          |
                 +- read on +

The draft streams as it is written, marked as unchecked. Two gates stand round it: whether what
is read holds the answer (`rag.answerability`), and whether what was written is one
(`rag.confirmation`); between them every sentence is checked (`rag.verification`).
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rag.answerability import Signals, Weights, learned_weights, measure
from rag.confirmation import cited_by, draft_verdict
from rag.evidence import Evidence, EvidenceSet
from rag.pointing import Pointer, split_reply
from rag.prompts import answer_messages, fact_lines
from rag.records import AnswerUpdate, Timings, Verdict
from rag.sentences import CITATION_MARKS, list_marker_length, sentence_spans
from rag.verification import Finding, check, nearest

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from rag.settings import Settings

# Below this the question is so far from every passage that the language model is not asked.
HOPELESS = 0.05
SURE = 0.5  # that a reading holds the answer: more is not read


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


@dataclass(frozen=True, slots=True)
class Draft:
    """What came of a draft: every sentence with what was found on it, and a gate's last word.

    `cited` is what the check found for it, whether or not the gate let it pass; `pointed` the lines
    that the model chose before it wrote.
    """

    findings: tuple[Finding, ...] = ()
    gate: Verdict | None = None
    cited: tuple[Evidence, ...] = ()
    pointed: tuple[tuple[Evidence, ...], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether any of it may be said."""
        return any(finding.kept for finding in self.findings)

    @property
    def was_written(self) -> bool:
        """Whether the first gate let it be written."""
        return bool(self.findings) or self.gate is None or self.gate.kept


def stream_draft(
    evidence: EvidenceSet,
    readings: Iterable[Sequence[Evidence]],
    *,
    pointer: Pointer | None,
    model: BaseChatModel,
    settings: Settings,
    stopwatch: Stopwatch,
) -> Generator[AnswerUpdate, None, Draft]:
    """Yield updates as a draft is written from one of the readings, and return what holds of it."""
    gate = points = None
    if settings.gate:
        read, points, gate = find_answer(evidence, readings, pointer=pointer)
        if not gate.kept:
            return Draft(gate=gate)
    else:
        read = next(iter(readings))  # there is always one
    lines = fact_lines(read)
    if pointer:
        chunks = pointer.reply(lines, max_tokens=settings.answer_tokens)
    else:
        writing = model.bind(max_tokens=settings.answer_tokens)
        chunks = writing.stream(answer_messages(evidence.question, read))
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
    cited = tuple(cited_by(findings))
    if gate and cited:
        findings, gate = judge_draft(findings, evidence, pointer=pointer, points=points)
    numbers = split_reply(reply)[0] if pointer else []
    pointed = tuple(lines[n - 1].pieces for n in numbers if 0 < n <= len(lines))
    return Draft(tuple(findings), gate, cited, pointed)


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
    findings: Sequence[Finding],
    evidence: EvidenceSet,
    *,
    pointer: Pointer | None,
    points: float | None,
) -> tuple[list[Finding], Verdict]:
    """(a checked draft, withdrawn if it answers something else, the second gate's word on it).

    `points` is how surely the model pointed at something among all that it read.
    """
    gate = draft_verdict(findings, evidence, pointer=pointer, points=points)
    if gate.kept:
        return list(findings), gate
    return [withdraw(finding, "it does not answer this question") for finding in findings], gate


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

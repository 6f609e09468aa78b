"""What the chat shows, as HTML: pure functions from the records to text.

Everything that comes from a reader, a model or an article passes through `escape`; only the
markup written here reaches the page as markup. Ids are unique within the page because each
carries the number of its turn, so a mark in one answer never opens a source of another.

    <article class="turn">       one question and what became of it
      <h2 class="question">
      <div class="answer">       sentences with [n] marks, then the sources as footnotes, then folds
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from rag import Answer, Citation, FootnoteError, Sentence, Timings, Verdict

STAGES = {
    "queued": "Waiting for the answer before this one",
    "searching": "Looking through the articles",
    "reading": "Reading the passages it found",
    "writing": "Writing a draft · not checked yet",
    "checking": "Checking the draft against the articles",
}

UNEXPECTED = FootnoteError(
    "Footnote failed in a way it did not expect.",
    hint="The terminal shows the details; `rag doctor` checks the installation.",
)


def escape(text: str) -> str:
    """Text that is safe as HTML content and in a quoted attribute, and encodable as UTF-8.

    Parsers of broken files can leave lone surrogates in an article; no JSON carries them to
    the page, so each becomes a question mark.
    """
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"), quote=True)


# The status line.


def render_loading(seconds: float) -> str:
    """The status line while the model loads. The count is not read out: it changes each second."""
    return _status(
        "loading",
        f'Loading the language model … <span aria-hidden="true">{seconds:.0f} s</span>',
    )


def render_ready(model: str, corpus_note: str) -> str:
    """The status line once questions are answered at once."""
    return _status("ready", " · ".join(escape(part) for part in ("Ready", model, corpus_note)))


def render_load_failure(error: FootnoteError) -> str:
    """The status line when there will be no answers: what happened and what to do."""
    return _status("failed", f"{escape(error.message)} {with_commands(error.hint)}".strip())


def _status(kind: str, content: str) -> str:
    return (
        f'<p class="status {kind}" role="status"><span class="dot" aria-hidden="true"></span>'
        f"<span>{content}</span></p>"
    )


# One turn.


def render_turn(question: str, body: str, *, turn: int) -> str:
    """A question and, under it, the HTML of what became of it."""
    return (
        f'<article class="turn" id="turn-{turn}">'
        f'<h2 class="question">{escape(question)}</h2>{body}</article>'
    )


def render_waiting(seconds: float) -> str:
    """A question that was asked before the model was there."""
    return _progress(
        "Your question is kept: it is answered as soon as the language model is loaded "
        f'<span aria-hidden="true">({seconds:.0f} s so far)</span>',
        draft="",
    )


def render_progress(stage: str, draft: str) -> str:
    """A question on its way: what is being done, and the unchecked text so far."""
    return _progress(escape(STAGES.get(stage, stage)), draft=draft)


def _progress(label: str, *, draft: str) -> str:
    # aria-busy keeps a screen reader silent until the checked answer replaces the draft.
    return (
        '<div class="answer pending" aria-live="polite" aria-busy="true">'
        f'<p class="stage"><span class="dot" aria-hidden="true"></span><span>{label}</span></p>'
        f"{_draft(draft)}</div>"
    )


def _draft(draft: str) -> str:
    return f'<p class="draft">{escape(draft)}</p>' if draft.strip() else ""


def render_stopped(draft: str) -> str:
    """A question whose answer the reader stopped; what was written stays marked as unchecked."""
    kept = " What it had written was not checked:" if draft.strip() else ""
    return f'<div class="answer stopped"><p class="stage">Stopped.{kept}</p>{_draft(draft)}</div>'


def render_error(error: FootnoteError) -> str:
    """A question that could not be answered: what happened and what to do, in words."""
    return (
        '<div class="answer failed" role="alert">'
        '<p class="notice">This question could not be answered.</p>'
        f"<p>{escape(error.message)}</p>"
        + (f'<p class="hint">{with_commands(error.hint)}</p>' if error.hint else "")
        + "</div>"
    )


def with_commands(text: str) -> str:
    """Escaped text in which `code` between back-ticks is shown as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts)
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))


def render_answer(answer: Answer, *, turn: int) -> str:
    """A checked answer: its sentences, its sources, and why it says what it says."""
    kind = "abstained" if answer.abstained else "backed"
    said = _abstention(answer) if answer.abstained else _backed(answer, turn=turn)
    taken = answer.understood
    understood = f'<p class="understood">Understood as: {escape(taken)}</p>' if taken else ""
    return (
        f'<div class="answer {kind}" aria-live="polite">{understood}{said}'
        f"{_why(answer.gate, answer.trace)}"
        f"{_timings(answer.timings, answer.model)}</div>"
    )


def _backed(answer: Answer, *, turn: int) -> str:
    known = {citation.number for citation in answer.citations}
    sentences = " ".join(
        _sentence(sentence, place, known=known, turn=turn)
        for place, sentence in enumerate(answer.sentences, start=1)
    )
    sources = "".join(
        _source(citation, answer.sentences, turn=turn) for citation in answer.citations
    )
    listed = f'<h3 class="spoken">Sources</h3><ol class="sources">{sources}</ol>' if sources else ""
    return f'<p class="said">{sentences}</p>{listed}'


def _sentence(sentence: Sentence, place: int, *, known: set[int], turn: int) -> str:
    marks = "".join(
        f'<a class="mark" href="#turn-{turn}-source-{number}"'
        f' aria-label="Source {number}, backed {sentence.support:.2f}">{number}</a>'
        for number in sentence.citations
        if number in known
    )
    marked = f'<span class="marks">{marks}</span>' if marks else ""
    return f'<span id="turn-{turn}-sentence-{place}">{escape(sentence.text)}{marked}</span>'


def _source(citation: Citation, sentences: Sequence[Sentence], *, turn: int) -> str:
    backed = [
        (place, sentence.support)
        for place, sentence in enumerate(sentences, start=1)
        if citation.number in sentence.citations
    ]
    best = max((support for _, support in backed), default=None)
    support = "" if best is None else f'<span class="support">backed {best:.2f}</span>'
    back = ", ".join(
        f'<a class="back" href="#turn-{turn}-sentence-{place}">sentence {place}</a> ({support:.2f})'
        for place, support in backed
    )
    backs = f'<p class="where">Backs {back}</p>' if back else ""
    return (
        f'<li><details class="source" id="turn-{turn}-source-{citation.number}">'
        f'<summary><span class="number">{citation.number}</span>'
        f'<span class="title">{escape(citation.title)}</span>{support}'
        f'<span class="preview" aria-hidden="true">{escape(citation.quote)}</span></summary>'
        f"<blockquote>{escape(citation.quote)}</blockquote>"
        f'<p class="where">{origin(citation.source)} · '
        f"characters {citation.start}–{citation.end}</p>{backs}</details></li>"
    )


def origin(source: str) -> str:
    """Where the article comes from; a link only for a web address, followed only on a click."""
    if source.startswith(("https://", "http://")):
        return (
            f'<a href="{escape(source)}" target="_blank" rel="noopener noreferrer">'
            f"{escape(source)}</a>"
        )
    return escape(source)


def _abstention(answer: Answer) -> str:
    refusal = " ".join(escape(sentence.text) for sentence in answer.sentences)
    reason = f'<p class="reason">{escape(answer.reason)}</p>' if answer.reason else ""
    places = dict.fromkeys(
        (hit.chunk.title, hit.chunk.heading.partition("\n")[0]) for hit in answer.hits
    )
    looked = "".join(
        f"<li>{escape(title)}"
        + (f' <span class="heading">{escape(heading)}</span>' if heading else "")
        + "</li>"
        for title, heading in places
    )
    fold = (
        f'<details class="fold"><summary>What was looked at ({len(places)})</summary>'
        f"<ol>{looked}</ol></details>"
        if looked
        else ""
    )
    return f'<p class="said">{refusal}</p>{reason}{fold}'


def _why(gate: Verdict | None, trace: Sequence[Verdict]) -> str:
    if gate is None and not trace:
        return ""
    asked = (
        f'<p class="gate">{escape(gate.text)} <strong>{"Yes" if gate.kept else "No"}</strong>'
        f'<span class="verdict">{escape(gate.why)}</span></p>'
        if gate
        else ""
    )
    verdicts = "".join(
        f'<li class="{"kept" if verdict.kept else "withdrawn"}">'
        f"<strong>{'Kept' if verdict.kept else 'Withdrawn'}</strong> "
        f'<span class="support">{verdict.support:.2f}</span> {escape(verdict.text)}'
        f'<span class="verdict">{escape(verdict.why)}</span></li>'
        for verdict in trace
    )
    kept = sum(verdict.kept for verdict in trace)
    counted = (
        f" · {kept} of {len(trace)} drafted {'sentence' if len(trace) == 1 else 'sentences'} kept"
        if trace
        else ""
    )
    listed = f"<ol>{verdicts}</ol>" if verdicts else ""
    return f'<details class="fold"><summary>Why{counted}</summary>{asked}{listed}</details>'


def _timings(timings: Timings, model: str) -> str:
    parts = [f"found in {_duration(timings.retrieve_ms)}"]
    if timings.first_token_ms:
        parts.append(f"first word after {_duration(timings.first_token_ms)}")
    parts.append(f"{_duration(timings.total_ms)} in all")
    parts.append(f"{timings.prompt_tokens} tokens read, {timings.answer_tokens} written")
    return f'<p class="timings">{escape(" · ".join([*parts, model]))}</p>'


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"

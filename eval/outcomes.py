"""Every question of a run with its evidence in context, as the table of a report.

A question is one body of the table: a row with its verdict, and under it a fold with each
sentence, what was judged of it, and its quotes where they stand in the articles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from eval.plots import escape, foreign, formatted
from eval.records import Case, Outcome, Passage, Quote, Reply, SentenceJudgement, Statement

VERDICTS: Mapping[str, str] = {
    "right": "states what it must and contradicts nothing",
    "abstained rightly": "the articles do not say, and neither did it",
    "wrong": "lacks a fact or contradicts one",
    "refused": "abstained although the articles have the answer",
    "hallucinated": "says something that the articles do not back",
}


def verdict(outcome: Outcome) -> str:
    """One of `VERDICTS`; what is hallucinated counts as that, even beside a right answer."""
    if outcome.reply.abstained:
        return "refused" if outcome.case.answerable else "abstained rightly"
    if outcome.hallucinated:
        return "hallucinated"
    return "right" if outcome.right else "wrong"


def questions(outcomes: Sequence[Outcome]) -> str:
    """The section with every question, as HTML."""
    if not outcomes:
        return (
            '<section id="questions"><h2>Every question</h2><p>No question was asked.</p></section>'
        )
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("Question", "Answer", "Reference", "Verdict", "Why")
    )
    bodies = "".join(_outcome(outcome, place) for place, outcome in enumerate(outcomes, start=1))
    return (
        f'<section id="questions"><h2>Every question</h2>{_filters(outcomes)}'
        f'<table id="cases"><thead><tr>{heads}</tr></thead>{bodies}</table></section>'
    )


def _filters(outcomes: Sequence[Outcome]) -> str:
    verdicts = Counter(verdict(outcome) for outcome in outcomes)
    kinds = Counter(outcome.case.kind for outcome in outcomes)
    legend = "".join(f"<div><dt>{v}</dt><dd>{said}</dd></div>" for v, said in VERDICTS.items())
    return (
        '<div id="filters" hidden>'
        + _buttons("verdict", {v: verdicts[v] for v in VERDICTS if v in verdicts})
        + _buttons("kind", kinds)
        + '<p><label>Search <input type="search" placeholder="in all columns" '
        'autocomplete="off"></label> <button type="button" id="all">Show all</button> '
        '<output aria-live="polite"></output></p></div>'
        '<details class="fold"><summary>What the verdicts mean</summary>'
        f'<dl class="facts">{legend}</dl><p>An answer that has its facts right and adds something '
        "unbacked stands here as hallucinated; the figure for right answers counts it too.</p>"
        "</details>"
    )


def _buttons(by: str, counts: Mapping[str, int]) -> str:
    buttons = "".join(
        f'<button type="button" name="{by}" value="{escape(value)}" aria-pressed="false">'
        f"{foreign(value.replace('_', ' '))} {count}</button> "
        for value, count in counts.items()
    )
    return (
        f'<p role="group" aria-label="By {by}"><span class="by">{by.title()}</span> {buttons}</p>'
    )


def _outcome(outcome: Outcome, place: int) -> str:
    case, reply, given = outcome.case, outcome.reply, verdict(outcome)
    reason = f'<p class="note">{foreign(reply.reason)}</p>' if reply.reason else ""
    return (
        f'<tbody id="question-{place}" data-verdict="{given}" data-kind="{escape(case.kind)}"><tr>'
        f'<td class="asked"><a href="#question-{place}">{place}</a> '
        f'{foreign(case.question)}<p class="note">{_origin(case)}</p></td>'
        f'<td class="said" data-label="Answer">{_said(reply)}{reason}</td>'
        f'<td data-label="Reference">{_reference(case)}</td>'
        f'<td data-label="Verdict"><span class="verdict {given.split()[0]}">{given}</span></td>'
        f'<td data-label="Why">{foreign(outcome.why)}</td></tr>'
        f'<tr class="more"><td colspan="5">{_evidence(outcome)}</td></tr></tbody>'
    )


def _origin(case: Case) -> str:
    parts = [case.kind.replace("_", " "), case.origin.replace("_", " "), case.id]
    near = f"near to: {case.near}" if case.near else ""
    after = f"after {case.follows}" if case.follows else ""
    return foreign(" · ".join(dict.fromkeys(part for part in [*parts, after, near] if part)))


def _said(reply: Reply) -> str:
    if reply.abstained or not reply.statements:
        return foreign(reply.text)
    return " ".join(f"{foreign(s.text)}{_marks(s.citations)}" for s in reply.statements)


def _marks(citations: Iterable[int]) -> str:
    return "".join(f'<span class="mark">{number}</span>' for number in citations)


def _reference(case: Case) -> str:
    if not case.answerable:
        return '<span class="note">The articles do not say.</span>'
    if case.references:
        return '<span class="note"> or </span>'.join(foreign(text) for text in case.references)
    return f'<span class="note">must state</span> {_key_facts(case)}' if case.key_facts else "–"


def _key_facts(case: Case) -> str:
    return "; ".join(" / ".join(map(foreign, spellings)) for spellings in case.key_facts)


def _evidence(outcome: Outcome) -> str:
    reply = outcome.reply
    pairs = list(zip_longest(reply.statements, outcome.sentences))
    counts = (
        _counted(len(pairs), "sentence"),
        _counted(len(reply.quotes), "quote"),
        _counted(len(reply.passages), "passage"),
    )
    sentences = "".join(_sentence(*pair, reply) for pair in pairs)
    passages = "".join(
        f'<li value="{passage.rank}"><details><summary>{foreign(passage.title)} '
        f'<span class="note">{_place(passage)}</span></summary>'
        f"<blockquote>{foreign(passage.text)}</blockquote></details></li>"
        for passage in reply.passages
    )
    found = f"<h4>Passages found</h4><ol>{passages}</ol>" if passages else ""
    return (
        f"<details><summary>Evidence: {', '.join(counts)}</summary>"
        + (f'<ol class="sentences">{sentences}</ol>' if sentences else "")
        + f'{found}<p class="note">{_measures(outcome)}</p></details>'
    )


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _sentence(
    statement: Statement | None, judgement: SentenceJudgement | None, reply: Reply
) -> str:
    text = statement.text if statement else judgement.text if judgement else ""
    numbers = statement.citations if statement else ()
    needed = dict(zip(numbers, judgement.precise, strict=False)) if judgement else {}
    cited = "".join(
        _quote(quote, reply.passages, needed=needed.get(quote.number))
        for number in numbers
        for quote in reply.quotes
        if quote.number == number
    )
    judged = '<p class="note">not judged</p>'
    if judgement:
        word = "hallucinated" if judgement.hallucinated else "backed"
        recalled = "back" if judgement.recalled else "do not back"
        judged = (
            f'<p class="judged"><span class="verdict {word}">{word}</span> '
            f"{judgement.backed:.0%} likely to be in the articles; its quotes {recalled} it. "
            f"{foreign(judgement.why)}</p>"
        )
    return f'<li><p class="said">{foreign(text)}{_marks(numbers)}</p>{judged}{cited}</li>'


def _quote(quote: Quote, passages: Sequence[Passage], *, needed: bool | None) -> str:
    judged = {None: "", True: " · needed", False: " · not needed"}[needed]
    return (
        f'<figure class="quote"><figcaption><span class="mark">{quote.number}</span> '
        f'{foreign(quote.title)} <span class="note">{_place(quote)}{judged}</span></figcaption>'
        f"<blockquote>{_in_context(quote, passages)}</blockquote></figure>"
    )


def _place(cited: Quote | Passage) -> str:
    return f"· characters {cited.start}–{cited.end}"


def _in_context(quote: Quote, passages: Sequence[Passage]) -> str:
    """The passage that covers a quote, with the quote marked; else the quote alone."""
    marked = f"<mark>{foreign(quote.quote)}</mark>"
    for passage in passages:
        if passage.article != quote.article:
            continue
        if not passage.start <= quote.start <= quote.end <= passage.end:
            continue
        start, end = quote.start - passage.start, quote.end - passage.start
        if passage.text[start:end] != quote.quote:
            there = foreign(passage.text[start:end])
            return f'{marked} <span class="note">But at this place stands:</span> {there}'
        return f"{foreign(passage.text[:start])}{marked}{foreign(passage.text[end:])}"
    return marked


def _measures(outcome: Outcome) -> str:
    case, reply = outcome.case, outcome.reply
    parts = []
    if case.key_facts:
        parts.append(f"must state {_key_facts(case)}")
    if case.source_articles:
        parts.append(f"stands in {foreign(', '.join(case.source_articles))}")
    if case.answerable and not reply.abstained:
        parts.append(f"exact match {outcome.exact_match:.0f}, token F1 {outcome.token_f1:.2f}")
        parts.append(f"string recall {'yes' if outcome.string_recall else 'no'}")
    if outcome.agreement is not None:
        parts.append(f"agreement {outcome.agreement:.2f}")
    if reply.quotes:
        parts.append(f"{outcome.quotes_exact} of {_counted(len(reply.quotes), 'quote')} exact")
    if case.answerable:
        rank = outcome.found_rank
        parts.append("not found" if rank is None else f"first found at rank {rank}")
    if reply.first_token_ms:
        parts.append(f"first word after {formatted(reply.first_token_ms / 1000, 'seconds')}")
    parts.append(f"confidence {reply.confidence:.2f}")
    parts.append(f"{formatted(reply.total_ms / 1000, 'seconds')} in all")
    parts.append(f"{reply.prompt_tokens} tokens read, {reply.answer_tokens} written")
    return " · ".join(parts)

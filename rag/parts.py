"""A question that asks for two things: what its answer leaves out of the second.

A small model that is asked "Which bank's suite won, and how many of its staff use it?" often tells
the bank alone, and nobody misses the number. So the second part is asked by itself, after what was
told, and what it adds is said after the rest. Whether a number, a date or someone is missing can
be seen; whether anything else is cannot, so that is asked for always, and said if it is sure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from rag.amounts import numbers
from rag.amounts_asked import ASKS_AN_AMOUNT, lacks_amount
from rag.descriptions import CLAUSE, INTERROGATIVE
from rag.records import Answer, Sentence
from rag.steps import Asking, joined
from rag.terms import content_words, coverage, names

AND_ASKS = re.compile(
    rf"[,;]? and (?:also )?(?=(?:(?:in|at|on|by|for|from|to|of|with) )?{INTERROGATIVE.pattern})",
    re.IGNORECASE,
)
ASKS_WHO = re.compile(r"^who(?:m|se)?\b", re.IGNORECASE)
SURE = 0.5  # that what nobody could see missing answers the second part
MOST_TOLD = 0.8  # of the words of what is added, in what was told


def two_parts(question: str) -> tuple[str, str] | None:
    """(a question, the one that is joined to it by "and"); None where there is only one.

    >>> two_parts("Who found it, and when?")
    ('Who found it?', 'when?')
    """
    for match in AND_ASKS.finditer(question):
        first, second = question[: match.start()], question[match.end() :]
        asks = INTERROGATIVE.search(first)
        # "... the singer who is known for her voice and who was born in 1951" asks for one thing.
        describes = asks and CLAUSE.search(first, asks.end()) and CLAUSE.match(second)
        if asks and not describes:
            return f"{first}?", second
    return None


def answer_in_parts(question: str, *, ask: Callable[[str], Asking]) -> Asking:
    """The answer to a question, with what it leaves out of a second one that is joined to it.

    Where that adds nothing and an amount is still missing, the first may be the one left out.
    `ask` answers one question. Yields its updates, and returns the joined `Answer`.
    """
    answer = yield from ask(question)
    parts = two_parts(question)
    if parts is None or answer.abstained:
        return answer
    first, second = parts
    is_missing = _misses(second, question, answer)
    if is_missing is False:
        return answer
    asked = f"{answer.sentences[0].text} {second[:1].upper()}{second[1:].rstrip('?')}?"
    more = yield from _ask_after(answer, asked, ask=ask)
    added = _added(more, answer, is_missing=bool(is_missing))
    told = [answer, replace(more, sentences=added)]
    lacks = not added or _misses(second, question, joined(told))
    if lacks and is_missing and ASKS_AN_AMOUNT.search(first):
        more = yield from _ask_after(answer, first, ask=ask)
        added = _added(more, answer, is_missing=True)
        told = [replace(more, sentences=added), answer]
    whole = replace(joined(told), timings=more.timings)
    if not added or _misses(second, question, whole):
        return replace(answer, timings=more.timings)
    return replace(whole, question=answer.question, understood=answer.understood, gate=answer.gate)


def _ask_after(answer: Answer, asked: str, *, ask: Callable[[str], Asking]) -> Asking:
    """The answer to another question; what was told before stays in sight while it is written."""
    asking = ask(asked)
    while True:
        try:
            update = next(asking)
        except StopIteration as end:
            more: Answer = end.value
            return more
        yield replace(update, draft=f"{answer.text} {update.draft}".rstrip())


def _added(more: Answer, answer: Answer, *, is_missing: bool) -> tuple[Sentence, ...]:
    """What may be said besides: what is missing, or is sure, and was not told."""
    told = not more.abstained and (is_missing or (more.gate and more.gate.support >= SURE))
    return tuple(sentence for sentence in more.sentences if told and _adds(sentence, answer))


def _misses(part: str, question: str, answer: Answer) -> bool | None:
    """Whether an answer lacks the amount, date or name a part asks for; None if it asks another."""
    said = " ".join(sentence.text for sentence in answer.sentences)
    lacks = lacks_amount(part, said, question=question)
    if lacks is None and ASKS_WHO.search(part):
        return not names(f"of {said}") - names(question)
    return lacks


def _adds(sentence: Sentence, answer: Answer) -> bool:
    """Whether a sentence has words or a number that an answer lacks."""
    said = " ".join(other.text for other in answer.sentences)
    told = coverage(content_words(sentence.text), content_words(said))
    return told < MOST_TOLD or not numbers(sentence.text) <= numbers(said)

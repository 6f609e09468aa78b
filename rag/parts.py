"""A question that asks for two things: what the answer to all of it leaves out is asked by itself.

A small model that is asked "Which bank's suite won, and how many of its staff use it?" often tells
the bank alone, and nobody misses the number. So where no number, date or new name is told for a
part that asks for one, or where the part asks for more than that, it is asked again in words of its
own, as a follow-up would be, and what it adds is said after the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from rag.amounts import amounts, numbers
from rag.records import Answer, Sentence
from rag.steps import CLAUSE, INTERROGATIVE, Asking, joined
from rag.terms import content_words, names

AND_ASKS = re.compile(
    rf"[,;]? and (?:also )?(?=(?:(?:in|at|on|by|for|from|to|of|with) )?{INTERROGATIVE.pattern})",
    re.IGNORECASE,
)
ASKS_HOW_MUCH = re.compile(r"\bhow (?:many|much)\b", re.IGNORECASE)
ASKS_WHEN = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:day|date|month|year|decade|century)\b", re.IGNORECASE
)
ASKS_WHO = re.compile(r"^who(?:m|se)?\b", re.IGNORECASE)


def in_parts(question: str) -> tuple[str, str] | None:
    """The two questions in one that are joined by "and"; None where there is only one.

    >>> in_parts("Who found it, and when?")
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


def answer_in_parts(
    question: str, *, ask: Callable[[str], Asking], written_out: Callable[[str, Answer], str]
) -> Asking:
    """The answer to a question, with what it leaves out of a second one that is joined to it.

    `ask` answers one question; `written_out` makes the second part stand by itself after the
    answer to the first. Yields its updates, and returns the joined `Answer`.
    """
    answer = yield from ask(question)
    parts = in_parts(question)
    if parts is None or answer.abstained or _is_told(parts[1], question, answer):
        return answer
    second = ask(written_out(parts[1], replace(answer, question=parts[0])))
    while True:
        try:
            update = next(second)
        except StopIteration as end:
            more: Answer = end.value
            break
        draft = f"{answer.text} {update.draft}" if update.draft else update.draft
        yield replace(update, draft=draft)
    added = () if more.abstained else tuple(s for s in more.sentences if _adds(s, answer))
    if not added:
        return replace(answer, timings=more.timings)
    whole = joined([answer, replace(more, sentences=added)])
    return replace(whole, question=answer.question, understood=answer.understood, gate=answer.gate)


def _is_told(part: str, question: str, answer: Answer) -> bool:
    """Whether an answer has a number, a date or a new name, if a part asks for such a thing."""
    said = " ".join(sentence.text for sentence in answer.sentences)
    if ASKS_HOW_MUCH.search(part):
        return bool(numbers(said) - numbers(question))
    if ASKS_WHEN.search(part):
        return any(kind == "year" for _, kind in set(amounts(said)) - set(amounts(question)))
    return bool(ASKS_WHO.search(part) and names(f"of {said}") - names(question))


def _adds(sentence: Sentence, answer: Answer) -> bool:
    """Whether a sentence has a word or a number that an answer lacks."""
    said = " ".join(other.text for other in answer.sentences)
    return not content_words(sentence.text) <= content_words(said) or not (
        numbers(sentence.text) <= numbers(said)
    )

"""A question that asks for two things: the number, date or name that its answer leaves out.

A small model that is asked "Which bank's suite won, and how many of its staff use it?" often tells
the bank alone, and nobody misses the number. So where a part asks for a number, a date or someone,
and none is told, it is asked by itself, after what was told, and what it adds is said after the
rest. Whether a reason or an explanation is missing cannot be seen so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from rag.amounts import amounts, numbers
from rag.descriptions import CLAUSE, INTERROGATIVE
from rag.records import Answer, Sentence
from rag.steps import Asking, joined
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


def second_part(question: str) -> str | None:
    """The question that is joined to another by "and"; None where there is only one.

    >>> second_part("Who found it, and when?")
    'when?'
    """
    for match in AND_ASKS.finditer(question):
        first, second = question[: match.start()], question[match.end() :]
        asks = INTERROGATIVE.search(first)
        # "... the singer who is known for her voice and who was born in 1951" asks for one thing.
        describes = asks and CLAUSE.search(first, asks.end()) and CLAUSE.match(second)
        if asks and not describes:
            return second
    return None


def answer_in_parts(question: str, *, ask: Callable[[str], Asking]) -> Asking:
    """The answer to a question, with what it leaves out of a second one that is joined to it.

    `ask` answers one question. Yields its updates, and returns the joined `Answer`.
    """
    answer = yield from ask(question)
    part = second_part(question)
    if part is None or answer.abstained or _is_told(part, question, answer):
        return answer
    asked = f"{answer.sentences[0].text} {part[:1].upper()}{part[1:].rstrip('?')}?"
    second = ask(asked)
    while True:
        try:
            update = next(second)
        except StopIteration as end:
            more: Answer = end.value
            break
        yield replace(update, draft=f"{answer.text} {update.draft}".rstrip())
    added = () if more.abstained else tuple(s for s in more.sentences if _adds(s, answer))
    if not added:
        return replace(answer, timings=more.timings)
    whole = joined([answer, replace(more, sentences=added)])
    return replace(whole, question=answer.question, understood=answer.understood, gate=answer.gate)


def _is_told(part: str, question: str, answer: Answer) -> bool:
    """Whether an answer has the number, date or new name that a part asks for, if it does."""
    said = " ".join(sentence.text for sentence in answer.sentences)
    if ASKS_HOW_MUCH.search(part):
        return bool(numbers(said) - numbers(question))
    if ASKS_WHEN.search(part):
        return any(kind == "year" for _, kind in set(amounts(said)) - set(amounts(question)))
    return not ASKS_WHO.search(part) or bool(names(f"of {said}") - names(question))


def _adds(sentence: Sentence, answer: Answer) -> bool:
    """Whether a sentence has a word or a number that an answer lacks."""
    said = " ".join(other.text for other in answer.sentences)
    return not content_words(sentence.text) <= content_words(said) or not (
        numbers(sentence.text) <= numbers(said)
    )

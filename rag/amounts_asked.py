"""Which amount a question asks for, and whether an answer gives one of its kind.

"How often does it happen?" is not answered by "It happens to all of them."
"""

from __future__ import annotations

import re

from rag.amounts import amounts

# What asks for an amount, and the kinds of amounts that it may ask for; "what happens when" none.
ASKS_AMOUNT = {
    re.compile(rf"\b(?:{asks})\b", re.IGNORECASE): frozenset(kinds.split())
    for asks, kinds in (
        (r"(?<!\w )when|and when|(?:what|which) (?:day|date|month|year|decade|century)", "year"),
        ("how (?:long|far|old|big|large|tall|high|deep|heavy|fast|quick(?:ly)?|stale)", "count"),
        ("how (?:often|many)", "count percent multiple"),
        ("how much|(?:what|which) price", "money percent count multiple"),
        ("(?:what|which) (?:percentage|share)", "percent"),
    )
}
ASKS_AN_AMOUNT = re.compile("|".join(asks.pattern for asks in ASKS_AMOUNT), re.IGNORECASE)


def kinds_asked(question: str) -> frozenset[str]:
    """The kinds of amounts of which a question asks for one; empty if it asks for none.

    >>> sorted(kinds_asked("How often does it fail?"))
    ['count', 'multiple', 'percent']
    """
    return ASKS_AMOUNT[asks] if (asks := _asking(question)) else frozenset()


def lacks_amount(asking: str, said: str, *, question: str) -> bool | None:
    """Whether an answer gives fewer amounts than are asked for; None if none are.

    `asking` is the part of the `question` that asks; what the question gives is no answer.
    """
    asks = _asking(asking)
    if asks is None:
        return None
    told = [1 for _, kind in amounts(said) - amounts(question) if kind in ASKS_AMOUNT[asks]]
    return len(told) < len(asks.findall(question))


def _asking(question: str) -> re.Pattern[str] | None:
    return next((asks for asks in ASKS_AMOUNT if asks.search(question)), None)

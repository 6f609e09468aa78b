"""The numbers that a text asserts, by value and kind.

Numbers are compared by value, so "200,000", "200k" and "0.2 million" are one number and "70-80%"
is two. Their kind is what they count as far as their own marks say: money, a percentage, a
multiple, a year, or else a count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise, zip_longest

from rag.terms import CLAUSE_END, NUMBER_WORDS, SCALES, WORD, carries_meaning, stem, words

NUMBER = re.compile(
    r"(?<![\w.])(?P<currency>(?:(?:US|CA|AU|NZ|HK)?[$€£¥]|USD|EUR|GBP)\s?)?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:(?P<suffix>[kKmMbBtT](?:n)?)(?![A-Za-z])|[\s-]?(?P<scale>thousand|million|billion|trillion))?"
    r"(?P<unit>(?:st|nd|rd|th|x|s|%|\+)*)(?![A-Za-z])(?P<word>[\s-](?:percent|times|fold)\b)?"
)
DECADE = re.compile(r"(?<!\w)['\u2019\u2018]?(?P<tens>[2-9]0)['\u2019]?s\b")  # "the 70's"
SHORT_RANGE = re.compile(r"\b(?P<century>1\d|20)(?P<first>\d\d)[-\u2013/](?P<last>\d\d)\b(?![\d-])")
PER_CENT = re.compile(r"\bper cent\b")
YEARS = range(1000, 2101)
KIND_WORDS = {"percent": "percent", "times": "multiple", "fold": "multiple"}
BETWEEN = re.compile(r"\bbetween\s(?:\w+\s)?$", re.IGNORECASE)
CHANGE = re.compile(r"\b(?P<ranging>rang\w+\s)?from\s(?:\w+\s)?$", re.IGNORECASE)
MOST_THINGS = 12  # that a question asks for


def numbers(text: str) -> frozenset[Decimal]:
    """The values of the numbers in a text, digits or words, scaled: "$2.6 trillion" is 2.6e12.

    A scale said once for a range holds for both ends: "$2.6 to $4.4 trillion". "the 70's" are
    those of 1970, and "2003-04" ends in 2004.
    """
    return frozenset(value for value, _ in amounts(text))


@lru_cache(maxsize=4096)
def amounts(text: str) -> frozenset[tuple[Decimal, str]]:
    """The numbers of a text, each with its kind: money, percent, multiple, year or count.

    >>> sorted((f"{value:f}", kind) for value, kind in amounts("$5 a clip, up 20% since 2019"))
    [('20', 'percent'), ('2019', 'year'), ('5', 'money')]
    """
    return frozenset((value, kind) for _, _, value, kind in _placed_amounts(_written_out(text)))


@lru_cache(maxsize=4096)
def amounts_of_things(text: str) -> tuple[tuple[Decimal, str, frozenset[str]], ...]:
    """The numbers of a text with their kind and the stems of the two content words after each.

    >>> [(f"{value:f}", kind, sorted(thing)) for value, kind, thing in
    ...  amounts_of_things("five times the revenue, and three times the cost of Acme")]
    [('5', 'multiple', ['revenu']), ('3', 'multiple', ['acm', 'cost'])]
    """
    text = _written_out(text)
    found = sorted(_placed_amounts(text))
    things = []
    for (_, end, value, kind), following in zip_longest(found, found[1:]):
        after = CLAUSE_END.split(text[end : following[0] if following else None])[0]
        carrying = [stem(word) for word in words(after) if _is_thing(word)]
        things.append((value, kind, frozenset(carrying[:2])))
    return tuple(things)


@lru_cache(maxsize=4096)
def ranges(text: str) -> tuple[frozenset[tuple[Decimal, Decimal]], frozenset[Decimal]]:
    """The ranges that a text gives, by their lower and upper ends; the numbers that are no end.

    "from 5 to 10" is a change unless it ranges so, years are a period, and 24-10 is a score.

    >>> given, single = ranges("$0.50-$5 a clip, up from 2 to 3")
    >>> [f"{end:f}" for ends in given for end in ends], sorted(f"{value:f}" for value in single)
    (['0.5', '5'], ['2', '3'])
    """
    text = _written_out(text)
    placed = sorted(_placed_amounts(text))
    ends = [pair for pair in pairwise(placed) if _is_range(text, *pair)]
    paired = {amount for pair in ends for amount in pair}
    return (
        frozenset((low, high) for (_, _, low, _), (_, _, high, _) in ends),
        frozenset(amount[2] for amount in placed if amount not in paired),
    )


def figures(text: str) -> frozenset[Decimal | tuple[Decimal, Decimal]]:
    """The numbers of a text, and its ranges by their ends: 2-5 is more than a 2 and a 5."""
    return numbers(text) | ranges(text)[0]


def _is_range(
    text: str, first: tuple[int, int, Decimal, str], second: tuple[int, int, Decimal, str]
) -> bool:
    (start, end, low, _), (following, _, high, kind) = first, second
    change = CHANGE.search(text, 0, start)
    return (
        low < high
        and kind != "year"
        and _joins_range(text, start, end, following)
        and (change is None or change["ranging"] is not None)
    )


def _written_out(text: str) -> str:
    """A text with its decades and short ranges of years in full, and "per cent" in one word."""
    return SHORT_RANGE.sub(_both_years, DECADE.sub(r"19\g<tens>s", PER_CENT.sub("percent", text)))


def _placed_amounts(text: str) -> Iterator[tuple[int, int, Decimal, str]]:
    """Start, end, value and kind of each number, of a text that is written out."""
    matches = list(NUMBER.finditer(text))
    scale, kind = "", "count"  # of the other end, where a range is written out once
    for match, following in reversed(list(zip_longest(matches, matches[1:]))):
        ranged = following is not None and _joins_range(
            text, match.start(), match.end(), following.start()
        )
        scale = match["suffix"] or match["scale"] or (scale if ranged else "")
        kind = _kind(match, scale) or (kind if ranged else "count")
        try:
            value = Decimal(match["digits"].replace(",", ""))
        except InvalidOperation:  # digits of another script
            continue
        value = value * SCALES[scale.lower()] if scale else value
        yield match.start(), match.end(), value.normalize(), kind
    spelled = list(WORD.finditer(text))
    for match, after in zip_longest(spelled, spelled[1:]):
        for part in match[0].lower().split("-"):
            if part in NUMBER_WORDS:
                kind = KIND_WORDS.get(after[0].lower() if after else "", "count")
                yield match.start(), match.end(), NUMBER_WORDS[part].normalize(), kind


def numbers_asked_about(question: str) -> frozenset[Decimal]:
    """The numbers of a question but small counts: "name three ways" asks for so many things."""
    return frozenset(
        value
        for value, kind in amounts(question)
        if kind != "count" or value > MOST_THINGS or value % 1
    )


def _both_years(match: re.Match[str]) -> str:
    """A range of years with both written out; what runs backwards is no range of years."""
    century, first, last = match["century"], match["first"], match["last"]
    return f"{century}{first} to {century}{last}" if first < last else match[0]


def _kind(match: re.Match[str], scale: str) -> str:
    """What a written number counts, as far as its own marks say; "" if they do not."""
    word = (match["word"] or "").strip(" -\n")
    if match["currency"]:
        return "money"
    if "%" in match["unit"] or word == "percent":
        return "percent"
    if "x" in match["unit"] or word:
        return "multiple"
    digits = match["digits"]
    return "year" if not scale and digits.isdecimal() and int(digits) in YEARS else ""


def _joins_range(text: str, start: int, end: int, following: int) -> bool:
    """Whether what stands from `start` to `end` is the first of two ends, and `following` next."""
    between = text[end:following].strip()
    if between == "and":
        return bool(BETWEEN.search(text, 0, start))
    return between in {"to", "-", "\u2013", "\u2014"}


def _is_thing(word: str) -> bool:
    return carries_meaning(word) and word.lower() not in KIND_WORDS

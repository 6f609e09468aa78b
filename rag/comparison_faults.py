"""Are things compared as the article compares them? Part of the check of a drafted sentence.

What is more, less, first or best stands beside much that it is not told of: where one sentence
has the first patent and another has Watt, Watt has no first patent; and where B is said to be
more accurate than A, A is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.evidence import Evidence
from rag.number_faults import beside
from rag.terms import clauses, content_words, contrasted, is_named, name_is_in, stem

MOSTLY = 0.5  # of what is told of what is preferred
PREFERENCES = content_words("better best worse worst superior inferior preferable")
# "more accurate at code than", "not as accurate as", "cheaper than"; "more than" compares sums.
_WHERE = r"(?: (?:at|for|in|of|on|to|with)\b[^,;]*)?"
DEGREE = re.compile(
    rf"\b(?P<degree>more|less|not as|not so|as(?= [a-z-]+{_WHERE} as\b))"
    r" (?!(?:than|well|much|many|long|soon|far)\b)"
    r"(?P<quality>[a-z-]+)(?P<noun> [a-z-]+(?= than\b))?"
    rf"|\b(?!rather|other|fewer)(?P<root>[a-z]{{3,}})er(?={_WHERE} than\b)",
    re.IGNORECASE,
)
# Than what: up to the clause's end, and not "than before", which compares a thing with itself.
OTHER_SIDE = re.compile(r"\b(?:than|as) (?!(?:before|ever|usual|previously|earlier)\b)([^,;]*)")
SENTENCE_PART = re.compile(r"[.;!?\n]|, (?:but|and|while|whereas)\b")
LESS = ("less", "not as", "not so")
SUPERLATIVE = re.compile(
    r"\bthe (?:very )?(?P<word>first|only|(?:most|least) [a-z]+"
    r"|(?:larg|small|high|low|old|young|long|short|fast|slow|cheap|earli|great|bigg)est)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing has more of a quality than another, or as much; all as stems of content words."""

    quality: str
    noun: str  # "craft" in "more stage craft than", else ""
    more: frozenset[str]
    less: frozenset[str]
    equal: bool


def comparison_fault(sentence: str, named: frozenset[str], cited: Sequence[Evidence]) -> str:
    """What a sentence compares otherwise than its evidence does; "" if nothing is."""
    return (
        _preference_fault(sentence, cited)
        or _degree_fault(sentence, cited)
        or _superlative_fault(sentence, named, cited)
        or _contrast_fault(sentence, named, cited)
    )


def _preference_fault(sentence: str, cited: Sequence[Evidence]) -> str:
    """What is said to be better or worse where no piece says so of the same things; "" if none.

    These words stand anywhere ("better results"), so that they lend themselves to any claim.
    """
    said = content_words(sentence)
    preferred = said & PREFERENCES
    rest = said - preferred
    for item in cited:
        there = content_words(item.reading)
        if preferred <= there and len(rest & there) > MOSTLY * len(rest):
            return ""
    return f"no passage calls it {', '.join(sorted(preferred))}" if preferred else ""


def _degree_fault(sentence: str, cited: Sequence[Evidence]) -> str:
    """What is more so than another where no piece has that quality, or the other way round."""
    for said in comparisons(sentence):
        if not (said.more and said.less):
            continue
        told = [
            other
            for item in cited
            for other in comparisons(item.reading)
            if other.quality == said.quality
        ]
        held = content_words(" ".join(item.reading for item in cited))
        if not told and held.isdisjoint({said.quality, said.noun}):
            return f"no passage calls it {said.quality}"
        if any(_contradicts(said, other) for other in told):
            return f"the passage compares otherwise what is {said.quality}"
    return ""


def _contradicts(said: Comparison, told: Comparison) -> bool:
    if said.equal or told.equal:
        return said.equal != told.equal
    same = len(said.more & told.more) + len(said.less & told.less)
    reversed_ = len(said.more & told.less) + len(said.less & told.more)
    return reversed_ > same


def comparisons(text: str) -> Iterator[Comparison]:
    """What a text compares; without its "than" the other side is empty.

    >>> [(c.quality, list(c.more), list(c.less)) for c in comparisons("Ink is not as dark as tar")]
    [('dark', ['tar'], ['ink'])]
    """
    for part in SENTENCE_PART.split(text):
        for match in DEGREE.finditer(part):
            before, after = part[: match.start()], part[match.end() :]
            other_side = OTHER_SIDE.search(after)
            degree = (match["degree"] or "more").lower()
            if degree.endswith("as") and not other_side:
                continue
            more = content_words(before)
            less = content_words(other_side[1]) if other_side else frozenset()
            more, less = more - less, less - more
            if degree in LESS:
                more, less = less, more
            quality = stem(match["quality"] or match["root"])
            noun = stem((match["noun"] or "").strip())
            yield Comparison(quality, noun, more, less, equal=degree == "as")


def _superlative_fault(sentence: str, named: frozenset[str], cited: Sequence[Evidence]) -> str:
    """What is called the first, only or most where no piece says so of what the clause names."""
    for clause in clauses(sentence):
        of = [name for name in named if name_is_in(name, clause)]
        for match in SUPERLATIVE.finditer(clause):
            word = match["word"].lower()
            if not any(
                re.search(rf"\b{word}\b", item.headed_reading, re.IGNORECASE)
                and all(is_named(name, beside(item)) for name in of)
                for item in cited
            ):
                return f"no passage tells this of the {word}"
    return ""


def _contrast_fault(sentence: str, named: frozenset[str], cited: Sequence[Evidence]) -> str:
    """Whom one side of a contrast is about, where no piece that is cited names it."""
    sides = contrasted(sentence)
    for side in sides if len(sides) > 1 else []:
        others = [other for other in sides if other is not side]
        own = [
            name
            for name in named
            if name_is_in(name, side) and not any(name_is_in(name, other) for other in others)
        ]
        for name in own:
            if not any(is_named(name, item.headed_reading) for item in cited):
                return f"no passage tells of {name} what is set against the other"
    return ""

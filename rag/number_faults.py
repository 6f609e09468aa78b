"""Is a number told of what the article tells it of? Part of the check of a drafted sentence.

Where an article says "$1 per image, $5 per clip", a clip does not cost $1; a sum told of no one is
not told of Acme; and the price of a video clip is not that of an audio clip.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from decimal import Decimal

from rag.amounts import amounts, amounts_of_things, numbers, numbers_asked_about, ranges
from rag.evidence import Evidence
from rag.name_faults import begins_with_another
from rag.terms import (
    carries_meaning,
    clauses,
    content_words,
    contrasted,
    is_named,
    name_is_in,
    names,
    word_pairs,
    words,
)

# Kinds of number that stand beside the name of what they measure.
MEASURES = frozenset({"money", "percent", "multiple"})
SHARES = frozenset({"percent", "multiple"})
LEAST_WORDS = 2  # that a clause without the number must share with what is said of it
SAME_WORDS = 0.6  # how well a number's words must match, beside those of the best number
# Said beside one end of a range: of a limit it is true.
LIMIT = re.compile(
    r"\b(?:at (?:least|most)|from|up to|as (?:little|few|low|much|many|high) as|(?:more|less|fewer"
    r"|over|higher|lower) than|over|under|between|start\w*|begin\w*|reach\w*|lowest|highest|least"
    r"|most|minimum|maximum|cheapest|dearest|shortest|longest|smallest|largest)\b",
    re.IGNORECASE,
)
SHARE_OF = re.compile(
    r"(?:%|\bper ?cent) of (?:(?:all|the|its|their|these|those) )*(?P<of>[^,.;:()]+)", re.IGNORECASE
)
LONGEST_THING = 3  # words of what a share is of
TOGETHER = re.compile(
    r"\b(?:(?:combined|together)\b(?! with\b)|jointly\b|altogether\b|between them\b)", re.IGNORECASE
)


def number_fault(
    sentence: str, named: frozenset[str], linked: Mapping[Evidence, str], question: str
) -> str:
    """Why a number of the sentence is not what the evidence says; "" if all are."""
    cited = list(linked)
    counted = _counted(sentence, question)
    wanted = numbers(sentence) - counted
    missing = {n for n in wanted if not any(_gives(item, n, question) for item in cited)}
    if missing:
        return f"no passage gives the number {_listed(missing)}"
    for clause, of in _told_of(sentence, named):
        said = content_words(clause) or content_words(sentence)
        for value, kind in amounts(clause):
            if value in counted:
                continue
            if (
                _belongs_elsewhere(value, kind, said, named, cited)
                or _is_of_another_kind(value, kind, sentence, cited)
                or (
                    kind in MEASURES
                    and (
                        _is_of_several(value, sentence, named, cited)
                        or _stands_in_another_clause(value, said, named, cited)
                        or _is_told_in_another_piece(value, said, named, cited)
                    )
                )
            ):
                return f"the number {_listed([value])} belongs to something else"
            if _is_of_another_thing(value, kind, sentence, cited):
                return f"the number {_listed([value])} is that of another thing"
            near = [
                _near(item, kind, sentence, passages)
                for item, passages in linked.items()
                if _gives(item, value, question)
            ]
            if not near or any(not any(is_named(name, text) for text in near) for name in of):
                return f"the number {_listed([value])} is not told of what the sentence names"
            if kind != "year" and _is_of_another_sort(value, clause, sentence, named, cited):
                return f"the number {_listed([value])} is that of another sort of thing"
    return ""


def share_fault(sentence: str, cited: Sequence[Evidence]) -> str:
    """The share that a sentence tells of what no cited passage mentions; "" if it tells none.

    A fifth of the videos is no fifth of the music tracks. One word may have another for it.
    """
    held = content_words("\n".join(item.passage for item in cited))
    for match in SHARE_OF.finditer(sentence):
        of = [word for word in words(match["of"]) if carries_meaning(word)][:LONGEST_THING]
        if len(content_words(" ".join(of)) - held) >= LEAST_WORDS:
            return f"no passage gives a share of {' '.join(of)}"
    return ""


def range_fault(sentence: str, question: str, cited: Sequence[Evidence]) -> str:
    """The range of which a sentence tells one end as if that were all; "" if of none.

    "$0.50 to $5" is no price of $0.50, but of "at least $0.50". What was asked about may be
    answered alone, and what stands somewhere by itself.
    """
    if LIMIT.search(question) or LIMIT.search(sentence):
        return ""
    told = numbers(sentence)
    given = [ranges(item.reading) for item in cited]
    single = numbers(question).union(*(values for _, values in given))
    every = sorted(frozenset().union(*(pairs for pairs, _ in given)))
    whole = {end for ends in every if told.issuperset(ends) for end in ends}
    for low, high in every:
        if told & {low, high} - single - whole:
            return f"it tells one end of {low:f} to {high:f}"
    return ""


def _counted(sentence: str, question: str) -> frozenset[Decimal]:
    """Small counts of what was asked for ("which two networks") where a sentence lists so many."""
    small = numbers(question) - numbers_asked_about(question)
    listed = len(clauses(sentence))
    return frozenset(value for value in small if 1 < value <= listed)


def _told_of(sentence: str, named: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Each clause of a sentence, and the names that its numbers are told of.

    They are not told of what is named only after that clause, nor of what stands on the other
    side of "while".
    """
    for number, side in enumerate(contrasted(sentence)):
        begun = ""
        for clause in clauses(side):
            begun = f"{begun} {clause}"
            of = frozenset(name for name in named if name_is_in(name, begun))
            yield clause, of if of or number else named


def _near(item: Evidence, kind: str, sentence: str, passages: str) -> str:
    """The text in which what a number of a piece is told of has to be named.

    For a measure it is the same piece, what stands before it in the same paragraph, heading and
    title; for years and counts the same passage and those that it is linked with, unless the piece
    begins with another name.
    """
    if kind in MEASURES:
        return beside(item)
    return item.headed_reading if begins_with_another(item, sentence) else passages


def beside(item: Evidence) -> str:
    """A piece with what stands before it in the same paragraph, and with its headings."""
    before = item.chunk.text[: item.start - item.chunk.start].rpartition("\n")[2]
    return f"{before}\n{item.headed_reading}"


def _gives(item: Evidence, value: Decimal, question: str) -> bool:
    """Whether a number is in a piece; one that was asked about ("season 9"), or in its title."""
    return value in numbers(item.headed_reading if value in numbers(question) else item.reading)


def _stands_in_another_clause(
    value: Decimal, said: frozenset[str], named: frozenset[str], cited: Sequence[Evidence]
) -> bool:
    """Whether a piece tells a number in one clause, and what is said of it in another.

    "It lowered its costs by 70% and raised its output" raises no output by 70%.
    """
    said -= content_words(" ".join(named))
    sources = [item for item in cited if value in numbers(item.text)]
    return bool(sources) and all(
        any(len(said & content_words(clause)) >= LEAST_WORDS for clause in clauses(item.text))
        and not any(
            said & content_words(clause)
            for clause in clauses(item.text)
            if value in numbers(clause)
        )
        for item in sources
    )


def _is_told_in_another_piece(
    value: Decimal, said: frozenset[str], named: frozenset[str], cited: Sequence[Evidence]
) -> bool:
    """Whether half of what a number is told of is only in pieces without that number.

    "$0.50 per image" and "10 minutes for audio" give no price of a minute of audio.
    """
    said -= content_words(" ".join(named))
    own, others = (
        frozenset().union(
            *(
                content_words(beside(item))
                for item in cited
                if (value in numbers(item.reading)) is with_it
            )
        )
        for with_it in (True, False)
    )
    borrowed = said & others - own
    return bool(own) and len(borrowed) >= max(LEAST_WORDS, len(said & (own | others)) / 2)


def _is_of_another_thing(
    value: Decimal, kind: str, sentence: str, cited: Sequence[Evidence]
) -> bool:
    """Whether what follows a number follows, in the evidence, only other numbers of its kind.

    Of "five times the revenue and three times the cost", three times the revenue has all words.
    """
    said = [thing for of, same, thing in amounts_of_things(sentence) if (of, same) == (value, kind)]
    told = [amount for item in cited for amount in amounts_of_things(item.reading)]
    own = frozenset().union(*(thing for of, _, thing in told if of == value))
    others = [thing for of, same, thing in told if same == kind and of != value]
    return bool(own) and any(
        thing and not thing & own and any(thing <= other for other in others) for thing in said
    )


def _is_of_another_sort(
    value: Decimal, clause: str, sentence: str, named: frozenset[str], cited: Sequence[Evidence]
) -> bool:
    """Whether a number is told of a sort of thing that its evidence tells it of another sort of.

    "An audio clip costs $5" against "a video clip costs $5": the same word, told apart by the one
    before it, which the other text has nowhere, and which is no name.
    """
    said = content_words(sentence)
    sources = [item for item in cited if value in numbers(item.reading)]
    called = content_words(" ".join(named))
    sorts = {(one, thing) for one, thing in word_pairs(clause) if one not in called}
    return bool(sources) and all(_is_of_another(sorts, said, item) for item in sources)


def _is_of_another(sorts: Set[tuple[str, str]], said: frozenset[str], item: Evidence) -> bool:
    held = content_words(item.headed_reading)
    return any(
        same == thing and one not in held and other not in said
        for one, thing in sorts
        for other, same in word_pairs(item.reading)
    )


def _is_of_another_kind(
    value: Decimal, kind: str, sentence: str, cited: Sequence[Evidence]
) -> bool:
    """Whether what is said as a plain count is told as a share or a multiple only.

    "Five times as much" tells of no five years.
    """
    told = {of for item in cited for same, of in amounts(item.headed_reading) if same == value}
    said = {of for _, of in amounts(sentence)}  # "between 60 and 80%" is no plain 60
    return kind == "count" and bool(told) and told <= SHARES - said


def _is_of_several(
    value: Decimal, sentence: str, named: frozenset[str], cited: Sequence[Evidence]
) -> bool:
    """Whether a number is told of several together, and the sentence tells it of some of them.

    "The combined market of Acme and Zenith is worth $5" gives no worth of Acme's.
    """
    sources = [item for item in cited if value in numbers(item.reading)]
    told = [TOGETHER.search(item.reading) and names(item.reading) - named for item in sources]
    return bool(told) and all(told) and not TOGETHER.search(sentence)


def _belongs_elsewhere(
    value: Decimal,
    kind: str,
    said: frozenset[str],
    named: frozenset[str],
    cited: Sequence[Evidence],
) -> bool:
    """Whether wherever a number stands, another of its kind fits what is said of it far better.

    Within one piece of evidence the clauses are compared, as they share their subject: one that has
    all that the number's own has of what is said, and more, fits better. Pieces are compared whole,
    and by whom they name. A year is no rival of a price.
    """
    places = [
        (item, amounts(clause), said & words)
        for item in cited
        for clause, words in _clauses_with_words(item.text)
    ]
    own = [(item, fits) for item, held, fits in places if any(of == value for of, _ in held)]
    rivals = [
        (item, fits)
        for item, held, fits in places
        if any(of == kind for _, of in held) and all(other != value for other, _ in held)
    ]
    return bool(own) and all(
        any(
            (fits < better or len(fits) < SAME_WORDS * len(better))
            if item is rival
            else _fits_better(rival, item, said, named)
            for rival, better in rivals
        )
        for item, fits in own
    )


def _clauses_with_words(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each clause, and its content words: "(1368-1644)" has those of what it stands behind."""
    words: frozenset[str] = frozenset()
    for clause in clauses(text):
        words = content_words(clause) or words
        yield clause, words


def _fits_better(
    rival: Evidence, item: Evidence, said: frozenset[str], named: frozenset[str]
) -> bool:
    """Whether one piece is about what a sentence names, and another about something else."""
    # With the headings: where the article says "he", its title says who.
    here = len(said & content_words(item.headed_reading))
    there = len(said & content_words(rival.headed_reading))
    if here < SAME_WORDS * there or there < SAME_WORDS * here:
        return here < there
    ours, theirs = names(item.reading), names(rival.reading)
    return bool(named & theirs - ours) and bool(ours - named - theirs)


def _listed(values: Iterable[Decimal]) -> str:
    return ", ".join(sorted(f"{value:f}" for value in values))

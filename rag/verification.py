"""Does an article say this? The check that every drafted sentence passes or is withdrawn.

A draft sentence is compared with the evidence. The few pieces that together hold its numbers,
names and words best become its citations, so a citation is an exact place in an article from
the start and cannot be invented. A sentence is kept only if

* every number in it is, by value, in what it cites, and there belongs to the same words: where
  an article says "$1 per image, $5 per clip", a clip does not cost $1, and a sum told of no
  one is not told of Acme, nor the price of a video clip of an audio clip,
* every name in it is in what it cites, or in the passage, heading or title round it; a name of
  the question, in a sentence without figures, may be in another passage of the same article,
* the names of one clause stand together in one passage, or in two that a name links which the
  answer brings, or a title: where one article has an English Mark and another an American Nick,
  there is no American Mark,
* it denies only what its evidence denies, and asserts nothing that is denied there,
* enough of its content words and of its meaning (cosine of sentence embeddings) are there.

The question lends nothing: a name that only the question has is no evidence. Everything here is
comparison of text; no language model judges itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rag.evidence import Evidence, EvidenceSet
from rag.page_pairs import folded
from rag.terms import (
    amounts,
    amounts_of_things,
    clauses,
    content_words,
    contrasted,
    coverage,
    denials,
    denied,
    name_is_in,
    names,
    numbers,
    word_pairs,
)

MOST_CITATIONS = 4  # to one sentence
MOST_LIST_CITATIONS = 8  # where it tells a list
LEAST_GAIN = 0.2  # of a sentence's words or numbers that a further citation must bring
LEAST_WORDS = 2  # that a further item of a cited list must bring: a long list has many small ones
# Of the mean of coverage and cosine. Low, since a sentence may lend many words from its question:
# what is above is left to the judgement on the whole draft. The figures are in eval/LOG.md.
SUPPORT_FLOOR = 0.4
# Kinds of number that stand beside the name of what they measure.
MEASURES = frozenset({"money", "percent", "multiple"})
MOSTLY = 0.5  # of what a clause denies or prefers; the rest may be where or for whom
PREFERENCES = content_words("better best worse worst superior inferior preferable")
SHORTEST_LIST = 3
CAUSE = re.compile(r"\b(?:because|due to)\b", re.IGNORECASE)
YES_OR_NO = re.compile(r"(?:yes|no), +", re.IGNORECASE)
SAME_WORDS = 0.6  # how well a number's words must match, beside those of the best number


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check found on one draft sentence; `evidence` is empty where it is not kept."""

    text: str
    evidence: tuple[Evidence, ...]
    support: float
    why: str

    @property
    def kept(self) -> bool:
        """Whether the sentence may be said."""
        return bool(self.evidence)


def check(sentence: str, evidence: EvidenceSet) -> Finding:
    """Find the words that back `sentence`, or why none do."""
    sentence = _without_yes(sentence, evidence.question)
    if not evidence.pieces:
        return Finding(sentence, (), 0.0, "no passage was found")
    similarities = evidence.similarities(sentence)
    chosen = _choose(sentence, evidence, similarities)
    cited = tuple(evidence.pieces[i] for i in chosen)
    held_words = frozenset().union(*(evidence.words[i] for i in chosen))
    covered = coverage(content_words(sentence), held_words)
    support = (covered + max(similarities[i] for i in chosen)) / 2
    fault = fault_of(sentence, cited, evidence)
    if not fault and support < SUPPORT_FLOOR:
        fault = f"the passages hold {covered:.0%} of its words"
    if fault:
        return Finding(sentence, (), support, fault)
    quoted = " + ".join(f"“{item.text[:60]}”" for item in cited)
    return Finding(sentence, cited, min(max(support, 0.0), 1.0), f"backed by {quoted}")


def _without_yes(sentence: str, question: str) -> str:
    """A sentence without the "yes" or "no" before it, if it is not about what was asked.

    "Yes, Midjourney makes images" is no yes to "Is Midjourney an LLM?".
    """
    answer = YES_OR_NO.match(sentence)
    asked = content_words(question)
    repeats = len(content_words(sentence) & asked) > MOSTLY * len(asked)
    if not answer or repeats or all(name_is_in(name, sentence) for name in names(question)):
        return sentence
    rest = sentence[answer.end() :]
    return f"{rest[:1].upper()}{rest[1:]}"


def fault_of(sentence: str, cited: Sequence[Evidence], evidence: EvidenceSet) -> str:
    """What in a sentence is not as the cited words have it; "" if nothing is."""
    if any(folded(sentence) in folded(item.text) for item in cited):
        return ""
    named = _names_said(sentence, evidence.question)
    # Who asks in a hurry writes no capitals.
    brought = frozenset(name for name in named if not name_is_in(name, evidence.question))
    linked = {item: _linked(item, brought, cited, question=evidence.question) for item in cited}
    return (
        _name_fault(sentence, named, brought, cited, evidence)
        or _stitching_fault(sentence, named, linked)
        or _number_fault(sentence, named, linked, evidence.question)
        or _list_fault(sentence, evidence)
        or _cause_fault(sentence, named, cited)
        or _preference_fault(sentence, cited)
        or _denial_fault(sentence, evidence.question, cited)
    )


def _names_said(sentence: str, question: str) -> frozenset[str]:
    """The names in a sentence, its first word too if the question prints it as a name.

    Every sentence begins with a capital, so by itself "Acme pays $5" need not name anyone.
    """
    asked = {name for name in names(question) if name_is_in(name, sentence)}
    return names(sentence) | asked


def nearest(sentence: str, evidence: EvidenceSet) -> Finding:
    """The nearest piece, kept whatever it says: what the check is measured against."""
    finding = check(sentence, evidence)
    if finding.kept or not evidence.pieces:
        return finding
    similarities = evidence.similarities(sentence)
    best = max(range(len(similarities)), key=lambda i: similarities[i])
    return Finding(sentence, (evidence.pieces[best],), finding.support, finding.why)


def _choose(sentence: str, evidence: EvidenceSet, similarities: Sequence[float]) -> list[int]:
    """Indices of the pieces that together hold most of a sentence, best first.

    Greedy cover: the first is the best by itself, one that has the sentence word for word before
    all others; another joins only if it brings numbers or words that the ones before it lack. A
    list is told item by item, so of a list that is cited the other items join more easily.
    """
    wanted_words, wanted_numbers = content_words(sentence), numbers(sentence)
    verbatim = folded(sentence)
    if wanted_words:
        for i, piece in enumerate(evidence.pieces):
            if verbatim in folded(piece.text):
                return [i]
    missing_words, missing_numbers = set(wanted_words), set(wanted_numbers)
    chosen: list[int] = []
    groups: set[tuple[str, int]] = set()
    while len(chosen) < MOST_LIST_CITATIONS:
        gains = [
            2.0 * len(missing_numbers & evidence.numbers[i]) / max(len(wanted_numbers), 1)
            + len(missing_words & evidence.words[i]) / max(len(wanted_words), 1)
            for i in range(len(evidence.pieces))
        ]
        best = max(range(len(gains)), key=lambda i: (gains[i] + similarities[i], -i))
        piece = evidence.pieces[best]
        listed = piece.group in groups and len(missing_words & evidence.words[best]) >= LEAST_WORDS
        enough = len(chosen) >= MOST_CITATIONS or gains[best] < LEAST_GAIN
        if chosen and (best in chosen or (enough and not listed)):
            break
        chosen.append(best)
        groups.add(piece.group)
        missing_words -= evidence.words[best]
        missing_numbers -= evidence.numbers[best]
        if not missing_words and not missing_numbers:
            break
    return chosen


def _number_fault(
    sentence: str, named: frozenset[str], linked: Mapping[Evidence, str], question: str
) -> str:
    """Why a number of the sentence is not what the evidence says; "" if all are."""
    cited = list(linked)
    wanted = numbers(sentence)
    missing = {n for n in wanted if not any(_gives(item, n, question) for item in cited)}
    if missing:
        return f"no passage gives the number {_listed(missing)}"
    for clause, of in _told_of(sentence, named):
        said = content_words(clause) or content_words(sentence)
        for value, kind in amounts(clause):
            if _belongs_elsewhere(value, kind, said, named, cited):
                return f"the number {_listed([value])} belongs to something else"
            if _is_of_another_thing(value, kind, sentence, cited):
                return f"the number {_listed([value])} is that of another thing"
            if not _stands_by_names(value, kind, of, linked, question):
                return f"the number {_listed([value])} is not told of what the sentence names"
            if kind != "year" and _is_of_another_sort(value, clause, sentence, cited):
                return f"the number {_listed([value])} is that of another sort of thing"
    return ""


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


def _stands_by_names(
    value: Decimal,
    kind: str,
    named: frozenset[str],
    linked: Mapping[Evidence, str],
    question: str,
) -> bool:
    """Whether all names of the sentence stand beside this number in evidence that has it.

    A measure has them in the same piece, before it in the same paragraph, or in heading or
    title; years and counts stand further off, in the same passage or one that it is `linked` with.
    """
    places = []
    for item, passages in linked.items():
        if _gives(item, value, question):
            before = item.chunk.text[: item.start - item.chunk.start].rpartition("\n")[2]
            beside = f"{before}\n{item.headed_reading}"
            places.append(beside if kind in MEASURES else passages)
    return bool(places) and all(any(_is_named(name, text) for text in places) for name in named)


def _gives(item: Evidence, value: Decimal, question: str) -> bool:
    """Whether a number is in a piece; one that was asked about ("season 9"), or in its title."""
    return value in numbers(item.headed_reading if value in numbers(question) else item.reading)


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
    value: Decimal, clause: str, sentence: str, cited: Sequence[Evidence]
) -> bool:
    """Whether a number is told of a sort of thing that its evidence tells it of another sort of.

    "An audio clip costs $5" against "a video clip costs $5": the same word, told apart by the one
    before it, which the other text has nowhere.
    """
    said = content_words(sentence)
    sources = [item for item in cited if value in numbers(item.reading)]
    return bool(sources) and all(_is_of_another(clause, said, item) for item in sources)


def _is_of_another(clause: str, said: frozenset[str], item: Evidence) -> bool:
    held = content_words(item.headed_reading)
    return any(
        same == thing and one not in held and other not in said
        for one, thing in word_pairs(clause)
        for other, same in word_pairs(item.reading)
    )


def _is_named(name: str, text: str) -> bool:
    """Whether a name, or a part of a compound such as "AI-generated", stands in a text."""
    return name_is_in(name, text) or any(
        name_is_in(part, text) for part in re.split("[-/]", name)[:-1] if part
    )


def _belongs_elsewhere(
    value: Decimal,
    kind: str,
    said: frozenset[str],
    named: frozenset[str],
    cited: Sequence[Evidence],
) -> bool:
    """Whether wherever a number stands, another of its kind fits what is said of it far better.

    Within one piece of evidence the clauses are compared, as they share their subject; pieces
    are compared whole, and by whom they name. A year is no rival of a price.
    """
    places = [
        (item, amounts(clause), len(said & content_words(clause)))
        for item in cited
        for clause in clauses(item.text)
    ]
    own = [(item, fits) for item, held, fits in places if any(of == value for of, _ in held)]
    rivals = [
        (item, fits)
        for item, held, fits in places
        if any(of == kind for _, of in held) and all(other != value for other, _ in held)
    ]
    return bool(own) and all(
        any(
            fits < SAME_WORDS * better if item is rival else _fits_better(rival, item, said, named)
            for rival, better in rivals
        )
        for item, fits in own
    )


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


def _name_fault(
    sentence: str,
    named: frozenset[str],
    brought: frozenset[str],
    cited: Sequence[Evidence],
    evidence: EvidenceSet,
) -> str:
    """Which names the evidence lacks.

    A name that the question brings may stand further off, in what else was found of the same
    article: an answer repeats whom it is about where the article says "it". A figure may not: one
    article gives the figures of several companies.
    """
    passages = "\n".join(item.chunk.embedded_text for item in cited)
    absent = {name for name in named if not name_is_in(name, passages)}
    asked = absent - brought
    if asked and not numbers(sentence):
        articles = {item.chunk.article_id for item in cited}
        found = "\n".join(
            {
                piece.chunk.id: piece.chunk.embedded_text
                for piece in evidence.pieces
                if piece.chunk.article_id in articles
            }.values()
        )
        absent -= {name for name in asked if name_is_in(name, found)}
    return f"the passage does not name {', '.join(sorted(absent))}" if absent else ""


def _linked(
    item: Evidence, brought: frozenset[str], cited: Sequence[Evidence], *, question: str
) -> str:
    """A passage with those that tell on from it, or that it tells on from.

    "Clonbrook is in Guyana, which joined in 1973" needs two passages, and Guyana is in both: they
    share a name that the answer brings, or one has the title of the other. What the question
    names links nothing, as what is asked about stands beside much that is not of it.
    """
    links = [name for name in brought if _is_named(name, item.passage)]
    return "\n".join(
        other.passage
        for other in cited
        if other is item
        or any(_is_named(name, other.passage) for name in links)
        or _tells_of(item, other, question)
        or _tells_of(other, item, question)
    )


def _tells_of(item: Evidence, other: Evidence, question: str) -> bool:
    """Whether a passage names what another article is about, as printed, and the question not."""
    if item.chunk.article_id == other.chunk.article_id:
        return False
    title = other.chunk.title.partition(" (")[0]  # as in "Mercury (planet)"
    printed = re.search(rf"(?<!\w){re.escape(title)}(?!\w)", item.passage)
    return bool(printed) and title != title.lower() and not name_is_in(title, question)


def _stitching_fault(sentence: str, named: frozenset[str], linked: Mapping[Evidence, str]) -> str:
    """Which names one clause joins that no passage has together; "" if none."""
    passages = linked.values()
    cited_names = {n for n in named if any(_is_named(n, text) for text in passages)}
    for clause in clauses(sentence):
        joined = sorted(name for name in cited_names if name_is_in(name, clause))
        together = any(all(_is_named(name, text) for name in joined) for text in passages)
        if len(joined) > 1 and not together:
            return f"no passage names {', '.join(joined)} together"
    return ""


def _list_fault(sentence: str, evidence: EvidenceSet) -> str:
    """What of a list is not as the rest of it; "" if nothing is.

    Of "ElevenLabs, Suno and Runway make audio", the last stands nowhere beside the word that the
    evidence has beside each of the others.
    """
    # In a list the first word of a sentence is a name as the others are.
    brought = {name for name in names(f"of {sentence}") if not name_is_in(name, evidence.question)}
    items: list[set[str]] = []
    mixed = 0  # clauses that hold more than a name
    for clause in clauses(sentence):
        item = {name for name in brought if name_is_in(name, clause)}
        if item:
            items.append(item)
            mixed += bool(content_words(clause) - content_words(" ".join(item)))
    if len(items) < SHORTEST_LIST or mixed > 1:
        return ""
    told = content_words(sentence) - content_words(" ".join(brought))
    beside = [
        frozenset().union(
            *(
                told & content_words(piece.headed_reading)
                for piece in evidence.pieces
                if all(_is_named(name, piece.reading) for name in item)
            )
        )
        for item in items
    ]
    for number, item in enumerate(items):
        others = beside[:number] + beside[number + 1 :]
        if frozenset.intersection(*others) - beside[number]:
            return f"{', '.join(sorted(item))} is not told of as the rest of the list is"
    return ""


def _cause_fault(sentence: str, named: frozenset[str], cited: Sequence[Evidence]) -> str:
    """Whether a sentence gives a reason for what its passages do not tell of; "" if not.

    "Why did Acme shut its mill?" is answered with a reason, shut or not.
    """
    because = CAUSE.search(sentence)
    if not because:
        return ""
    explained = content_words(sentence[: because.start()]) - content_words(" ".join(named))
    held = frozenset().union(*(content_words(item.passage) for item in cited))
    if len(explained & held) < MOSTLY * len(explained):
        return "it explains what the passages do not tell of"
    return ""


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


def _denial_fault(sentence: str, question: str, cited: Sequence[Evidence]) -> str:
    """Why a sentence and its evidence are not of one mind.

    What the question itself denies, as in "Why is a whale not a fish?", the answer repeats.
    """
    here = denied(sentence)
    there = denied("\n".join(item.reading for item in cited))
    around = denied("\n".join(item.chunk.text for item in cited))
    if here and not here & (there | around | denied(question)):
        return "it denies what the passage does not deny"
    said = content_words(sentence) - here
    for item in cited:
        for denial in denials(item.reading):
            if denial and len(denial & said) >= MOSTLY * len(denial):
                return "it says what the passage denies"
    return ""


def _listed(values: Iterable[Decimal]) -> str:
    return ", ".join(sorted(f"{value:f}" for value in values))

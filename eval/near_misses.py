"""Questions that look answerable from the articles and are not, made from any user's articles.

A question is formed about a real fact, and one slot of it is swapped: a name, the year, the
category or the measure. It is kept only where nothing in the articles brings the new slot and the
rest of the question together, which is checked by words, generously: a doubt throws it away.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from eval.english import sentences
from eval.fact_questions import FactQuestion, fact_questions
from eval.facts import name_is_in, names
from eval.name_sorts import NameSorts
from eval.quantities import ORDINARY_WORDS, quantities, singular
from eval.records import Case
from rag import Article

KINDS = ("near_miss_company", "near_miss_year", "near_miss_category", "near_miss_metric")

_SHARED_WORDS = 0.5  # of the rest of a question: as many in one passage as the new slot is a doubt
_ANY_YEAR = re.compile(r"\b(1\d{3}|20\d{2})\b")
_NOUN = r"(?:[a-z][\w-]+ )?(?:[a-z]|\d[A-Z])[\w-]*"
_LISTED = re.compile(rf"({_NOUN}(?:, {_NOUN})+),? (?:and|or) ({_NOUN})")
_GROUP = re.compile(
    r"\b((?:(?:[a-z]+-)?[a-z]+ ){0,2}(companies|firms|enterprises|businesses|organizations|"
    r"professionals|developers|creators|teams|studios|agencies|brands|industries|users|customers|"
    r"employees|workers|students|teachers|schools|universities|hospitals|patients|banks|countries|"
    r"cities|households|families|residents|women|men|children|adults))\b"
)
_PEOPLE = frozenset(
    "professionals developers creators users customers employees workers students teachers "
    "patients residents women men children adults".split()
)
# A name at <> that is part of a longer one, or says what kind of thing the noun after it is.
_PART_OF_NAME = re.compile(
    r"<> of\b| of <> [a-z]+s\b|\b(?:greater|new|modern|ancient|(?:north|south|east|west)ern) <>"
)
_LISTED_OFTEN = 3
_TRIED = 30  # swaps of one kind for one fact
_RECENT = 1990
_FEW_WORDS = 2
# Questions whose answer is another in another year.
_CHANGING = re.compile(
    r"(?:To )?[Hh]ow many (?:[\w-]+ )*(?:students|employees|users|members|residents|people|"
    r"inhabitants|customers|volumes|stores|branches|offices|schools|companies|firms|clubs|parks|"
    r"gardens|workers|teachers|architectures|models|cars|countries|subscribers)\b|How long|What do|"
    r"(?:In |By )?[Ww]hat percentage|"
    r"What (?:is|are) the (?:[\w-]+ )*(?:population|cost|price|growth rate|share|number|revenue)\b"
)
_ADJECTIVE = re.compile(r"(?:ive|al|ary|ic|ous|ent|able)$|-")


@dataclass(frozen=True)
class _Passage:
    """A paragraph, list item or table row with what stands over it."""

    title: str
    text: str
    over: str  # its title, its headings and, for a table row, the header row
    is_prose: bool

    @cached_property
    def stems(self) -> frozenset[str]:
        return _stems(f"{self.over} {self.text}")

    @cached_property
    def sentences(self) -> list[str]:
        return sentences(self.text) if self.is_prose else [self.text]


@dataclass(frozen=True)
class _Swap:
    """A question with one slot swapped, and the passage whose fact it was about."""

    kind: str
    question: str
    fact: FactQuestion
    passage: _Passage
    old: str
    new: str


def near_misses(articles: Sequence[Article], *, most: int, seed: int = 0) -> tuple[Case, ...]:
    """At most `most` unanswerable questions near facts of `articles`, the kinds in turn.

    The same articles and seed give the same cases, whatever the order of the articles. There
    are fewer where the articles state few facts in plain sentences. `near` is the real sentence.
    """
    library = _Library(sorted(articles, key=lambda article: article.id))
    source = random.Random(seed)
    by_kind: dict[str, list[_Swap]] = {kind: [] for kind in KINDS}
    for passage, fact in library.facts:
        for kind in KINDS:
            swaps = list(library.swaps(passage, fact, kind))
            swaps = sorted(source.sample(swaps, min(len(swaps), _TRIED)), key=library.is_far)
            by_kind[kind] += islice(filter(library.is_unanswered, swaps), 1)
    for swaps in by_kind.values():
        source.shuffle(swaps)
    kept: dict[str, _Swap] = {}
    while len(kept) < most and any(by_kind.values()):
        for swaps in by_kind.values():
            if swaps and len(kept) < most:
                swap = swaps.pop()
                kept.setdefault(swap.question.lower(), swap)
    return tuple(map(_case, kept.values()))


def _case(swap: _Swap) -> Case:
    digest = hashlib.sha256(swap.question.encode("utf-8")).hexdigest()[:10]
    return Case(
        id=f"near-{digest}",
        question=swap.question,
        answerable=False,
        kind=swap.kind,
        origin="near_miss",
        near=swap.fact.near,
    )


Slots = Iterator[tuple[str, str, str]]  # a question, what was swapped out of it, and in


class _Library:
    """The articles, with what is called alike in them."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self.known = "\n".join(article.text for article in articles)
        self.passages = [passage for article in articles for passage in _passages(article)]
        prose = (text for passage in self.passages for text in passage.sentences)
        self.names = NameSorts(prose, known=self.known)
        self._holding: dict[str, set[_Passage]] = {}
        self.groups = _groups(self.known)
        self.categories = _categories(self.known)
        self.measures: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.facts = list(self._facts())
        for passage, fact in self.facts:
            if fact.measure:
                self.measures[passage.title, _frame(fact)].add(fact.measure)

    def _facts(self) -> Iterator[tuple[_Passage, FactQuestion]]:
        """The questions about facts, each once, with their passages."""
        seen: set[str] = set()
        for passage in self.passages:
            for sentence in passage.sentences if passage.is_prose else ():
                for fact in fact_questions(sentence, known=self.known):
                    if fact.question.lower() not in seen:
                        seen.add(fact.question.lower())
                        yield passage, fact

    def swaps(self, passage: _Passage, fact: FactQuestion, kind: str) -> Iterator[_Swap]:
        """The question of `fact` with each slot of one kind swapped for each of its like."""
        others = {
            "near_miss_company": self._other_names,
            "near_miss_year": self._other_years,
            "near_miss_category": self._other_categories,
            "near_miss_metric": self._other_measures,
        }
        for question, old, new in others[kind](fact, passage):
            yield _Swap(kind, question, fact, passage, old, new)

    def _other_years(self, fact: FactQuestion, _: _Passage) -> Slots:
        if fact.year:
            ahead = f"by {fact.year}" in fact.question
            past = (-11, -7, -4) if int(fact.year) >= _RECENT else (-11, -7, -4, 3, 6, 9)
            for step in (5, 8, 10) if ahead else past:
                new = str(int(fact.year) + step)
                yield fact.question.replace(fact.year, new), fact.year, new
        recent = [int(year) for year in _ANY_YEAR.findall(self.known) if int(year) >= _RECENT]
        open_to_a_year = fact.past and fact.past != fact.question.rstrip("?")
        if recent and open_to_a_year and _CHANGING.match(fact.question):
            for step in (3, 5, 8):
                new = str(min(recent) - step)
                yield f"{fact.past} in {new}?", "", new

    def _other_names(self, fact: FactQuestion, _: _Passage) -> Slots:
        for start, end in _name_slots(fact.question, self.known):
            old, before = fact.question[start:end], fact.question[:start]
            parts = re.split(r",? (?:and|or) |, ", old)
            is_part = _PART_OF_NAME.search(f"{before}<>{fact.question[end:]}")
            if is_part or not all(map(self.names.is_one, parts)):
                continue
            alike = {new for part in parts for new in self.names.alike(part)} - {*parts}
            for new in sorted(alike):
                if self.names.takes_the(new) == before.lower().endswith("the "):
                    yield _replaced(fact.question, start, end, new), old, new

    def _other_categories(self, fact: FactQuestion, _: _Passage) -> Slots:
        for slot in _GROUP.finditer(fact.question):
            old, head = _group(slot), slot[2]
            start = slot.end() - len(old)
            if not re.search(r"(?:of|many) $", fact.question[:start]):
                continue
            for new in self.groups:
                other = new.split()[-1]
                if _is_people(other) == _is_people(head) and not _stems(new) & _stems(old):
                    yield _replaced(fact.question, start, slot.end(), new), old, new
        for word in re.finditer(r"\b[\w-]+\b", fact.question):
            counted = re.search(r"\b(?:an?|one|each) (?:[\w-]+ )?$", fact.question[: word.start()])
            for noun in self.categories.get(singular(word[0]), ()):
                new = noun if word[0] == singular(word[0]) else f"{noun}s"
                article = r"(?:an?|one|each|single) (?:[\w-]+ )?" if counted else ""
                if re.search(rf"\b{article}{new}\b", self.known):
                    question = _replaced(fact.question, word.start(), word.end(), new)
                    yield question, word[0], new

    def _other_measures(self, fact: FactQuestion, passage: _Passage) -> Slots:
        for new in sorted(self.measures[passage.title, _frame(fact)]):
            if fact.measure and not _stems(new) & _stems(fact.measure):
                yield fact.question.replace(fact.measure, new), fact.measure, new

    def _holds(self, slot: str, passage: _Passage) -> bool:
        if slot not in self._holding:
            self._holding[slot] = {p for p in self.passages if _stated(slot, p.text)}
        return passage in self._holding[slot]

    def is_far(self, swap: _Swap) -> bool:
        """Whether the new slot is of other articles only, where it makes an easy question."""
        near = (p for p in self.passages if p.title == swap.passage.title)
        return not any(self._holds(swap.new, passage) for passage in near)

    def is_unanswered(self, swap: _Swap) -> bool:
        """Whether no passage brings the new slot and the rest of the question together."""
        if swap.question.count(swap.new) != 1 or _stated(swap.new, swap.passage.over):
            return False
        if swap.old and (name_is_in(swap.new, swap.old) or name_is_in(swap.old, swap.new)):
            return False
        rest = _stems(swap.question.replace(swap.new, " ")) - _ASKING
        before: frozenset[str] = frozenset()
        held_before = False
        for passage in self.passages:
            held = self._holds(swap.new, passage)
            near = held or held_before or _stated(swap.new, passage.over)
            around = passage.stems | (before if held_before else frozenset())
            if near and len(rest & around) >= _SHARED_WORDS * len(rest):
                return False
            if held and any(self._may_answer(swap, text, rest) for text in passage.sentences):
                return False
            before, held_before = passage.stems, held
        return bool(rest)

    @staticmethod
    def _may_answer(swap: _Swap, sentence: str, rest: frozenset[str]) -> bool:
        """Whether a sentence has the new slot and a quantity of the kind that is asked for."""
        units = {quantity.unit for quantity in quantities(sentence)}
        asked = swap.fact.asks in units and swap.fact.asks not in ("name", "count")
        few = len(rest) <= _FEW_WORDS  # "established" may be "founded" there
        return asked and _stated(swap.new, sentence) and (few or bool(rest & _stems(sentence)))


def _name_slots(question: str, known: str) -> Iterator[tuple[int, int]]:
    """Where a question has names; names that are listed together are one slot."""
    start = end = -1
    for name in names(f"- {question[0].lower()}{question[1:]}", known=known):
        at, to = name.start - 2, name.start - 2 + len(name.text)
        if end >= 0 and not re.fullmatch(r",? (?:and|or) |, ", question[end:at]):
            yield start, end
            start = at
        start, end = (at if end < 0 else start), to
    if end >= 0:
        yield start, end


def _replaced(question: str, start: int, end: int, new: str) -> str:
    before = question[:start]
    if re.search(r"\b[Aa]n? $", before):
        vowel = re.match(r"[aeioAEIO8]|[AEFHILMNORSX][A-Z]", new)  # an image, an LLM
        before = re.sub(r"n? $", "n " if vowel else " ", before)
    return before + new + question[end:]


def _groups(known: str) -> list[str]:
    return sorted({_group(match) for match in _GROUP.finditer(known)} - {""})


def _group(match: re.Match[str]) -> str:
    """What a group is called, with the adjective before it, where that is told by its form."""
    words = match[1].split()
    described = len(words) > 1 and _ADJECTIVE.search(words[-2]) and words[-2] not in ORDINARY_WORDS
    return " ".join(words[-2:]) if described else words[-1]


def _is_people(head: str) -> bool:
    return head in _PEOPLE


def _categories(known: str) -> dict[str, list[str]]:
    """For each noun the nouns that it is often listed with, three or more at a time."""
    together: dict[str, Counter[str]] = defaultdict(Counter)
    for listed in _LISTED.finditer(known):
        items = {singular(item) for item in (*listed[1].split(", "), listed[2])}
        for item in items:
            together[item].update(items - {item})
    return {
        item: sorted(other for other, count in others.items() if count >= _LISTED_OFTEN)
        for item, others in together.items()
    }


def _stated(slot: str, text: str) -> bool:
    """Whether a text has a slot's words or, for a year, a time that takes it in."""
    if not _ANY_YEAR.fullmatch(slot):
        return name_is_in(slot, text)
    years = [quantity for quantity in quantities(text) if quantity.unit == "year"]
    return slot in text or any(year.low <= int(slot) <= year.high for year in years)


def _frame(fact: FactQuestion) -> str:
    """What of a question stands before its measure, and its last word."""
    opening = fact.question.split(fact.measure)[0] if fact.measure else ""
    return f"{opening}... {fact.question.split()[-1]}"


def _stems(text: str) -> frozenset[str]:
    """The words that say something, cut to five letters, so that forms of a word agree."""
    words = re.findall(r"[^\W_]+", text.lower())
    return frozenset(word[:5] for word in words if len(word) > 2 and word not in ORDINARY_WORDS)


_ASKING = _stems("what which how year figure percentage large area reach worth take much long")


def _passages(article: Article) -> Iterator[_Passage]:
    for section in article.sections:
        header = ""
        for block in section.blocks:
            text = article.text[block.start : block.end]
            is_row = block.kind == "table_row"
            header = header if is_row else ""
            if block.kind != "heading":
                over = f"{article.title} {section.heading} {header}"
                yield _Passage(article.title, text, over, is_prose=not is_row)
            header = header or (text if is_row else "")

"""Which names of some articles are names of things of one sort, told by how they are used."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from eval.facts import Name, names, uses
from eval.quantities import ORDINARY_WORDS

_TITLES = frozenset(
    "Fort Lake Mount King Queen President Saint St Sir Port Cape Prince Duke General Captain Pope "
    "Mayor Governor".split()
)
_PEOPLES_TITLES = _TITLES - {"Fort", "Lake", "Mount", "Port", "Cape", "Saint", "St"}
_GIVEN_NAMES = frozenset(
    "Albert Alexander Andrew Anna Anne Antoine Arthur Benjamin Catherine Charles Daniel David "
    "Edward Elizabeth Francis Frederick George Henry Isaac Jacob James Jane Jean John Joseph Julia "
    "Karl Louis Margaret Maria Marie Mark Martin Mary Max Michael Nicholas Paul Peter Philip "
    "Pierre Richard Robert Samuel Sarah Simon Stephen Susan Theodore Thomas Victoria Walter "
    "William".split()
)
_NO_NAMES = frozenset(
    "january february march april may june july august september october november december monday "
    "tuesday wednesday thursday friday saturday sunday english french german latin".split()
)
_EXAMPLES = re.compile(r"\b([a-z]+s)\b,? (?:such as|like|including) (?:[^.;]{0,60}, |.* and )?$")
_SPEAKS = re.compile(r"(?:['’]s \w+)? (?:estimate|find|report|say|project|expect|add)s? that ")
_OWNS = re.compile(r"['’]s [\w-]+|(?: \w+){1,2} its ")
_DEFINED = re.compile(
    r" (?:is|was) (?:an?|the) [^,.;]*?\b([A-Za-z]+)(?=[,.;]| (?:by|of|in|from|that|who|which|for|"
    r"at|with|on|and|to|released|directed|written|recorded|located|based|founded)\b)"
)
_IN_A_LIST = re.compile(r",? (?:and|or) |, (?:and |or )?")
_PLACE_BEFORE = re.compile(r" (?:in|near) (?:the )?$")
_PEOPLES = re.compile(r"(?:ish|ese|ian|ean|can|man|ench|utch|reek|iss)s?$")
_PLACE_AFTER = re.compile(r"[,.;]| in \d{4}| and |$")


class NameSorts:
    """The names of some sentences, by sort.

    Names are of one sort if they are listed together ("Intercom and Zendesk"), are examples of
    one thing ("tools such as ..."), share what says what they are ("... University", "Fort ..."),
    are quoted alike ("according to ..."), or are people, places or owners of something.
    """

    def __init__(self, sentences: Iterable[str], *, known: str) -> None:
        self._known = known
        self._sorts: dict[str, Counter[str]] = defaultdict(Counter)
        self._after_the: Counter[str] = Counter()
        self._as_noun: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._listed: dict[str, set[str]] = defaultdict(set)
        for sentence in sentences:
            found = names(sentence, known=known)
            for name in found:
                self._see(name, sentence)
            for together in _lists(found, sentence):
                for text in together:
                    self._listed[text] |= together
        surnames = {who.split()[-1] for who, sorts in self._sorts.items() if sorts["person"]}
        firsts = {text.split()[0] for text in self._sorts if " " in text}
        for surname in surnames & set(self._sorts):
            self._sorts[surname]["person"] += 1
            if self._sorts[surname]["place"] or surname in firsts:  # Harvard, Harvard Library
                del self._sorts[surname]
        self._members: dict[str, set[str]] = defaultdict(set)
        for member in filter(self.is_one, self._sorts):
            for sort in self.sorts(member):
                self._members[sort].add(member)

    def sorts(self, name: str) -> frozenset[str]:
        """What a name is known to be; people and places are nothing else."""
        known = self._sorts.get(name, Counter[str]())
        if known["person"]:
            return frozenset({"person"})
        if known["place"]:
            return frozenset({"place", *(sort for sort in known if "..." in sort)})
        return frozenset(known) - {"place"}

    def alike(self, name: str) -> list[str]:
        """Other names that are of a sort with a name, or listed with it and of no other kind."""
        sorts = self.sorts(name)
        # Towns and countries are both places, but do not stand in one list.
        found = {other for sort in sorts - {"place"} for other in self._members[sort]}
        kind = sorts & {"person", "place"}
        found |= {
            other
            for other in self._listed.get(name, ())
            if self.is_one(other) and self.sorts(other) & {"person", "place"} == kind
        }
        return sorted(found - {name})

    def takes_the(self, name: str) -> bool:
        """Whether a name mostly stands after "the"."""
        return 2 * self._after_the[name] > self._seen[name]

    def is_one(self, name: str) -> bool:
        """Whether it names one thing: no common noun in capitals (an LLM, LLMs), no month."""
        common = self._as_noun[name] or f"{name}s" in self._seen
        first = name.split(maxsplit=1)[0].lower()
        odd = "." in name or first in ORDINARY_WORDS or name.lower() in _NO_NAMES or len(name) < 3
        if " " not in name:
            odd = odd or name in _TITLES or bool(_PEOPLES.search(name))
            return not common and not odd and not uses(name, self._known)[0]
        return not common and not odd and self._seen[name] > 1

    def _see(self, name: Name, sentence: str) -> None:
        before = sentence[: name.start]
        after = sentence[name.start + len(name.text) :]
        self._seen[name.text] += 1
        self._after_the[name.text] += before.lower().endswith("the ")
        last = re.search(r"([\w-]+) $", before)
        described = last and last[1].islower() and last[1] not in ORDINARY_WORDS
        with_article = re.search(r"\b[Aa]n? $", before) and not re.match(r" [A-Za-z]", after)
        self._as_noun[name.text] += bool(with_article or (name.text.isupper() and described))
        self._sorts[name.text].update(_sorts(name.text, before, after))


def _sorts(name: str, before: str, after: str) -> Iterator[str]:
    words = name.split()
    if words[0] in _GIVEN_NAMES:
        yield "person"
    if "of" in words[1:]:
        yield f"{words[words.index('of') - 1]} of ..."
    elif len(words) > 1:
        yield f"... {words[-1]}"
        if words[0] in _TITLES:
            yield f"{words[0]} ..."
        if words[0] in _PEOPLES_TITLES:
            yield "person"
    if example := _EXAMPLES.search(before):
        yield example[1]
    if not before and (defined := _DEFINED.match(after)):
        yield f"is a {defined[1].lower()}"
    if re.search(r"(?i)according to $", before) or _SPEAKS.match(after):
        yield "speaker"
    if _OWNS.match(after) and not re.search(r"\b(?:[Aa]n?|[Tt]he) $", before):
        yield "owner"
    if len(words) <= 2 and _PLACE_BEFORE.search(before) and _PLACE_AFTER.match(after):
        yield "place"


def _lists(found: Sequence[Name], sentence: str) -> Iterator[set[str]]:
    together: set[str] = set()
    for first, second in pairwise(found):
        between = sentence[first.start + len(first.text) : second.start]
        if _IN_A_LIST.fullmatch(between):
            together |= {first.text, second.text}
        elif together:
            yield together
            together = set()
    if together:
        yield together

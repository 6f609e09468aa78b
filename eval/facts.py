"""What a text asserts that can be checked by rule: quantities, proper names, and yes or no.

It is the meter's own reading of a text and shares nothing with the checks that an answer has
passed. Rules only: what they do not recognise, they leave out, so that silence proves nothing
and a finding is worth showing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from eval.quantities import ORDINARY_WORDS, Quantity, quantities, same_quantity

__all__ = [
    "Name",
    "Quantity",
    "asks_yes_no",
    "contradicts",
    "foreign_facts",
    "name_is_in",
    "names",
    "polarity",
    "proper_names",
    "quantities",
    "same_quantity",
    "uses",
]

# Names

_CONNECTORS = {"of", "de", "la", "van", "von", "der", "du", "&"}
_LEGAL = frozenset("co inc ltd corp corporation company plc llc gmbh ag sa nv group".split())
_WORD = re.compile(r"[^\W_]+(?:[.'’‑-][^\W_]+)*|&")
_SENTENCE_START = re.compile(r"(?:^|[.!?:…][\"'”’)\]]*\s+|\n)[\s\"'“‘(\[*_#>•✓|-]*$")
_TITLES = re.compile(r"(?:\b[A-Z]|\b(?:Dr|Mr|Mrs|Ms|St|Prof|Gen|Sen|vs|U\.S|Inc|Co))\.\s$")
_ORDINARY_ENDING = re.compile(r"(?:s|ing|ed|ly|tions?|ments?|ness|ity|ism|ance|ence|ure)$")
_DEFINED = re.compile(r"((?:[^\W\d_][\w-]* ){1,7})\(([A-Z][A-Za-z]*[A-Z])s?\)")
_LONG_NAME = re.compile(r"[A-Z][\w-]+(?:(?: (?:of|on|for|and|the|in))* [A-Z][\w-]+)+")
_EXPANDED = re.compile(r"\b([A-Z][A-Za-z]*[A-Z])s? \(((?:[^\W\d_][\w-]*[ )]){2,7})")


@dataclass(frozen=True, slots=True)
class Name:
    """A proper name as text[start : start + len(name.text)] has it, without its possessive."""

    text: str
    start: int


def proper_names(text: str) -> frozenset[str]:
    """The names in `text` as keys to compare, not to show: folded as `name_is_in` folds them.

    An acronym that the text spells out is one with what it stands for. A capital that opens a
    sentence makes a name only where something more says so.

    >>> sorted(proper_names("OpenAI's GPT-4o beat Claude. However, GPT 4o costs more."))
    ['claude', 'gpt4o', 'openai']
    """
    acronyms = _acronyms(text)
    return frozenset(acronyms.get(key, key) for key in (_key(n.text) for n in _names(text)) if key)


def names(text: str, *, known: str = "") -> tuple[Name, ...]:
    """The names in `text` as written, in order.

    A word that opens a sentence is one if it is elsewhere in `text` or in `known`.
    """
    return tuple(_names(text, known=known))


def name_is_in(name: str, text: str) -> bool:
    """Whether a name, in any case, hyphenation, number and legal form, stands in `text`.

    >>> name_is_in("JPMorgan Chase & Co.", "JPMorgan's suite"), name_is_in("Ford", "Fordham")
    (True, False)
    """
    key = _key(name)
    plain, starts, ends = _squashed(text)
    at = plain.find(key) if key else -1
    while at >= 0:
        end = at + len(key)
        if at in starts and (end in ends or (plain[end : end + 1] == "s" and end + 1 in ends)):
            return True
        at = plain.find(key, at + 1)
    return False


def foreign_facts(sentence: str, *texts: str) -> tuple[str, ...]:
    """The quantities and names of `sentence`, as it writes them, that are in none of `texts`.

    An end of a range that the texts give is not foreign; a name of several words is where one
    of its words is.
    """
    known = [quantity for text in texts for quantity in quantities(text)]
    stated = quantities(sentence)
    days = {quantity.start for quantity in stated if quantity.unit == "day of year"}
    found = [
        (quantity.start, sentence[quantity.start : quantity.end])
        for quantity in stated
        if not any(_is_stated(quantity, other) for other in known)
    ]
    whole = "\n".join(texts)
    acronyms = _acronyms(whole) | _acronyms(sentence)
    initials = _initials(whole)
    for name in _names(sentence, known=whole):
        if name.start in days:
            continue  # the month of "August 1"; the day was compared above
        words = [word for word in re.split(r"[\s-]+", name.text) if word not in _CONNECTORS]
        versioned = any(word[0].isdigit() for word in words)
        key = _key(name.text)
        same = [form for pair in acronyms.items() if key in pair for form in pair]
        if (
            not any(name_is_in(form, whole) for form in (name.text, *same))
            and (versioned or not all(name_is_in(word, whole) for word in words))
            and key not in initials
        ):
            found.append((name.start, name.text))
    return tuple(fact for _, fact in sorted(found))


def _names(text: str, *, known: str | None = None) -> Iterator[Name]:
    """Runs of capitalised words; `known` is what to look into for words that open a sentence."""
    words = list(_WORD.finditer(text))
    runs: list[list[re.Match[str]]] = []
    for index, word in enumerate(words):
        gap = text[words[index - 1].end() : word.start()] if index else ""
        linked = bool(runs) and index > 0 and runs[-1][-1] is words[index - 1]
        goes_on = linked and (gap == " " or (gap == ". " and _shortened(words[index - 1][0])))
        goes_on = goes_on and not re.search(r"['’]s?$", words[index - 1][0])
        small = word[0] in _CONNECTORS and index + 1 < len(words)
        number = re.fullmatch(r"v?\d{1,3}(?:\.\d+)?[a-z]?", word[0])
        if _capital(word[0]) or (goes_on and number and not _UNIT_AFTER.match(text, word.end())):
            if goes_on:
                runs[-1].append(word)
            else:
                runs.append([word])
        elif small and goes_on and _capital(words[index + 1][0]):
            runs[-1].append(word)
    for run in runs:
        kept = _without_opener(run, text, known)
        if kept:
            written = text[kept[0].start() : kept[-1].end()]
            written = re.sub(r"['’]s?$|-[a-z]{3,}.*$", "", written)
            if len(written) > 1:
                yield Name(written, kept[0].start())


_UNIT_AFTER = re.compile(r"\s?(?:[%×x]|percent|per cent|million|billion|trillion)")


def _shortened(word: str) -> bool:
    return len(word) == 1 or word in ("St", "Dr", "Mr", "Mt")


def _capital(word: str) -> bool:
    return any(map(str.isupper, word)) and word not in ("I", "A")


def _without_opener(run: list[re.Match[str]], text: str, known: str | None) -> list[re.Match[str]]:
    """The run without an ordinary word that has its capital from opening a sentence."""
    first = run[0][0]
    plain = re.sub(r"['’]\w*$", "", first).lower()
    if not _opens_sentence(text, run[0].start()):
        return run if plain not in ORDINARY_WORDS or first.isupper() else run[1:]
    if plain in ORDINARY_WORDS:
        return run[1:]
    if not first[1:].islower() or re.search(r"['’]s$", first):
        return run  # JPMorgan, GPT-4, Heinz's
    lower, inside = (
        sum(counts) for counts in zip(uses(first, text), uses(first, known or ""), strict=True)
    )
    if len(run) > 1:
        return run[1:] if lower or re.search(r"(?:ing|ed|ly)$", first) else run
    if inside > lower:
        return run
    new = known is not None and not re.search(rf"(?i)\b{re.escape(first)}\b", known)
    verb = re.match(
        r" (?:is|was|has|had|does|did|will|can|cut|\w+ed|[a-z]{3,}[^s\W]s)\b", text[run[0].end() :]
    )
    return run if new and verb and not _ORDINARY_ENDING.search(first) else []


def uses(word: str, text: str) -> tuple[int, int]:
    """How often a word is written small in a text, and how often capitalised inside a sentence."""
    small, capitalised = _spellings(text)
    return small[word.lower()], capitalised[word]


@lru_cache(maxsize=256)
def _spellings(text: str) -> tuple[Counter[str], Counter[str]]:
    words = list(re.finditer(r"[^\W_]+", text))
    inside = (word for word in words if word[0][0].isupper())
    capitalised = Counter(w[0] for w in inside if not _opens_sentence(text, w.start()))
    return Counter(word[0] for word in words if word[0].islower()), capitalised


def _opens_sentence(text: str, position: int) -> bool:
    before = text[max(0, position - 40) : position]
    if position > 40:
        before = "x" + before  # so that "^" means the start of the text
    return bool(_SENTENCE_START.search(before)) and not _TITLES.search(before)


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    """A name folded: no case, accents, spaces, marks, possessive, plural or legal form."""
    bare = re.sub(r"['’]s?$", "", name.strip())
    words = [word for word in re.split(r"[\s&.,]+", bare) if word]
    kept = list(words)
    while len(kept) > 1 and kept[-1].lower() in _LEGAL:
        kept.pop()
    if len(kept) < len(words) and re.search(r"[a-z][A-Z]|[A-Z]{2}[a-z]", kept[0]):
        kept = kept[:1]  # JPMorgan Chase & Co goes by its first word
    key = _plain("".join(kept))
    return key[:-1] if len(key) > 3 and re.search(r"[^sui]s$", key) else key


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L"))
    return "".join(c for c in decomposed.casefold() if c.isalnum())


@lru_cache(maxsize=4096)
def _squashed(text: str) -> tuple[str, frozenset[int], frozenset[int]]:
    """Letters and digits only, with the places where words begin and end."""
    parts, starts, ends, length = [], set(), set(), 0
    for word in re.finditer(r"[^\W_]+", re.sub(r"['’]s\b", "", text)):
        plain = _plain(word[0])
        starts.add(length)
        length += len(plain)
        ends.add(length)
        parts.append(plain)
    return "".join(parts), frozenset(starts), frozenset(ends)


def _acronyms(text: str) -> dict[str, str]:
    """What each spelled-out name stands for, by keys: "largelanguagemodel" to "llm"."""
    pairs = [(match[2], match[1].split()) for match in _DEFINED.finditer(text)]
    pairs += [
        (match[1], re.split(r"[ )]+", match[2].strip(" )"))) for match in _EXPANDED.finditer(text)
    ]
    found = {}
    for acronym, words in pairs:
        for count in range(2, len(words) + 1):
            full = words[-count:]
            initials = "".join(part[0] for word in full for part in word.split("-") if part)
            if initials.lower() == acronym.lower():
                found[_key(" ".join(full))] = _key(acronym)
    return found


def _initials(text: str) -> frozenset[str]:
    """The initials of the names of several words in `text`, such as "ipcc"."""
    runs = [run.split() for run in _LONG_NAME.findall(text)]
    kept = [[word for word in run if word.lower() not in ORDINARY_WORDS] for run in runs]
    return frozenset("".join(word[0] for word in run).lower() for run in kept)


# Yes or no

_YES = re.compile(
    r"\W*(?:yes|yeah|yep|indeed|correct|(?:that|this) is (?:right|correct|true))\b", re.I
)
_NO = re.compile(
    r"\W*(?:(?:no|nope|not really)(?:\W*$|\s*[,.:;!–—-]|\s+(?:it|they|he|she|you)\b)"
    r"|not (?!only\b|just\b|merely\b|until\b|surprising))",
    re.I,
)
_AUXILIARY = (
    r"(?:is|are|was|were|am|do|does|did|can|could|will|would|should|shall|may|might|must|has|have|"
    r"had)(?:n['’]t)?"
)
_ASKS_YES_NO = re.compile(
    r"(?:(?:so|and|but|then|according to [^,]+|(?:in|by|as of|since) \d{4}),?\s+)*"
    rf"{_AUXILIARY}\b",
    re.I,
)
_TAG = re.compile(rf",\s*(?:right|correct|true|{_AUXILIARY}\s+\w+)\s*\?*$", re.I)
_ASKED = (
    (re.compile(r"\b(?:when|(?:what|which) year)\b", re.I), "year"),
    (re.compile(r"\b(?:percent|percentage|share|proportion|what part|%)\b", re.I), "percent"),
    (re.compile(r"\b(?:which|what) century\b", re.I), "century"),
)
_ASKS_QUANTITY = re.compile(
    r"\bhow (?:many|much|long|far|fast|old|often|large|big|high|tall|deep|wide|expensive)\b|"
    r"\b(?:cost|price|rate|number|amount|size|population|length|height|value|figure|accuracy)s?\b",
    re.I,
)


def polarity(text: str) -> Literal["yes", "no"] | None:
    """The yes or no that an answer begins with; None where it does not say either outright."""
    if re.match(r"\W*yes and no\b", text, re.I):
        return None
    return "yes" if _YES.match(text) else "no" if _NO.match(text) else None


def asks_yes_no(question: str) -> bool:
    """Whether a question wants yes or no; one that offers alternatives ("a or b?") does not."""
    offers = re.search(r"\bor\b(?! (?:not|more|less|so)\b)", question, re.I)
    asks = _ASKS_YES_NO.match(question.strip()) or _TAG.search(question.strip())
    return bool(asks) and not offers


def contradicts(answer: str, reference: str, question: str) -> str:
    """Why `answer` contradicts `reference` on `question`, or "".

    It does where one says yes and the other no, or where the question asks for a quantity and
    of those that the answer states of that unit none is, or lies within, one of the reference's.
    """
    if asks_yes_no(question):
        said, right = polarity(answer), polarity(reference)
        return (
            f"says {said} where the reference says {right}"
            if {said, right} == {"yes", "no"}
            else ""
        )
    known = quantities(reference)
    for unit in _units_asked_for(question, known):
        right_ones = [quantity for quantity in known if quantity.unit == unit]
        stated = [q for q in quantities(answer) if q.unit == unit]
        if right_ones and stated and not any(_within(q, r) for q in stated for r in right_ones):
            words = [answer[q.start : q.end] for q in stated]
            wanted = [reference[q.start : q.end] for q in right_ones]
            return f"says {', '.join(words)} where the reference says {', '.join(wanted)}"
    return ""


def _units_asked_for(question: str, known: Iterable[Quantity]) -> set[str]:
    for pattern, unit in _ASKED:
        if pattern.search(question):
            return {unit}
    if not _ASKS_QUANTITY.search(question):
        return set()
    return {quantity.unit for quantity in known} - {"year", "day of year", "ordinal"}


def _is_stated(quantity: Quantity, known: Quantity) -> bool:
    ends = (replace(known, low=end, high=end) for end in (known.low, known.high))
    return same_quantity(quantity, known) or any(same_quantity(quantity, end) for end in ends)


def _within(quantity: Quantity, known: Quantity) -> bool:
    inside = known.low <= quantity.low and quantity.high <= known.high
    return inside or same_quantity(quantity, known)

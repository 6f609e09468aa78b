"""What a question describes instead of naming it, and how to ask for that first.

"Which river flows through the city where Nina Simone died?" names no city. Where English shows by
its form what is a description and where that ends, the innermost one is found here and made a
question of its own: "What is the city where Nina Simone died?" It need not be elegant, only to be
found and answered. What no form shows is left to the language model (`rag.steps`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.prompts import HOLE
from rag.terms import content_words, coverage

LONGEST = 400  # characters; who pastes a page describes nothing, and it would take long to see
SHARE_FROM_QUESTION = 0.66  # of the words of a step
SHARE_KEPT = 0.8  # of the words of the question

RELATIVE = r"(?:where|that|which|who|whom|whose)"
CLAUSE = re.compile(rf"\b{RELATIVE}\b", re.IGNORECASE)
INTERROGATIVE = re.compile(r"\b(?:what|which|who|whom|whose|where|when|why|how)\b", re.IGNORECASE)
_CAPITAL = r"(?:[A-Z][\w.&-]*(?:['’](?!s\b))?|\d[\w.]*)"
_LINK = r"(?:of|the|and|de|der|und|for|in|a|to)"
_NAME = rf"(?:[Tt]he )?{_CAPITAL}(?:(?: {_LINK}){{0,2}} {_CAPITAL})*"
_AUXILIARY = r"(?:is|are|was|were|has|have|had|did|does|do|can|could|will|would)"
_PREPOSITION = r"(?:in|on|at|by|for|from|of|to|with|through|near|after|under|into)"
_PARTICIPLE = r"(?:[a-z]{2,}ed|known|born|held|made|written|found|built|sung|won|led|run)"
_NOUN = rf"(?:(?!{_PREPOSITION} )[\w-]+ ){{0,3}}?(?!(?:{_PREPOSITION}|{_PARTICIPLE})\b)[a-z][\w-]*"
_END = rf"(?=[?,.]|$| (?!of )(?:{_AUXILIARY}|{_PREPOSITION}|{_PARTICIPLE}|as)\b)"
POSSESSIVE = re.compile(rf"{_NAME}['’]s [a-z]")

# "the composer of Fidelio", and "Fidelio's composer"
OF_A_NAME = re.compile(
    rf"\bthe (?P<noun>[a-z-]+(?: (?!of |by )[a-z-]+){{0,2}}) (?:of|by) "
    rf"(?=(?:[Tt]he )?[A-Z])(?P<name>{_NAME}){_END}"
)
NAMES_OWN = re.compile(rf"(?P<name>{_NAME})['’]s (?P<noun>[a-z]+(?: of [a-z]+)?){_END}")
# "the city where Nina Simone died", "the country Ada Blom is from", "the artist known as Ada Blom":
# up to the end or to where the question begins, as nothing tells where else a clause ends.
CLAUSED = re.compile(
    rf"the (?P<noun>{_NOUN}) (?P<clause>"
    rf"(?:{_PREPOSITION} which|{RELATIVE})\b[^,?]+|{_PARTICIPLE} (?:as|{_PREPOSITION}) [^,?]+"
    rf"|{_NAME} {_AUXILIARY} [^,?]+)(?=\?|$|, {INTERROGATIVE.pattern})"
)
# "... at a university which has a campus in which city?": what is described asks no question.
ASKS_AT_THE_END = re.compile(
    rf"(?P<before>.+ {_AUXILIARY} (?:.+ )?)(?:an?|the|another) "
    rf"(?P<noun>(?:[\w'’-]+ ){{0,4}}?[\w'’-]+) (?P<clause>(?:{RELATIVE}|{_PARTICIPLE})\b"
    rf"[^,?]*\b{INTERROGATIVE.pattern}[^,?]*)\?*$",
    re.IGNORECASE,
)
# "When was the singer born who is known for her voice?": the verb stands before the clause.
VERB_FIRST = re.compile(
    rf"(?P<before>.*\b{_AUXILIARY}) the (?P<noun>{_NOUN}) (?P<verb>{_PARTICIPLE}) "
    rf"(?P<clause>(?:that|which|who) [^?]+)\?*$"
)
# "the city of Paris" is Paris
NAMES_ITSELF = frozenset(
    "area borough city country county district island kingdom month municipality name province "
    "region republic state town village year".split()
)
PLACE = re.compile(r"(?:city|continent|country|county|district|province|region|state|town)$")
BORN = re.compile(rf"\b(?:the )?(?:birth ?place|place of birth) of (?P<name>(?=[A-Z]){_NAME})")
BIRTHPLACE = re.compile(r"\b(?:birth ?place|(?:place|city|town|country) of birth)\b")
PERSON = re.compile(
    r"\b(?:actor|actress|architect|artist|author|chairman|coach|composer|creator|daughter|designer"
    r"|director|editor|father|founder|governor|husband|inventor|king|leader|man|manager|mayor"
    r"|mother|owner|painter|performer|person|player|president|producer|queen|singer|son|spouse"
    r"|wife|woman|writer)$"
)


@dataclass(frozen=True, slots=True)
class Steps:
    """What to look up first, and the question with `HOLE` in place of its description."""

    first: str
    then: str

    def add_up_to(self, question: str) -> bool:
        """Whether the two ask what the question asks, each less than the whole, and no more."""
        first, then, asked = (
            content_words(BIRTHPLACE.sub("born", text))
            for text in (self.first, self.then.replace(HOLE, ""), question)
        )
        return (
            HOLE not in self.first
            and self.then.count(HOLE) == 1
            and bool(first - then)
            and bool(then - first)
            and bool(INTERROGATIVE.search(self.then) or not INTERROGATIVE.search(question))
            and coverage(asked, first | then) >= SHARE_KEPT
            and min(coverage(first, asked), coverage(then, asked)) >= SHARE_FROM_QUESTION
        )


def describes(question: str) -> bool:
    """Whether a clause or a phrase of a question describes something, as far as its form shows."""
    if len(question) > LONGEST:
        return False
    asks = INTERROGATIVE.search(question)
    clauses = CLAUSE.finditer(question)
    return (
        any(not asks or clause.start() != asks.start() for clause in clauses)
        or POSSESSIVE.search(question) is not None
        or innermost(question) is not None
    )


def innermost(question: str) -> Steps | None:
    """A question with the innermost of its descriptions looked up first; None if no form shows one.

    >>> innermost("Who is the sister of the composer of Fidelio?")
    Steps(first='Who is the composer of Fidelio?', then='Who is the sister of #1?')
    """
    at_the_end = ASKS_AT_THE_END.match(question)
    if at_the_end and not INTERROGATIVE.search(at_the_end["before"]):
        clause = re.sub(r"^(?:that|which|who) ", "", at_the_end["clause"])
        steps = Steps(f"{at_the_end['before']}what {at_the_end['noun']}?", f"{HOLE} {clause}?")
        if steps.add_up_to(question):
            return steps
    verb_first = VERB_FIRST.match(question)
    if verb_first:
        first = _claused(verb_first)
        steps = Steps(first, f"{verb_first['before']} {HOLE} {verb_first['verb']}?")
        if steps.add_up_to(question):
            return steps
    for start, end, first in sorted(_descriptions(question), reverse=True):
        steps = Steps(first, f"{question[:start]}{HOLE}{question[end:]}")
        if steps.add_up_to(question):
            return steps
    return None


def _descriptions(question: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what to ask) of each description that the form of a question shows."""
    for match in OF_A_NAME.finditer(question):
        if match["noun"].split()[-1] not in NAMES_ITSELF:
            yield *match.span(), _of(match["noun"], match["name"], match[0])
    for match in NAMES_OWN.finditer(question):
        yield *match.span(), _of(match["noun"], match["name"], match[0])
    for match in BORN.finditer(question):
        yield *match.span(), f"Where was {match['name']} born?"
    for article in re.finditer(r"\b[Tt]he ", question):
        claused = CLAUSED.match(f"the {question[article.end() :]}")
        before = question[: article.start()].split()
        # After "did", "is" or "where" the clause goes over into the rest without a sign.
        led = before and re.fullmatch(rf"{_AUXILIARY}|{RELATIVE}", before[-1], re.IGNORECASE)
        if claused and not led and not INTERROGATIVE.search(claused["noun"]):
            yield article.start(), article.start() + claused.end(), _claused(claused)


def _of(noun: str, name: str, phrase: str) -> str:
    """What to ask for "the noun of name", or "name's noun"."""
    if BIRTHPLACE.search(noun):
        return f"Where was {name} born?"
    if PLACE.search(noun):
        return f"In which {noun} is {name}?"
    return f"{'Who' if PERSON.search(noun) else 'What'} is {phrase}?"


def _claused(match: re.Match[str]) -> str:
    """What to ask for "the noun that ..."."""
    noun, clause = match["noun"], match["clause"]
    subject = re.match(
        rf"(?P<relative>{RELATIVE} )?(?P<name>{_NAME}) (?P<verb>{_AUXILIARY}) (?P<rest>.+)", clause
    )
    if subject:
        which = "In which" if subject["relative"] == "where " else "Which"
        return f"{which} {noun} {subject['verb']} {subject['name']} {subject['rest']}?"
    verb = re.match(rf"(?:that|which|who) (?=(?:{_AUXILIARY}|{_PARTICIPLE}) )(.+)", clause)
    if verb:
        return f"Which {noun} {verb[1]}?"
    return f"{'Who' if PERSON.search(noun) else 'What'} is the {noun} {clause}?"

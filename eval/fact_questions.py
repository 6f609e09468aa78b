"""Questions about the facts that articles state, formed by rule from single sentences.

Each pattern fits a few ways to state a fact, and turns it into a question by moving and
replacing whole phrases, so that what comes out is English. Most sentences fit none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from eval.english import (
    AGENTIVE,
    BASE_OF,
    BASE_OF_THIRD,
    BASES,
    INTRANSITIVE,
    PAST_OF_PARTICIPLE,
    auxiliary_and_base,
    either,
    fits,
    follows,
    in_the_past,
    is_said,
    plural,
    without_asides,
)
from eval.facts import names, uses
from eval.quantities import MEASURES, ORDINARY_WORDS, Quantity, quantities

# A sentence is matched with its quantities masked, a year as <Y0>.
_MASKS = {"year": "Y", "percent": "P", "dollar": "M", "euro": "M", "pound": "M", "yen": "M"}
_MASKS |= {"second": "T", "day": "T", "month": "T", "times": "X"}
_TEXT = r"[^\s,;:<>()\"“”—–][^,;:<>()\"“”—–]*?"
_HEDGES = (
    r"(?i:about|around|roughly|approximately|nearly|almost|over|more than|less than|fewer than|"
    r"at least|at most|up to|only|just|some|an estimated|as many as|well|a total of|typically|"
    r"usually|currently|now|today)"
)
_HEDGE = rf"(?:{_HEDGES} )*"
_ADVERB = r"(?:(?:also|now|later|first|then|still|soon|for the first time|\w+ly) )?"
_END = (
    r"(?=[,.;:]|$| (?:that|which|who|where|when|while|because|but|making|using)\b"
    r"| and (?:it|he|she|they|in|was|were|then|at)\b)"
)
_LEAD = r"(?:(?:In(?: [A-Z]\w+)?|On \w+ \w+,?) <Y(?P<lead>\d+)>,? )?"
_TAIL = r"(?: (?:in(?: [A-Z]\w+)?|on \w+ \w+,?) <Y(?P<tail>\d+)>)?"
_STOP = r"(?=[,.;:]|$| (?:in|on|at|with|from|and|that|which|who|for|per|located|as|during|by)\b)"
_PAST, _PARTICIPLE = either(BASE_OF), either(PAST_OF_PARTICIPLE)
_PRESENT = either([*BASES, *BASE_OF_THIRD])
_VERB = f"(?:has|{_PRESENT}|{_PAST})"

_PASSIVE = re.compile(
    rf"{_LEAD}(?P<s>{_TEXT}) (?P<be>was|were) {_ADVERB}(?P<v>{_PARTICIPLE})(?P<r>(?: {_TEXT})?)"
    rf"{_TAIL}{_END}"
)
_ACTIVE = re.compile(
    rf"{_LEAD}(?P<s>{_TEXT}) {_ADVERB}(?P<v>{_PAST})(?P<o>(?:(?! in <Y) {_TEXT})?){_TAIL}{_END}"
)
_SHARE = re.compile(
    rf"{_HEDGE}<P\d+> of (?P<g>(?:the )?{_TEXT}) (?P<v>are|were|is|was|{_VERB})"
    rf"(?P<r> {_TEXT}){_TAIL}{_END}"
)
_PART = re.compile(
    rf"{_LEAD}(?P<s>{_TEXT}) {_ADVERB}(?P<v>{_VERB}) "
    rf"(?P<o>(?:(?!{_HEDGES}|in ){_TEXT} )?)(?P<in>(?:in )?){_HEDGE}<P\d+> of "
    rf"(?P<g>{_TEXT}){_TAIL}{_END}"
)
_COUNTED = re.compile(
    rf"{_HEDGE}<N\d+> (?P<g>{_TEXT}) (?P<v>are|were|have|had|{either(BASES)}|{_PAST})"
    rf"(?P<r> {_TEXT}){_TAIL}{_END}"
)
_HAS = re.compile(
    rf"{_LEAD}(?P<s>{_TEXT}) {_ADVERB}(?P<v>{_VERB}|is home|was home) (?P<to>(?:to )?)"
    rf"(?:also )?{_HEDGE}<N\d+> (?P<y>{_TEXT}){_STOP}"
)
_POPULATION = re.compile(
    rf"{_LEAD}(?P<x>{_TEXT}) (?P<v>has|had) an? (?:estimated |total )?(?P<m>[a-z]+(?: [a-z]+)?) "
    rf"(?P<p>of) {_HEDGE}(?P<q><[PMTNXQ]\d+>)"
)
_MEASURED = re.compile(
    rf"{_LEAD}[Tt]he (?P<m>(?:[a-z][\w-]* ){{0,4}}?[a-z][\w-]*) (?P<p>of|for|in) "
    rf"(?P<x>(?:the )?{_TEXT}) (?P<v>is|was|are|were) "
    rf"(?:(?:given as|estimated at|put at|projected to be|estimated to be) )?{_HEDGE}"
    r"(?P<q><[PMTNXQ]\d+>)(?! (?:of|more|less|higher|lower|times)\b)"
)
_COST = re.compile(rf"(?P<s>{_TEXT}) (?P<v>costs?) {_HEDGE}<M\d+>")
_DURATION = re.compile(rf"(?P<s>{_TEXT}) {_ADVERB}(?P<v>takes?|took) {_HEDGE}<T\d+>{_END}")
_CHANGE = re.compile(
    rf"(?P<s>{_TEXT}) {_ADVERB}(?P<v>{_PAST}|{_PRESENT})(?P<up>(?: up)?) (?P<o>{_TEXT}) by "
    rf"{_HEDGE}<P\d+>"
)
_EXPECTED = re.compile(
    rf"(?P<s>{_TEXT})(?: \w+ly)? (?P<be>is|are|was|were) "
    r"(?P<v>projected|expected|forecast|estimated) "
    rf"(?:to (?:reach|exceed|be worth|grow to|rise to|surpass|total)|at) {_HEDGE}"
    r"(?P<q><[PMN]\d+>)(?: by <Y(?P<tail>\d+)>)"
)
_LEVEL = re.compile(
    rf"{_LEAD}(?P<s>{_TEXT}) (?:came to|exceeded|reached|amounted to|totalled|totaled|stood at|"
    rf"rose to|fell to|grew to|was worth) {_HEDGE}(?P<q><[PMN]\d+>)(?: of)?(?: [\w-]+){{0,2}}"
    rf"{_TAIL}{_END}"
)
_POSSIBLE = re.compile(
    rf"(?P<s>{_TEXT}) (?P<m>could|can|will|would|may|might) (?P<v>{either(BASES)}) {_HEDGE}"
    rf"<M\d+> (?:of|in) (?P<o>{_TEXT}){_END}"
)
_SAYS = r"(?:estimates?|estimated|finds?|found|reports?|reported|says?|said|adds|indicates?|shows?)"
_ATTRIBUTED = re.compile(
    rf"(?:According to (?P<by>{_TEXT}), (?P<first>.+)"
    rf"|(?P<x>{_TEXT}) {_ADVERB}{_SAYS} that (?P<then>.+))"
)
_ANYBODY = re.compile(
    r"(?i)(?:industry|recent|some|market)? ?(?:research|studies|surveys|benchmarks|data|reports|"
    r"analysts|analyses|usage data from .*)$"
)
_SIZE = re.compile(r"(?:token|page|word|year|month|week|day|hour|minute|second|mile|foot)\b")
# Where a sentence goes on with another claim.
_CLAIMS = re.compile(r"(?:, (?:while|whereas|and)|;) (?=(?:the|an?|[A-Z<])\b)")
# What may stand before the main clause and be left out.
_OPENING = re.compile(
    r"(?:(?:In|At|For|On|With|Among) [^,<>]{3,45}, |"
    r"(?:However|Today|In fact|Yet), |In this way )"
)

_FIGURE = re.compile(r"\S+(?: (?:hundred|thousand|million|billion|trillion)\b)?")
_ADVERBIAL = re.compile(r" (?:worldwide|globally|annually|every|each|a year|per|in|by)\b.*$")
_NO_MEASURES = frozenset(
    "rest result case purpose first end time name use part majority total most one makeup".split()
)


@dataclass(frozen=True, slots=True)
class FactQuestion:
    """A question that the sentence `near` answers.

    `asks` is the unit of the answer, such as "percent", or "name". `year` is the year in the
    question, "" for none; `past` is an undated question put in the past tense, to which a year
    may be added. `measure` is what of its subject is asked for, "" where that is not one phrase.
    """

    question: str
    asks: str
    near: str
    year: str = ""
    past: str = ""
    measure: str = ""


def fact_questions(sentence: str, *, known: str) -> Iterator[FactQuestion]:
    """Questions about the fact that one sentence states; `known` shows which words are names."""
    masked, values = _masked(without_asides(sentence))
    forms = _Forms(sentence, values, known)
    for part in _CLAIMS.split(masked):
        source, claim = _attributed(part, known)
        for pattern, form in _PATTERNS:
            match = pattern.match(claim)
            for formed in form(forms, match) if match else ():
                if source:
                    asked = formed.question[0].lower() + formed.question[1:]
                    asked = f"According to {source}, {asked}"
                    formed = replace(formed, question=asked, past="")
                yield formed


def _attributed(text: str, known: str) -> tuple[str, str]:
    """Who is said to say it, "" for nobody in particular, and what."""
    said = _ATTRIBUTED.fullmatch(text)
    if said:
        source = re.sub(r"['’]s (?:research|report|study)$", "", said["by"] or said["x"])
        text = said["first"] or said["then"]
        if not _ANYBODY.match(source):
            if [name.text for name in names(source, known=known)] != [source]:
                return "", ""
            return source, text[0].upper() + text[1:]
    opening = _OPENING.match(text)
    text = text[opening.end() :] if opening else text
    return "", text[:1].upper() + text[1:]


def _masked(sentence: str) -> tuple[str, dict[str, Quantity]]:
    """The sentence with its quantities as <Y0>, <P1> and so on, and what these stand for."""
    values: dict[str, Quantity] = {}
    parts, position = [], 0
    for number, quantity in enumerate(quantities(sentence)):
        if quantity.unit in ("ordinal", "century", "day of year"):
            continue
        kind = _MASKS.get(quantity.unit, "N" if quantity.unit not in MEASURES else "Q")
        end = quantity.end
        if kind == "N":  # what is counted stays
            figure = _FIGURE.match(sentence, quantity.start)
            end = figure.end() if figure else end
        values[f"{kind}{number}"] = quantity
        parts += [sentence[position : quantity.start], f"<{kind}{number}>"]
        position = end
    return "".join([*parts, sentence[position:]]), values


class _Forms:
    """The patterns' questions about one sentence; each method takes a match and gives any."""

    def __init__(self, sentence: str, values: dict[str, Quantity], known: str) -> None:
        self.near = sentence
        self.values = values
        self.known = known

    def passive(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        subject, year, rest = self.subject(match["s"]), self.year(match), match["r"]
        agent = re.match(r" by (?:the )?(.+)$", rest)
        past = PAST_OF_PARTICIPLE[match["v"]]
        by_name = agent and self.is_name(agent[1]) and BASE_OF[past] in AGENTIVE
        if subject and by_name:
            when = f" in {year}" if year else ""
            yield self.made(f"Who {past} {subject}{when}?", "name", year=year)
        if subject and year and (not rest or follows(rest.strip())):
            yield self.made(f"In what year {match['be']} {subject} {match['v']}{rest}?", "year")

    def active(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        subject, year = self.subject(match["s"]), self.year(match)
        base, what = BASE_OF[match["v"]], match["o"].strip()
        if not subject or base in ("have", "say", "find", "show"):
            return
        if not (fits(what) if what else base in INTRANSITIVE):
            return
        if what and base in AGENTIVE and self.is_name(re.sub(r"^[Tt]he ", "", match["s"])):
            when = f" in {year}" if year else ""
            yield self.made(f"Who {match['v']} {what}{when}?", "name", year=year)
        if year:
            yield self.made(f"In what year did {subject} {base} {what}".rstrip() + "?", "year")

    def share(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        if fits(match["g"]) and is_said(match["v"] + match["r"]):
            of = f"What percentage of {match['g']}"
            yield from self.dated(of, match["v"], match["r"], match, asks="percent")

    def counted(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        if plural(match["g"]) and fits(match["g"]) and is_said(match["v"] + match["r"]):
            many = f"How many {match['g']}"
            yield from self.dated(many, match["v"], match["r"], match, asks="count")

    def part(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        subject, what = self.subject(match["s"]), match["o"].strip()
        group = re.sub(r"\b(?:the )(?=\w+ that)", "", match["g"])
        held = re.sub(r"\b(?:that|their|its)\b", "", group)
        if subject and fits(held) and (not what or fits(what)):
            of = f"{match['in'].capitalize()}what percentage of {group}"
            of = of[0].upper() + of[1:]
            yield from self.asked(of, subject, match["v"], what, match, asks="percent")

    def has(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        subject, what = self.subject(match["s"]), match["y"]
        if subject and plural(what) and fits(what, at_most=4) and not _SIZE.match(what):
            many = f"To how many {what}" if match["to"] else f"How many {what}"
            if " home" in match["v"]:
                many, be, rest = f"How many {what}", match["v"].split()[0], f" {subject} home to"
                yield from self.dated(many, be, rest, match, asks="count", measure=what)
                return
            yield from self.asked(many, subject, match["v"], "", match, asks="count", measure=what)

    def measured(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        measure, owner = match["m"], match["x"]
        if not fits(measure) or not fits(owner) or measure.split()[-1] in _NO_MEASURES:
            return
        verb = {"has": "is", "had": "was"}.get(match["v"], match["v"])
        if inside := self.subject(owner):
            phrase = f" the {measure} {match['p']} {inside}"
            asks = self.unit(match["q"])
            yield from self.dated("What", verb, phrase, match, asks=asks, measure=measure)

    def cost(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        if subject := self.subject(re.sub(r"^One ", "A ", match["s"])):
            auxiliary = "does" if match["v"] == "costs" else "do"
            past = f"What did {subject} cost"
            yield self.made(f"What {auxiliary} {subject} cost?", "dollar", past=past)

    def duration(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        if subject := self.subject(match["s"]):
            yield from self.asked("How long", subject, match["v"], "", match, asks="second")

    def change(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        subject, what = self.subject(match["s"]), re.sub(r"^(?:its|their) ", "", match["o"])
        if subject and fits(what):
            rest = f"{match['up']} {match['o']}".strip()
            by, verb = "By what percentage", match["v"]
            yield from self.asked(by, subject, verb, rest, match, asks="percent", measure=what)

    def expected(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        subject, year = self.subject(match["s"]), self.year(match)
        if subject and year:
            what, to = ("How much", "be worth") if "M" in match["q"] else ("What figure", "reach")
            question = f"{what} {match['be']} {subject} {match['v']} to {to} by {year}?"
            yield self.made(question, self.unit(match["q"]), year=year)

    def level(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        subject, year = self.subject(match["s"]), self.year(match)
        if subject and year:
            question = f"What figure did {subject} reach in {year}?"
            yield self.made(question, self.unit(match["q"]), year=year)

    def possible(self, match: re.Match[str]) -> Iterator[FactQuestion]:
        subject, split = self.subject(match["s"]), _ADVERBIAL.search(match["o"])
        head = match["o"][: split.start()] if split else match["o"]
        if subject and fits(head):
            rest = match["o"][split.start() :] if split else ""
            question = f"How much {head} {match['m']} {subject} {match['v']}{rest}?"
            yield self.made(question, "dollar")

    def asked(
        self,
        opening: str,
        subject: str,
        verb: str,
        rest: str,
        match: re.Match[str],
        *,
        asks: str,
        measure: str = "",
    ) -> Iterator[FactQuestion]:
        """A question with do, does or did before its subject."""
        auxiliary, base = auxiliary_and_base(verb)
        said = f" {subject} {base} {rest}".rstrip()
        yield from self.dated(opening, auxiliary, said, match, asks=asks, measure=measure)

    def dated(
        self,
        opening: str,
        verb: str,
        rest: str,
        match: re.Match[str],
        *,
        asks: str,
        measure: str = "",
    ) -> Iterator[FactQuestion]:
        """A question with the sentence's year, where it has one, else open to a year."""
        past = f"{opening} {in_the_past(verb)}{rest}"
        year = self.year(match)
        if year:
            yield self.made(f"{past} in {year}?", asks, year=year, measure=measure)
        elif not any(tag.startswith("Y") for tag in self.values):
            question = f"{opening} {verb}{rest}?"
            yield self.made(question, asks, past=past, measure=measure)

    def made(
        self, question: str, asks: str, *, year: str = "", past: str = "", measure: str = ""
    ) -> FactQuestion:
        return FactQuestion(
            " ".join(question.split()), asks, self.near, year, " ".join(past.split()), measure
        )

    def subject(self, phrase: str) -> str:
        """A subject as it stands inside a sentence; "" where that or its sense is in doubt."""
        first = phrase.split(maxsplit=1)[0]
        lower = first[0].lower() + first[1:]
        if not fits(phrase, at_most=10):
            return ""
        found = names(phrase, known=self.known)
        if any(name.start == 0 for name in found):
            return phrase
        if lower == "the" and not found and len(phrase.split()) < 4:
            return ""  # the factory: which one, only its surroundings say
        unsure = any(name.start == len(first) + 1 for name in found)  # Duke William
        if lower not in ORDINARY_WORDS and (unsure or not uses(lower, self.known)[0]):
            return ""
        return lower + phrase[len(first) :]

    def is_name(self, phrase: str) -> bool:
        return [name.text for name in names(phrase, known=self.known)] == [phrase]

    def year(self, match: re.Match[str]) -> str:
        """The one year that the matched part states, else ""."""
        groups = match.groupdict()
        tags = [groups[name] for name in ("lead", "tail") if groups.get(name)]
        if len(tags) != 1:
            return ""
        year = self.values[f"Y{tags[0]}"]
        return str(year.low) if year.low == year.high else ""

    def unit(self, mask: str) -> str:
        unit = self.values[mask.strip("<>")].unit
        return unit if unit in MEASURES else "count"


_PATTERNS = (
    (_PASSIVE, _Forms.passive),
    (_ACTIVE, _Forms.active),
    (_SHARE, _Forms.share),
    (_PART, _Forms.part),
    (_COUNTED, _Forms.counted),
    (_HAS, _Forms.has),
    (_POPULATION, _Forms.measured),
    (_MEASURED, _Forms.measured),
    (_COST, _Forms.cost),
    (_DURATION, _Forms.duration),
    (_CHANGE, _Forms.change),
    (_EXPECTED, _Forms.expected),
    (_LEVEL, _Forms.level),
    (_POSSIBLE, _Forms.possible),
)

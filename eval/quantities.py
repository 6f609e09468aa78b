"""Numbers, ranges, dates and shares as a text states them, with their units made one.

Rules only. A number that is part of a name, as in GPT-4, is no quantity; a vague one, as in
"billions of parameters", is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache


def _numbered(words: str, *, start: int = 0, step: int = 1) -> dict[str, int]:
    return {word: start + step * place for place, word in enumerate(words.split())}


_ONES = _numbered(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = _numbered("twenty thirty forty fifty sixty seventy eighty ninety", start=20, step=10)
_SCALE_WORDS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_LETTERS = {"k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9, "t": 12, "tn": 12}
_SCALES = _SCALE_WORDS | _LETTERS
_MONTHS = _numbered(
    "january february march april may june july august september october november december", start=1
)
_ORDINALS = _numbered(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth",
    start=1,
)
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10}

# Canonical unit, its factor, and how it is written; "_" stands for a space.
_UNIT_TABLE = """
percent 1 % percent per_cent pct
percentage point 1 percentage_points percentage_point
dollar 1 dollars dollar USD | dollar 0.01 cents cent ¢
euro 1 euros euro EUR | pound 1 pounds pound GBP lb lbs | yen 1 yen JPY
times 1 x × times -fold fold
second 0.000001 µs microseconds microsecond | second 0.001 ms milliseconds millisecond
second 1 seconds second secs sec s | second 60 minutes minute mins min
second 3600 hours hour hrs hr h | day 1 days day | day 7 weeks week
month 1 months month | month 12 years year yrs yr
metre 0.001 mm millimetres millimeters | metre 0.01 cm centimetres centimeters
metre 1 m metres meters metre meter | metre 1000 km kilometres kilometers kilometre kilometer
mile 1 miles mile mi | foot 1 feet foot ft | inch 1 inches inch
square metre 1 square_metres square_meters m²
square kilometre 1 square_kilometres square_kilometers km²
square mile 1 square_miles sq_mi | acre 1 acres acre | hectare 1 hectares hectare ha
gram 1 grams gram g | gram 1000 kg kilograms kilogram | tonne 1 tonnes tons tonne ton
byte 1000 KB kB | byte 1000000 MB megabytes | byte 1000000000 GB gigabytes gigabyte
byte 1000000000000 TB terabytes terabyte
watt 1 W watts | watt 1000 kW kilowatts | watt 1000000 MW megawatts
watt hour 1000 kWh | hertz 1000000 MHz | hertz 1000000000 GHz
degree Celsius 1 °C degrees_Celsius | degree Fahrenheit 1 °F degrees_Fahrenheit
kilometre an hour 1 km/h kph | mile an hour 1 mph
"""
_UNITS = {
    written.replace("_", " "): (match[1].strip(), Decimal(match[2]))
    for line in re.split(r"[\n|]", _UNIT_TABLE.strip())
    if (match := re.match(r"\s*([A-Za-z ]+) ([\d.]+) (.+)", line))
    for written in match[3].split()
}
_WRITTEN = {written.lower(): written for written in _UNITS}
MEASURES = {unit for unit, _ in _UNITS.values()} | {"year", "century", "ordinal", "day of year"}
_SIGNS = {"$": "dollar", "US$": "dollar", "USD": "dollar", "€": "euro", "EUR": "euro"}
_SIGNS |= {"£": "pound", "GBP": "pound", "¥": "yen", "JPY": "yen"}


def _either(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_SMALL_NUMBER = rf"(?:(?:{_either(_TENS)})(?:[- ](?:{_either(_ONES)}))?|{_either(_ONES)})"
_WORD_NUMBER = (
    rf"(?i:\b(?:{_SMALL_NUMBER}|an?(?= (?:{_either(_SCALE_WORDS)})\b))"
    rf"(?:[ -](?:{_either(_SCALE_WORDS)})(?: (?:and )?{_SMALL_NUMBER})?)*\b)"
)
_ANY_CASE = _either([name for name in _UNITS if len(name) > 2 and name.isascii()])
_EXACT_CASE = _either([name for name in _UNITS if len(name) < 3 or not name.isascii()])
_NUMBER = re.compile(
    rf"(?:(?P<sign>{_either(_SIGNS)})\s?|(?<![\w.,$€£¥]))"
    rf"(?:(?P<digits>(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?|\.\d+)|(?P<words>{_WORD_NUMBER}))"
    rf"(?:(?P<letter>(?:k|K|M|m|mn|bn|B|tn|T)\b)|[ -](?P<scale>(?i:{_either(_SCALE_WORDS)}))\b)?"
    rf"\+?(?:[ -]?(?P<unit>(?i:{_ANY_CASE})|{_EXACT_CASE})(?!\w))?\+?(?![\w%]|[.,]\d|-[a-z]{{3}})"
)
_JOINS = re.compile(r"\s*(?:-|–|—|‑|\bto\b)\s*")
_DATE = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>(?i:{_either(_MONTHS)}))"
    rf"|(?P<month2>(?i:{_either(_MONTHS)})) (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?)\b(?!:)"
)
_ISO_DATE = re.compile(r"(?<=\d{4})-(\d{2})-(\d{2})\b")
_ORDINAL = re.compile(
    rf"\b(?:(?P<digits>\d+)(?:st|nd|rd|th)|(?:(?<=\bthe )|(?<=\bits )|(?<=\bhis ))"
    rf"(?P<first>(?i:first|second))(?! of all)|(?P<word>(?i:{_either(_ORDINALS)})))"
    r"\b(?P<century>[ -](?:century|centuries))?"
)
_PART = re.compile(
    rf"\b(?:(?P<count>(?i:one|two|three|four|a))[ -](?P<part>(?i:{_either(_PARTS)}))s?\b(?= of|-)"
    r"|(?P<half>(?i:half))(?= (?:of|the|all)\b))"
)
_DECADE = re.compile(r"(?<!\w)(\d{3}0)['’]?s\b")
_IRREGULAR_PLURALS = {"people": "person", "men": "man", "women": "woman", "children": "child"}
_NO_NOUN = frozenset(
    "a an the of in on at by for from to with and or but as is are was were has have had its his "
    "this these those that which who when while than per between within across among because if "
    "does always perhaps thus plus versus other such".split()
)
_YEARS = range(1000, 2101)

# Capitalised where they open a sentence, and no name for that.
ORDINARY_WORDS = frozenset(
    "a about above according across actually additionally after again all almost already also "
    "although always among an and another any anyone approximately are around as at based because "
    "been before being below besides between both but by can compared consequently could current "
    "despite did do does during each early either even every everyone examples few finally first "
    "following for from further furthermore generally given had has have having he hence her here "
    "his how however i if in including indeed instead into is it its just key last later least "
    "less like many may meanwhile might more moreover most much must my nearly neither never "
    "nevertheless next no nor not note nothing now of often on once one only or other others our "
    "out over overall part per perhaps please prior rather recent recently roughly same second "
    "she should similarly since so some sometimes soon specifically still such than that the "
    "their then there therefore these they third this those though through thus to today together "
    "too two under unlike until up upon use using usually various very was we were what when "
    "where whereas whether which while who whose why will with within without would yes yet you "
    "your".split()
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number or range at text[start:end], in the base of its unit; `unit` is "" for a bare one.

    A share is in "percent", a duration in "second", "day" or "month", money in "dollar" and the
    like, a calendar year in "year" (a decade is a range), a day in "day of year" (month * 100 +
    day), a rank in "ordinal"; what is counted gives the singular noun, such as "employee".
    """

    low: Decimal
    high: Decimal
    unit: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def quantities(text: str) -> tuple[Quantity, ...]:
    """The quantities that `text` states, in order; numbers inside names (GPT-4) are not any.

    >>> [(float(q.low), float(q.high), q.unit) for q in quantities("50 cents to $5, 3-5x")]
    [(0.5, 5.0, 'dollar'), (3.0, 5.0, 'times')]
    """
    found, rest = [], text
    for read in (_dates, _ordinals, _fractions):
        for quantity in read(rest):
            found.append(quantity)
            blank = " " * (quantity.end - quantity.start)
            rest = rest[: quantity.start] + blank + rest[quantity.end :]
    found += _numbers(rest)
    return tuple(sorted(found, key=lambda quantity: quantity.start))


def same_quantity(a: Quantity, b: Quantity) -> bool:
    """Whether two quantities have one value; a bare number fits any unit, a count any noun."""
    units = {a.unit, b.unit}
    fits = len(units) == 1 or "" in units or not units & MEASURES
    return fits and (a.low, a.high) == (b.low, b.high)


def _dates(text: str) -> Iterator[Quantity]:
    for match in _DATE.finditer(text):
        month = _MONTHS[(match["month"] or match["month2"]).lower()]
        yield _single(month * 100 + int(match["day"] or match["day2"]), "day of year", match)
    for match in _ISO_DATE.finditer(text):
        value = Decimal(int(match[1]) * 100 + int(match[2]))
        yield Quantity(value, value, "day of year", match.start(1), match.end())


def _ordinals(text: str) -> Iterator[Quantity]:
    for match in _ORDINAL.finditer(text):
        word = (match["word"] or match["first"] or "").lower()
        part = re.search(r"(?i)\b(?:one|two|three|four|a)[ -]$", text[: match.start()])
        loose = match["word"] and word in ("first", "second") and not match["century"]
        if not part and not loose and not text.startswith(",", match.end()):
            value = int(match["digits"]) if match["digits"] else _ORDINALS[word]
            yield _single(value, "century" if match["century"] else "ordinal", match)


def _fractions(text: str) -> Iterator[Quantity]:
    for match in _PART.finditer(text):
        count = 1 if match["half"] else _ONES.get(match["count"].lower(), 1)
        whole = 2 if match["half"] else _PARTS[match["part"].lower()]
        share = (Decimal(100 * count) / whole).quantize(Decimal("0.1"))
        yield _single(share, "percent", match)
    for match in _DECADE.finditer(text):
        first = Decimal(match[1])
        yield Quantity(first, first + 9, "year", match.start(), match.end())


def _single(value: int | Decimal, unit: str, match: re.Match[str]) -> Quantity:
    return Quantity(Decimal(value), Decimal(value), unit, match.start(), match.end())


def _numbers(text: str) -> list[Quantity]:
    """Numbers in digits and words, with two that stand as "a to b" made one range."""
    found: list[Quantity] = []
    previous: re.Match[str] | None = None
    for match in _NUMBER.finditer(text):
        current = _read(match, text)
        left = (
            _read_as(previous, match, text) if previous and _joined(previous, match, text) else None
        )
        if left and current and not left.unit:
            left = replace(left, unit=current.unit)  # a noun, as in "3 to 5 people"
        elif left and current and not current.unit:
            current = replace(current, unit=left.unit)  # a sign, as in "$3-5 billion"
        previous = match
        if left and current and left.unit == current.unit and left.low <= current.high:
            if found and found[-1].start == left.start:
                found.pop()
            found.append(replace(current, low=left.low, start=left.start))
            previous = None
        elif current:
            found.append(current)
    return found


def _joined(first: re.Match[str], last: re.Match[str], text: str) -> bool:
    between = text[first.end() : last.start()]
    opened = re.search(
        r"(?i)\bbetween (?:\w+ )?$", text[max(0, first.start() - 20) : first.start()]
    )
    return bool(_JOINS.fullmatch(between) or (opened and between.strip() == "and"))


def _read(match: re.Match[str], text: str) -> Quantity | None:
    """One number with its sign, scale and unit; None where it only belongs to a name."""
    return _with_parts(match, text, **_parts(match))


def _read_as(match: re.Match[str], model: re.Match[str], text: str) -> Quantity | None:
    """The first number of a range: the sign, scale and unit that it lacks are those of the last."""
    parts, lent = _parts(match), _parts(model)
    if match["digits"] and model["digits"] and _figure(match) > _figure(model):
        lent["scale"] = None  # "$500 to $1 million"
    if parts["unit"]:
        lent["sign"] = None  # "50 cents to $5"
    return _with_parts(match, text, **{name: parts[name] or lent[name] for name in parts})


def _parts(match: re.Match[str]) -> dict[str, str | None]:
    return {
        "sign": match["sign"],
        "scale": match["letter"] or match["scale"],
        "unit": match["unit"],
    }


def _figure(match: re.Match[str]) -> Decimal:
    return Decimal(match["digits"].replace(",", "")) if match["digits"] else _value(match["words"])


def _with_parts(
    match: re.Match[str], text: str, *, sign: str | None, scale: str | None, unit: str | None
) -> Quantity | None:
    if scale == "m" and not sign:
        scale, unit = None, "m"
    value = _figure(match) * Decimal(10) ** _SCALES.get((scale or "").lower(), 0)
    name, end = "", match.end()
    if sign:
        name = _SIGNS[sign]
    elif unit:
        name, factor = _UNITS.get(unit) or _UNITS[_WRITTEN[unit.lower()]]
        value *= factor
    else:
        name, end = _counted(text, match.end())
        before = text[: match.start()]
        if not scale and match["digits"] and _is_year(match["digits"], before, counted=bool(name)):
            name, end = "year", match.end()
        elif not scale and _ends_name(before):
            return None
    if (match["words"] or "").lower() in ("one", "zero") and not scale and name not in MEASURES:
        return None
    return Quantity(value, value, name, match.start(), end)


def _value(words: str) -> Decimal:
    total, part = 0, 0
    for word in re.split(r"[ -]", words.lower()):
        if word == "hundred":
            part = max(part, 1) * 100
        elif word in _SCALE_WORDS:
            total, part = total + max(part, 1) * 10 ** _SCALE_WORDS[word], 0
        else:
            part += _ONES.get(word, 0) + _TENS.get(word, 0) + (word in ("a", "an"))
    return Decimal(total + part)


def _counted(text: str, position: int) -> tuple[str, int]:
    """The noun that a number before `position` counts, in the singular, and where it ends."""
    for word in list(re.finditer(r"[ -]([A-Za-z][\w-]*)", text[position : position + 80]))[:4]:
        name = word[1].lower()
        start = position + word.start()
        if text[position:start].strip(" -") and re.search(r"[^\w\s-]", text[position:start]):
            break
        if name in _NO_NOUN:
            break
        if name in _IRREGULAR_PLURALS:
            return _IRREGULAR_PLURALS[name], position + word.end()
        if len(name) > 3 and re.search(r"[^sui]s$", name):
            return singular(name), position + word.end()
    return "", position


def singular(noun: str) -> str:
    """A plural noun in the singular, by its ending."""
    for pattern, ending in ((r"ies$", "y"), (r"(?<=ch|sh|ss)es$", ""), (r"(?<=[xz])es$", "")):
        if re.search(pattern, noun):
            return re.sub(pattern, ending, noun)
    return re.sub(r"(?<=[^sui])s$", "", noun)


def _is_year(digits: str, before: str, *, counted: bool) -> bool:
    if len(digits) != 4 or not digits.isdigit() or int(digits) not in _YEARS:
        return False
    dated = re.search(
        r"(?i)\b(?:in|by|since|until|before|after|during|late|early|mid)[ -]$", before
    )
    return bool(dated) or not counted or int(digits) >= 1900


def _ends_name(before: str) -> bool:
    """Whether a bare number after `before` ends a name, as in GPT-4 and Claude 4."""
    word = re.search(r"([^\W_][\w.'’-]*)([ -])$", before)
    if not word or word[1].lower() in ORDINARY_WORDS:
        return False
    return word[1][0].isupper() or (word[2] == "-" and any(map(str.isupper, word[1])))

"""Where sentences begin and end, as character spans: rules only, no model and no library.

Every other module asks here, so that a chunk, a citation and an answer agree on what one
sentence is. Wrong joins are preferred to wrong cuts: a quote that holds two sentences still
says what the article says, half a sentence may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]

CHECK_MARKS = "✓✔✅☑✗✘❌"
CITATION_MARKS = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")  # "[1]" or "[1, 2]"
BULLETS = "-*+•▪‣◦●○–" + CHECK_MARKS

_LIST_MARKER = re.compile(
    rf"[ \t]*(?:[{re.escape(BULLETS)}]|\(?\d{{1,3}}[.)]|\(?[a-z]\))[ \t]+(?=\S)"
)
_BLOCK_START = re.compile(r"[ \t]*(?:#{1,6}[ \t]|\||>|```|~~~|\*\*[^*\n]+\*\*[ \t]*$)")
_BLOCK_ALONE = re.compile(
    r"[ \t]*(?:#{1,6}[ \t].*|\|.*\||```.*|~~~.*|\*\*[^*\n]+\*\*|(?:[=*_~-][ \t]*){3,})[ \t]*$"
)
_INLINE_MARK = re.compile(rf"(?<=\S)[ \t]*(?=[•▪‣●{CHECK_MARKS}][ \t])")

_STOP = re.compile(
    r"(?P<stop>[.!?…؟।]+|[。！？]+)"
    r"(?P<close>[\"'”’»)\]}*_`]*"
    r"(?:\s?\[(?:\d{1,3}|[a-z]|note \d+|citation needed)\])*)"
)
_FOLLOWING = re.compile(r"\s+(?:[\"'“‘«(\[{*_`¿¡–—-]+\s*)?(\S*)")
_FIRST_WORD = re.compile(r"[^\W\d_]+(?!\.\s)")
_TOKEN = re.compile(r"[^\s()\[\]{}\"'“”‘’«»/—–*_]+$")
_MARKER_TOKEN = re.compile(r"\d{1,3}|[A-Za-z]|[IVX]{2,5}|[ivx]{2,4}")
_INITIALS = re.compile(r"[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|Ph\.D")

# Widths that people and programs wrap prose at; a longer line is a whole paragraph.
_WRAP_WIDTHS = range(40, 121)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that never end a sentence when a full stop follows them.
_NEVER_LAST = _words(
    "dr mr mrs ms mx prof gen sen rep gov lt col sgt capt cmdr adm maj rev hon pres supt mt ft "
    "messrs vs e.g i.e cf viz approx ca resp incl excl"
)
# Words that do not end one when a number follows.
_BEFORE_NUMBER = _words(
    "no nos fig figs vol vols p pp sec eq eqs ch chap art tab ref refs ver v jan feb mar apr jun "
    "jul aug sep sept oct nov dec"
)
# Words that end one only when a word follows that often opens a sentence.
_SELDOM_LAST = _words("inc ltd co corp llc jr sr bros st ave blvd rd dept univ assn est al")
_OPENERS = _words(
    "the a an in it its this that these those there they he she we you i his her their our my but "
    "and or so however if when while although because since after before for from by at on as "
    "with to what who how why where which many some most all both each no not yes such then thus "
    "also more other another according despite during until only one two"
)


def sentence_spans(text: str) -> list[Span]:
    """The sentences of `text` as (start, end) spans, in order.

    Spans carry no surrounding whitespace, do not overlap, and hold every character that is not
    whitespace. A heading, a list item's sentence and a table row (one line of cells between
    "|") are each a span of their own.

    >>> sentence_spans("It costs $0.50. Ask Dr. Who.")
    [(0, 15), (16, 28)]
    """
    spans = []
    for start, end in line_units(text):
        position = start
        for cut in _cuts(text, start, end):
            spans.append(stripped_span(text, position, cut))
            position = cut
        spans.append(stripped_span(text, position, end))
    return [span for span in spans if span[0] < span[1]]


def is_table_row(line: str) -> bool:
    """Whether a line is a row of cells: "| a | b |", or "a | b" with cells of modest length."""
    bare = line.strip()
    if len(bare) > 2 and bare.startswith("|") and bare.endswith("|"):
        return True
    cells = bare.split(" | ")
    return len(cells) > 1 and len(bare) <= 400 * len(cells)


def list_marker_length(line: str) -> int:
    """How many characters of `line` are its list marker with the spaces around it; 0 for none."""
    match = _LIST_MARKER.match(line)
    return match.end() if match else 0


def soft_wrapped(lines: list[str]) -> list[bool]:
    """For each line of a run without blank lines, whether its sentence goes on in the next line.

    A break is soft where the next line opens in lower case or this one ends in a comma; and,
    in a run that is wrapped at a width, where the next word had no room left.
    """
    soft = [False] * len(lines)
    width = max((len(line.rstrip()) for line in lines), default=0)
    pairs = list(pairwise(lines))
    full = [len(line.rstrip()) + 1 + len(_word(follower)) > width for line, follower in pairs]
    wrapped = width in _WRAP_WIDTHS and 2 * sum(full) > len(full)
    for number, (line, follower) in enumerate(pairs):
        if _breaks_between(line, follower):
            continue
        goes_on = _word(follower)[:1].islower() or line.rstrip().endswith((",", "(", "&"))
        soft[number] = goes_on or (wrapped and full[number])
    return soft


def line_units(text: str) -> Iterator[Span]:
    """Spans that no sentence crosses: lines, joined where the break is only a wrap.

    None is blank; each holds whole lines, without the line break that closes it.
    """
    for run in re.finditer(r"(?:[^\n]*\S[^\n]*(?:\n|\Z))+", text):
        lines = run.group().split("\n")
        start = position = run.start()
        for line, goes_on in zip(lines, soft_wrapped(lines), strict=True):
            position += len(line) + 1
            if not goes_on:
                if start < position - 1:
                    yield start, position - 1
                start = position


def stripped_span(text: str, start: int, end: int) -> Span:
    """The span without the whitespace at its ends; empty where there is nothing else."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _breaks_between(line: str, follower: str) -> bool:
    if line.lstrip().startswith(">") and follower.lstrip().startswith(">"):
        return not follower.strip("> \t")
    return (
        not follower.strip()
        or _LIST_MARKER.match(follower) is not None
        or _BLOCK_START.match(follower) is not None
        or _BLOCK_ALONE.match(follower) is not None
        or _BLOCK_ALONE.match(line) is not None
        or is_table_row(line)
        or is_table_row(follower)
    )


def _word(line: str) -> str:
    """The first word of a line, without the quotes, brackets and marks that open it."""
    words = line.lstrip("> \t").split(maxsplit=1)
    return words[0].lstrip("\"'“‘«([{*_`") if words else ""


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """Positions inside text[start:end] where one sentence ends and another may begin."""
    unit = text[start:end]
    if is_table_row(unit):
        return
    found = {match.start() for match in _INLINE_MARK.finditer(unit)}
    found |= {match.end() for match in _STOP.finditer(unit) if _ends_sentence(unit, match)}
    for cut in sorted(found):
        yield start + cut


def _ends_sentence(unit: str, match: re.Match[str]) -> bool:
    stop, close = match["stop"], match["close"]
    following = _FOLLOWING.match(unit, match.end())
    if following is None:
        return stop[0] in "。！？" or (stop == "." and _joint_without_space(unit, match))
    word = following.group(1)
    if word[:1].islower() and not word[1:2].isupper():
        return False
    if stop == "." and not close.strip(")]"):
        return _full_stop_ends_sentence(unit, match.start(), following=word)
    return True


def _joint_without_space(unit: str, match: re.Match[str]) -> bool:
    """Whether scraping lost the space: "in images.The next" but not "example.com"."""
    word = _FIRST_WORD.match(unit, match.end())
    return (
        word is not None
        and word.group()[0].isupper()
        and word.group().lower() in _OPENERS
        and unit[word.end() : word.end() + 1].isspace()
        and unit[max(match.start() - 2, 0) : match.start()].islower()
    )


def _full_stop_ends_sentence(unit: str, stop: int, *, following: str) -> bool:
    """Whether the full stop at `stop` closes a sentence, and not an abbreviation or marker."""
    match = _TOKEN.search(unit, max(stop - 24, 0), stop)
    if match is None:
        return True
    token = match.group()
    if _MARKER_TOKEN.fullmatch(token) and not unit[: match.start()].strip(" \t#*_(>" + BULLETS):
        return False
    bare = token.lower()
    if bare in _NEVER_LAST or (bare in _BEFORE_NUMBER and following[:1].isdigit()):
        return False
    if bare in _SELDOM_LAST or _INITIALS.fullmatch(token):
        opener = _FIRST_WORD.match(following)
        return opener is not None and opener.group().lower() in _OPENERS
    return True

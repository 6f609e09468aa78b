"""What a text is made of: headings, paragraphs, list items, table rows and FAQ pairs.

One parser reads Markdown and plain text alike, because scraped articles are often half of
each: marks are used where there are some, and shape (length, case, blank lines) where not.
Nothing here changes a text; everything points into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rag.records import Block, BlockKind, Section
from rag.sentences import (
    is_table_row,
    line_units,
    list_marker_length,
    sentence_spans,
    stripped_span,
)

_PLAIN_LEVEL = 2  # a heading known by its shape only ranks as "##"
_BOLD_LEVEL = 7  # a line in bold ranks below every "#" heading
_SMALL_WORDS = frozenset(
    "a an and as at but by for from in into is not nor of on or over per so than the to up via vs "
    "vs. with".split()
)

_FENCED = re.compile(r"^([ \t]*(?:```|~~~)).*\n(?:.*\n)*?\1[`~]*[ \t]*$", re.MULTILINE)
_ATX = re.compile(r"[ \t]*(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_BOLD_LINE = re.compile(r"\*\*([^*\n]+)\*\*:?$|__([^_\n]+)__:?$")
_UNDERLINE = re.compile(r"(=+|-+)$")
_ROW_RULE = re.compile(r"[|:\s-]*-[|:\s-]*$")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_FAQ_HEADING = re.compile(
    r"\bFAQs?\b|frequently asked|(?:common|popular|top|reader) questions|questions? (?:and|&) "
    r"answers?|^questions$|\bQ ?& ?A\b",
    re.IGNORECASE,
)
_QUESTION_MARK = re.compile(r"[?？؟][\"”’)\]]*(?:\*\*|__)?$")
_ASKED = re.compile(r"Q(?:uestion)?[ \t]*\d*[.:)][ \t]", re.IGNORECASE)
_INLINE_ANSWER = re.compile(
    r"(?:\*\*|__)[^*_\n]+[?？](?:\*\*|__)[ \t]+(?=\S)"
    r"|(?:Q(?:uestion)?[.:][^?\n]+\?[ \t]+)(?=A(?:nswer)?[.:][ \t])"
)

_LONGEST_PAIR = 1500


@dataclass(slots=True)
class _Unit:
    """A run of text that reads as one, before it is settled what it is."""

    kind: BlockKind
    start: int
    end: int
    text: str
    gap: bool  # a blank line stands before it
    level: int = 0  # of a heading, 1 the highest
    answer_start: int | None = None


def find_title(text: str) -> str | None:
    """The first "# " heading, else a first line that stands as a title, else None."""
    units = _units(text)
    for unit in units:
        if unit.kind == "heading" and unit.level == 1:
            return label(unit.text)
    first = units[0] if units else None
    if first is None or len(units) < 2 or first.kind not in ("paragraph", "heading"):
        return None
    is_line = "\n" not in first.text and 2 < len(first.text) <= 120
    if is_line and not first.text.endswith((".", ",", ";", ":", "!", "|")):
        return label(first.text) if _begins_like_title(first.text) else None
    return None


def parse_sections(text: str, *, title: str) -> tuple[Section, ...]:
    """The sections of `text` with their blocks, in order and without overlap.

    Every character that is not whitespace lies in exactly one block, every block in one
    section. `title` is left out of the heading paths, since every chunk carries it anyway.
    """
    units = _units(text)
    _settle_lists(units)
    _settle_headings(units, title=title)
    units = _pair_questions(units)
    headed = any(unit.kind == "heading" and label(unit.text) != title for unit in units)
    groups = 1 + sum(unit.gap for unit in units[1:])
    by_gap = not headed and len(units) >= 2 * groups
    return tuple(_sections(units, title=title, by_gap=by_gap))


def label(line: str) -> str:
    """A heading or title line as plain words, without Markdown marks."""
    first_line = line.partition("\n")[0]
    atx = _ATX.match(first_line)
    words = atx[2] if atx else first_line
    words = re.sub(r"\*\*|__|`", "", _LINK.sub(r"\1", words))
    return " ".join(words.split()).strip("*_ ")


# Units


def _units(text: str) -> list[_Unit]:
    units: list[_Unit] = []
    position = 0
    for fence in _FENCED.finditer(text):
        units += _unfenced(text, position, fence.start())
        start, end = stripped_span(text, fence.start(), fence.end())
        units.append(_Unit("paragraph", start, end, text[start:end], gap=True))
        position = fence.end()
    units += _unfenced(text, position, len(text))
    return _with_table_rows(_with_continuations(units, text))


def _unfenced(text: str, start: int, end: int) -> Iterator[_Unit]:
    previous = start
    for unit_start, unit_end in line_units(text[start:end]):
        a, b = stripped_span(text, start + unit_start, start + unit_end)
        gap = text.count("\n", previous, a) > 1
        unit = _Unit("paragraph", a, b, text[a:b], gap=gap)
        atx = _ATX.match(unit.text)
        if atx and atx[2]:
            unit.kind, unit.level = "heading", len(atx[1])
        elif list_marker_length(text[a : b + 1]):
            unit.kind = "list_item"
        elif _BOLD_LINE.match(unit.text) and len(unit.text) <= 120:
            unit.kind, unit.level = "heading", _BOLD_LEVEL
        previous = b
        yield unit


def _with_continuations(units: list[_Unit], text: str) -> list[_Unit]:
    """Underlined headings, and list items that go on in an indented line, become one unit."""
    result: list[_Unit] = []
    for unit in units:
        before = result[-1] if result else None
        joined = False
        if before is not None and not unit.gap and unit.kind == "paragraph":
            indent = unit.start - 1 - text.rfind("\n", 0, unit.start)
            joined = before.kind == "list_item" and indent >= 2
            underline = _UNDERLINE.match(unit.text)
            if underline and before.kind == "paragraph" and _may_be_underlined(before.text):
                before.kind, before.level = "heading", 1 if "=" in unit.text else 2
                joined = True
        if joined and before is not None:
            before.end, before.text = unit.end, text[before.start : unit.end]
        else:
            result.append(unit)
    return result


def _may_be_underlined(line: str) -> bool:
    return "\n" not in line and len(line) <= 100 and not line.endswith((".", ":", ","))


def _with_table_rows(units: list[_Unit]) -> list[_Unit]:
    """Rows are told from prose with a stray "|" by a neighbour with as many cells."""
    cells = [_cell_count(unit) for unit in units]
    result: list[_Unit] = []
    for index, unit in enumerate(units):
        above = 0 if unit.gap or not index else cells[index - 1]
        below = 0 if index + 1 == len(units) or units[index + 1].gap else cells[index + 1]
        if cells[index] and (unit.text.startswith("|") or cells[index] in (above, below)):
            unit.kind = "table_row"
            if above and result[-1].kind == "table_row" and _ROW_RULE.match(unit.text):
                header = result[-1]
                header.end, header.text = unit.end, f"{header.text}\n{unit.text}"
                continue
        result.append(unit)
    return result


def _cell_count(unit: _Unit) -> int:
    if unit.kind == "heading" or "\n" in unit.text or not is_table_row(unit.text):
        return 0
    return unit.text.strip("|").count("|") + 1


# Lists and headings known by shape


def _settle_lists(units: list[_Unit]) -> None:
    """Short lines without a full stop after a line that ends in ":" are items without a mark."""
    index = 0
    while index < len(units):
        lead = units[index]
        index += 1
        if lead.kind not in ("paragraph", "list_item") or not lead.text.endswith((":", ":**")):
            continue
        items = []
        while index < len(units) and _may_be_item(units[index]):
            items.append(units[index])
            index += 1
        if len(items) > 2 and _reads_as_title(items[-1].text):
            alike = sum(_reads_as_title(item.text) for item in items[:-1])
            if 2 * alike < len(items) - 1:
                items.pop()
        if len(items) > 1:
            for item in items:
                item.kind = "list_item"


def _may_be_item(unit: _Unit) -> bool:
    ends_open = not unit.text.endswith((".", "!", "?", ":", ";"))
    if unit.kind != "paragraph" or unit.gap or not ends_open or len(unit.text) > 200:
        return False
    return len(sentence_spans(unit.text)) == 1


def _settle_headings(units: list[_Unit], *, title: str) -> None:
    """Marks headings that have no mark, where the text marks none but its title."""
    if units and units[0].kind == "paragraph" and label(units[0].text) == title:
        units[0].kind, units[0].level = "heading", 1
    marked = any(0 < unit.level < _BOLD_LEVEL and label(unit.text) != title for unit in units)
    if marked:
        return
    for index in range(len(units) - 2, -1, -1):
        unit, after = units[index], units[index + 1]
        before = units[index - 1] if index else None
        if unit.kind == "paragraph" and _stands_as_heading(unit, after):
            unit.kind, unit.level = "heading", _PLAIN_LEVEL
        elif unit.kind == "list_item" and before and before.kind == after.kind == "paragraph":
            name = unit.text[list_marker_length(unit.text) :]
            if unit.text[0].isdigit() and _reads_as_title(name) and _reads_as_prose(after.text):
                unit.kind, unit.level = "heading", _PLAIN_LEVEL
    in_faq = False
    for unit, after in pairwise(units):
        if unit.level == _PLAIN_LEVEL:
            in_faq = bool(_FAQ_HEADING.search(unit.text))
        directly = unit.level == _PLAIN_LEVEL or _QUESTION_MARK.search(after.text)
        if in_faq and directly and after.level == _PLAIN_LEVEL:
            after.level += 1


def _stands_as_heading(unit: _Unit, after: _Unit) -> bool:
    short = "\n" not in unit.text and len(unit.text) <= 90
    if not short or unit.text.endswith((".", "!", ",", ";", ":", "…")):
        return False
    isolated = unit.gap and after.gap and _begins_like_title(unit.text)
    if not isolated and not _reads_as_title(unit.text):
        return False
    return after.kind != "paragraph" or _reads_as_prose(after.text)


def _begins_like_title(line: str) -> bool:
    first = line.lstrip("\"'“‘«([*_")[:1]
    return first.isalnum() and not first.islower()


def _reads_as_title(line: str) -> bool:
    """Whether most words of the line are capitalised, apart from the small ones."""
    words = [word.strip("\"'“”‘’()[]:,?*") for word in line.split()]
    words = [word for word in words if word and word.lower() not in _SMALL_WORDS]
    if not words or len(words) > 14 or not _begins_like_title(line):
        return False
    capitals = sum(word[0].isupper() for word in words)
    return capitals > 0 and capitals + sum(word[0].isdigit() for word in words) >= 0.7 * len(words)


def _reads_as_prose(text: str) -> bool:
    return len(text) >= 120 or text.endswith((".", "!", "?", ":", ";", ".”", '."', ".)"))


# Questions and answers


def _pair_questions(units: list[_Unit]) -> list[_Unit]:
    """Joins each question with its answer into one unit of kind "faq"."""
    for unit in units:
        inline = _INLINE_ANSWER.match(unit.text, list_marker_length(unit.text))
        if inline and unit.kind != "table_row":
            unit.kind, unit.answer_start = "faq", unit.start + inline.end()
    asks = _questions(units)
    result: list[_Unit] = []
    longest_answer = 1
    index = 0
    while index < len(units):
        unit = units[index]
        index += 1
        if asks[index - 1]:
            end = _answer_end(units, asks, index, at_most=longest_answer)
            if index < end and units[end - 1].end - unit.start <= _LONGEST_PAIR:
                longest_answer = max(longest_answer, end - index)
                unit.kind, unit.answer_start = "faq", units[index].start
                unit.end, index = units[end - 1].end, end
        result.append(unit)
    return result


def _answer_end(units: list[_Unit], asks: list[bool], start: int, *, at_most: int) -> int:
    """The index after the last unit of the answer that begins with units[start]."""
    end = start
    while end < len(units) and not asks[end] and units[end].kind not in ("heading", "faq"):
        end += 1
    by_heading = 0 < units[start - 1].level < _BOLD_LEVEL
    by_question = end < len(units) and (asks[end] or units[end].kind == "faq")
    if by_heading or by_question:
        return end
    # Nothing says where the last answer ends, so it is taken to be like the others.
    last, end = end, min(end, start + at_most)
    while end < last and units[end].kind == "list_item":
        if units[end].gap and not units[end - 1].text.endswith(":"):
            break
        end += 1
    return end


def _questions(units: list[_Unit]) -> list[bool]:
    """For each unit, whether it is a question that the units after it answer."""
    asks = []
    faq_level = 0
    for unit in units:
        marked = bool(_QUESTION_MARK.search(unit.text)) and unit.kind not in ("table_row", "faq")
        by_mark = unit.level == _BOLD_LEVEL or bool(_ASKED.match(unit.text))
        numbered = unit.kind == "list_item" and unit.text.lstrip("(")[:1].isdigit()
        in_faq = faq_level > 0 and len(sentence_spans(unit.text)) <= 2
        if unit.kind == "heading":
            in_faq = in_faq and unit.level > faq_level
            if not (marked and (in_faq or by_mark)):
                opens = bool(_FAQ_HEADING.search(label(unit.text)))
                closes = unit.level <= faq_level
                faq_level = unit.level if opens else 0 if closes else faq_level
        asks.append(marked and (by_mark or numbered or in_faq))
    # Questions in a row, as in a table of contents, are answered elsewhere.
    around = zip([False, *asks], asks, [*asks[1:], False], strict=False)
    return [ask and not before and not after for before, ask, after in around]


# Sections


def _sections(units: list[_Unit], *, title: str, by_gap: bool) -> Iterator[Section]:
    path: list[tuple[int, str]] = []
    blocks: list[Block] = []
    for unit in units:
        opens = unit.kind == "heading" or (by_gap and unit.gap)
        if opens and any(block.kind != "heading" for block in blocks):
            yield _section(path, blocks)
            blocks = []
        if unit.kind == "heading":
            while path and path[-1][0] >= unit.level:
                path.pop()
            if label(unit.text) != title:
                path.append((unit.level, label(unit.text)))
        blocks.append(Block(unit.kind, unit.start, unit.end, unit.answer_start))
    if blocks:
        yield _section(path, blocks)


def _section(path: list[tuple[int, str]], blocks: list[Block]) -> Section:
    heading = " > ".join(name for _, name in path if name)
    return Section(heading, blocks[0].start, blocks[-1].end, tuple(blocks))

"""A text cut into runs that read as one, by its marks: the raw material of blocks.

Nothing here changes a text; everything points into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.records import BlockKind
from rag.sentences import is_table_row, line_units, list_marker_length, stripped_span

BOLD_LEVEL = 7  # a line in bold ranks below every "#" heading
QUESTION_MARK = re.compile(r"[?？؟][\"”’)\]]*(?:\*\*|__)?$")

_FENCED = r"(?P<fence>^[ \t]*(?:```|~~~)).*\n(?:.*\n)*?(?P=fence)[`~]*[ \t]*$"
_DETAILS = (
    r"<details\b[^<>]*>\s*<summary\b[^<>]*>(?P<summary>(?:(?!</?details\b|</summary)[\s\S])*+)"
    r"</summary>(?P<shown>(?:(?!</?details\b)[\s\S])*+)</details>"
)
_DEFINITION = (
    r"(?:<dl\b[^<>]*>\s*)?(?:<div\b[^<>]*>\s*)?"
    r"<dt\b[^<>]*>(?P<term>(?:(?!</?d[tdl]\b)[\s\S])*+)(?:</dt>)?\s*"
    r"(?P<meaning>(?:<dd\b[^<>]*>(?:(?!</?d[tdl]\b)[\s\S])*+(?:</dd>)?\s*)+)"
    r"(?:</div>\s*)?(?:</dl>)?"
)
_WHOLE = re.compile(f"{_FENCED}|{_DETAILS}|{_DEFINITION}", re.MULTILINE)
_TAG = re.compile(r"<[^<>]*>")
_ATX = re.compile(r"[ \t]*(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_BOLD_LINE = re.compile(r"\*\*([^*\n]+)\*\*:?$|__([^_\n]+)__:?$")
_UNDERLINE = re.compile(r"(=+|-+)$")
_ROW_RULE = re.compile(r"[|:\s-]*-[|:\s-]*$")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")


@dataclass(slots=True)
class Unit:
    """A run of text that reads as one, before it is settled what it is."""

    kind: BlockKind
    start: int
    end: int
    text: str
    gap: bool  # a blank line stands before it
    level: int = 0  # of a heading, 1 the highest
    answer_start: int | None = None


def label(line: str) -> str:
    """A heading or title line as plain words, without Markdown marks."""
    first_line = line.partition("\n")[0]
    atx = _ATX.match(first_line)
    words = atx[2] if atx else first_line
    words = re.sub(r"\*\*|__|`", "", _LINK.sub(r"\1", words))
    return " ".join(words.split()).strip("*_ ")


def units_of(text: str) -> list[Unit]:
    """The units of `text`, in order: all of it but the whitespace between them.

    A unit is a line, or lines that a wrap has parted; a table row with the rule under it, a
    list item with its indented lines, a code fence, and a question that a page folds away in
    `<details>` or defines in `<dl>`, with its answer.
    """
    units: list[Unit] = []
    position = 0
    for match in _WHOLE.finditer(text):
        is_code = match["fence"] is not None
        asked = _TAG.sub("", match["summary"] or match["term"] or "").strip()
        answer = "shown" if match["summary"] is not None else "meaning"
        answer_start, answer_end = (0, 0) if is_code else stripped_span(text, *match.span(answer))
        is_pair = QUESTION_MARK.search(asked) is not None and answer_start < answer_end
        if not (is_code or is_pair):
            continue
        units += _by_lines(text, position, match.start())
        start, end = stripped_span(text, match.start(), match.end())
        gap = is_code or text.count("\n", units[-1].end if units else 0, start) > 1
        unit = Unit("paragraph", start, end, text[start:end], gap=gap)
        if is_pair:
            unit.kind, unit.answer_start = "faq", answer_start
        units.append(unit)
        position = match.end()
    units += _by_lines(text, position, len(text))
    return _with_table_rows(_with_continuations(units, text))


def _by_lines(text: str, start: int, end: int) -> Iterator[Unit]:
    previous = start
    for unit_start, unit_end in line_units(text[start:end]):
        a, b = stripped_span(text, start + unit_start, start + unit_end)
        gap = text.count("\n", previous, a) > 1
        unit = Unit("paragraph", a, b, text[a:b], gap=gap)
        atx = _ATX.match(unit.text)
        if atx and atx[2]:
            unit.kind, unit.level = "heading", len(atx[1])
        elif list_marker_length(text[a : b + 1]):
            unit.kind = "list_item"
        elif _BOLD_LINE.match(unit.text) and len(unit.text) <= 120:
            unit.kind, unit.level = "heading", BOLD_LEVEL
        previous = b
        yield unit


def _with_continuations(units: list[Unit], text: str) -> list[Unit]:
    """Underlined headings, and list items that go on in an indented line, become one unit."""
    result: list[Unit] = []
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


def _with_table_rows(units: list[Unit]) -> list[Unit]:
    """Rows are told from prose with a stray "|" by a neighbour with as many cells."""
    cells = [_cell_count(unit) for unit in units]
    result: list[Unit] = []
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


def _cell_count(unit: Unit) -> int:
    if unit.kind == "heading" or "\n" in unit.text or not is_table_row(unit.text):
        return 0
    return unit.text.strip("|").count("|") + 1

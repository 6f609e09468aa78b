"""What a text is made of: headings, paragraphs, list items, table rows and FAQ pairs.

One parser reads Markdown and plain text alike, because scraped articles are often half of
each: marks are used where there are some, and shape (length, case, blank lines) where not.
Nothing here changes a text; everything points into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rag.questions import mark_lost_questions, opens_faq, paired
from rag.records import Block, Section
from rag.sentences import list_marker_length, sentence_spans
from rag.units import BOLD_LEVEL, QUESTION_MARK, Unit, label, units_of

_PLAIN_LEVEL = 2  # a heading known by its shape only ranks as "##"
_SMALL_WORDS = frozenset(
    "a an and as at but by for from in into is not nor of on or over per so than the to up via vs "
    "vs. with".split()
)


def find_title(text: str) -> str | None:
    """The first "# " heading, else a first line that stands as a title, else None."""
    units = units_of(text)
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
    units = units_of(text)
    _settle_lists(units)
    _settle_headings(units, title=title)
    units = paired(units)
    headed = any(unit.kind == "heading" and label(unit.text) != title for unit in units)
    groups = 1 + sum(unit.gap for unit in units[1:])
    by_gap = not headed and len(units) >= 2 * groups
    mark_lost_questions(units, by_gap=by_gap)
    return tuple(_sections(units, title=title, by_gap=by_gap))


# Lists and headings known by shape


def _settle_lists(units: list[Unit]) -> None:
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


def _may_be_item(unit: Unit) -> bool:
    ends_open = not unit.text.endswith((".", "!", "?", ":", ";"))
    if unit.kind != "paragraph" or unit.gap or not ends_open or len(unit.text) > 200:
        return False
    return len(sentence_spans(unit.text)) == 1


def _settle_headings(units: list[Unit], *, title: str) -> None:
    """Marks headings that have no mark, where the text marks none but its title."""
    if units and units[0].kind == "paragraph" and label(units[0].text) == title:
        units[0].kind, units[0].level = "heading", 1
    marked = any(0 < unit.level < BOLD_LEVEL and label(unit.text) != title for unit in units)
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
            in_faq = opens_faq(unit.text)
        directly = unit.level == _PLAIN_LEVEL or QUESTION_MARK.search(after.text)
        if in_faq and directly and after.level == _PLAIN_LEVEL:
            after.level += 1


def _stands_as_heading(unit: Unit, after: Unit) -> bool:
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


# Sections


def _sections(units: list[Unit], *, title: str, by_gap: bool) -> Iterator[Section]:
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

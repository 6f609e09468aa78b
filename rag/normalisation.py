"""The text of an article as offsets count it: line ends, and joints that scraping lost.

This is the one place that changes a text, and it does so before any offset exists.
"""

from __future__ import annotations

import re
from itertools import pairwise

from rag.sentences import CHECK_MARKS, is_table_row

_LINE_END = re.compile(r"\r\n?")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CHECK_MARK = re.compile(rf"(?<=\S)(?=[{CHECK_MARKS}][ \t])")
_SPACED_CHECK_MARK = re.compile(rf"(?<=[ \t])(?=[{CHECK_MARKS}][ \t])")
_ROW_JOINT = re.compile(r"(?<=[a-z0-9)%\"”][.!?])(?=[A-Z“\"])|(?<=[a-z)%][.!?])(?=[$€£0-9])")
_CELL_JOINT = re.compile(r"(?<=[a-z)%])(?=[A-Z$€£“])|(?<=[a-z)])(?=\d)|(?<=[A-Z]{2})(?=[A-Z][a-z])")
_LONGEST_LABEL = 60


def normalised(text: str) -> str:
    """`text` as every offset counts it: LF line ends, and the joints put back that scraping lost.

    A quote must be found in the file it came from, so no word, space or mark is rewritten.
    A table run together into one long line becomes a line a row with its cells between " | ",
    and check-marked items run together become a line each.
    """
    text = _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", _LINE_END.sub("\n", text))
    lines = []
    for line in text.split("\n"):
        if not is_table_row(line):
            line = _CHECK_MARK.sub("\n", line)
            if line.lstrip()[:1] in CHECK_MARKS and line.strip():
                line = _SPACED_CHECK_MARK.sub("\n", line)
        rows = _table_run_together(line, text) if len(line) >= 200 else []
        lines.append("\n".join(" | ".join(row) for row in rows) or line)
    return "\n".join(lines)


def _table_run_together(line: str, text: str) -> list[list[str]]:
    """The rows of a table whose cells follow each other without a space, else nothing.

    Each row is a label, short and without a full stop, and then as many cells as the others
    have, each closed by one: "CostHigh at first.Low.SpeedSlow.Fast." A label is told from its
    cell by the joint between them, a small letter or ")" followed at once by a capital.
    """
    cells = _ROW_JOINT.split(line)
    for width in range(1, 7):
        if len(cells) % width or len(cells) < 3 * width:
            continue
        firsts = cells[::width]
        header, first_row = _split_header(firsts[0], text, width=width)
        parted = [_split_label(first, text) for first in firsts[1:]]
        if first_row is None or any(pair is None for pair in parted):
            continue
        labels = [first_row, *(pair for pair in parted if pair)]
        rows = [
            [*pair, *cells[index * width + 1 : (index + 1) * width]]
            for index, pair in enumerate(labels)
        ]
        return [header, *rows] if header else rows
    return []


def _split_label(cell: str, text: str) -> list[str] | None:
    joints = _cell_joints(cell, text)
    if not joints or joints[0] > _LONGEST_LABEL or ". " in cell[: joints[0]]:
        return None
    return [cell[: joints[0]], cell[joints[0] :]]


def _split_header(cell: str, text: str, *, width: int) -> tuple[list[str], list[str] | None]:
    """The column names that stand before the first row, and that row's label and cell."""
    joints = [0, *_cell_joints(cell, text, acronyms=True)]
    for names in (width + 1, width):  # the corner of a table is often empty
        ends = joints[1 : names + 2]
        pieces = [cell[a:b] for a, b in pairwise([0, *ends])]
        if len(ends) == names + 1 and all(len(piece) <= _LONGEST_LABEL for piece in pieces):
            return pieces[:names], [pieces[names], cell[ends[-1] :]]
    return [], _split_label(cell, text)


def _cell_joints(cell: str, text: str, *, acronyms: bool = False) -> list[int]:
    """Where a word follows another without a space; names such as OpenAI are left whole."""
    joints: list[int] = []
    for match in _CELL_JOINT.finditer(cell, 0, 400):
        joint = match.start()
        if not acronyms and cell[joint - 1].isupper():
            continue
        start = max(cell.rfind(" ", 0, joint), joints[-1] - 1 if joints else -1) + 1
        word = re.match(r"[\w$€£.-]*\w", cell[start:])
        if word is None or len(re.findall(rf"\b{re.escape(word.group())}\b", text)) < 2:
            joints.append(joint)
    return joints

"""CSV, TSV and Excel files as tables in light Markdown: "| a | b |" rows under their column names.

openpyxl lives here and nowhere else, and is loaded when a file needs it.
"""

from __future__ import annotations

import csv
import datetime
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO, StringIO
from itertools import islice
from pathlib import Path
from typing import Any

from rag.errors import ArticleError
from rag.reading import (
    BROKEN_ARCHIVE,
    Reading,
    check_length,
    decoded,
    one_line,
    opened_archive,
    table_text,
    title_from_name,
)

Row = list[str]

MOST_CELLS = 20_000_000  # of a sheet, empty ones too

# A table that is wider, in characters, is parted into several that each begin with its first
# column: a passage has room for about this much of the names and of a row.
_NAMES_WIDTH = 120
_ROW_WIDTH = 240
_LONGEST_KEY = 60

_DELIMITERS = ",;\t|"
_NO_DELIMITER = "\x1f"  # a character that stands in no text
_DECLARED_DELIMITER = re.compile(r"sep=([,;:|\t])\r?\n", re.IGNORECASE)
_SAMPLE_ROWS = 100
_NUMBER = re.compile(r"[($€£¥+ -]{0,4}\d[\d.,:/' -]{0,30}[%$€£¥)]{0,2}")
_YEAR = re.compile(r"(?:19|20)\d\d")

# What openpyxl raises on damaged workbooks besides the errors of archives.
_BROKEN_WORKBOOK = (*BROKEN_ARCHIVE, TypeError, AttributeError, IndexError, OverflowError)
# Of a number format, what is space or a tag such as [Red]; of [$€-407] the € is kept.
_FORMAT_TAG = re.compile(r"_.|\*.|\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]")
# A number format: what may stand before the digits, the digits, and what may stand after them.
_NUMBER_FORMAT = re.compile(r"([^#0?]*)([#0?,]*[#0?])(?:\.([#0?]+))?([^#0?,.]*)")


# CSV


def read_csv(data: bytes, path: Path) -> Reading:
    """The rows of a CSV or TSV file, its delimiter and encoding detected."""
    text = decoded(data, path)
    check_length(len(text), path)
    declared = _DECLARED_DELIMITER.match(text)  # a line that Excel writes and does not show
    if declared:
        text, delimiter = text[declared.end() :], declared[1]
    else:
        delimiter = _delimiter(text, preferred="\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        rows = list(_csv_rows(text, delimiter))
    except csv.Error as error:
        raise ArticleError(f"{path} cannot be read as a table: {error}.") from error
    return Reading("\n\n".join(_table_parts(rows)))


def _csv_rows(text: str, delimiter: str) -> Iterator[Row]:
    """The rows as their quotes part them; where one is never closed, as the lines do."""
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        lines = StringIO(text)
        rows = list(csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE))
        rows = [[re.sub('^"(.*)"$', r"\1", cell.strip()) for cell in row] for row in rows]
    return ([_cell(cell) for cell in row] for row in rows)


def _delimiter(text: str, *, preferred: str) -> str:
    """The delimiter that gives the most rows of the same number of cells, more than one.

    Where none gives that to half of the rows, each line is a cell, and its commas are prose.
    """

    def evenness(delimiter: str) -> tuple[float, int]:
        reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        widths: Counter[int] = Counter()
        with suppress(csv.Error):  # quotes do not part rows in this way from here on
            widths.update(len(row) for row in islice(reader, _SAMPLE_ROWS) if row)
        rows = widths.total()
        del widths[1]
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        return count / max(rows, 1), width

    best = max(preferred + _DELIMITERS, key=evenness)
    return best if evenness(best)[0] >= 0.5 else _NO_DELIMITER


def _cell(text: str) -> str:
    """A cell on one line; a bar would read as the end of it."""
    return one_line(text).replace("|", "¦")


# Excel


def read_xlsx(data: bytes, path: Path) -> Reading:
    """The sheets that a workbook shows, each under its name, with cells as they are formatted.

    Of a formula this is the value that the program which saved the workbook had worked out.
    """
    opened_archive(data, path, kind="an Excel workbook").close()
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():  # about what openpyxl would lose in writing
            warnings.simplefilter("ignore")
            book = load_workbook(BytesIO(data), read_only=True, data_only=True)
            sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            parts = [(one_line(sheet.title), _sheet_rows(sheet, path)) for sheet in sheets]
            title = one_line(book.properties.title or "")
    except _BROKEN_WORKBOOK as error:
        raise ArticleError(f"{path} is not an Excel workbook: {one_line(str(error))}.") from error
    text = "\n\n".join(
        part
        for name, rows in parts
        if any(map(any, rows))
        for part in (f"## {name}", *_table_parts(rows))
    )
    return Reading(text, title or title_from_name(path, text))


def _sheet_rows(sheet: Any, path: Path) -> list[Row]:
    sheet.reset_dimensions()  # what a file states for them is often wrong
    rows: list[Row] = []
    cells = characters = 0
    for row in sheet.iter_rows(max_row=1_048_576):  # of Excel; a file may name any
        shown = [_shown(cell) for cell in row]
        cells += len(row)
        characters += sum(map(len, shown))
        check_length(characters, path)
        if cells > MOST_CELLS:
            raise ArticleError(
                f"{path} has more than {MOST_CELLS / 1e6:.0f} million cells in sheet "
                f"{sheet.title}.",
                hint="Remove its empty columns, or split it.",
            )
        rows.append(shown if any(shown) else [])
    return rows


def _shown(cell: Any) -> str:
    """A cell as its format shows it: dates as 2024-05-31, numbers with their currency or unit."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime.datetime):
        at_midnight = value.time() == datetime.time()
        return value.date().isoformat() if at_midnight else value.isoformat(" ").removesuffix(":00")
    if isinstance(value, int | float):
        return _cell(_formatted(value, cell.number_format))
    return _cell(str(value))


def _formatted(value: float, number_format: str) -> str:
    """A number as the first part of its format shows it; unusual formats leave it plain."""
    form = _FORMAT_TAG.sub(r"\1", number_format.partition(";")[0])
    is_percentage = "%" in re.sub(r'\\.|"[^"]*"', "", form)
    form = re.sub(r'\\(.)|"([^"]*)"', r"\1\2", form).strip()
    match = _NUMBER_FORMAT.fullmatch(form)
    if match is None:
        return str(value) if isinstance(value, int) else f"{value:.15g}"
    before, digits, decimals, after = match[1], match[2], match[3] or "", match[4]
    grouping = "," if "," in digits else ""
    shown = f"{abs(value) * (100 if is_percentage else 1):{grouping}.{len(decimals)}f}"
    if "#" in decimals:
        shown = shown.rstrip("0").rstrip(".")
    elif not grouping:
        shown = shown.zfill(len(decimals) + bool(decimals) + digits.count("0"))
    return f"{'-' if value < 0 else ''}{before}{shown}{after}"


# Tables


def _table_parts(rows: Sequence[Row]) -> Iterator[str]:
    """The tables that rows hold, and the lines above them, each as a part."""
    for table in _tables(rows):
        width = max(map(_filled, table))
        while width > 1 and _filled(table[0]) == 1:
            yield next(filter(None, table.pop(0)))
        if width == 1:
            yield _listing([next(filter(None, row)) for row in table])
        elif len(table) == 1 and _names_columns(table[0]):
            label, *others = filter(None, table[0])
            yield f"{label.rstrip(':')}: {', '.join(others)}"
        else:
            yield from _bands(table)


def _tables(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The runs of rows that are one table each; an empty row does not always part them."""
    table: list[Row] = []
    parted = False
    for row in rows:
        if not any(row):
            parted = True
            continue
        if table and parted and _begins_table(row, table):
            yield table
            table = []
        table.append(row)
        parted = False
    if table:
        yield table


def _begins_table(row: Row, table: list[Row]) -> bool:
    """Whether a row after an empty one names columns, and is not one more row of the table."""
    beside = not set(_columns(row)) <= set(_columns(table[0]))
    return _names_columns(row) and (beside or _filled(row) == 1 or not _names_columns(table[-1]))


def _names_columns(row: Row) -> bool:
    """Whether no cell of a row is a number, but for years, which columns are often named by."""
    return not any(_NUMBER.fullmatch(cell) and not _YEAR.fullmatch(cell) for cell in row)


def _columns(row: Row) -> list[int]:
    return [number for number, cell in enumerate(row) if cell]


def _filled(row: Row) -> int:
    return len(_columns(row))


def _listing(cells: list[str]) -> str:
    """A single column: items under its name, or paragraphs where it has none."""
    name, *items = cells
    if not items or len(name) > _LONGEST_KEY or name.endswith((".", "!", "?")):
        return "\n\n".join(cells)
    return "\n".join([f"{name.rstrip(':')}:", *(f"- {item}" for item in items)])


def _bands(table: list[Row]) -> Iterator[str]:
    """A table as rows under its column names, parted where it is too wide for a passage.

    Columns that the table does not name are called as in a spreadsheet.
    """
    used = sorted({column for row in table for column in _columns(row)})
    filled = [[row[column] if column < len(row) else "" for column in used] for row in table]
    if not _names_columns(filled[0]):
        filled.insert(0, [_letters(column) for column in used])
    names, *rows = filled
    typical = [sum(len(row[i]) for row in rows) // max(len(rows), 1) for i in range(len(used))]
    bands = [[0]]
    for column in range(1, len(used)):
        band = [*bands[-1], column]
        too_wide = (
            sum(len(names[i]) + 3 for i in band) > _NAMES_WIDTH
            or sum(typical[i] + 3 for i in band) > _ROW_WIDTH
        )
        if too_wide and len(band) > 2 and typical[0] <= _LONGEST_KEY:
            bands.append([0, column])
        else:
            bands[-1] = band
    for band in bands:
        yield table_text(
            [row[i] for i in band]
            for row in filled
            if row is names or band is bands[0] or any(row[i] for i in band[1:])
        )


def _letters(column: int) -> str:
    """The name that a spreadsheet gives a column: A to Z, AA and so on."""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name

"""CSV, TSV and Excel files, each made by the test, become rows under their column names."""

from __future__ import annotations

import csv
import datetime
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from rag.articles import read_article
from rag.chunking import split_article
from rag.errors import ArticleError
from rag.evidence import evidence_of
from rag.records import Hit
from rag.tables import read_csv, read_xlsx

CSV = Path("prices.csv")
XLSX = Path("price-list.xlsx")


def workbook(*sheets: tuple[str, list[list[Any]]], formats: dict[str, str] | None = None) -> bytes:
    """An .xlsx with these sheets; `formats` are number formats of cells in the first."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    for cell, number_format in (formats or {}).items():
        book.worksheets[0][cell].number_format = number_format
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def sheet_text(rows: list[list[Any]], formats: dict[str, str] | None = None) -> str:
    text = read_xlsx(workbook(("S", rows), formats=formats), XLSX).text
    return text.removeprefix("## S\n\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_and_encoding_are_detected(delimiter: str, encoding: str) -> None:
    rows = [["Größe", "Stück netto"], ["groß", "1,50 für den Käufer"], ["sehr groß", "2,50"]]
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    assert read_csv(written.getvalue().encode(encoding), CSV).text == (
        "| Größe | Stück netto |\n| groß | 1,50 für den Käufer |\n| sehr groß | 2,50 |"
    )


WORD = st.text("abcdefgXYZ é,;'\"\n", min_size=1, max_size=9).filter(lambda word: word.strip())


@given(
    st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(WORD, min_size=width, max_size=width), min_size=2)
    )
)
def test_what_a_program_writes_as_csv_is_read_cell_by_cell(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    shown = [" | ".join(" ".join(cell.split()) for cell in row) for row in rows]
    assert read_csv(written.getvalue().encode(), CSV).text == "\n".join(
        f"| {row} |" for row in shown
    )


def test_the_line_in_which_excel_names_the_delimiter_is_no_row() -> None:
    assert read_csv(b"sep=;\r\na;b,c\r\n1;2\r\n", CSV).text == "| a | b,c |\n| 1 | 2 |"


def test_a_quote_that_is_never_closed_costs_no_row() -> None:
    text = read_csv(b'name,note,price\nA,"never closed,1.5\nB,"closed",2\n', CSV).text
    assert text.split("\n") == [
        "| name | note | price |",
        '| A | "never closed | 1.5 |',
        "| B | closed | 2 |",
    ]


def test_commas_in_lines_of_prose_part_no_columns() -> None:
    text = read_csv(b"Comment\nGood, but slow, alas\nFine\nNever, ever again\nSo so\n", CSV).text
    assert text == "Comment:\n- Good, but slow, alas\n- Fine\n- Never, ever again\n- So so"


def test_a_bar_in_a_cell_is_not_the_end_of_it() -> None:
    assert read_csv(b"a,b\nx | y,2\n", CSV).text == "| a | b |\n| x ¦ y | 2 |"


def test_sheets_stand_under_their_names_and_hidden_ones_are_not_read() -> None:
    data = workbook(
        ("Prices", [["Item", "Price"], ["Pen", 2]]),
        ("Empty", []),
        ("People", [["Name", "Town"], ["Ann", "Ulm"]]),
    )
    reading = read_xlsx(data, XLSX)
    assert reading.title == "Price list"
    assert reading.text == (
        "## Prices\n\n| Item | Price |\n| Pen | 2 |\n\n## People\n\n| Name | Town |\n| Ann | Ulm |"
    )


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (0.1 + 0.2, "General", "0.3"),
        (1234567, "General", "1234567"),
        (0.125, "0.0%", "12.5%"),
        (1234.5, '#,##0.00 "kg"', "1,234.50 kg"),
        (-3, "_-[$€-407]* #,##0.00_-;-[$€-407]* #,##0.00_-", "-€3.00"),
        (1200, '"$"#,##0', "$1,200"),
        (7, "00000", "00007"),
        (2.5, "#,##0.##", "2.5"),
        (12000, "0.00E+00", "12000"),
        (50, r"0\ \%", "50 %"),
        (True, "General", "TRUE"),
        (datetime.date(2025, 5, 3), "dd.mm.yyyy", "2025-05-03"),
        (datetime.datetime(2025, 5, 3, 10, 30), "d/m/yy h:mm", "2025-05-03 10:30"),
    ],
)
def test_a_cell_reads_as_its_format_shows_it(value: Any, number_format: str, shown: str) -> None:
    text = sheet_text([["Item", "Value"], ["Pen", value]], {"B2": number_format})
    assert text == f"| Item | Value |\n| Pen | {shown} |"


def test_lines_above_and_below_a_table_are_no_rows_of_it() -> None:
    rows = [
        ["Price list"],
        [],
        ["Item", "Price"],
        ["Pen", 2],
        [],
        ["Ink", 3],
        [],
        ["All in euros."],
    ]
    assert sheet_text(rows) == (
        "Price list\n\n| Item | Price |\n| Pen | 2 |\n| Ink | 3 |\n\nAll in euros."
    )


def test_two_tables_in_a_sheet_keep_their_own_columns() -> None:
    rows = [["Item", "Price"], ["Pen", 2], [], ["Service", "Hours"], ["Repair", 3]]
    assert sheet_text(rows) == (
        "| Item | Price |\n| Pen | 2 |\n\n| Service | Hours |\n| Repair | 3 |"
    )


def test_columns_without_names_are_called_as_in_a_spreadsheet() -> None:
    assert sheet_text([["Pen", 2.5], ["Ink", 3.5]]) == "| A | B |\n| Pen | 2.5 |\n| Ink | 3.5 |"
    years = sheet_text([["Country", 2023, 2024], ["Peru", 5, 6]])
    assert years == "| Country | 2023 | 2024 |\n| Peru | 5 | 6 |"


def test_a_single_column_is_a_list_under_its_name_and_prose_is_paragraphs() -> None:
    assert sheet_text([["Town"], ["Ulm"], ["Bonn"]]) == "Town:\n- Ulm\n- Bonn"
    assert sheet_text([["It is old."], ["It is new."]]) == "It is old.\n\nIt is new."


def test_a_wide_table_is_parted_and_each_part_names_its_rows() -> None:
    names = [f"A column with the number {number}" for number in range(9)]
    text = sheet_text([["Name", *names], ["Ann", *range(9)], ["Bea", *range(9)]])
    bands = [band.split("\n") for band in text.split("\n\n")]
    assert len(bands) > 1
    assert all(band[0].startswith("| Name | ") and len(band[0]) <= 150 for band in bands)
    assert all(band[1].startswith("| Ann | ") for band in bands)
    assert [cell for band in bands for cell in band[0].strip("| ").split(" | ")[1:]] == names
    assert [cell for band in bands for cell in band[2].strip("| ").split(" | ")[1:]] == [
        str(number) for number in range(9)
    ]


def test_a_cell_is_understood_with_its_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "towns.csv"
    path.write_text("Town,Mayor,People\nUlm,,128000\nBonn,Dörner,336000\n", encoding="utf-8")
    article = read_article(path, article_id="towns.csv")
    assert {block.kind for section in article.sections for block in section.blocks} == {"table_row"}
    (chunk,) = split_article(article, max_tokens=99, count_tokens=lambda text: len(text.split()))
    pieces = evidence_of([Hit(chunk, 1.0, 1)])
    assert [piece.reading for piece in pieces] == [
        "Ulm of People: 128000",
        "Bonn of Mayor: Dörner",
        "Bonn of People: 336000",
    ]
    assert all(article.text[piece.start : piece.end] == piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Item,Price\nPen,2\n", "is not an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is protected by a password"),
        (workbook(("S", [["a", "b"]]))[:900], "is not an Excel workbook"),
    ],
    ids=["a csv", "locked", "cut"],
)
def test_what_is_no_workbook_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(ArticleError, match=reason) as raised:
        read_xlsx(data, XLSX)
    assert "\n" not in str(raised.value)


def test_a_workbook_with_any_byte_changed_is_read_or_refused_in_a_line() -> None:
    data = workbook(("S", [["Item", "Price"], ["Pen", 2], ["Ink", "dear"]]))
    outcomes = set()
    for place in range(0, len(data), 41):
        damaged = data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :]
        try:
            outcomes.add(read_xlsx(damaged, XLSX).text[:4])
        except ArticleError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert {"refused", "## S"} <= outcomes


def test_a_table_too_long_to_index_is_refused() -> None:
    row = b"word " * 200 + b",2\n"
    with pytest.raises(ArticleError, match="more than 10 million characters"):
        read_csv(b"a,b\n" + row * 10_000, CSV)

"""PDF and Word files as light Markdown.

pypdf and python-docx live here and nowhere else, and are loaded when a file needs them.
"""

from __future__ import annotations

import logging
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from rag.errors import ArticleError
from rag.reading import BROKEN_ARCHIVE, Reading, one_line, opened_archive, table_text
from rag.sentences import list_marker_length

_UNTITLED = re.compile(
    r"untitled.*|microsoft word - .*|.*\.(?:docx?|pdf|indd|tex|qxd)|", re.IGNORECASE
)

# What pypdf raises on damaged files besides its own errors.
_BROKEN_PDF = (
    *(ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError),
    *(NotImplementedError, OverflowError, AssertionError, zlib.error, struct.error),
)


# PDF


def read_pdf(data: bytes, path: Path) -> Reading:
    """The text of a PDF: running heads and page numbers left out, lines joined to paragraphs."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ArticleError(f"{path} is protected by a password.", hint="Save it without one.")
        pages = [page.extract_text().split("\n") for page in reader.pages]
        title = one_line((reader.metadata.title if reader.metadata else None) or "")
    except (PyPdfError, *_BROKEN_PDF) as error:
        raise ArticleError(f"{path} cannot be read as a PDF: {one_line(str(error))}.") from error
    lines = [line for page in _without_running_heads(pages) for line in page]
    if not any(line.strip() for line in lines):
        raise ArticleError(
            f"{path} has no text on its pages ({len(pages)}): it is a scan.",
            hint="Run it through text recognition (OCR) first.",
        )
    return Reading("\n\n".join(_paragraphs(lines)), "" if _UNTITLED.fullmatch(title) else title)


def _without_running_heads(pages: list[list[str]]) -> Iterator[list[str]]:
    """Drops first and last lines that most pages share, and bare page numbers."""
    pages = [[line for line in page if line.strip()] for page in pages]
    ends = Counter(_masked(line) for page in pages for line in {*page[:1], *page[-1:]})
    for page in pages:
        while page and _is_running_head(page[0], ends, len(pages)):
            page = page[1:]
        while page and _is_running_head(page[-1], ends, len(pages)):
            page = page[:-1]
        yield page


def _masked(line: str) -> str:
    return re.sub(r"\d+", "0", line.strip())


def _is_running_head(line: str, ends: Counter[str], pages: int) -> bool:
    masked = _masked(line)
    return masked == "0" or (pages > 2 and ends[masked] * 2 > pages)


def _paragraphs(lines: list[str]) -> list[str]:
    lines = [" ".join(line.split()) for line in lines]
    lines = [line for line in lines if line]
    width = sorted(map(len, lines))[len(lines) * 9 // 10]
    words = set(re.findall(r"\w+(?:-\w+)*", " ".join(lines)))
    parts = lines[:1]
    for line, follower in pairwise(lines):
        if not _goes_on(line, follower, width=width):
            parts.append(follower)
        elif re.search(r"\w-$", line) and follower[0].islower():
            parts[-1] = _rejoined(parts[-1], follower, words)
        else:
            parts[-1] += " " + follower
    return parts


def _goes_on(line: str, follower: str, *, width: int) -> bool:
    if list_marker_length(follower):
        return False
    closed = line.endswith((".", "!", "?", ":"))
    return follower[0].islower() or len(line) >= (0.85 if closed else 0.7) * width


def _rejoined(line: str, follower: str, words: set[str]) -> str:
    """A word broken at a hyphen keeps it only if the text has it with a hyphen elsewhere."""
    head, tail = re.findall(r"\w+-$", line)[0], re.findall(r"^\w+", follower)[0]
    return line + follower if head + tail in words else line[:-1] + follower


# Word


def read_docx(data: bytes, path: Path) -> Reading:
    """The body of a Word document: headings by style, lists, tables and paragraphs in order."""
    opened_archive(data, path, kind="a Word document").close()
    from docx import Document
    from docx.opc.exceptions import OpcError
    from docx.table import Table

    try:
        document = Document(BytesIO(data))
        parts = [
            _docx_table(part) if isinstance(part, Table) else _docx_paragraph(part)
            for part in document.iter_inner_content()
        ]
        own_title = one_line(document.core_properties.title or "")
    except (OpcError, *BROKEN_ARCHIVE) as error:
        raise ArticleError(f"{path} is not a Word document: {one_line(str(error))}.") from error
    styled = any(part.startswith("# ") for part in parts)
    title = "" if styled or _UNTITLED.fullmatch(own_title) else own_title
    return Reading("\n\n".join(part for part in parts if part), title)


def _docx_paragraph(paragraph: Any) -> str:
    words = one_line(paragraph.text)
    style = (paragraph.style.name if paragraph.style is not None else None) or ""
    heading = re.fullmatch(r"heading (\d)", style, re.IGNORECASE)
    properties = paragraph._p.pPr  # the numbering is not in python-docx's public face
    if not words:
        return ""
    if style.lower() == "title":
        return f"# {words}"
    if heading:
        return f"{'#' * min(int(heading[1]) + 1, 6)} {words}"
    numbered = properties is not None and properties.numPr is not None
    if (numbered or style.lower().startswith("list")) and not list_marker_length(words):
        return f"- {words}"
    return words


def _docx_table(table: Any) -> str:
    rows = []
    for row in table.rows:
        cells = [
            cell
            for before, cell in pairwise([None, *row.cells])
            if before is None or cell._tc is not before._tc
        ]
        rows.append([one_line(cell.text) for cell in cells])
    return table_text(rows)

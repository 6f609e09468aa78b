"""HTML, PDF and Word files as light Markdown, and bytes as text.

Light Markdown is "# " headings, "- " items, "| a | b |" rows and paragraphs between blank
lines, so that one block parser reads every format. trafilatura, lxml, pypdf, python-docx and
charset-normalizer live here and nowhere else, and are loaded when a file needs them.
"""

from __future__ import annotations

import logging
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from rag.errors import ArticleError
from rag.page_pairs import PagePair, folded, structured_pairs, with_pairs
from rag.sentences import list_marker_length

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_DECLARED = re.compile(rb"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # what a password makes of a .docx, and the old .doc format
_UNTITLED = re.compile(
    r"untitled.*|microsoft word - .*|.*\.(?:docx?|pdf|indd|tex|qxd)|", re.IGNORECASE
)

# What pypdf raises on damaged files besides its own errors.
_BROKEN_PDF = (
    *(ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError),
    *(NotImplementedError, OverflowError, AssertionError, zlib.error, struct.error),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says: its text in light Markdown, and its own title field or ""."""

    text: str
    title: str = ""


def decoded(data: bytes, path: Path) -> str:
    """The bytes as text: by byte order mark, as UTF-8, as declared, else by likelihood.

    Raises `ArticleError` for bytes that are no text.
    """
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    text = None if b"\x00" in data else _decoded_without_mark(data)
    if text is None or len(_CONTROL.findall(text)) * 100 > len(text):
        raise ArticleError(f"{path} is a binary file, or text in no known encoding.")
    return text


def _decoded_without_mark(data: bytes) -> str | None:
    declared = _DECLARED.search(data[:2048])
    for encoding in ("utf-8", declared[1].decode("ascii", "replace") if declared else "utf-8"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    from charset_normalizer import from_bytes

    # Of encodings that make equally little mess, the Western one is by far the commonest.
    matches = sorted(
        from_bytes(data),
        key=lambda match: (match.chaos, match.encoding != "cp1252", -match.coherence),
    )
    return str(matches[0]) if matches else None


# HTML


def read_html(data: bytes, path: Path) -> Reading:
    """The main text of a page, with the FAQ pairs that its main text lacks at the end."""
    import trafilatura
    from lxml import etree, html

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    try:
        tree = html.document_fromstring(
            decoded(data, path).encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8")
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise ArticleError(f"{path} is not an HTML page: {error}.") from error
    page = html.tostring(tree, encoding="unicode")
    pairs = [*_structured_pairs(tree), *_visible_pairs(tree)]
    questions = {folded(pair.question) for pair in pairs if pair.question.endswith("?")}
    extracted = trafilatura.extract(
        page, output_format="xml", include_comments=False, include_tables=True, favor_recall=True
    )
    main = etree.fromstring(extracted.encode("utf-8")).find("main") if extracted else None
    parts = [] if main is None else list(_html_parts(main, questions=questions))
    if not parts:  # too short a page for trafilatura to tell what is main in it
        parts = [part for part in trafilatura.html2txt(page).split("\n") if part.strip()]
    parts = with_pairs(parts, pairs)
    metadata = trafilatura.extract_metadata(page)
    return Reading("\n\n".join(parts), _one_line(metadata.title or "") if metadata else "")


def _html_parts(main: Any, *, questions: set[str]) -> Iterator[str]:
    """trafilatura's elements as light Markdown, a part for each block."""
    for element in main:
        words = _one_line(" ".join(element.itertext()))
        if element.tag == "head":
            asked = words.endswith("?") and (
                "rend" not in element.attrib or folded(words) in questions
            )
            level = re.sub(r"\D", "", element.get("rend", "")) or "6"
            yield f"**{words}**" if asked else f"{'#' * int(level)} {words}"
        elif element.tag == "list" and element.get("rend") == "dl":
            yield from _definitions(element)
        elif element.tag == "list":
            yield "\n".join(_items(element))
        elif element.tag == "table":
            rows = [
                [_one_line(" ".join(cell.itertext())) for cell in row]
                for row in element.iter("row")
            ]
            yield table_text(rows)
        elif element.tag == "code":
            yield "".join(element.itertext())
        elif words:
            yield words


def _items(listing: Any, indent: str = "") -> Iterator[str]:
    for item in listing:
        yield f"{indent}- {_one_line(' '.join(_own_words(item)))}"
        for nested in item.findall("list"):
            yield from _items(nested, indent + "  ")


def _own_words(item: Any) -> Iterator[str]:
    """What an item says itself, without the lists nested in it."""
    yield item.text or ""
    for child in item:
        if child.tag != "list":
            yield from child.itertext()
        yield child.tail or ""


def _definitions(listing: Any) -> Iterator[str]:
    items = [(item.get("rend", ""), _one_line(" ".join(item.itertext()))) for item in listing]
    terms: list[tuple[str, list[str]]] = []
    for rend, words in items:
        if rend.startswith("dt") or not terms:
            terms.append((words, []))
        else:
            terms[-1][1].append(words)
    for term, meanings in terms:
        yield PagePair(term, " ".join(meanings), asked=False).text


def _visible_pairs(tree: Any) -> Iterator[PagePair]:
    """What <details> and <dl> hold, as question and answer or term and meaning."""
    for details in tree.iter("details"):
        summary = details.find("summary")
        if summary is not None:
            question = _one_line(summary.text_content())
            answer = _one_line(" ".join(details.itertext()))[
                len(_one_line(" ".join(summary.itertext()))) :
            ]
            yield PagePair(question, answer.strip(), asked=False)
    for term in tree.iter("dt"):
        meanings = [one for one in takewhile(lambda one: one.tag == "dd", term.itersiblings())]
        if meanings:
            meaning = _one_line(" ".join(one.text_content() for one in meanings))
            yield PagePair(_one_line(term.text_content()), meaning, asked=False)


def _structured_pairs(tree: Any) -> Iterator[PagePair]:
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            yield from structured_pairs(script.text or "")


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
        title = _one_line((reader.metadata.title if reader.metadata else None) or "")
    except (PyPdfError, *_BROKEN_PDF) as error:
        raise ArticleError(f"{path} cannot be read as a PDF: {_one_line(str(error))}.") from error
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
    if data.startswith(_OLD_OFFICE):
        raise ArticleError(
            f"{path} is protected by a password, or in the old .doc format.",
            hint="Save it as .docx without a password.",
        )
    from docx import Document
    from docx.opc.exceptions import OpcError
    from docx.table import Table
    from lxml.etree import XMLSyntaxError

    try:
        document = Document(BytesIO(data))
        parts = [
            _docx_table(part) if isinstance(part, Table) else _docx_paragraph(part)
            for part in document.iter_inner_content()
        ]
        own_title = _one_line(document.core_properties.title or "")
    except (OpcError, zipfile.BadZipFile, XMLSyntaxError, KeyError, ValueError) as error:
        raise ArticleError(f"{path} is not a Word document: {_one_line(str(error))}.") from error
    styled = any(part.startswith("# ") for part in parts)
    title = "" if styled or _UNTITLED.fullmatch(own_title) else own_title
    return Reading("\n\n".join(part for part in parts if part), title)


def _docx_paragraph(paragraph: Any) -> str:
    words = _one_line(paragraph.text)
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
        rows.append([_one_line(cell.text) for cell in cells])
    return table_text(rows)


def table_text(rows: Iterable[list[str]]) -> str:
    """Rows of cells as "| a | b |" lines; rows without a word are left out."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows if any(row))


def _one_line(text: str) -> str:
    return " ".join(text.split())

"""PDF and Word files, each made by the test and read back."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from docx import Document
from pypdf import PdfReader, PdfWriter

from rag.errors import ArticleError
from rag.formats import read_docx, read_pdf


def pdf_of(*pages: list[str]) -> bytes:
    """A PDF with these lines of text on its pages, in Helvetica."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj T*" for line in lines)
        stream = f"BT /F 11 Tf 50 780 Td 14 TL {shown} ET".encode()
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>"
        )
        objects.append(page.encode())
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    data = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF"
    return data + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode()


def test_pdf_lines_become_paragraphs_without_running_heads() -> None:
    pages = [
        [
            "Annual Report 2025",
            f"Chapter {number}",
            "This paragraph was set in lines of some width, and a word was hyphen-",
            "ated at the end of one of them, while well-known words keep their own",
            "hyphen.",
            "A second, well-known paragraph.",
            str(number),
        ]
        for number in (1, 2, 3)
    ]
    assert read_pdf(pdf_of(*pages), Path("a.pdf")).text.split("\n\n")[:4] == [
        "Chapter 1",
        "This paragraph was set in lines of some width, and a word was hyphenated at the end of "
        "one of them, while well-known words keep their own hyphen.",
        "A second, well-known paragraph.",
        "Chapter 2",
    ]


def test_pdf_that_is_locked_scanned_or_broken_says_so() -> None:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf_of(["Secret."]))))
    writer.encrypt("password", algorithm="RC4-128")
    locked = BytesIO()
    writer.write(locked)
    for data, reason in (
        (locked.getvalue(), "protected by a password"),
        (pdf_of([], []), r"no text on its pages \(2\): it is a scan"),
        (b"no pdf at all", "cannot be read as a PDF"),
        (pdf_of(["Cut."])[:150], "cannot be read as a PDF"),
    ):
        with pytest.raises(ArticleError, match=reason) as raised:
            read_pdf(data, Path("a.pdf"))
        assert "\n" not in str(raised.value)


def test_word_headings_lists_and_tables_keep_their_order() -> None:
    document = Document()
    document.add_heading("A guide", 0)
    document.add_heading("Use", 1)
    document.add_paragraph("Some text.")
    document.add_paragraph("item", style="List Bullet")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "A", "B"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "both"
    document.add_paragraph("After it.")
    saved = BytesIO()
    document.save(saved)
    assert read_docx(saved.getvalue(), Path("a.docx")).text.split("\n\n") == [
        "# A guide",
        "## Use",
        "Some text.",
        "- item",
        "| A | B |\n| both |",
        "After it.",
    ]


def test_word_files_that_are_none_say_so() -> None:
    with pytest.raises(ArticleError, match=r"a\.docx is not a Word document"):
        read_docx(b"plain", Path("a.docx"))
    with pytest.raises(ArticleError, match="protected by a password"):
        read_docx(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Path("a.docx"))

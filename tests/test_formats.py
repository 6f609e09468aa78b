"""HTML, PDF, Word and plain bytes, each made by the test and read back."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest
from docx import Document
from pypdf import PdfReader, PdfWriter

from rag.errors import ArticleError
from rag.formats import decoded, read_docx, read_html, read_pdf

PROSE = "The model writes text, and it was trained on a great many books before that. " * 3


def html_page(body: str, head: str = "<title>A guide</title>") -> bytes:
    return f"<html><head>{head}</head><body>{body}</body></html>".encode()


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


def test_html_gives_its_main_text_as_light_markdown() -> None:
    reading = read_html(
        html_page(
            f"<nav>Menu</nav><article><h1>A guide</h1><p>{PROSE}</p><h2>Use</h2><ul><li>one<ul>"
            "<li>inner</li></ul></li><li>two</li></ul><table><tr><th>A</th><th>B</th></tr><tr>"
            f"<td>1</td><td>2</td></tr></table><p>{PROSE}</p></article><footer>Foot</footer>"
        ),
        Path("page.html"),
    )
    assert reading.title == "A guide"
    assert reading.text.split("\n\n") == [
        "# A guide",
        PROSE.strip(),
        "## Use",
        "- one\n  - inner\n- two",
        "| A | B |\n| 1 | 2 |",
        PROSE.strip(),
    ]


def test_html_faq_pairs_are_kept_wherever_the_page_has_them() -> None:
    faq = {
        "@type": "FAQPage",
        "mainEntity": [
            {
                "@type": "Question",
                "name": "Is it free?",
                "acceptedAnswer": {"@type": "Answer", "text": "<p>Yes &amp; always.</p>"},
            }
        ],
    }
    page = html_page(
        f"<article><h1>A guide</h1><p>{PROSE}</p><details><summary>Can I return it?</summary>"
        "<p>Within 30 days.</p></details><dl><dt>LLM</dt><dd>A language model.</dd>"
        "<dt>What is RAG?</dt><dd>Reading first.</dd></dl></article>",
        head=f'<script type="application/ld+json">{json.dumps(faq)}</script>'
        '<script type="application/ld+json">{broken</script>',
    )
    text = read_html(page, Path("page.html")).text
    assert text.endswith("## Frequently asked questions\n\n**Is it free?**\nYes & always.")
    assert "**Can I return it?**\nWithin 30 days." in text
    assert "- LLM: A language model." in text
    assert "**What is RAG?**\nReading first." in text


def test_a_pair_that_the_page_shows_is_not_told_twice() -> None:
    faq = {"@type": "Question", "name": "Is it free?", "acceptedAnswer": [{"text": "Yes, always."}]}
    page = html_page(
        f"<article><p>{PROSE}</p><h2>FAQ</h2><h3>Is it free?</h3><p>Yes, always.</p></article>",
        head=f'<script type="application/ld+json">{json.dumps(faq)}</script>',
    )
    assert read_html(page, Path("page.html")).text.count("Yes, always.") == 1


QUESTIONS = [
    {
        "@type": "Question",
        "name": "<b>Is it free?</b>",
        "acceptedAnswer": {"@type": "Answer", "text": "<p>Yes &amp; <b>always</b>.</p><p>Ok.</p>"},
    },
    {"@type": ["Question"], "name": "Speed", "acceptedAnswer": [{"text": "It is fast."}]},
]
FAQ_PAGE = {"@type": "FAQPage", "mainEntity": QUESTIONS}


@pytest.mark.parametrize(
    "script",
    [
        json.dumps(FAQ_PAGE),
        json.dumps({"@context": "https://schema.org", "@graph": [{"@type": "Article"}, FAQ_PAGE]}),
        f"<!--\n{json.dumps(FAQ_PAGE)}\n-->",
        f"//<![CDATA[\n{json.dumps(FAQ_PAGE)}\n//]]>",
        json.dumps(FAQ_PAGE).replace("It is fast", "It is\n fast"),
        json.dumps(FAQ_PAGE).replace('"Question"', '"https://schema.org/Question"'),
    ],
    ids=["plain", "graph", "comment", "cdata", "raw line break", "full names"],
)
def test_questions_that_only_the_code_of_a_page_names_are_read(script: str) -> None:
    head = f'<script type="application/ld+json; charset=utf-8">{script}</script>'
    page = html_page(f"<article><h1>A guide</h1><p>{PROSE}</p></article>", head=head)
    text = read_html(page, Path("page.html")).text
    pairs = "**Is it free?**\nYes & always. Ok.\n\n**Q: Speed**\nIt is fast."
    assert text.endswith(f"{PROSE.strip()}\n\n## Frequently asked questions\n\n{pairs}")


def test_a_question_lost_from_the_page_is_put_over_its_answer() -> None:
    head = f'<script type="application/ld+json">{json.dumps(FAQ_PAGE)}</script>'
    page = html_page(
        f"<article><h1>A guide</h1><p>{PROSE}</p><h2>FAQ</h2><button>Is it free?</button>"
        "<div><p>Yes &amp; <b>always</b>.</p><p>Ok.</p></div><button>Speed</button>"
        f"<p>It is fast.</p><h2>End</h2><p>{PROSE}</p></article>",
        head=head,
    )
    text = read_html(page, Path("page.html")).text
    faq = text.partition("## FAQ\n\n")[2].partition("\n\n## End")[0]
    assert faq == "**Is it free?**\nYes & always. Ok.\n\n**Q: Speed**\nIt is fast."
    assert text.count("Yes & always") == text.count("It is fast") == 1


def test_a_page_too_short_to_have_a_main_part_is_read_whole() -> None:
    assert read_html(b"<p>One line.</p>", Path("page.html")).text == "One line."


def test_html_without_anything_inside_is_an_error() -> None:
    with pytest.raises(ArticleError, match=r"page\.html is not an HTML page"):
        read_html(b"<!-- nothing -->", Path("page.html"))


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_text_is_decoded_as_it_was_encoded(encoding: str) -> None:
    text = "Le modèle génère des réponses à partir des données. Où est-il né ? Ça dépend."
    assert decoded(text.encode(encoding), Path("a.txt")) == text


def test_bytes_that_are_no_text_are_refused() -> None:
    for data in (bytes(range(256)), b"\x89PNG\r\n\x1a\n" + b"\x01\x02\xfe" * 60):
        with pytest.raises(ArticleError, match="binary"):
            decoded(data, Path("a.md"))

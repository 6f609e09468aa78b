"""EPUB books, made by the tests, are read chapter by chapter."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from rag.books import read_epub
from rag.errors import ArticleError

BOOK = Path("book.epub")
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
NAVIGATION = (
    '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><body>'
    '<nav epub:type="landmarks"><a href="text/b.xhtml">Start here</a></nav>'
    '<nav epub:type="toc"><a href="text/b.xhtml">The Sea</a><a href="text/a%20b.xhtml#x">The Land'
    "</a></nav></body></html>"
)
OLD_CONTENTS = (
    '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>The Sea'
    '</text></navLabel><content src="text/b.xhtml#top"/></navPoint></navMap></ncx>'
)


def chapter(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head>'
        f'<title/><script src="x.js"/></head><body>{body}</body></html>'
    )


def package(*spine: str, title: str = "A voyage") -> str:
    items = (
        '<item id="b" href="text/b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="text/a%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        '<item id="cover" href="cover.jpg" media-type="image/jpeg"/>'
    )
    references = "".join(f'<itemref idref="{name}"/>' for name in spine)
    return (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>{title}</dc:title></metadata><manifest>{items}</manifest>"
        f"<spine>{references}</spine></package>"
    )


def epub(**changed: str | None) -> bytes:
    """A book of two chapters; `changed` replaces files by their stem, or leaves one out."""
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": package("nav", "b", "a", "cover"),
        "OEBPS/nav.xhtml": NAVIGATION,
        "OEBPS/text/a b.xhtml": chapter("<p>On land.</p>"),
        "OEBPS/text/b.xhtml": chapter("<h2>The Sea</h2><p>At sea.</p>"),
        "OEBPS/cover.jpg": "no picture",
    }
    files |= {"OEBPS/toc.ncx": OLD_CONTENTS} if "nav" in changed else {}
    files |= {"META-INF/encryption.xml": ""} if "encryption" in changed else {}
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            content = changed.get(Path(name).stem, content)
            if content is not None:
                archive.writestr(name, content)
    return saved.getvalue()


def encrypted(name: str) -> str:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData><enc:CipherData>'
        f'<enc:CipherReference URI="{name}"/></enc:CipherData></enc:EncryptedData></encryption>'
    )


def test_chapters_come_in_reading_order_under_their_headings() -> None:
    reading = read_epub(epub(), BOOK)
    assert reading.title == "A voyage"
    assert reading.text == "## The Sea\n\nAt sea.\n\n# The Land\n\nOn land."


def test_a_chapter_that_opens_with_its_name_has_it_as_heading_once() -> None:
    reading = read_epub(epub(b=chapter('<p class="t">THE SEA</p><p>At sea.</p>')), BOOK)
    assert reading.text.startswith("# THE SEA\n\nAt sea.")


def test_an_old_table_of_contents_names_chapters_too() -> None:
    reading = read_epub(epub(nav="<html>&broken", b=chapter("<p>At sea.</p>")), BOOK)
    assert reading.text == "# The Sea\n\nAt sea.\n\nOn land."


def test_nothing_that_a_chapter_says_is_taken_for_a_menu() -> None:
    body = (
        "<h1>One</h1><p>It rose 10<sup>6</sup> times.<a href='#n'><sup>1</sup></a></p>"
        "<ul><li>Home</li><li>About<ul><li>Us</li></ul></li></ul>"
        "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"
        "<div>A line<br/>of verse</div><pre>x = 1\ny = 2</pre><aside>A note.</aside>"
    )
    assert read_epub(epub(b=chapter(body)), BOOK).text.split("\n\n")[:-2] == [
        "# One",
        "It rose 10⁶ times.[1]",
        "- Home\n- About\n  - Us",
        "| A | B |\n| 1 | 2 |",
        "A line\nof verse",
        "x = 1\ny = 2",
        "A note.",
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"text", "is not an EPUB book"),
        (epub()[:300], "is not an EPUB book"),
        (epub(container=None), "cannot be read as an EPUB book"),
        (epub(container="<container/>"), "its container names no package"),
        (epub(book="<package"), "cannot be read as an EPUB book"),
        (epub(b=None), "cannot be read as an EPUB book: .*OEBPS/text/b.xhtml"),
        (epub(encryption=encrypted("OEBPS/text/b.xhtml")), "is copy-protected"),
    ],
    ids=["text", "cut", "no container", "no package", "broken", "chapter gone", "protected"],
)
def test_what_is_no_book_or_a_locked_one_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(ArticleError, match=reason) as raised:
        read_epub(data, BOOK)
    assert "\n" not in str(raised.value)


def test_hidden_fonts_are_no_protection() -> None:
    assert "At sea." in read_epub(epub(encryption=encrypted("OEBPS/font.otf")), BOOK).text

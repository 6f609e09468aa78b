"""E-mails and saved web pages, made by the tests, are read as people see them."""

from __future__ import annotations

import json
import plistlib
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.errors import ArticleError
from rag.messages import read_eml, read_mhtml, read_webarchive
from rag.reading import Reading

MAIL = Path("from-ann.eml")
PROSE = "The model writes text, and it was trained on a great many books before that. " * 3
FAQ = {"@type": "Question", "name": "Is it free?", "acceptedAnswer": {"text": "Yes, always."}}
PAGE = (
    '<html><head><meta charset="utf-8"><title>A guide</title>'
    f'<script type="application/ld+json">{json.dumps(FAQ)}</script></head><body><nav>Menu</nav>'
    f"<article><h1>A guide</h1><p>{PROSE}</p><p>It costs 5 € a month.</p></article></body></html>"
)


def mail(subject: str = "Grüße aus Ulm") -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "Änn Lee <ann@example.org>"
    message["To"] = "bob@example.org"
    message["Date"] = "Sat, 03 May 2025 10:30:00 +0200"
    message["Subject"] = subject
    return message


ENVELOPE = (
    "From: Änn Lee <ann@example.org> · To: bob@example.org · Date: Sat, 03 May 2025 10:30:00 +0200"
)


def test_a_mail_says_its_subject_who_wrote_when_its_text_and_what_is_attached() -> None:
    message = mail()
    message.set_content("Dear Bob,\n\nit costs 5 €.\n", charset="iso-8859-15", cte="base64")
    message.add_alternative("<p>Dear Bob, it costs <b>5 €</b>.</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Größe.pdf")
    inner = mail("An older mail")
    inner.set_content("Not read.")
    message.add_attachment(inner)
    reading = read_eml(message.as_bytes(), MAIL)
    assert reading.title == "Grüße aus Ulm"
    assert reading.text.replace("\r\n", "\n").split("\n\n") == [
        "# Grüße aus Ulm",
        ENVELOPE,
        "Dear Bob,",
        "it costs 5 €.",
        "Attachments: Größe.pdf, An older mail",
    ]


def test_a_mail_in_html_only_is_read_whole() -> None:
    message = mail()
    message.set_content(
        "<style>p {}</style><div style='display: none'>preview</div><table><tr><td><h1>Offer</h1>"
        "<p>Dear Bob,<br>here are the prices:</p></td></tr><tr><td><table><tr><th>Item</th>"
        "<th>Price</th></tr><tr><td>Pen</td><td>2 €</td></tr></table></td></tr></table>",
        subtype="html",
    )
    assert read_eml(message.as_bytes(), MAIL).text.split("\n\n")[2:] == [
        "# Offer",
        "Dear Bob,\nhere are the prices:",
        "| Item | Price |\n| Pen | 2 € |",
    ]


def test_text_after_an_attachment_is_read() -> None:
    message = mail()
    message.set_content("Before.")
    message.add_attachment(b"x", maintype="image", subtype="png", filename="a.png")
    message.attach(part := EmailMessage())
    part.set_content("After.")
    parts = read_eml(message.as_bytes(), MAIL).text.split("\n\n")
    assert parts[2:] == ["Before.", "After.", "Attachments: a.png"]


def test_letters_that_are_not_encoded_as_mail_asks_for_are_read_all_the_same() -> None:
    data = "From: Änn <a@example.org>\nSubject: Größe\nContent-Type: text/plain; charset=nonsense"
    reading = read_eml(f"{data}\n\nGrüße.\n".encode(), MAIL)
    assert (reading.title, reading.text.split("\n\n")[-1]) == ("Größe", "Grüße.")


@pytest.mark.parametrize("headers", ["To: .:a[\n", "From: Bob <\n", "Content-Type: text; =\n"])
def test_a_malformed_header_costs_no_mail(headers: str) -> None:
    data = f"{headers}Subject: Hello\nDate: yesterday, Bob\n\nText.\n"
    assert read_eml(data.encode(), MAIL).text.endswith("Text.")


def test_a_mail_without_a_subject_is_called_as_its_file() -> None:
    message = mail()
    del message["Subject"]
    message.set_content("Text.")
    reading = read_eml(message.as_bytes(), MAIL)
    assert (reading.title, reading.text) == ("From ann", f"{ENVELOPE}\n\nText.")


def test_what_is_no_mail_or_a_sealed_one_says_so() -> None:
    sealed = mail()
    sealed.set_content(b"0", maintype="application", subtype="pkcs7-mime")
    armoured = mail()
    armoured.set_content("-----BEGIN PGP MESSAGE-----\n\nabc\n")
    for data, reason in (
        (b"%PDF-1.4\n1 0 obj\n", "is not an e-mail"),
        (b"Just text.\n", "is not an e-mail"),
        (b"From: a@example.org\n\n\n", "holds no text"),
        (sealed.as_bytes(), "is an encrypted e-mail"),
        (armoured.as_bytes(), "is an encrypted e-mail"),
    ):
        with pytest.raises(ArticleError, match=reason) as raised:
            read_eml(data, MAIL)
        assert "\n" not in str(raised.value)


def web_archive(*pages: str, start: str | None = None) -> bytes:
    """What a browser saves: the pages as parts of one message, with their pictures."""
    parts = "".join(
        "--cut\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n"
        f"Content-ID: <page-{number}>\r\n\r\n{page}\r\n"
        for number, page in enumerate(pages)
    )
    root = f'; start="{start}"' if start else ""
    return (
        "From: <Saved by a browser>\r\nSubject: A saved guide\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/related; boundary="cut"{root}\r\n\r\n{parts}'
        "--cut\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
        "--cut--\r\n"
    ).encode()


def safari_archive(page: bytes, *, kind: str = "text/html", encoding: str = "UTF-8") -> bytes:
    resource = {
        "WebResourceData": page,
        "WebResourceMIMEType": kind,
        "WebResourceTextEncodingName": encoding,
        "WebResourceURL": "https://example.org/guide",
    }
    return plistlib.dumps({"WebMainResource": resource}, fmt=plistlib.FMT_BINARY)


@pytest.mark.parametrize(
    "reading",
    [
        read_mhtml(web_archive(PAGE, "<p>An advertisement.</p>"), Path("a.mhtml")),
        read_mhtml(web_archive("<p>A frame.</p>", PAGE, start="<page-1>"), Path("a.mht")),
        read_webarchive(safari_archive(PAGE.encode()), Path("a.webarchive")),
        read_webarchive(
            safari_archive(PAGE.encode("cp1252"), encoding="windows-1252"), Path("a.webarchive")
        ),
    ],
    ids=["mhtml", "mhtml with a start", "webarchive", "webarchive in another encoding"],
)
def test_a_saved_page_is_read_like_the_page(reading: Reading) -> None:
    assert reading.title == "A guide"
    assert reading.text.split("\n\n") == [
        "# A guide",
        PROSE.strip(),
        "It costs 5 € a month.",
        "## Frequently asked questions",
        "**Is it free?**\nYes, always.",
    ]


def test_what_is_no_saved_page_says_so() -> None:
    for read, data, reason in (
        (read_mhtml, b"text", "there is no HTML in it"),
        (read_mhtml, PAGE.encode(), "there is no HTML in it"),
        (read_mhtml, web_archive(""), "holds no text"),
        (read_webarchive, b"text", "is not a saved web page"),
        (read_webarchive, safari_archive(PAGE.encode())[:400], "is not a saved web page"),
        (read_webarchive, plistlib.dumps(["a"]), "is not a saved web page"),
        (read_webarchive, safari_archive(b"0", kind="image/png"), "but saved image/png"),
    ):
        with pytest.raises(ArticleError, match=reason) as raised:
            read(data, Path("a.saved"))
        assert "\n" not in str(raised.value)

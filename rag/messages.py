"""E-mails and saved web archives as light Markdown, by the standard library alone."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from pathlib import Path
from xml.parsers.expat import ExpatError

from rag.errors import ArticleError
from rag.reading import Reading, decoded, one_line, title_from_name
from rag.web_pages import read_html, whole_page

_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_SEALED_TYPES = frozenset(
    {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
)
_SEALED_TEXT = "-----BEGIN PGP MESSAGE-----"

# What the standard library raises on some headers and property lists that are malformed.
_BROKEN = (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


# E-mail


def read_eml(data: bytes, path: Path) -> Reading:
    """An e-mail: its subject, who wrote it to whom and when, its text, and what is attached."""
    message = _message(data)
    subject, *envelope = (_header(message, name) for name in ("Subject", "From", "To", "Date"))
    if not subject and not any(envelope):
        raise ArticleError(f"{path} is not an e-mail: it has no subject, sender or date.")
    try:
        body = "\n\n".join(_bodies(message, path)).strip()
        kinds = {part.get_content_type() for part in message.walk()}
        attached = ", ".join(_attachments(message))
    except _BROKEN as error:
        raise ArticleError(f"{path} is a damaged e-mail: {one_line(str(error))}.") from error
    if body.startswith(_SEALED_TEXT) or (not body and kinds & _SEALED_TYPES):
        raise ArticleError(
            f"{path} is an encrypted e-mail.", hint="Save it decrypted from the mail program."
        )
    if not (subject or body or attached):
        raise ArticleError(f"{path} holds no text.")
    names = zip(("From", "To", "Date"), envelope, strict=True)
    parts = [
        f"# {subject}" if subject else "",
        " · ".join(f"{name}: {said}" for name, said in names if said),
        body,
        f"Attachments: {attached}" if attached else "",
    ]
    text = "\n\n".join(part for part in parts if part)
    return Reading(text, subject or title_from_name(path, text))


def _message(data: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(data)


def _header(message: MIMEPart, name: str) -> str:
    """A header in words; one that is malformed as it stands in the file."""
    try:
        return one_line(str(message[name] or ""))
    except _BROKEN:
        raw = next(value for key, value in message.raw_items() if key.lower() == name.lower())
        return one_line(str(raw).encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _bodies(part: MIMEPart, path: Path) -> Iterator[str]:
    """The texts that a message shows: of alternatives the plain text, where that says anything."""
    kind = part.get_content_type()
    if part.get_filename() or part.is_attachment() or kind == "message/rfc822":
        return  # attached: it is named, not read
    inner = list(part.iter_parts())
    if kind == "multipart/alternative":
        inner.sort(key=lambda one: one.get_content_type() != "text/plain")
        shown = ("\n\n".join(_bodies(one, path)) for one in inner)
        yield next((text for text in shown if text.strip()), "")
    elif inner:
        for one in inner:
            yield from _bodies(one, path)
    elif kind in _PAGE_TYPES:
        page = _content(part, path)
        yield "\n\n".join(whole_page(page.encode("utf-8"), path)) if page.strip() else ""
    elif kind == "text/plain" or part.get_content_maintype() == "multipart":  # without parts
        yield _content(part, path).strip()


def _attachments(message: EmailMessage) -> Iterator[str]:
    for part in message.walk():
        name = part.get_filename()
        if name:
            yield one_line(name)
        elif part.get_content_type() == "message/rfc822" and part is not message:
            for inner in part.iter_parts():
                yield _header(inner, "Subject") or "a message"


def _content(part: MIMEPart, path: Path) -> str:
    data = part.get_payload(decode=True)
    return _text(data if isinstance(data, bytes) else b"", part.get_content_charset(), path)


def _text(data: bytes, encoding: str | None, path: Path) -> str:
    """The bytes in the encoding that is stated, where they are in it."""
    try:
        return data.decode(encoding or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return decoded(data, path)


# Saved web pages


def read_mhtml(data: bytes, path: Path) -> Reading:
    """The main page of a web archive as browsers save it: MIME, the page before its parts [1].

    [1] https://www.rfc-editor.org/rfc/rfc2557
    """
    message = _message(data)
    try:
        pages = [part for part in message.walk() if part.get_content_type() in _PAGE_TYPES]
        root = message.get_param("start")
        pages.sort(key=lambda part: root is not None and part["Content-ID"] != root)
        page = _content(pages[0], path) if pages else ""
    except _BROKEN as error:
        raise ArticleError(f"{path} is a damaged web archive: {one_line(str(error))}.") from error
    if not pages:
        raise ArticleError(f"{path} is not a saved web page: there is no HTML in it.")
    if not page.strip():
        raise ArticleError(f"{path} holds no text.")
    reading = read_html(page.encode("utf-8"), path)
    return Reading(reading.text, reading.title or _header(message, "Subject"))


def read_webarchive(data: bytes, path: Path) -> Reading:
    """The main page of a web archive as Safari saves it: a property list."""
    try:
        page = plistlib.loads(data)["WebMainResource"]
        content, kind = page["WebResourceData"], page["WebResourceMIMEType"]
        text = _text(content, page.get("WebResourceTextEncodingName"), path)
    except (ExpatError, *_BROKEN) as error:
        raise ArticleError(f"{path} is not a saved web page: {one_line(str(error))}.") from error
    if kind not in _PAGE_TYPES:
        raise ArticleError(f"{path} is not a saved web page, but saved {kind}.")
    return read_html(text.encode("utf-8"), path)

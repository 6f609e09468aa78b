"""What every reader of files shares: what it gives, bytes as text, and archives opened with care.

Light Markdown is "# " headings, "- " items, "| a | b |" rows and paragraphs between blank
lines, so that one block parser reads every format. charset-normalizer lives here and nowhere
else, and is loaded when a file needs it.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from rag.errors import ArticleError

MOST_CHARACTERS = 10_000_000  # of text in a file: some twenty thousand passages
MOST_UNFOLDED = 300_000_000  # bytes that an archive unfolds to

# What is raised on damaged archives, and on damaged XML in them (lxml's errors are SyntaxErrors).
BROKEN_ARCHIVE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError, ValueError),
    *(OSError, SyntaxError),
)

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_DECLARED = re.compile(rb"(?:charset|<\?xml[^>]{1,99}encoding)\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_SIGN_IN_WORD = re.compile(r"[^\W\d_][¡-¿×÷][^\W\d_]")
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # what a password makes of an Office file, and its old format
_FOREIGN = {  # how files begin that are no text, though they may look like it
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip archive, as Word, Excel and EPUB files are",
}
_ENCRYPTED = 0x1  # the flag of a member that is locked by a password


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says: its text in light Markdown, and its own title field or ""."""

    text: str
    title: str = ""


def decoded(data: bytes, path: Path) -> str:
    """The bytes as text: by byte order mark, as UTF-8, as declared, else by likelihood.

    Raises `ArticleError` for bytes that are no text.
    """
    for beginning, kind in _FOREIGN.items():
        if data.startswith(beginning):
            raise ArticleError(
                f"{path} is {kind}, whatever its suffix.", hint="Give it the suffix of its format."
            )
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

    # Of encodings that make equally little mess, the Western one is by far the commonest. It is
    # the better guess too where no language is recognised, as in a table of names and prices.
    matches = sorted(
        from_bytes(data),
        key=lambda match: (
            match.chaos,
            "cp1252" not in match.could_be_from_charset,
            -match.coherence,
        ),
    )
    if matches and matches[0].coherence > 0:
        return str(matches[0])
    return _decoded_as_western(data) or (str(matches[0]) if matches else None)


def _decoded_as_western(data: bytes) -> str | None:
    """The bytes as Windows-1252 if they read like it: few accents, and no signs inside words."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    letters = [letter for letter in text if letter.isalpha()]
    accented = sum(not letter.isascii() for letter in letters)
    return None if accented * 3 > len(letters) or _SIGN_IN_WORD.search(text) else text


def opened_archive(data: bytes, path: Path, *, kind: str) -> zipfile.ZipFile:
    """The zip archive that a file of this kind is, once it is sure to unfold to a sane size.

    Raises `ArticleError` for what is no archive, is locked, or unfolds to too much.
    """
    if data.startswith(_OLD_OFFICE):
        raise ArticleError(
            f"{path} is protected by a password, or in an old Office format.",
            hint=f"Save it as {path.suffix.lower()} without a password.",
        )
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except BROKEN_ARCHIVE as error:
        raise ArticleError(f"{path} is not {kind}: {one_line(str(error))}.") from error
    members = archive.infolist()
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise ArticleError(f"{path} is protected by a password.", hint="Save it without one.")
    # zipfile unfolds no member beyond the size that the archive states for it.
    size = sum(member.file_size for member in members)
    if size > MOST_UNFOLDED:
        most = MOST_UNFOLDED / 1e6
        raise ArticleError(
            f"{path} unfolds to {size / 1e6:,.0f} MB; at most {most:.0f} MB are read.",
            hint="Split it into smaller files.",
        )
    return archive


def check_length(characters: int, path: Path) -> None:
    """Raises `ArticleError` where a text has more than `MOST_CHARACTERS`."""
    if characters > MOST_CHARACTERS:
        raise ArticleError(
            f"{path} holds more than {MOST_CHARACTERS / 1e6:.0f} million characters of text.",
            hint="Split it into smaller files.",
        )


def title_from_name(path: Path, text: str) -> str:
    """The file name as words, each written as the text most often writes it."""
    names = re.split(r"[-_\s]+", path.stem.strip("-_ ")) or [path.name]
    spellings: dict[str, Counter[str]] = {name.lower(): Counter() for name in names}
    for word in re.findall(r"\w+", text):
        if word.lower() in spellings:
            spellings[word.lower()][word] += 1
    usual = [[*spellings[name.lower()].most_common(1), (name, 0)][0][0] for name in names]
    title = " ".join(usual)
    return title[:1].upper() + title[1:]


def table_text(rows: Iterable[list[str]]) -> str:
    """Rows of cells as "| a | b |" lines; rows without a word are left out."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows if any(row))


def one_line(text: str) -> str:
    """The text with every run of whitespace as one space, and none at its ends."""
    return " ".join(text.split())

"""Bytes become text, and archives are opened with care."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from rag.errors import ArticleError
from rag.reading import MOST_UNFOLDED, decoded, opened_archive


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_text_is_decoded_as_it_was_encoded(encoding: str) -> None:
    text = "Le modèle génère des réponses à partir des données. Où est-il né ? Ça dépend."
    assert decoded(text.encode(encoding), Path("a.txt")) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Town;Mayor;People\nUlm;;128000\nBonn;Dörner;336000\n", "cp1252"),
        ("Señor, ¿cuánto cuesta? ¡Dos euros!", "cp1252"),
        ("It costs 5 € – really.", "cp1252"),
        ("Łódź;Kraków\nżółć;1\nświatło;2\n", "cp1250"),
        ("Имя;Город\nАнна;Москва\n", "cp1251"),
        ("東京は日本の首都です。人口は約1400万人です。", "shift_jis"),
    ],
)
def test_a_few_words_are_enough_to_tell_an_encoding(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding), Path("a.csv")) == text


def test_bytes_that_are_no_text_are_refused() -> None:
    for data in (bytes(range(256)), b"\x89PNG\r\n\x1a\n" + b"\x01\x02\xfe" * 60):
        with pytest.raises(ArticleError, match="binary"):
            decoded(data, Path("a.md"))


def archive(*members: tuple[str, bytes]) -> bytes:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members:
            written.writestr(name, content)
    return saved.getvalue()


def test_xml_is_decoded_as_it_declares() -> None:
    page = '<?xml version="1.0" encoding="iso-8859-2"?><p>Łódź, Kraków</p>'
    assert decoded(page.encode("iso-8859-2"), Path("a.xhtml")) == page


def test_an_archive_that_unfolds_to_too_much_is_refused_unopened() -> None:
    bomb = archive(("a", bytes(MOST_UNFOLDED // 2)), ("b", bytes(MOST_UNFOLDED // 2 + 1)))
    assert len(bomb) < 1_000_000
    with pytest.raises(ArticleError, match=r"a\.epub unfolds to 300 MB; at most 300 MB are read"):
        opened_archive(bomb, Path("a.epub"), kind="an EPUB book")


def test_an_archive_that_understates_its_size_gives_no_more_than_it_states() -> None:
    data = archive(("a", b"x" * 5000)).replace((5000).to_bytes(4, "little"), b"\x01\0\0\0")
    opened = opened_archive(data, Path("a.epub"), kind="an EPUB book")
    with pytest.raises(zipfile.BadZipFile):
        opened.read("a")


def test_an_archive_with_a_password_is_refused() -> None:
    data = bytearray(archive(("a", b"text")))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ArticleError, match="protected by a password"):
        opened_archive(bytes(data), Path("a.docx"), kind="a Word document")

"""EPUB books as light Markdown: their chapters in reading order.

A book is a zip archive in which a package file lists the chapters [1].

[1] https://www.w3.org/TR/epub-33/
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree
from zipfile import ZipFile

from rag.errors import ArticleError
from rag.page_pairs import folded
from rag.reading import BROKEN_ARCHIVE, Reading, check_length, one_line, opened_archive
from rag.web_pages import whole_page

_CHAPTER_TYPES = frozenset({"application/xhtml+xml", "text/html"})
_OLD_CONTENTS_TYPE = "application/x-dtbncx+xml"
_CONTENTS_NAVIGATION = ".//{*}nav[@{http://www.idpf.org/2007/ops}type='toc']//{*}a"


def read_epub(data: bytes, path: Path) -> Reading:
    """The chapters of a book, each under its heading, and the title from the metadata.

    A chapter that does not begin with a heading gets its name in the table of contents.
    """
    with opened_archive(data, path, kind="an EPUB book") as archive:
        try:
            place, package = _package(archive)
            chapters, contents = _items(package, posixpath.dirname(place))
            if locked := _encrypted(archive).intersection(chapters):
                raise ArticleError(
                    f"{path} is copy-protected: {min(locked)} in it is encrypted.",
                    hint="Take a copy without protection.",
                )
            names = _names(archive, contents)
            parts: list[str] = []
            characters = 0
            for chapter in chapters:
                page = archive.read(chapter)
                said = whole_page(page, path) if page.strip() else []
                characters += sum(map(len, said))
                check_length(characters, path)
                parts += _headed(said, names.get(chapter, ""))
        except BROKEN_ARCHIVE as error:
            reason = one_line(str(error))
            raise ArticleError(f"{path} cannot be read as an EPUB book: {reason}.") from error
    return Reading("\n\n".join(parts), one_line(package.findtext(".//{*}metadata/{*}title") or ""))


def _package(archive: ZipFile) -> tuple[str, ElementTree.Element]:
    """The file that says what the book is made of: its place and its content."""
    container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
    root = container.find(".//{*}rootfile[@full-path]")
    if root is None:
        raise ValueError("its container names no package")
    place = root.attrib["full-path"]
    return place, ElementTree.fromstring(archive.read(place))


def _items(package: ElementTree.Element, folder: str) -> tuple[list[str], list[str]]:
    """The places of the chapters in reading order, and of the tables of contents."""
    items = {item.get("id"): item for item in package.findall(".//{*}manifest/{*}item[@href]")}
    contents = {
        name: _place(item.attrib["href"], folder)
        for name, item in items.items()
        if "nav" in item.get("properties", "").split()
        or item.get("media-type") == _OLD_CONTENTS_TYPE
    }
    spine = [reference.get("idref") for reference in package.findall(".//{*}spine/{*}itemref")]
    chapters = [
        _place(items[name].attrib["href"], folder)
        for name in spine
        if name in items and name not in contents
        if items[name].get("media-type") in _CHAPTER_TYPES
    ]
    return chapters, list(contents.values())


def _encrypted(archive: ZipFile) -> set[str]:
    """What is encrypted; in books that are not protected, that may be fonts."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return set()
    root = ElementTree.fromstring(archive.read("META-INF/encryption.xml"))
    return {_place(one.attrib["URI"], "") for one in root.findall(".//{*}CipherReference[@URI]")}


def _names(archive: ZipFile, contents: list[str]) -> dict[str, str]:
    """What the tables of contents call each chapter; the first name, where a chapter has parts."""
    names: dict[str, str] = {}
    for place in contents:
        try:
            root = ElementTree.fromstring(archive.read(place))
        except (ElementTree.ParseError, KeyError):
            continue  # the chapters are there without it
        points = [
            (point.find("{*}content[@src]"), point.findtext("{*}navLabel/{*}text"))
            for point in root.findall(".//{*}navPoint")
        ]
        targets = [(target.attrib["src"], name) for target, name in points if target is not None]
        links = root.findall(_CONTENTS_NAVIGATION)
        targets += [(link.get("href", ""), "".join(link.itertext())) for link in links]
        for target, name in targets:
            names.setdefault(_place(target, posixpath.dirname(place)), one_line(name or ""))
    return names


def _place(reference: str, folder: str) -> str:
    """The name in the archive of what a file in `folder` refers to."""
    return posixpath.normpath(posixpath.join(folder, unquote(reference.partition("#")[0])))


def _headed(parts: list[str], name: str) -> list[str]:
    if not parts or not name or parts[0].startswith("#"):
        return parts
    if folded(parts[0]) == folded(name):
        return [f"# {one_line(parts[0])}", *parts[1:]]
    return [f"# {name}", *parts]

"""Files as articles: finds them, reads them, and gives each its title, source and sections."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from rag.blocks import find_title, parse_sections
from rag.books import read_epub
from rag.errors import ArticleError, UsageError
from rag.formats import read_docx, read_pdf
from rag.ignoring import IgnoreRules
from rag.messages import read_eml, read_mhtml, read_webarchive
from rag.normalisation import normalised
from rag.reading import Reading, check_length, decoded, title_from_name
from rag.records import Article, Block, Section
from rag.tables import read_csv, read_xlsx
from rag.units import label
from rag.web_pages import read_html

_FRONT_MATTER = re.compile(r"\s*---[ \t]*\n((?:.*\n){0,60}?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_FRONT_LINE = re.compile(r"[\w-]+[ \t]*:.*|[ \t]+.*|-[ \t].*|#.*|")
_FRONT_FIELD = re.compile(r"^(title|source)[ \t]*:[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)


def _read_text(data: bytes, path: Path) -> Reading:
    return Reading(decoded(data, path))


_PARSERS: dict[str, Callable[[bytes, Path], Reading]] = {
    ".md": _read_text,
    ".txt": _read_text,
    ".html": read_html,
    ".htm": read_html,
    ".mhtml": read_mhtml,
    ".mht": read_mhtml,
    ".webarchive": read_webarchive,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".epub": read_epub,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".xlsx": read_xlsx,
    ".eml": read_eml,
}
SUFFIXES = tuple(_PARSERS)
MOST_BYTES = 100_000_000  # of a file


def find_files(
    path: Path, *, passed_over: Callable[[Path, str], object] = lambda folder, why: None
) -> list[Path]:
    """The article files under `path`, sorted; a file stands for itself, whatever its suffix.

    Left out are hidden files and folders, Word's lock files, and what .footnoteignore files
    name. What cannot be read is passed over and told to `passed_over`, with the reason: a folder
    that is closed or whose .footnoteignore is, one that is a link (unless it leads to a folder
    below `path`, which is found anyway), and a file that is a link to nothing. Raises
    `UsageError` where there is nothing at `path`.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f"There is no file or folder {path}.", hint="Check the path.")

    def tell(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # or it was deleted meanwhile
            folder = Path(error.filename)
            passed_over(folder, f"{folder} cannot be read: {error.strerror}.")

    found = []
    rules: dict[Path, IgnoreRules] = {}
    for place, folders, names in os.walk(path, onerror=tell):
        folder = Path(place)
        try:
            here = rules.get(folder.parent, IgnoreRules()).within(folder)
        except ArticleError as error:
            passed_over(folder, str(error))
            folders.clear()
            continue
        rules[folder] = here
        folders[:] = [
            name
            for name in folders
            if not is_hidden(name) and not here.leave_out(folder / name, is_folder=True)
        ]
        for name in folders:
            if why := _why_not_followed(folder / name, within=path):
                passed_over(folder / name, why)
        for name in names:
            file = folder / name
            if is_hidden(name) or file.suffix.lower() not in SUFFIXES or here.leave_out(file):
                continue
            if file.is_file():
                found.append(file)
            elif file.is_symlink():
                passed_over(file, f"{file} is a link that leads to no file.")
    return sorted(found)


def _why_not_followed(folder: Path, *, within: Path) -> str:
    """What is to be said of a link to a folder; "" for a folder, or where nothing is missed."""
    if not folder.is_symlink():
        return ""
    target = folder.resolve()
    if target in folder.parent.resolve().parents or target == folder.parent.resolve():
        return f"{folder} is a link that leads back to a folder that it lies in."
    if target.is_relative_to(within.resolve()):
        return ""
    return f"{folder} is a link to a folder, and not followed. To add it: rag index {target}"


def is_hidden(name: str) -> bool:
    """Whether no file or folder of this name is looked at: hidden, or a lock file of Word's."""
    return name.startswith((".", "~$"))


def read_article(path: Path, *, article_id: str) -> Article:
    """Reads one file.

    The text of Markdown and plain text stays as the file has it, but for front matter, line
    ends and what `normalised` puts back. The title is the front matter's or the document's own,
    else the first heading or title line, else the file name; the source is the front matter's,
    else `path` as given. Raises `ArticleError` for a file that is missing, empty, too large,
    binary, changed while it was read, not what its suffix says, protected by a password, or
    without text.
    """
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        known = ", ".join(SUFFIXES)
        raise ArticleError(f"{path} is not an article: its suffix is none of {known}.")
    try:
        before = path.stat()
        if before.st_size > MOST_BYTES:
            size = f"{before.st_size / 1e6:,.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB are read"
            raise ArticleError(f"{path} has {size}.", hint="Split it into smaller files.")
        data = path.read_bytes()
        after = path.stat()
    except OSError as error:
        raise ArticleError(f"{path} cannot be read: {error.strerror or error}.") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ArticleError(
            f"{path} changed while it was read.",
            hint="Run again: rag index",
        )
    if not data.strip():
        raise ArticleError(f"{path} is empty.")
    reading = parse(data, path)
    check_length(len(reading.text), path)
    fields, text = _front_matter(normalised(reading.text))
    if not text.strip():
        raise ArticleError(f"{path} holds no text.")
    title = fields.get("title") or reading.title or find_title(text)
    title = title or title_from_name(path, text)
    source = fields.get("source") or str(path)
    try:
        f"{path}{title}{source}".encode()
    except UnicodeEncodeError as error:
        raise ArticleError(f"{path} has a name that is not Unicode: {error}.") from error
    sections = parse_sections(text, title=title)
    return Article(id=article_id, title=title, source=source, text=text, sections=sections)


def without_faqs(article: Article) -> Article:
    """The article with its questions and answers in no section; text and offsets stay.

    A section is parted where a pair stood, so that what spans a part of it never holds one.
    Headings that led to nothing else go too.
    """
    kept: list[Section] = []  # the last one first
    for section in reversed(article.sections):
        runs = list(_runs_between_faqs(section))
        for run in reversed(runs):
            if run == section.blocks or any(block.kind != "heading" for block in run):
                kept.append(Section(section.heading, run[0].start, run[-1].end, run))
                continue
            following = kept[-1].heading if kept else None
            paths = {
                block: _path_to(label(article.text[block.start : block.end]), section, article)
                for block in run
            }
            leading = tuple(block for block in run if _is_below(following, paths[block]))
            if leading:
                path = paths[leading[-1]] or ""
                kept.append(Section(path, leading[0].start, leading[-1].end, leading))
    return replace(article, sections=tuple(reversed(kept)))


def _runs_between_faqs(section: Section) -> Iterator[tuple[Block, ...]]:
    for is_faq, run in groupby(section.blocks, key=lambda block: block.kind == "faq"):
        if not is_faq:
            yield tuple(run)


def _path_to(name: str, section: Section, article: Article) -> str | None:
    """The heading path that ends with one of a section's headings; None where none does."""
    if name == article.title:
        return ""
    above, found, _ = f"{section.heading} > ".partition(f"{name} > ")
    return above + name if found else None


def _is_below(path: str | None, above: str | None) -> bool:
    """Whether a heading path goes on from another."""
    if path is None or above is None:
        return False
    return not above or f"{path} > ".startswith(f"{above} > ")


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """The title and source of a block of "key: value" lines between "---", and the text after."""
    match = _FRONT_MATTER.match(text)
    if match is None or not all(map(_FRONT_LINE.fullmatch, match[1].split("\n"))):
        return {}, text
    fields = {name.lower(): value.strip("\"'") for name, value in _FRONT_FIELD.findall(match[1])}
    return fields, text[match.end() :]

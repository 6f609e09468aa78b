"""The library: which articles an index has, and the folder of those that were uploaded.

    uploaded files -> the folder of uploads -> sync

That folder is a root of the index like any other, so that an uploaded article is indexed,
changed and removed as one of the user's own files is. It alone is written to and deleted from.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from rag.articles import SUFFIXES, is_hidden, read_article
from rag.catalogue import ArticleSummary, Catalogue
from rag.embedding import Embedder
from rag.errors import ArticleError, FootnoteError, IndexUnavailable, UsageError
from rag.generations import Lease, Place, read_pointer
from rag.publishing import no_index
from rag.reports import IndexProgress, IndexReport
from rag.roots import FailedFile, absolute
from rag.seals import open_catalogue
from rag.settings import Settings
from rag.updating import sync

Kept = Literal["added", "replaced", "same"]

MOST_NAME_BYTES = 200  # file systems take 255, and a file on its way carries a few more
LAST_YEAR = 253_402_214_400  # seconds; the 31st of December 9999, where dates end
# What no file may be called on Windows, whatever its suffix.
DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}


@dataclass(frozen=True, slots=True)
class ListedArticle:
    """One line of the library: `changed` is when its file was last written, in local time."""

    id: str
    title: str
    source: str
    chunks: int
    path: Path
    changed: datetime
    is_uploaded: bool


@dataclass(frozen=True, slots=True)
class ArticleList:
    """All articles of one generation of an index, by title."""

    generation: str
    articles: tuple[ListedArticle, ...]


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What became of uploaded files, by name; `failed` names those that cannot be articles."""

    added: tuple[str, ...]
    replaced: tuple[str, ...]
    same: tuple[str, ...]
    failed: tuple[FailedFile, ...]


def read_generation(settings: Settings) -> str:
    """The name of the generation that is read now: another one after each change of the index.

    "" where there is no index. Raises `IndexUnavailable` for one that cannot be read.
    """
    pointer = read_pointer(settings.index_directory)
    return pointer.name if pointer else ""


def list_articles(settings: Settings) -> ArticleList:
    """What the index holds now, read without its vectors. Raises `IndexUnavailable`."""
    uploads = absolute(settings.uploads_directory)
    with _open_catalogue(settings.index_directory) as (generation, catalogue):
        listed = [_listed(summary, uploads) for summary in catalogue.articles()]
    listed.sort(key=lambda article: (article.title.casefold(), article.id))
    return ArticleList(generation, tuple(listed))


def add_articles(
    settings: Settings,
    files: Sequence[Path],
    *,
    embedder: Embedder,
    progress: Callable[[IndexProgress], None] = lambda step: None,
) -> UploadReport:
    """Copies files into the folder of uploads, under their own names made safe, and syncs it.

    A file that cannot be read as an article is reported and not kept. A name that is taken by the
    same content stays as it is; by another content, the article is replaced. Raises as `sync`
    does; the files are kept then, and `refresh_articles` indexes them. Raises `FootnoteError`
    where the folder cannot be written.
    """
    folder = absolute(settings.uploads_directory)
    kept: dict[Kept, list[str]] = {"added": [], "replaced": [], "same": []}
    failed = []
    for done, file in enumerate(files):
        progress(IndexProgress("reading", done, len(files)))
        name = safe_name(file.name)
        try:
            _check(file, name=name)
            kept[_keep(file, folder / name)].append(name)
        except ArticleError as error:
            failed.append(FailedFile.of(Path(name), str(error)))
    if any(kept.values()):
        synced = sync(settings, [folder], embedder=embedder, progress=progress)
        failed += synced.failed
    return UploadReport(
        added=tuple(kept["added"]),
        replaced=tuple(kept["replaced"]),
        same=tuple(kept["same"]),
        failed=tuple(failed),
    )


def remove_article(
    settings: Settings,
    article_id: str,
    *,
    embedder: Embedder,
    progress: Callable[[IndexProgress], None] = lambda step: None,
) -> ListedArticle | None:
    """Deletes an uploaded article's file and syncs; what was removed, None if it was gone.

    Raises `UsageError` for an article from another folder: a user's own files are not deleted.
    Raises as `sync` does; the file is deleted then, and the next sync drops the article.
    """
    listed = [one for one in list_articles(settings).articles if one.id == article_id]
    if not listed:
        return None
    article = listed[0]
    if not article.is_uploaded:
        raise UsageError(
            f"{article.path} is your own file, which Footnote does not delete.",
            hint="Move or delete it, or name it in a .footnoteignore file, then re-index.",
        )
    with _disk_errors(article.path):
        article.path.unlink(missing_ok=True)
    folder = absolute(settings.uploads_directory)
    sync(settings, [folder], embedder=embedder, progress=progress, keep_missing=True)
    return article


def refresh_articles(
    settings: Settings,
    *,
    embedder: Embedder,
    progress: Callable[[IndexProgress], None] = lambda step: None,
) -> IndexReport:
    """Syncs all roots of the index, and what an upload that was cut short has left.

    A root that is gone is reported and keeps its articles. Raises as `sync` does.
    """
    with _open_catalogue(settings.index_directory) as (_, catalogue):
        roots = catalogue.roots()
    uploads = absolute(settings.uploads_directory)
    return sync(
        settings, [*roots, uploads], embedder=embedder, progress=progress, keep_missing=True
    )


def safe_name(name: str) -> str:
    r"""A file name that every system takes, that is not hidden and leads to no other folder.

    >>> safe_name("..\\..\\~$My report: 2026?.PDF")
    'My report 2026.PDF'
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    shown = last.encode("utf-8", "ignore").decode("utf-8")
    kept = "".join(c for c in shown if c not in '<>:"|?*' and unicodedata.category(c)[0] != "C")
    kept = " ".join(kept.split()).rstrip(". ")
    while is_hidden(kept) or kept[:1].isspace():
        kept = kept[1:]
    suffix = PurePosixPath(kept).suffix
    if suffix.lower() not in SUFFIXES:
        suffix = ""
    stem = kept.removesuffix(suffix).encode()[: MOST_NAME_BYTES - len(suffix)]
    name = stem.decode("utf-8", "ignore").rstrip(". ") or "article"
    return ("_" if name.partition(".")[0].lower() in DEVICES else "") + name + suffix


def _check(file: Path, *, name: str) -> None:
    """Raises `ArticleError` for a file that `sync` could not read once it is called `name`."""
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise ArticleError(f"{name} is of a kind that is not read.")
    try:
        read_article(file, article_id=name)
    except ArticleError as error:
        # The reader has never seen the place where an upload is put down.
        raise ArticleError(error.message.replace(str(file), name), hint=error.hint) from error


def _keep(file: Path, target: Path) -> Kept:
    """Puts a copy in place, whole or not at all."""
    with _disk_errors(target):
        is_there = target.exists()
        if is_there and filecmp.cmp(file, target, shallow=False):
            return "same"
        target.parent.mkdir(parents=True, exist_ok=True)
        on_its_way = target.with_name(f".{target.name}.new")  # hidden, so it is not indexed
        try:
            shutil.copyfile(file, on_its_way)
            with on_its_way.open("rb+") as copy:
                os.fsync(copy.fileno())
            os.replace(on_its_way, target)
        finally:
            on_its_way.unlink(missing_ok=True)
    return "replaced" if is_there else "added"


@contextmanager
def _open_catalogue(index: Path) -> Iterator[tuple[str, Catalogue]]:
    """The catalogue that is read now, with the name of its generation, which stays meanwhile."""
    while True:
        pointer = read_pointer(index)
        if pointer is None:
            raise no_index(index)
        place = Place(index, pointer.name)
        try:
            lease = Lease(place)
            break
        except IndexUnavailable:
            if read_pointer(index) == pointer:
                raise
            # A writer went past and cleared this generation away.
    with closing(lease), closing(open_catalogue(place)) as catalogue:
        yield pointer.name, catalogue


def _listed(summary: ArticleSummary, uploads: Path) -> ListedArticle:
    seconds = min(max(summary.mtime_ns / 1e9, 0), LAST_YEAR)
    return ListedArticle(
        id=summary.id,
        title=summary.title,
        source=summary.source,
        chunks=summary.chunks,
        path=summary.path,
        changed=datetime.fromtimestamp(seconds).astimezone(),
        is_uploaded=summary.path.is_relative_to(uploads),
    )


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FootnoteError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Free some space or check the folder's permissions, then try again.",
        ) from error

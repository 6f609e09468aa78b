"""Which files an index covers, and what their articles are called.

A root is a file or folder that someone asked to have indexed. An article's id is its path
relative to its root, so that people can read it and it survives moving the root's parent. Ids
depend on the set of roots and files alone, never on the order in which they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.articles import find_files, read_article
from rag.errors import ArticleError, UsageError
from rag.records import Article

HASH_LENGTH = 6


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that is not in the index, or only as it was before, and why."""

    path: str
    error: str

    @classmethod
    def of(cls, path: Path, error: str) -> FailedFile:
        """The same with what is not Unicode written as escapes, so that it can be shown."""
        name, why = (s.encode("utf-8", "backslashreplace").decode() for s in (str(path), error))
        return cls(name, why)


def shipped_corpus() -> Path:
    """The folder of the articles that come with Footnote."""
    return Path(__file__).resolve().parent.parent / "corpus"


def absolute(path: Path) -> Path:
    """One spelling for each place; a file that is a link keeps its own name."""
    if path.is_dir() or path.name in {"", ".."}:
        return path.resolve()
    return path.parent.resolve() / path.name


def article_files(
    root: Path, *, passed_over: Callable[[Path, str], object] = lambda folder, why: None
) -> list[Path]:
    """The article files of a root; nothing where the root is gone.

    `passed_over` is told of each folder that cannot be looked through, and why. The README of
    the shipped corpus is about the articles, and is none itself.
    """
    if not root.exists():
        return []
    corpus = shipped_corpus()
    return [
        file
        for file in find_files(root, passed_over=passed_over)
        if not (file.name == "README.md" and file.is_relative_to(corpus))
    ]


def article_ids(files: Iterable[Path], *, roots: Iterable[Path]) -> dict[Path, str]:
    """A unique id for each file: its path below the outermost root that holds it.

    Where two roots hold the same relative path, the root that sorts first has it as it is, and
    the others add a short hash of their root. Files under no root get no id.

    >>> article_ids([Path("/a/x/n.md")], roots=[Path("/a"), Path("/a/x")])[Path("/a/x/n.md")]
    'x/n.md'
    """
    all_roots = set(roots)
    named: list[tuple[str, Path, Path]] = []
    below: dict[Path, tuple[Path, str] | None] = {}  # worked out once for the files of a folder
    for file in set(files):
        folder = file.parent
        if folder not in below:
            below[folder] = _outermost_root(folder, all_roots)
        if place := below[folder]:
            root, prefix = place
            named.append((prefix + file.name, root, file))
        elif file in all_roots:
            named.append((file.name, file, file))
    plain = {relative for relative, _, _ in named}
    ids: dict[Path, str] = {}
    taken: set[str] = set()
    for relative, root, file in sorted(named):
        name, length = relative, HASH_LENGTH
        while name in taken or (name != relative and name in plain):
            name = f"{relative}~{hashlib.sha256(str(root).encode()).hexdigest()[:length]}"
            length += 1
        taken.add(name)
        ids[file] = name
    return ids


def _outermost_root(folder: Path, roots: Collection[Path]) -> tuple[Path, str] | None:
    """The outermost root that holds a folder, and how paths in the folder begin below it."""
    holding = [place for place in (folder, *folder.parents) if place in roots]
    if not holding:
        return None
    root = holding[-1]
    return root, "" if folder == root else f"{folder.relative_to(root).as_posix()}/"


def read_articles(paths: Sequence[Path]) -> tuple[list[Article], list[FailedFile]]:
    """The articles under `paths` as indexing these roots would read and name them, by id.

    Files and folders that cannot be read come second. Raises `UsageError` for a path that is
    not there.
    """
    roots = [absolute(path) for path in paths]
    for root in roots:
        if not root.exists():
            raise UsageError(f"There is no file or folder {root}.", hint="Check the path.")
    articles = []
    passed_over: dict[Path, str] = {}
    files = [
        file for root in roots for file in article_files(root, passed_over=passed_over.setdefault)
    ]
    failed = [FailedFile.of(folder, why) for folder, why in passed_over.items()]
    ids = article_ids(files, roots=roots)
    for file, article_id in sorted(ids.items(), key=lambda item: item[1]):
        try:
            articles.append(read_article(file, article_id=article_id))
        except ArticleError as error:
            failed.append(FailedFile.of(file, str(error)))
    return articles, failed

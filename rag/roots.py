"""Which files an index covers, and what their articles are called.

A root is a file or folder that someone asked to have indexed. An article's id is its path
relative to its root, so that people can read it and it survives moving the root's parent. Ids
depend on the set of roots and files alone, never on the order in which they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from rag.articles import find_files

HASH_LENGTH = 6


def shipped_corpus() -> Path:
    """The folder of the articles that come with Footnote."""
    return Path(__file__).resolve().parent.parent / "corpus"


def absolute(path: Path) -> Path:
    """One spelling for each place; a file that is a link keeps its own name."""
    if path.is_dir() or path.name in {"", ".."}:
        return path.resolve()
    return path.parent.resolve() / path.name


def article_files(root: Path) -> list[Path]:
    """The article files of a root; nothing where the root is gone.

    The README of the shipped corpus is about the articles, and is none itself.
    """
    if not root.exists():
        return []
    corpus = shipped_corpus()
    return [
        file
        for file in find_files(root)
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
    for file in set(files):
        holding = [place for place in (file, *file.parents) if place in all_roots]
        if holding:
            root = holding[-1]
            relative = file.name if file == root else file.relative_to(root).as_posix()
            named.append((relative, root, file))
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

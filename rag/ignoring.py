"""What the .footnoteignore files of a folder leave out, in the syntax of .gitignore [1].

A file counts for its own folder and those below. The innermost that has a word on a path decides,
and in it the last line that does. What is in a folder that is left out cannot be brought back.

[1] https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ArticleError

if TYPE_CHECKING:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

IGNORE_FILE = ".footnoteignore"


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The ignore files on the way down to one folder, outermost first."""

    files: tuple[tuple[Path, tuple[GitIgnoreSpecPattern, ...]], ...] = ()

    def within(self, folder: Path) -> IgnoreRules:
        """These and those of a folder below; `ArticleError` where its file cannot be used."""
        path = folder / IGNORE_FILE
        if not path.is_file():
            return self
        return IgnoreRules((*self.files, (folder, _read(path))))

    def leave_out(self, path: Path, *, is_folder: bool = False) -> bool:
        """Whether a path in the innermost folder, which itself is not left out, is left out."""
        for folder, patterns in reversed(self.files):
            name = path.relative_to(folder).as_posix() + "/" * is_folder
            for pattern in reversed(patterns):
                found = pattern.match_file(name)
                # Else it is a folder above that the pattern names, and that one has been asked.
                if found is not None and found.match.end() == len(name):
                    return bool(pattern.include)
        return False


def _read(path: Path) -> tuple[GitIgnoreSpecPattern, ...]:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    try:
        # File names that are not Unicode are spelled by surrogates in Python's paths too.
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise ArticleError(f"{path} cannot be read: {error.strerror or error}.") from error
    patterns = []
    for number, line in enumerate(re.split(r"\r?\n", text), start=1):
        try:
            # To git "x/**" is all that is in x; to the library it is x too, and so too much.
            pattern = GitIgnoreSpecPattern(re.sub(r"/\*\*\s*$", "/**/*", line))
        except (ValueError, re.error) as error:
            raise ArticleError(f"{path}, line {number}: {line!r} is no pattern.") from error
        if pattern.include is not None:  # as it is of comments and empty lines
            patterns.append(pattern)
    return tuple(patterns)

"""Everything that can go wrong and that a user can do something about, as one small tree.

    FootnoteError               exit 1
    ├── UsageError              exit 2: a wrong argument, setting or path
    ├── ArticleError            a file that cannot be read as an article
    ├── IndexUnavailable        no index, a broken one, or one made by other settings
    │   ├── IndexLocked         another process is writing it
    │   └── IndexOutdated       an earlier version made it; opening it brings it up to date
    ├── ModelError              a model that cannot be used
    │   ├── ModelMissing        its file is not here and no source answered
    │   └── ModelCorrupt        its bytes are not the published ones
    ├── EngineError             the native engine crashed, or the model server did not answer
    └── DependencyError         a library is missing or cannot be loaded

A message is one line: what happened, with the values; `hint` is the next command to try.
Library errors are mapped to these where the library is called, with `from`.
"""

from __future__ import annotations


class FootnoteError(Exception):
    """The base of every error that Footnote raises on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(FootnoteError):
    """A wrong argument, setting or path: nothing was started."""

    exit_code = 2


class ArticleError(FootnoteError):
    """A file that cannot be read as an article; the other files go on."""


class IndexUnavailable(FootnoteError):
    """No index at this place, a broken one, or one that other settings made."""


class IndexLocked(IndexUnavailable):
    """Another process is writing this index."""


class IndexOutdated(IndexUnavailable):
    """An earlier version made this index."""


class ModelError(FootnoteError):
    """A language or embedding model that cannot be used."""


class ModelMissing(ModelError):
    """The model's file is not here, and no source answered."""


class ModelCorrupt(ModelError):
    """The bytes are not the published ones: the SHA-256 differs."""


class EngineError(FootnoteError):
    """The native engine crashed in its self-test, or the model server did not answer."""


class DependencyError(FootnoteError):
    """A library that this command needs is missing or cannot be loaded."""

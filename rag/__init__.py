"""Question answering over a user's articles, offline, with every sentence cited."""

from __future__ import annotations

from rag.offline import turn_off_telemetry

turn_off_telemetry()  # before any library is imported

from rag.errors import (  # noqa: E402
    ArticleError,
    DependencyError,
    EngineError,
    FootnoteError,
    IndexLocked,
    IndexUnavailable,
    ModelCorrupt,
    ModelError,
    ModelMissing,
    UsageError,
)
from rag.records import (  # noqa: E402
    Answer,
    AnswerUpdate,
    Article,
    Block,
    Chunk,
    Citation,
    Hit,
    Query,
    Section,
    Sentence,
    Timings,
    Verdict,
)

__all__ = [
    "Answer",
    "AnswerUpdate",
    "Article",
    "ArticleError",
    "Block",
    "Chunk",
    "Citation",
    "DependencyError",
    "EngineError",
    "FootnoteError",
    "Hit",
    "IndexLocked",
    "IndexUnavailable",
    "ModelCorrupt",
    "ModelError",
    "ModelMissing",
    "Query",
    "Section",
    "Sentence",
    "Timings",
    "UsageError",
    "Verdict",
]

"""Question answering over a user's articles, offline, with every sentence cited."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from rag.answerability import Signals, Weights, ask_model, measure
    from rag.evidence import EvidenceSet
    from rag.pipeline import Assistant, open_assistant, open_index, open_retriever
    from rag.settings import Settings, load_settings

# Found when first asked for, so that `import rag` stays quick.
_LATER = {
    "Assistant": "rag.pipeline",
    "EvidenceSet": "rag.evidence",
    "Settings": "rag.settings",
    "Signals": "rag.answerability",
    "Weights": "rag.answerability",
    "ask_model": "rag.answerability",
    "load_settings": "rag.settings",
    "measure": "rag.answerability",
    "open_assistant": "rag.pipeline",
    "open_index": "rag.pipeline",
    "open_retriever": "rag.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)


__all__ = [
    "Answer",
    "AnswerUpdate",
    "Article",
    "ArticleError",
    "Assistant",
    "Block",
    "Chunk",
    "Citation",
    "DependencyError",
    "EngineError",
    "EvidenceSet",
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
    "Settings",
    "Signals",
    "Timings",
    "UsageError",
    "Verdict",
    "Weights",
    "ask_model",
    "load_settings",
    "measure",
    "open_assistant",
    "open_index",
    "open_retriever",
]

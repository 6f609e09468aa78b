"""Question answering over a user's articles, offline, with every sentence cited."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rag.offline import let_idle_threads_sleep, turn_off_telemetry

turn_off_telemetry()  # both before any library is imported
let_idle_threads_sleep()

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
    from rag.adapters import LowRankAdapter, read_adapter, write_adapter
    from rag.answerability import Signals, measure
    from rag.answering import MOST_READINGS
    from rag.articles import MOST_BYTES, SUFFIXES
    from rag.batch import json_lines
    from rag.chat_models import ADAPTER
    from rag.confirmation import DraftSignals, cited_by, measure_draft
    from rag.drafting import draft_sentences
    from rag.embedding import Embedder
    from rag.evidence import Evidence, EvidenceSet
    from rag.library import (
        ArticleList,
        ListedArticle,
        UploadReport,
        add_articles,
        list_articles,
        read_generation,
        refresh_articles,
        remove_article,
    )
    from rag.models import write_json
    from rag.pipeline import (
        Assistant,
        model_file,
        open_assistant,
        open_chat_model,
        open_embedder,
        open_index,
        open_retriever,
        sha256_of_model,
    )
    from rag.pointing import pointer_of, split_reply
    from rag.prompts import fact_lines, pointing_messages, pointing_reply
    from rag.reports import IndexProgress, IndexReport
    from rag.roots import FailedFile, read_articles, shipped_corpus
    from rag.settings import Settings, load_settings
    from rag.updating import sync
    from rag.verification import check

# Found when first asked for, so that `import rag` stays quick.
_LATER = {
    "ADAPTER": "rag.chat_models",
    "ArticleList": "rag.library",
    "Assistant": "rag.pipeline",
    "DraftSignals": "rag.confirmation",
    "Embedder": "rag.embedding",
    "Evidence": "rag.evidence",
    "EvidenceSet": "rag.evidence",
    "FailedFile": "rag.roots",
    "IndexProgress": "rag.reports",
    "IndexReport": "rag.reports",
    "ListedArticle": "rag.library",
    "LowRankAdapter": "rag.adapters",
    "MOST_BYTES": "rag.articles",
    "MOST_READINGS": "rag.answering",
    "SUFFIXES": "rag.articles",
    "Settings": "rag.settings",
    "Signals": "rag.answerability",
    "UploadReport": "rag.library",
    "add_articles": "rag.library",
    "check": "rag.verification",
    "cited_by": "rag.confirmation",
    "draft_sentences": "rag.drafting",
    "fact_lines": "rag.prompts",
    "json_lines": "rag.batch",
    "list_articles": "rag.library",
    "load_settings": "rag.settings",
    "measure": "rag.answerability",
    "measure_draft": "rag.confirmation",
    "model_file": "rag.pipeline",
    "open_assistant": "rag.pipeline",
    "open_chat_model": "rag.pipeline",
    "open_embedder": "rag.pipeline",
    "open_index": "rag.pipeline",
    "open_retriever": "rag.pipeline",
    "pointer_of": "rag.pointing",
    "pointing_messages": "rag.prompts",
    "pointing_reply": "rag.prompts",
    "read_adapter": "rag.adapters",
    "read_articles": "rag.roots",
    "read_generation": "rag.library",
    "refresh_articles": "rag.library",
    "remove_article": "rag.library",
    "sha256_of_model": "rag.pipeline",
    "shipped_corpus": "rag.roots",
    "split_reply": "rag.pointing",
    "sync": "rag.updating",
    "write_adapter": "rag.adapters",
    "write_json": "rag.models",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)


__all__ = [
    "ADAPTER",
    "MOST_BYTES",
    "MOST_READINGS",
    "SUFFIXES",
    "Answer",
    "AnswerUpdate",
    "Article",
    "ArticleError",
    "ArticleList",
    "Assistant",
    "Block",
    "Chunk",
    "Citation",
    "DependencyError",
    "DraftSignals",
    "Embedder",
    "EngineError",
    "Evidence",
    "EvidenceSet",
    "FailedFile",
    "FootnoteError",
    "Hit",
    "IndexLocked",
    "IndexProgress",
    "IndexReport",
    "IndexUnavailable",
    "ListedArticle",
    "LowRankAdapter",
    "ModelCorrupt",
    "ModelError",
    "ModelMissing",
    "Query",
    "Section",
    "Sentence",
    "Settings",
    "Signals",
    "Timings",
    "UploadReport",
    "UsageError",
    "Verdict",
    "add_articles",
    "check",
    "cited_by",
    "draft_sentences",
    "fact_lines",
    "json_lines",
    "list_articles",
    "load_settings",
    "measure",
    "measure_draft",
    "model_file",
    "open_assistant",
    "open_chat_model",
    "open_embedder",
    "open_index",
    "open_retriever",
    "pointer_of",
    "pointing_messages",
    "pointing_reply",
    "read_adapter",
    "read_articles",
    "read_generation",
    "refresh_articles",
    "remove_article",
    "sha256_of_model",
    "shipped_corpus",
    "split_reply",
    "sync",
    "write_adapter",
    "write_json",
]

"""What works on this machine and what does not, each fault with the command that mends it.

What is damaged in an index is mended at once where nothing can be lost by it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rag.engine import check_engine
from rag.errors import FootnoteError
from rag.mending import mend
from rag.models import find
from rag.pipeline import open_embedder, open_index, open_retriever
from rag.settings import Settings

LIBRARIES = (
    "llama-cpp-python",
    "torch",
    "sentence-transformers",
    "chromadb",
    "langchain",
    "gradio",
)
LEAST_DISK = 1 << 30  # bytes that an index and a model's verification may need


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `mend` is the command to try; empty where all is well."""

    name: str
    ok: bool
    detail: str
    mend: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings: Settings) -> Iterator[Check]:
    """Check the installation, the models, the engine, the index and offline readiness, in order.

    Each check is yielded when it is done, since the engine's takes some seconds.
    """
    yield Check("python", True, f"{sys.version.split()[0]} at {sys.executable}")
    yield from (_library(name) for name in LIBRARIES)
    yield _disk(settings)
    embedding = _attempt("embedding model", lambda: str(_model(settings, settings.embedding_model)))
    yield embedding
    if embedding.ok:
        yield _attempt("embedder", lambda: _embedder(settings))
    if settings.llm_url:
        language = Check("language model", True, f"the server at {settings.llm_url}")
        yield language
    else:
        language = _attempt("language model", lambda: str(_model(settings, settings.model)))
        yield language
        report = check_engine(_model(settings, settings.model) if language.ok else None)
        yield Check("engine", report.ok, report.message, "" if report.ok else report.hint)
    yield _attempt("index", lambda: _index(settings, searchable=embedding.ok))
    ready = embedding.ok and language.ok
    yield Check(
        "offline",
        ready,
        f"telemetry is off; {what_leaves(settings)}"
        if ready
        else "a model is still to be fetched, so this machine is not ready to go offline",
        embedding.mend or language.mend,
    )


def what_leaves(settings: Settings) -> str:
    """What the settings send to other machines, in words."""
    sent = [
        f"{what} go to {host}"
        for what, url in (
            ("questions and passages", settings.llm_url),
            ("passages and vectors", settings.chroma_url),
        )
        if url and not _is_here(host := urlsplit(url).hostname or url)
    ]
    return " and ".join(sent) or "questions, articles and answers stay on this machine"


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _library(name: str) -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "is not installed", "make install")


def _disk(settings: Settings) -> Check:
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return Check(
        "disk",
        free >= LEAST_DISK,
        f"{free / (1 << 30):.1f} GiB free under {settings.home}",
        "" if free >= LEAST_DISK else "Free some space, or set RAG_HOME to another disk.",
    )


def _model(settings: Settings, name: str) -> Path:
    return find(name, directory=settings.models_directory)


def _embedder(settings: Settings) -> str:
    embedder = open_embedder(settings)
    if why := embedder.fallback:
        return f"{embedder.name} on torch, which is slower, because: {why}"
    return f"{embedder.name} in onnxruntime"


def _index(settings: Settings, *, searchable: bool) -> str:
    mended = mend(settings.index_directory, chroma_url=settings.chroma_url)
    embedder = open_embedder(settings) if searchable else None
    index = open_index(settings, embedder=embedder)
    articles = index.articles()
    detail = f"{len(articles)} articles in {settings.index_directory}"
    if index.searches_exactly:
        detail += "; their vectors are compared one by one, as Chroma cannot find or write them"
    if mended:
        detail = f"{detail}; mended: {'; '.join(mended)}"
    if not searchable or not articles:
        return detail
    if not open_retriever(settings, embedder=embedder).hits(articles[0].title):
        raise FootnoteError(
            f"{detail}, but searching it finds nothing.", hint="rag index --rebuild"
        )
    return f"{detail}; searching it works"


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except FootnoteError as error:
        return Check(name, False, error.message, error.hint)

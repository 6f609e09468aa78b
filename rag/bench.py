"""`measure`: what Footnote costs beside the libraries that it is made of, on this machine.

Everything happens in a folder that the caller gives and takes away: the user's index is neither
read nor written.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import bench_parts
from rag.embedding import Embedder, SentenceTransformerEmbedder
from rag.engine import check_engine
from rag.errors import EngineError, FootnoteError
from rag.index import Index
from rag.models import find
from rag.pipeline import Assistant, open_chat_model, open_embedder
from rag.retrieval import HybridRetriever
from rag.roots import shipped_corpus
from rag.rounds import Figure
from rag.settings import Settings
from rag.updating import sync

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that could not be measured, and the command to try."""

    part: str
    error: str
    hint: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Tools:
    """How what is measured is opened. `reference` is the embedder's raw counterpart."""

    embedder: Callable[[], Embedder]
    reference: Callable[[], Embedder]
    model: Callable[[], BaseChatModel]

    @classmethod
    def of(cls, settings: Settings) -> Tools:
        """Those that the settings name."""
        models, name = settings.models_directory, settings.embedding_model

        def model() -> BaseChatModel:
            if not settings.llm_url:
                # A crash of the engine in this process would take all figures with it.
                report = check_engine(find(settings.model, directory=models))
                if not report.ok:
                    raise EngineError(report.message, hint=report.hint)
            return open_chat_model(settings)

        return cls(
            embedder=lambda: open_embedder(settings),
            reference=lambda: SentenceTransformerEmbedder(find(name, directory=models), name=name),
            model=model,
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """`seconds` is an estimate for two cores, by which the time left is told.

    `measure` calls what it is given after each of its `steps`.
    """

    name: str
    seconds: float
    steps: int
    measure: Callable[[Callable[[], None]], Iterator[Figure]]


def measure(
    settings: Settings,
    *,
    tools: Tools,
    workspace: Path,
    progress: Callable[[str, float, float], None] = lambda part, done, total: None,
) -> Generator[Figure | Failure, None, None]:
    """Each figure when it is there, and a `Failure` for each part that cannot be measured.

    `workspace` is an empty folder. `progress` is told the part, and how much is done of how
    much, in estimated seconds.
    """
    settings = settings.model_copy(update={"index": workspace / "index", "chroma_url": None})
    embedder, reference, model = cache(tools.embedder), cache(tools.reference), cache(tools.model)
    opened: list[HybridRetriever] = []

    def retriever() -> HybridRetriever:
        if not opened:
            sync(settings, [shipped_corpus()], embedder=embedder())
            index = Index.open(settings.index_directory)
            opened.append(HybridRetriever(index=index, embedder=embedder(), settings=settings))
        return opened[0]

    def assistant() -> Assistant:
        return Assistant(
            model=model(),
            retriever=retriever(),
            embedder=embedder(),
            settings=settings,
            model_name=Path(settings.model).name,
        )

    parts = (
        _Part(
            "embedding",
            20,
            1 + bench_parts.EMBEDDING_ROUNDS,
            lambda done: bench_parts.embedding(embedder(), reference(), done=done),
        ),
        _Part(
            "indexing",
            40,
            1 + bench_parts.INDEXING_ROUNDS,
            lambda done: bench_parts.indexing(
                settings, embedder(), reference(), folder=workspace, done=done
            ),
        ),
        _Part(
            "retrieval",
            15,
            len(bench_parts.QUESTIONS) + bench_parts.RETRIEVAL_ROUNDS,
            lambda done: bench_parts.retrieval(retriever(), folder=workspace, done=done),
        ),
        _Part(
            "language model",
            70,
            1 + bench_parts.MODEL_ROUNDS,
            lambda done: bench_parts.language_model(model(), done=done),
        ),
        _Part(
            "answers",
            160,
            len(bench_parts.QUESTIONS) + 1,
            lambda done: bench_parts.answers(assistant(), done=done),
        ),
    )
    shown = _Progress(sum(part.seconds for part in parts), progress)
    try:
        for part in parts:
            shown.begin(part)
            try:
                yield from part.measure(shown.step)
            except FootnoteError as error:
                yield Failure(part.name, error.message, error.hint)
    finally:
        for each in opened:
            each.index.close()


class _Progress:
    """Tells of the steps of one part after the other as seconds of the whole."""

    def __init__(self, total: float, tell: Callable[[str, float, float], None]) -> None:
        self._total = total
        self._tell = tell
        self._reached = 0.0  # when this part ends

    def begin(self, part: _Part) -> None:
        self._part = part
        self._left = part.steps
        self._reached += part.seconds
        self._show()

    def step(self) -> None:
        self._left -= 1
        self._show()

    def _show(self) -> None:
        left = self._part.seconds * self._left / self._part.steps
        self._tell(self._part.name, self._reached - left, self._total)

"""The assembled assistant: one LangChain Runnable from a question to an Answer.

    assistant.invoke("What does a video clip cost?")        -> Answer
    assistant.stream("What does a video clip cost?")        -> AnswerUpdate, AnswerUpdate, ...
    assistant.batch(["...", "..."])                         -> [Answer, Answer]

Any BaseRetriever and any BaseChatModel will do, so each piece can be exchanged or used alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig

from rag.answering import stream_answer
from rag.chat_models import load_chat_model
from rag.conversation import FollowUps
from rag.drafting import Stopwatch
from rag.embedding import Embedder, GraphEmbedder, load_embedder
from rag.errors import UsageError
from rag.index import Index
from rag.models import find, sha256_of
from rag.parts import answer_in_parts
from rag.records import Answer, AnswerUpdate, Hit
from rag.retrieval import HybridRetriever, documents_to_hits
from rag.settings import Settings
from rag.spelling import respelled
from rag.steps import answer_in_steps

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever

LONGEST_QUESTION = 4000  # characters; the rest of the context is for passages

# A question alone, or with the conversation before it:
# {"question": "and for video?", "history": [{"role": "user", "content": "..."}, ...]}
AssistantInput = str | Mapping[str, Any]


class Assistant(Runnable[AssistantInput, Answer]):
    """Answers questions from what its retriever finds, and cites the words that back it."""

    def __init__(
        self,
        *,
        retriever: BaseRetriever,
        model: BaseChatModel,
        embedder: Embedder,
        settings: Settings,
        model_name: str,
    ) -> None:
        self.retriever = retriever
        self.model = model
        self.embedder = embedder
        self.settings = settings
        self.model_name = model_name
        self.follow_ups = FollowUps(model)

    def invoke(
        self, input: AssistantInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Answer:
        """The checked answer to one question."""
        answers = [update.answer for update in self.stream(input, config)]
        last = answers[-1]
        assert last is not None  # stream's last update always carries the answer
        return last

    def stream(  # type: ignore[override]
        self, input: AssistantInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AnswerUpdate]:
        """The answer as it comes: stages, the unchecked draft, and last the `Answer`.

        Close the iterator to stop; the model is free again at once.
        """
        question, history = read_input(input)
        stopwatch = Stopwatch()
        yield AnswerUpdate(stage="searching")
        query = self.follow_ups.resolve(question, history)

        def ask(step: str) -> Generator[AnswerUpdate, None, Answer]:
            began = stopwatch.elapsed_ms
            step, hits = self._search(step, config)
            stopwatch.retrieve_ms += stopwatch.elapsed_ms - began
            return (
                yield from stream_answer(
                    replace(query, standalone=step),
                    hits,
                    model=self.model,
                    embedder=self.embedder,
                    settings=self.settings,
                    stopwatch=stopwatch,
                    model_name=self.model_name,
                )
            )

        def ask_all(asked: str) -> Generator[AnswerUpdate, None, Answer]:
            return answer_in_steps(asked, ask=ask, model=self.model)

        if self.settings.verify:
            answer = yield from answer_in_parts(query.standalone, ask=ask_all)
            leaning = self.follow_ups.in_context(question, history) if answer.abstained else None
            if leaning:
                yield AnswerUpdate(stage="searching")
                again = yield from answer_in_parts(leaning, ask=ask_all)
                answer = answer if again.abstained else again
        else:
            answer = yield from ask(query.standalone)
        yield AnswerUpdate(stage="done", answer=answer)

    def _search(self, question: str, config: RunnableConfig | None) -> tuple[str, tuple[Hit, ...]]:
        """(the question as the articles spell it, the passages found for it)."""
        hits = documents_to_hits(self.retriever.invoke(question, config))
        found = "\n".join(hit.chunk.text for hit in hits)
        spelled = respelled(question, found, count_tokens=self.embedder.count_tokens)
        if spelled != question:
            hits = documents_to_hits(self.retriever.invoke(spelled, config))
        return spelled, hits


def read_input(input: AssistantInput) -> tuple[str, list[tuple[str, str]]]:
    """The question and the conversation as (role, text) pairs; `UsageError` where unusable."""
    if isinstance(input, str):
        question, messages = input, []
    else:
        question = str(input.get("question", ""))
        messages = list(input.get("history") or [])
    question = question.replace("\x00", " ").strip()
    if not question:
        raise UsageError("The question is empty.", hint='Try: rag ask "What is an LLM?"')
    if len(question) > LONGEST_QUESTION:
        raise UsageError(
            f"The question has {len(question)} characters; {LONGEST_QUESTION} is the most.",
            hint="Shorten it, and put long texts into an article with `rag index`.",
        )
    history = [(str(message["role"]), str(message["content"])) for message in messages]
    return question, history


def open_index(settings: Settings, *, embedder: Embedder | None = None) -> Index:
    """The index that the settings name, for reading; to search its vectors, with the embedder.

    Raises `IndexUnavailable` where there is none, or another embedder made it.
    """
    return Index.open(
        settings.index_directory,
        chroma_url=settings.chroma_url,
        embedder_name=embedder.name if embedder else None,
    )


def open_embedder(settings: Settings) -> GraphEmbedder:
    """The embedding model that the settings name."""
    folder = find(settings.embedding_model, directory=settings.models_directory)
    return load_embedder(folder, name=settings.embedding_model, directory=settings.models_directory)


def open_chat_model(settings: Settings) -> BaseChatModel:
    """The language model that the settings name, loaded or by its URL."""
    return load_chat_model(
        settings, find_model=lambda name: find(name, directory=settings.models_directory)
    )


def model_file(settings: Settings) -> Path:
    """The file of the language model that the settings name."""
    return find(settings.model, directory=settings.models_directory)


def sha256_of_model(settings: Settings) -> str:
    """The hash of the language model's file, in hexadecimal."""
    return sha256_of(settings.model, directory=settings.models_directory)


def open_retriever(settings: Settings, *, embedder: Embedder | None = None) -> HybridRetriever:
    """The retriever over the index that the settings name; opens the embedder if not given."""
    embedder = embedder or open_embedder(settings)
    index = open_index(settings, embedder=embedder)
    return HybridRetriever(index=index, embedder=embedder, settings=settings)


def open_assistant(settings: Settings, *, embedder: Embedder | None = None) -> Assistant:
    """Everything wired together; loads the language model, and the embedding model if not given."""
    embedder = embedder or open_embedder(settings)
    index = open_index(settings, embedder=embedder)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # The embedding library takes seconds to load; the language model is read meanwhile.
        warmed = beside.submit(embedder.embed, ["ready"])
        model = open_chat_model(settings)
        warmed.result()
    return Assistant(
        retriever=HybridRetriever(index=index, embedder=embedder, settings=settings),
        model=model,
        embedder=embedder,
        settings=settings,
        model_name=Path(settings.model).name,
    )

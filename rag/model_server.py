"""A language model behind an OpenAI-compatible server: llama-server, vLLM and the like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import openai
from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import SecretStr

from rag.errors import EngineError

if TYPE_CHECKING:
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from rag.settings import Settings

SERVER_SECONDS = 300  # the longest that a server may take for one answer


class ServerChat(BaseChatOpenAI):
    """Talks to the server at `base_url`; `EngineError` says so where it does not answer.

    The base class speaks the protocol that compatible servers share; OpenAI's own newer names
    for its parameters, which they do not all know, are those of its subclass.
    """

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        with self._errors_mapped():
            return super()._generate(*args, **kwargs)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        with self._errors_mapped():
            yield from super()._stream(*args, **kwargs)

    @contextmanager
    def _errors_mapped(self) -> Iterator[None]:
        try:
            yield
        except openai.APIConnectionError as error:
            raise EngineError(
                f"The model server at {self.openai_api_base} does not answer.",
                hint="Start it, or mend RAG_LLM_URL.",
            ) from error
        except openai.APIError as error:
            raise EngineError(
                f"The model server at {self.openai_api_base} failed: {error.message}.",
                hint="Look at its log; RAG_MODEL must be a name that it serves.",
            ) from error


def server_model(settings: Settings) -> ServerChat:
    """The chat model that the server at `llm_url` serves by the name of `model`."""
    return ServerChat(
        base_url=settings.llm_url,
        api_key=SecretStr(settings.llm_api_key),
        model=settings.model,
        temperature=0,
        seed=settings.seed,
        timeout=SERVER_SECONDS,
        max_retries=1,
        stream_usage=True,
    )

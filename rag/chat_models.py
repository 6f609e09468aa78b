"""Which chat model the settings name: a file in this process, with its adapter, or a server."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import DependencyError
from rag.llm import LlamaChat

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from rag.settings import Settings

ADAPTED_MODEL = "qwen2.5-coder-1.5b-instruct"
ADAPTER = "pointing.gguf"  # which `python -m eval.adapter` learned for that model


def adapter_of(model: str) -> str | None:
    """The path of the adapter that was learned for a model; None for any but one."""
    return str(resources.files("rag") / ADAPTER) if model == ADAPTED_MODEL else None


def load_chat_model(settings: Settings, *, find_model: Callable[[str], Path]) -> BaseChatModel:
    """The chat model that the settings name: a server if `llm_url` is set, else a GGUF file.

    `find_model` turns a registry name or a path into the file, see `rag.models.find`.
    """
    if settings.llm_url:
        try:
            from rag.model_server import server_model
        except ImportError as error:
            raise DependencyError(
                "RAG_LLM_URL needs langchain-openai, which cannot be loaded.",
                hint="Run `make install`.",
            ) from error
        return server_model(settings)
    return LlamaChat(
        model_path=str(find_model(settings.model)),
        context_length=settings.context_length,
        threads=settings.threads,
        gpu_layers=settings.gpu_layers,
        seed=settings.seed,
        adapter_path=adapter_of(settings.model) if settings.pointing else None,
    )

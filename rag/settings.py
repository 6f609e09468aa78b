"""All settings, as one frozen object that is passed explicitly. Making it loads nothing.

Values come, first wins, from: keyword arguments (the command line), RAG_* environment
variables, `footnote.toml` in the working directory, the defaults below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rag.errors import UsageError

SETTINGS_FILE = "footnote.toml"


class Settings(BaseSettings):
    """What can be set, with defaults that fit two cores and 8 GB."""

    model_config = SettingsConfigDict(
        env_prefix="RAG_", toml_file=SETTINGS_FILE, frozen=True, extra="forbid"
    )

    home: Path = Field(
        default_factory=lambda: user_cache_path("footnote"),
        description="Where models and the default index are kept.",
    )
    index: Path | None = Field(
        default=None, description="The index folder; by default `index` under home."
    )

    # The language model.
    model: str = Field("qwen2.5-coder-1.5b-instruct", description="A registry name or a GGUF file.")
    llm_url: str | None = Field(
        None, description="Base URL of an OpenAI-compatible server to use instead, ending in /v1."
    )
    llm_api_key: str = Field("not-needed", description="The key for llm_url.", repr=False)
    context_length: int = Field(4096, ge=512, description="Tokens the model may hold at once.")
    threads: int | None = Field(None, ge=1, description="Default: the physical cores.")
    gpu_layers: int = Field(0, ge=-1, description="Layers to put on a GPU; -1 for all.")
    seed: int = Field(0, ge=0)
    answer_tokens: int = Field(220, ge=16, description="The longest answer, in tokens.")

    # Vectors.
    embedding_model: str = Field("all-MiniLM-L6-v2", description="A registry name or a folder.")
    chroma_url: str | None = Field(None, description="A Chroma server to use, http://host:port.")

    # Splitting.
    chunk_tokens: int = Field(
        160, ge=32, le=254, description="The longest chunk, heading included."
    )
    leave_out_faqs: bool = Field(
        False,
        description="Leave question-and-answer sections out of the index, to evaluate on them.",
    )

    # Retrieval, each stage with its own switch so that it can be measured.
    passages: int = Field(15, ge=1, le=50, description="Passages that evidence is taken from.")
    reading_tokens: int = Field(
        250, ge=50, description="Evidence given to the language model, in the embedder's tokens."
    )
    candidates: int = Field(40, ge=1, le=500, description="Chunks each search may propose.")
    search_vectors: bool = True
    search_words: bool = True
    second_search: bool = Field(
        True, description="Search again for the names in the best passage, by vectors."
    )
    drop_near_duplicates: bool = True
    join_neighbours: bool = True

    # Answering.
    pointing: bool = Field(
        True, description="Let the default model point at what answers, with its adapter."
    )
    verify: bool = Field(True, description="Check every sentence; off only to measure the check.")
    gate: bool = Field(True, description="Ask first whether the passages hold the answer.")

    @property
    def index_directory(self) -> Path:
        return self.index if self.index is not None else self.home / "index"

    @property
    def uploads_directory(self) -> Path:
        """Articles that were uploaded in the chat: beside the index, but never in a cache.

        The index can be made again from its articles, and they from nothing.
        """
        if self.index is None and "home" not in self.model_fields_set:
            return user_data_path("footnote") / "articles"
        index = self.index_directory.resolve()
        return index.with_name(f"{index.name}-articles")

    @property
    def models_directory(self) -> Path:
        return self.home / "models"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**overrides: Any) -> Settings:
    """Settings from the command line's values, the environment and `footnote.toml`.

    Overrides that are None count as not given. Raises `UsageError` naming the setting, its
    value and what is wrong with it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise UsageError(
            f"The setting {name} = {first.get('input')!r} cannot be used: {first['msg']}.",
            hint=f"Mend RAG_{name.upper()} or {SETTINGS_FILE}.",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{SETTINGS_FILE} cannot be read: {error}.", hint="Mend or remove it."
        ) from error

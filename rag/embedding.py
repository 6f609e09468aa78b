"""Text to vectors: the only file that knows sentence-transformers.

An embedder reads a few hundred tokens at most and silently drops the rest, so whoever splits
the text counts with the embedder's own `count_tokens`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rag.errors import DependencyError, ModelError, ModelMissing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

BATCH_SIZE = 32


class Embedder(Protocol):
    """What the index and the search need of an embedding model.

    `name` tells the vectors of one model from those of another: two embedders with one name
    must give equal vectors for equal texts.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def count_tokens(self, text: str) -> int:
        """The tokens of `text`, without the special ones that the model adds."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 for each text: shape [len(texts), dimension]."""
        ...


class SentenceTransformerEmbedder:
    """A sentence-transformers model from a local folder, on the processor, in fp32.

    Making one reads the tokenizer only, in milliseconds; the model, and torch with it, is
    loaded by the first call that needs it, in seconds. Nothing is ever fetched. May be shared
    by threads: they embed one after the other.

    Raises `ModelMissing` when the folder does not hold a model, `ModelError` when its files
    cannot be used, and `DependencyError` when a library cannot be loaded.

    >>> embedder = SentenceTransformerEmbedder(folder, name="all-MiniLM-L6-v2")  # doctest: +SKIP
    >>> embedder.embed(["What is a large language model?"]).shape                # doctest: +SKIP
    (1, 384)
    """

    def __init__(self, folder: Path, *, name: str) -> None:
        for needed in ("modules.json", "config.json", "tokenizer.json"):
            if not (folder / needed).is_file():
                raise ModelMissing(
                    f"The embedding model {name} is not in {folder}: {needed} is missing.",
                    hint=f"Fetch it: rag models pull {name}",
                )
        self.name = name
        self._folder = folder
        self._tokenizer = _load_tokenizer(folder / "tokenizer.json")
        self._model: SentenceTransformer | None = None
        self._lock = threading.RLock()

    @property
    def dimension(self) -> int:
        dimension: int | None = self._loaded().get_embedding_dimension()
        if dimension is None:
            raise ModelError(f"The model in {self._folder} does not give sentence embeddings.")
        return dimension

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        with self._lock:
            try:
                vectors = self._loaded().encode(
                    list(texts),
                    batch_size=BATCH_SIZE,
                    normalize_embeddings=True,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
            except (RuntimeError, ValueError, IndexError) as error:
                raise ModelError(
                    f"The embedding model {self.name} failed on {len(texts)} texts: "
                    f"{_first_line(error)}"
                ) from error
        return np.asarray(vectors, dtype=np.float32)

    def _loaded(self) -> SentenceTransformer:
        with self._lock:
            if self._model is None:
                self._model = _load_model(self._folder)
            return self._model


def load_embedder(folder: Path, *, name: str) -> Embedder:
    """The embedder for the model in this folder."""
    return SentenceTransformerEmbedder(folder, name=name)


def _load_tokenizer(path: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise DependencyError(
            f"tokenizers cannot be loaded: {_first_line(error)}", hint="Run: make install"
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelError(
            f"{path} is not a tokenizer: {_first_line(error)}", hint="Run: rag doctor"
        ) from error
    # The file may ask for padding or a cut at the model's limit: both would falsify a count.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _load_model(folder: Path) -> SentenceTransformer:
    try:
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise DependencyError(
            f"sentence-transformers cannot be loaded: {_first_line(error)}",
            hint="Run: make install",
        ) from error
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            model_kwargs={"dtype": "float32"},
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"The embedding model in {folder} cannot be loaded: {_first_line(error)}",
            hint="Run: rag doctor",
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

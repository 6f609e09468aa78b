"""Text to vectors: the only file that knows sentence-transformers and onnxruntime.

An embedder reads a few hundred tokens at most and silently drops the rest, so whoever splits
the text counts with the embedder's own `count_tokens`.

The reference is sentence-transformers, on torch, which takes seconds to load. The same weights
rounded to small integers, as a graph in onnxruntime, start at once and are nearly three times as
quick, and find as much; so the graph is made once, compared with the reference, and kept. Its
vectors are near the reference's, not equal, and so it has a name of its own.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rag.embedding_graph import TOKENS, bert_graph
from rag.engine import physical_cores
from rag.errors import DependencyError, ModelError, ModelMissing
from rag.models import read_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

BATCH_SIZE = 32

GRAPH_VERSION = 2  # to be raised when embedding_graph makes another graph of the same model
GRAPH_KEY = "footnote.made_from"
GRAPH_SUFFIX = ".int8.onnx"
LEAST_COSINE = 0.97  # between the graph's and the reference's vector of each probe
PROBES = (
    "",
    "Zürich",
    "What does one clip cost?",
    "Oil prices rose in 1973, and cars were made smaller. " * 12,
    "A text that is longer than the model reads. " * 60,
)


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
        self.folder = folder
        self._tokenizer = _load_tokenizer(folder / "tokenizer.json")
        self._model: SentenceTransformer | None = None
        self._lock = threading.RLock()

    @property
    def dimension(self) -> int:
        dimension: int | None = self._loaded().get_embedding_dimension()
        if dimension is None:
            raise ModelError(f"The model in {self.folder} does not give sentence embeddings.")
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
                self._model = _load_model(self.folder)
            return self._model


class GraphEmbedder:
    """A sentence-transformers model in onnxruntime and in integers, where it is a plain BERT.

    Gives nearly the vectors of `reference`, at a multiple of its speed and without loading
    torch: a text at a time on each core, so that nothing is padded and a vector never depends on
    its neighbours. The graph is kept in `directory`; the first call that needs it makes it, and
    takes it only if its vectors of `PROBES` are near the reference's. Else the reference embeds,
    under its own name, and `fallback` says why.
    """

    def __init__(self, reference: SentenceTransformerEmbedder, *, directory: Path) -> None:
        self.reference = reference
        self.count_tokens = reference.count_tokens
        self._path = directory / f"{reference.folder.name}{GRAPH_SUFFIX}"
        self._session: _Session | None = None
        self._fallback: str | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return f"{self.reference.name} int8" if self._opened() else self.reference.name

    @property
    def fallback(self) -> str:
        """Why the reference embeds, in one line; "" where the graph does."""
        self._opened()
        return self._fallback or ""

    @property
    def dimension(self) -> int:
        session = self._opened()
        return session.dimension if session else self.reference.dimension

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        session = self._opened()
        return session.embed(texts) if session else self.reference.embed(texts)

    def _opened(self) -> _Session | None:
        with self._lock:
            if self._session is None and self._fallback is None:
                try:
                    self._session = self._open()
                except (ModelError, DependencyError, OSError) as error:
                    self._fallback = _first_line(error)
            return self._session

    def _open(self) -> _Session:
        folder = self.reference.folder
        key = _graph_key(folder)
        with suppress(OSError, ModelError):
            kept = _Session(self._path.read_bytes(), folder)
            if kept.key == key:
                return kept
        graph = bert_graph(folder, metadata={GRAPH_KEY: key})
        made = _Session(graph, folder)
        expected = self.reference.embed(PROBES)
        if made.dimension != expected.shape[1]:
            raise ModelError(f"The graph of {folder} has another dimension than the model.")
        cosine = (made.embed(PROBES) * expected).sum(axis=1).min()
        if not cosine >= LEAST_COSINE:  # nor is a cosine that is no number
            raise ModelError(
                f"The graph of {folder} has other vectors than the model: cosine {cosine:.4f}."
            )
        with suppress(OSError):  # costs making it at each start, and not the name
            self._keep(graph)
        return made

    def _keep(self, graph: bytes) -> None:
        directory = self._path.parent
        directory.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(graph)
            os.replace(temporary, self._path)
        finally:
            temporary.unlink(missing_ok=True)
        # The graph of an earlier version, and what stopped processes left; another that keeps
        # its graph just now is only kept from it.
        earlier = directory / f"{self.reference.folder.name}.onnx"
        for graph_path in (earlier, self._path):
            for leftover in directory.glob(f"{glob.escape(graph_path.name)}.*.tmp"):
                leftover.unlink(missing_ok=True)
        earlier.unlink(missing_ok=True)


class _Session:
    """An open graph and the tokenizer of its model. May be shared by threads.

    The graph runs on threads of its own only. Its integer kernels set up a processor's matrix
    unit (AMX) as they need it, for the thread they run on, and so does llama.cpp, once a thread:
    a language model that ran on a thread where a text was embedded would write nonsense.

    Raises `ModelError` when the graph is damaged, or a text cannot be embedded.
    """

    def __init__(self, graph: bytes, folder: Path) -> None:
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as native
        except ImportError as error:
            raise DependencyError(
                f"onnxruntime cannot be loaded: {_first_line(error)}", hint="Run: make install"
            ) from error
        # onnxruntime's own errors have no ancestor in common.
        self._errors = tuple(
            error
            for error in vars(native).values()
            if isinstance(error, type) and issubclass(error, Exception)
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the thread that runs it: texts are shared out, not rows
        options.log_severity_level = 4
        self._threads = ThreadPoolExecutor(physical_cores(), thread_name_prefix="embedding")
        try:
            self._session = self._threads.submit(
                onnxruntime.InferenceSession, graph, options, providers=["CPUExecutionProvider"]
            ).result()
        except self._errors as error:
            raise ModelError(
                f"The graph of {folder} cannot be opened: {_first_line(error)}"
            ) from error
        self.key = self._session.get_modelmeta().custom_metadata_map.get(GRAPH_KEY, "")
        self.dimension: int = self._session.get_outputs()[0].shape[1]
        self._tokenizer = _load_tokenizer(folder / "tokenizer.json")
        self._tokenizer.enable_truncation(_most_tokens(folder))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        try:
            for row, vector in enumerate(self._threads.map(self._vector, encoded)):
                vectors[row] = vector
        except self._errors as error:
            raise ModelError(
                f"The embedding model failed on {len(texts)} texts: {_first_line(error)}"
            ) from error
        return vectors

    def _vector(self, ids: list[int]) -> Any:
        import numpy as np

        return self._session.run(None, {TOKENS: np.array([ids], dtype=np.int64)})[0][0]


def load_embedder(folder: Path, *, name: str, directory: Path) -> GraphEmbedder:
    """The embedder for the model in this folder; its graph is kept in `directory`."""
    return GraphEmbedder(SentenceTransformerEmbedder(folder, name=name), directory=directory)


def _graph_key(folder: Path) -> str:
    """Changes whenever the model, or the way its graph is made, does."""
    made_from: list[Any] = [GRAPH_VERSION, str(folder.absolute())]
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = file.stat()
        made_from.append([str(file.relative_to(folder)), status.st_size, status.st_mtime_ns])
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()


def _most_tokens(folder: Path) -> int:
    """How many tokens the model reads of a text, special ones included."""
    config = read_json(folder / "sentence_bert_config.json")
    limit = config.get("max_seq_length")
    if limit is None:
        limit = read_json(folder / "config.json").get("max_position_embeddings")
    if not isinstance(limit, int):
        raise ModelError(f"The model in {folder} does not say how many tokens it reads.")
    return limit


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

"""What a language model makes of a prompt before it says a word: the state after one layer.

llama.cpp hands out only what its last layer says, while what a model knows of its own prompt is
told best by a layer further down. So a prompt, or the last token of one that is to be answered, is
read in a context of its own, that is watched on its way and ends its work at that layer.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.prefixes import shared_prefix

if TYPE_CHECKING:
    from llama_cpp import Llama

BATCH = 64  # tokens at a time; more are no quicker and take more memory


class Layer:
    """The residual stream of one model after one layer, numbered from 0.

    Raises `RuntimeError` where llama.cpp has no room for another context, or no such layer.
    """

    def __init__(self, llama: Llama, *, number: int) -> None:
        import llama_cpp
        from llama_cpp._ctypes_extensions import load_shared_library

        self.number = number
        self._llama = llama  # must not be freed before the context
        self._width: int = llama.n_embd()
        self._held: list[int] = []  # the tokens that the context has read, up to this layer
        self._found: NDArray[np.float32] | None = None
        self._ggml = load_shared_library("ggml-base", Path(llama_cpp.__file__).parent / "lib")
        self._ggml.ggml_get_name.argtypes = self._ggml.ggml_nbytes.argtypes = [ctypes.c_void_p]
        self._ggml.ggml_get_name.restype = ctypes.c_char_p
        self._ggml.ggml_nbytes.restype = ctypes.c_size_t
        get = self._ggml.ggml_backend_tensor_get
        get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
        get.restype = None
        # Called for every step of a computation. To let go of Python's lock and wait for it again
        # each time would take seconds beside another thread at work, so the lock is held.
        self._decode = ctypes.PYFUNCTYPE(
            ctypes.c_int32, llama_cpp.llama_context_p_ctypes, llama_cpp.llama_batch
        )(ctypes.cast(llama_cpp.llama_cpp._lib.llama_decode, ctypes.c_void_p).value or 0)
        self._callback = llama_cpp.ggml_backend_sched_eval_callback(self._visit)
        params = type(llama.context_params).from_buffer_copy(llama.context_params)
        params.n_batch = params.n_ubatch = BATCH
        params.cb_eval = self._callback
        self._context = llama_cpp.llama_init_from_model(llama.model, params)
        if not self._context:
            raise RuntimeError("llama.cpp could not make a second context")
        weakref.finalize(self, llama_cpp.llama_free, self._context)

    def read(self, prompt: Sequence[int]) -> NDArray[np.float32]:
        """The state (float32, as wide as the model) after the last token of a prompt.

        It is read up to this layer only, so that nothing can be said from there.
        """
        import llama_cpp

        known = shared_prefix(self._held, prompt[:-1])
        memory = llama_cpp.llama_get_memory(self._context)
        self._held = []
        llama_cpp.llama_memory_seq_rm(memory, 0, known, -1)
        for start in range(known, len(prompt), BATCH):
            found = self._run(prompt[start : start + BATCH], position=start)
        self._held = list(prompt)
        return found

    def read_last(self, prompt: Sequence[int], *, state: bytes) -> NDArray[np.float32]:
        """The same of a prompt that the model has read but for its last token.

        `state` is `llama_state_seq_get_data` of all tokens before it.
        """
        import llama_cpp

        self._held = []
        given = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if not llama_cpp.llama_state_seq_set_data(self._context, given, len(given), 0):
            raise RuntimeError("llama.cpp refused a state")
        found = self._run(prompt[-1:], position=len(prompt) - 1)
        self._held = list(prompt)
        return found

    def _run(self, tokens: Sequence[int], *, position: int) -> NDArray[np.float32]:
        """The state after the last of at most `BATCH` tokens that follow what is held."""
        import llama_cpp

        batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
        self._found = None
        try:
            batch.n_tokens = len(tokens)
            for number, token in enumerate(tokens):
                batch.token[number], batch.pos[number] = token, position + number
                batch.n_seq_id[number], batch.seq_id[number][0] = 1, 0
                batch.logits[number] = number == len(tokens) - 1
            refused = self._decode(self._context, batch)
        finally:
            llama_cpp.llama_batch_free(batch)
        if refused or self._found is None:
            raise RuntimeError(f"llama.cpp computed no layer {self.number}")
        return self._found

    def _visit(self, tensor: Any, is_asked: bool, _: Any) -> bool:
        """Whether a step is wanted; then, once it is computed, whether to go on."""
        wanted = self._ggml.ggml_get_name(tensor) == f"l_out-{self.number}".encode()
        if is_asked or not wanted:
            return bool(wanted)
        found = np.empty(self._width, dtype=np.float32)
        of_last = self._ggml.ggml_nbytes(tensor) - found.nbytes
        self._ggml.ggml_backend_tensor_get(tensor, found.ctypes.data, of_last, found.nbytes)
        self._found = found
        return False

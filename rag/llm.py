"""The language model in this process, as a LangChain chat model: llama.cpp.

`LlamaChat` reads a GGUF file with llama-cpp-python and keeps what the model has already read: a
prompt that begins like the last one, or like several before, is read only from where it differs,
so prompts should put what stays the same first. Text from articles and people is tokenised without
special tokens, so a passage that contains `<|im_end|>` cannot close its turn. Decoding is greedy:
the same prompt gives the same answer. A low-rank adapter [1], learned for one model, can be put
before a reply and taken away after it.

[1] E. Hu et al.: LoRA: Low-rank adaptation of large language models. 2021.
"""

from __future__ import annotations

import codecs
import ctypes
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from numpy.typing import NDArray
from pydantic import PrivateAttr

from rag.adapters import quick_adapter
from rag.engine import physical_cores
from rag.errors import DependencyError, EngineError, ModelError, UsageError
from rag.prefixes import Memory, Prefixes, State, no_prefixes, shared_prefix
from rag.stopping import TextUntilStop

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForLLMRun


READ_BATCH = 128  # reads as fast as 512 and keeps the saved scores small
SMALLEST = 1e-9  # probability that counts
ROLES = {"human": "user", "ai": "assistant", "system": "system"}


class LlamaChat(BaseChatModel):
    """A GGUF model run in this process by llama.cpp, with greedy decoding.

    Accepts `max_tokens`, `stop`, `top_logprobs` (how many alternatives to report for each token,
    in `response_metadata["logprobs"]["content"]`, shaped as OpenAI's API does), `adapted` (reply
    with the adapter of `adapter_path`), and `not_beginning` (a text whose first token is not to
    be the reply's). Threads may share one instance; their calls are served one at a time.

    Raises `ModelError` if the file cannot be loaded, `EngineError` if llama.cpp fails while
    it runs, `UsageError` if a prompt does not fit `context_length`.

    >>> chat = LlamaChat(model_path="model.gguf")                   # doctest: +SKIP
    >>> chat.invoke("Name a colour.", max_tokens=5).content         # doctest: +SKIP
    """

    model_path: str
    context_length: int = 4096
    threads: int | None = None
    gpu_layers: int = 0
    seed: int = 0
    adapter_path: str | None = None  # a low-rank adapter as a GGUF file

    _llama: Any = PrivateAttr()
    _formatter: Any = PrivateAttr()
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)
    _adapter: Any = PrivateAttr(default=None)
    _adapted: bool = PrivateAttr(default=False)
    _prefixes: Mapping[bool, Prefixes] = PrivateAttr(default_factory=no_prefixes)

    def model_post_init(self, context: Any, /) -> None:
        try:
            import llama_cpp
            from llama_cpp.llama_chat_format import Jinja2ChatFormatter
        except (ImportError, OSError, RuntimeError) as error:
            raise DependencyError(
                f"llama-cpp-python cannot be loaded: {error}.", hint="Run `rag doctor`."
            ) from error
        path = Path(self.model_path)
        if not path.is_file():
            raise ModelError(f"There is no model file {path}.", hint="Run `rag models list`.")
        threads = self.threads or physical_cores()
        try:
            self._llama = llama_cpp.Llama(
                str(path),
                n_ctx=self.context_length,
                n_batch=READ_BATCH,
                n_threads=threads,
                n_threads_batch=threads,
                n_gpu_layers=self.gpu_layers,
                seed=self.seed,
                verbose=False,
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(
                f"{path} cannot be loaded as a GGUF model: {error}.",
                hint="Check the file, or choose another with --model.",
            ) from error
        template = self._llama.metadata.get("tokenizer.chat_template")
        if not template:
            raise ModelError(
                f"{path} carries no chat template, so it is not an instruction model.",
                hint="Choose an instruct model with --model.",
            )
        self._formatter = Jinja2ChatFormatter(
            template=template,
            eos_token=self._token_text(self._llama.token_eos()),
            bos_token=self._token_text(self._llama.token_bos()),
        )
        if self.adapter_path:
            self._adapter = self._load_adapter(Path(self.adapter_path))

    def _load_adapter(self, path: Path) -> Any:
        """The adapter in a file; llama.cpp frees it together with the model."""
        import llama_cpp
        from llama_cpp._utils import suppress_stdout_stderr

        problem = f"is no adapter to {self.model_name}"
        adapter = None
        try:
            # llama.cpp tells where it puts each matrix.
            with quick_adapter(path) as quick, suppress_stdout_stderr(disable=False):
                adapter = llama_cpp.llama_adapter_lora_init(self._llama.model, str(quick).encode())
        except (OSError, ValueError) as error:
            problem = f"cannot be loaded as an adapter: {error}"
        if not adapter:
            raise ModelError(f"{path} {problem}.", hint="Run `make install`.")
        return adapter

    @property
    def _llm_type(self) -> str:
        return "llama.cpp"

    @property
    def model_name(self) -> str:
        """The model file's name, for reports."""
        return Path(self.model_path).name

    def get_num_tokens(self, text: str) -> int:
        """The tokens of `text` by the model's own tokenizer, special tokens off."""
        return len(self._tokenize(text, special=False))

    def exchange_memory(self, memory: Memory | None = None) -> Memory:
        """Go on with `memory`, or with none, and return what was remembered until now.

        Whoever measures two ways of asking gives each its own, as if it were the only one.
        """
        with self._lock:
            known = [int(token) for token in self._llama.input_ids[: self._llama.n_tokens]]
            given = Memory(State(known, self._state()), self._adapted, self._prefixes)
            self._llama.reset()
            self._prefixes = memory.prefixes if memory else no_prefixes()
            if memory:
                self._adapt(memory.adapted)
                if memory.state.tokens and self._load_state(memory.state):
                    self._llama.n_tokens = len(memory.state.tokens)
        return given

    def generate_plainly(self, messages: list[BaseMessage], *, max_tokens: int) -> Iterator[int]:
        """The tokens that llama-cpp-python's own loop writes, to measure this class against.

        Reads the whole prompt, remembers nothing of it, and goes on after an end token.
        """
        prompt = self.prompt_tokens(messages)
        with self._lock:
            self._adapt(False)
            self._llama.reset()
            yield from islice(self._llama.generate(prompt, temp=0.0), max_tokens)
            self._llama.reset()

    @property
    def has_adapter(self) -> bool:
        """Whether it may reply `adapted`."""
        return self._adapter is not None

    def beginning_log_odds(self, messages: list[BaseMessage], text: str) -> float:
        """How likely the adapted model begins its reply with this text's first token.

        The log of its probability against that of all other tokens. A reply to the same messages
        may follow, and they are not read again for it. Raises `UsageError` if they are longer
        than the context.
        """
        prompt = self.prompt_tokens(messages)
        self._refuse_if_long(prompt, answer_tokens=0)
        with self._lock:
            try:
                self._adapt(True)
                self._llama.eval(prompt[self._recall(prompt) :])
                logprobs = _log_softmax(self._logits(-1))
            except (RuntimeError, ValueError) as error:
                raise self._failed(error) from error
        logprob = float(logprobs[self._tokenize(text, special=False)[0]])
        return logprob - math.log(max(-math.expm1(logprob), SMALLEST))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        pieces = list(self._stream(messages, stop=stop, **kwargs))
        merged = pieces[0]
        for piece in pieces[1:]:
            merged += piece
        chunk = merged.message
        assert isinstance(chunk, AIMessageChunk)
        message = AIMessage(
            content=chunk.content,
            response_metadata=chunk.response_metadata,
            usage_metadata=chunk.usage_metadata,
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        max_tokens: int = 256,
        top_logprobs: int = 0,
        adapted: bool = False,
        not_beginning: str | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        prompt = self.prompt_tokens(messages)
        self._refuse_if_long(prompt, answer_tokens=max_tokens)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = TextUntilStop(stop or [])
        refused = self._tokenize(not_beginning, special=False)[:1] if not_beginning else []
        written = 0
        with self._lock:
            self._adapt(adapted)
            for token, logits in self._decode(prompt, max_tokens=max_tokens, refused=refused):
                written += 1
                logprobs = self._top_logprobs(logits, top_logprobs) if top_logprobs else None
                piece = text.push(decoder.decode(self._llama.detokenize([token])))
                if piece or logprobs:
                    yield self._piece(piece, logprobs, run_manager)
                if text.stopped:
                    break
        last = AIMessageChunk(
            content=text.flush(),
            usage_metadata={
                "input_tokens": len(prompt),
                "output_tokens": written,
                "total_tokens": len(prompt) + written,
            },
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=last)

    def _refuse_if_long(self, prompt: Sequence[int], *, answer_tokens: int) -> None:
        if len(prompt) + answer_tokens > self.context_length:
            raise UsageError(
                f"The prompt is {len(prompt)} tokens and the answer may take {answer_tokens}, "
                f"which is more than the context of {self.context_length}.",
                hint="Raise RAG_CONTEXT_LENGTH or lower RAG_PASSAGES.",
            )

    def _failed(self, error: Exception) -> EngineError:
        """The error to raise where llama.cpp fails; what was read is forgotten."""
        self._llama.reset()
        return EngineError(f"llama.cpp failed: {error}.", hint="Run `rag doctor`.")

    @staticmethod
    def _piece(
        text: str, logprobs: Any, run_manager: CallbackManagerForLLMRun | None
    ) -> ChatGenerationChunk:
        metadata: dict[str, Any] = {"logprobs": {"content": [logprobs]}} if logprobs else {}
        chunk = ChatGenerationChunk(
            message=AIMessageChunk(content=text, response_metadata=metadata)
        )
        if run_manager:
            run_manager.on_llm_new_token(text, chunk=chunk)
        return chunk

    def _decode(
        self, prompt: list[int], *, max_tokens: int, refused: Sequence[int]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (token, logits it was chosen from), until an end token or `max_tokens`.

        The first is none of the `refused`.
        """
        import llama_cpp

        llama = self._llama
        vocabulary = llama_cpp.llama_model_get_vocab(llama.model)
        try:
            pending: Sequence[int] = prompt[self._recall(prompt) :]
            for _ in range(max_tokens):
                llama.eval(pending)
                logits = self._logits(-1)
                if refused:
                    logits[refused] = -np.inf
                    refused = []
                token = int(np.argmax(logits))
                if llama_cpp.llama_vocab_is_eog(vocabulary, token):
                    return
                yield token, logits
                pending = [token]
        except (RuntimeError, ValueError) as error:
            raise self._failed(error) from error

    def _recall(self, prompt: list[int]) -> int:
        """How many tokens of the prompt need not be read, with the model put into that state."""
        llama = self._llama
        before_last = prompt[:-1]  # the last token is always read anew: its logits are needed
        known = shared_prefix(llama.input_ids[: llama.n_tokens], before_last)
        prefixes = self._prefixes[self._adapted]
        found = prefixes.best_state(before_last, known=known)
        if found:
            known = found[1] if self._load_state(found[0]) else 0
        llama.n_tokens = known
        again = prefixes.worth_keeping(before_last, known=known)
        if again:
            llama.eval(prompt[known:again])
            prefixes.keep(prompt[:again], self._state())
        return again or known

    def _adapt(self, adapted: bool) -> None:
        """Put the adapter before the model, or take it away; what was read is forgotten then."""
        import llama_cpp

        if adapted == self._adapted:
            return
        if adapted and not self._adapter:
            raise UsageError(
                f"There is no adapter for {self.model_name}.", hint="Use the default model."
            )
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(self._adapter)
        scales = (ctypes.c_float * 1)(1.0)
        if llama_cpp.llama_set_adapters_lora(self._llama.ctx, adapters, int(adapted), scales):
            raise EngineError("llama.cpp refused the adapter.", hint="Run `rag doctor`.")
        self._adapted = adapted
        self._llama.reset()

    def _state(self) -> bytes:
        import llama_cpp

        context = self._llama.ctx
        buffer = (ctypes.c_uint8 * llama_cpp.llama_state_seq_get_size(context, 0))()
        size = llama_cpp.llama_state_seq_get_data(context, buffer, len(buffer), 0)
        return bytes(buffer[:size])

    def _load_state(self, state: State) -> bool:
        """Put the model into a kept state; False, with all forgotten, where llama.cpp refuses."""
        import llama_cpp

        llama = self._llama
        buffer = (ctypes.c_uint8 * len(state.data)).from_buffer_copy(state.data)
        if not llama_cpp.llama_state_seq_set_data(llama.ctx, buffer, len(buffer), 0):
            llama.reset()
            return False
        llama.input_ids[: len(state.tokens)] = state.tokens
        return True

    def reply_tokens(self, text: str) -> list[int]:
        """A reply as the model would write it, with the token that ends it."""
        return [*self._tokenize(text, special=False), self._llama.token_eos()]

    def prompt_tokens(self, messages: Sequence[BaseMessage]) -> list[int]:
        """The chat template's own marks as special tokens, everything else as plain text."""
        marks = [f"\ue000{number}\ue001" for number in range(len(messages))]
        rendered = self._formatter(
            messages=[
                {"role": ROLES.get(message.type, "user"), "content": mark}
                for message, mark in zip(messages, marks, strict=True)
            ]
        ).prompt
        tokens: list[int] = []
        for mark, message in zip(marks, messages, strict=True):
            before, found, rendered = rendered.partition(mark)
            if not found:
                raise ModelError(
                    f"The chat template of {self.model_name} drops a {message.type} message.",
                    hint="Choose another model with --model.",
                )
            tokens += self._tokenize(before, special=True)
            tokens += self._tokenize(str(message.text), special=False)
        tokens += self._tokenize(rendered, special=True)
        beginning = self._llama.token_bos()
        if self._llama._model.add_bos_token() and tokens[:1] != [beginning]:
            tokens.insert(0, beginning)
        return tokens

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        tokens: list[int] = self._llama.tokenize(
            text.encode("utf-8", "replace"), add_bos=False, special=special
        )
        return tokens

    def _token_text(self, token: int) -> str:
        if token < 0:
            return ""
        text: str = self._llama.detokenize([token], special=True).decode("utf-8", "replace")
        return text

    def _logits(self, number: int) -> NDArray[np.float32]:
        """What the model says after a token of the batch that was read last; -1 is its last."""
        import llama_cpp

        logits = llama_cpp.llama_get_logits_ith(self._llama.ctx, number)
        return np.ctypeslib.as_array(logits, shape=(self._llama.n_vocab(),))

    def _top_logprobs(self, logits: NDArray[np.float32], count: int) -> dict[str, Any]:
        logprobs = _log_softmax(logits)
        best = np.argpartition(logprobs, -count)[-count:]
        best = best[np.argsort(-logprobs[best], kind="stable")]
        alternatives = [
            {"token": self._token_text(int(token)), "logprob": float(logprobs[token])}
            for token in best
        ]
        return {**alternatives[0], "top_logprobs": alternatives}


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max()
    logprobs: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum())
    return logprobs

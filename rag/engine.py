"""The self-test of llama-cpp-python, in a child process: a native crash becomes a sentence.

The engine is compiled on the machine where it runs, and what is wrong with a build shows when
it decodes: the default native build dies on processors with AMX at the first token of a prompt
long enough for the batched matrix product (llama.cpp issue 20824). No exception can be caught
for that, so a child decodes such a prompt, and its death is read from outside.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENGINE_REQUIREMENT = "llama-cpp-python==0.3.36"
# GCC drops the stores that fill the AMX tile configuration; without these passes it does not.
AMX_FLAGS = "-fno-tree-dse -fno-dse"
PROMPT_TOKENS = 64

# What the child was doing when it was last heard of.
IMPORTING = "while it was loaded"
LOADING = "while it opened the model"
DECODING = "while it read a prompt"


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What the self-test found.

    `flags` are the processor features the build uses, as llama.cpp prints them;
    `tokens_per_second` is the speed of reading a short prompt, None where no model was run.
    `message` is one line; `hint` the command that mends it, "" when `ok`.
    """

    ok: bool
    version: str
    flags: str
    tokens_per_second: float | None
    message: str
    hint: str


def check_engine(
    model: Path | None,
    *,
    timeout_s: float = 240.0,
    command: Sequence[str] | None = None,
    cpuinfo: Path = Path("/proc/cpuinfo"),
) -> EngineReport:
    """Load the engine in a child process, and with a model decode 64 tokens and write two.

    `command` is the child to run instead of this module: it prints one JSON object a line
    ({"stage", ...} or {"error", "detail"}), as `_self_test` does. A crash, a missing library
    and a time-out are reports, not exceptions.
    """
    if command is None:
        # By file and without its folder on sys.path: rag need not be installed, and the modules
        # beside this one must not be taken for libraries of the same name.
        command = [sys.executable, "-P", __file__, *([str(model)] if model else [])]
    rebuild = rebuild_command(has_amx=_has_amx(cpuinfo))
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
        heard = _heard(said.decode(errors="replace") if isinstance(said, bytes) else said)
        message = f"The engine did not finish its self-test within {timeout_s:g} s {_doing(heard)}."
        hint = "Close other programs and run `rag doctor` again, or choose a smaller model."
        return _report(heard, message=message, hint=hint)
    heard = _heard(child.stdout)
    last_words = (child.stderr.strip().splitlines() or [""])[-1]
    if child.returncode < 0:
        message, hint = _explain_signal(
            -child.returncode, heard, last_words, rebuild=rebuild, has_amx=_has_amx(cpuinfo)
        )
    elif "error" in heard:
        message, hint = _explain_error(heard, rebuild)
    elif child.returncode or "version" not in heard:
        reason = last_words or "it said nothing"
        message = f"The engine's self-test ended with exit code {child.returncode}: {reason}."
        hint = f"Compile it again: {rebuild}"
    else:
        speed = heard.get("tokens_per_second")
        message = (
            "The engine loads; no model was given to run."
            if speed is None
            else f"The engine works: it read {PROMPT_TOKENS} tokens at {speed:.0f} a second."
        )
        return _report(heard, message=message, hint="", ok=True)
    return _report(heard, message=message, hint=hint)


def rebuild_command(*, has_amx: bool) -> str:
    """The shell command that compiles the engine for this machine, with this Python."""
    flags = f"-DCMAKE_C_FLAGS='{AMX_FLAGS}' -DCMAKE_CXX_FLAGS='{AMX_FLAGS}'"
    python = shlex.quote(sys.executable)
    return (
        (f'CMAKE_ARGS="{flags}" ' if has_amx else "")
        + f"{python} -m pip install --force-reinstall --no-cache-dir --no-deps"
        + f" {ENGINE_REQUIREMENT}   (or: make engine)"
    )


def physical_cores() -> int:
    """The cores to compute on: more threads than that write a third slower."""
    import psutil

    return int(psutil.cpu_count(logical=False) or psutil.cpu_count() or 1)


def _report(heard: dict[str, Any], *, message: str, hint: str, ok: bool = False) -> EngineReport:
    return EngineReport(
        ok=ok,
        version=str(heard.get("version", "")),
        flags=str(heard.get("flags", "")),
        tokens_per_second=heard.get("tokens_per_second"),
        message=message,
        hint=hint,
    )


def _heard(output: str) -> dict[str, Any]:
    """The child's JSON lines as one object, later ones over earlier; other lines are skipped."""
    heard: dict[str, Any] = {}
    for line in output.splitlines():
        with suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                heard |= value
    return heard


def _doing(heard: dict[str, Any]) -> str:
    return str(heard.get("stage", IMPORTING))


def _has_amx(cpuinfo: Path) -> bool:
    try:
        return "amx_tile" in cpuinfo.read_text(errors="replace")
    except OSError:  # not Linux
        return False


def _explain_signal(
    number: int, heard: dict[str, Any], last_words: str, *, rebuild: str, has_amx: bool
) -> tuple[str, str]:
    """The sentence and the hint for a child that a signal ended."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    crashed = f"The engine crashed {_doing(heard)} ({name})"
    compile_again = f"Compile it again: {rebuild}"
    if name == "SIGSEGV" and has_amx and heard.get("stage") != LOADING:
        cause = (
            "this processor has AMX, and llama.cpp compiled by GCC without"
            f" {AMX_FLAGS} fails on it (llama.cpp issue 20824)"
        )
        return f"{crashed}: {cause}.", compile_again
    if name == "SIGILL":
        cause = "it was compiled for another processor and uses an instruction that this one lacks"
        return f"{crashed}: {cause}.", compile_again
    if name == "SIGKILL":
        return (
            f"The engine was killed {_doing(heard)} (SIGKILL), most likely for lack of memory.",
            "Close other programs, or choose a smaller model: see `rag models list`.",
        )
    if name == "SIGBUS":
        return (
            f"{crashed}: the model file was cut short, or its disk failed, under the engine.",
            "Fetch the model again with `rag models pull`.",
        )
    return f"{crashed}{f': {last_words}' if last_words else ''}.", compile_again


def _explain_error(heard: dict[str, Any], rebuild: str) -> tuple[str, str]:
    """The sentence and the hint for an error that the child could still report."""
    detail = str(heard.get("detail", ""))
    if heard["error"] == "not installed":
        return f"The engine is not installed: {detail}.", f"Compile it: {rebuild}"
    if heard["error"] == "library":
        return (
            f"The engine's native library cannot be loaded: {detail}.",
            f"Install the library that it names, or compile the engine again: {rebuild}",
        )
    return (
        f"The engine cannot open the model: {detail}.",
        "Fetch it again with `rag models pull`, or choose another: see `rag models list`.",
    )


# ---------------------------------------------------------------- in the child


def _self_test(model: str | None) -> None:
    """Print what works, step by step, so that a crash leaves the step that it happened in."""
    _say(stage=IMPORTING)
    try:
        import llama_cpp
    except ModuleNotFoundError as error:
        return _say(error="not installed", detail=str(error))
    except (ImportError, OSError, RuntimeError) as error:
        return _say(error="library", detail=" ".join(str(error).split()))
    flags = llama_cpp.llama_print_system_info().decode().strip()
    _say(version=llama_cpp.__version__, flags=flags)
    if model is None:
        return None
    _say(stage=LOADING)
    try:
        engine = llama_cpp.Llama(model, n_ctx=2 * PROMPT_TOKENS, n_gpu_layers=0, verbose=False)
    except (ValueError, OSError, RuntimeError) as error:
        return _say(error="model", detail=" ".join(str(error).split()))
    _say(stage=DECODING)
    text = b"One two three four five six seven eight nine ten. " * PROMPT_TOKENS
    tokens = engine.tokenize(text)[:PROMPT_TOKENS]
    started = time.perf_counter()
    engine.eval(tokens)
    tokens_per_second = len(tokens) / (time.perf_counter() - started)
    for _ in range(2):
        engine.eval([engine.sample(temp=0.0)])
    _say(tokens_per_second=tokens_per_second)


def _say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    with suppress(ImportError):
        import resource

        # A crash is expected here; its memory image would only fill the disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _self_test(sys.argv[1] if len(sys.argv) > 1 else None)

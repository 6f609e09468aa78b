"""A native crash becomes a sentence. The children here are real processes that really die."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rag.engine import EngineReport, check_engine
from rag.models import is_present, lookup
from rag.settings import load_settings

AMX = "flags : fpu sse2 avx512f amx_bf16 amx_tile amx_int8\n"
NO_AMX = "flags : fpu sse2 avx2\n"
NO_CORE = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0));"


def run_child(
    program: str, tmp_path: Path, *, cpu: str = NO_AMX, timeout_s: float = 30.0
) -> EngineReport:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(cpu)
    command = [sys.executable, "-c", program]
    return check_engine(None, timeout_s=timeout_s, command=command, cpuinfo=cpuinfo)


def saying(**values: object) -> str:
    return f"print({json.dumps(values)!r}, flush=True);"


def dying_of(signal_name: str) -> str:
    return f"{NO_CORE} os.kill(os.getpid(), signal.{signal_name})"


def is_one_line(report: EngineReport) -> bool:
    return "\n" not in report.message + report.hint


def test_a_segmentation_fault_with_amx_names_the_bug_and_the_command(tmp_path: Path) -> None:
    program = saying(version="1.0", stage="while it read a prompt") + dying_of("SIGSEGV")
    report = run_child(program, tmp_path, cpu=AMX)
    assert not report.ok
    assert report.version == "1.0"
    assert "SIGSEGV" in report.message and "while it read a prompt" in report.message
    assert "AMX" in report.message and "20824" in report.message
    assert "-DCMAKE_C_FLAGS='-fno-tree-dse -fno-dse'" in report.hint
    assert "-DCMAKE_CXX_FLAGS='-fno-tree-dse -fno-dse'" in report.hint
    assert "--force-reinstall" in report.hint and "make engine" in report.hint
    assert is_one_line(report)


def test_a_segmentation_fault_without_amx_does_not_blame_amx(tmp_path: Path) -> None:
    report = run_child(dying_of("SIGSEGV"), tmp_path)
    assert "SIGSEGV" in report.message
    assert "AMX" not in report.message and "CMAKE_ARGS" not in report.hint
    assert "--force-reinstall" in report.hint


@pytest.mark.parametrize(
    ("program", "in_message", "in_hint"),
    [
        (dying_of("SIGILL"), "compiled for another processor", "--force-reinstall"),
        (dying_of("SIGKILL"), "lack of memory", "smaller model"),
        (dying_of("SIGBUS"), "cut short", "rag models pull"),
        (
            "import sys; sys.stderr.write('GGML_ASSERT(ok) failed\\n');" + dying_of("SIGABRT"),
            "(SIGABRT): GGML_ASSERT(ok) failed",
            "--force-reinstall",
        ),
        ("raise SystemExit(7)", "exit code 7", "--force-reinstall"),
        ("import no_such_library_at_all", "No module named 'no_such_library_at_all'", "pip"),
        ("pass", "exit code 0: it said nothing", "--force-reinstall"),
    ],
    ids=["sigill", "sigkill", "sigbus", "sigabrt", "exit-code", "traceback", "silence"],
)
def test_each_death_has_its_sentence(
    program: str, in_message: str, in_hint: str, tmp_path: Path
) -> None:
    report = run_child(program, tmp_path)
    assert not report.ok
    assert in_message in report.message
    assert in_hint in report.hint
    assert is_one_line(report)


def test_a_child_that_hangs_is_ended(tmp_path: Path) -> None:
    report = run_child("import time; time.sleep(600)", tmp_path, timeout_s=1.0)
    assert not report.ok
    assert "did not finish its self-test within 1 s" in report.message
    assert "rag doctor" in report.hint and is_one_line(report)


def test_a_healthy_child_reports_version_flags_and_speed(tmp_path: Path) -> None:
    program = saying(version="1.0", flags="AVX = 1") + saying(tokens_per_second=123.4)
    report = run_child(program, tmp_path)
    assert report == EngineReport(
        ok=True,
        version="1.0",
        flags="AVX = 1",
        tokens_per_second=123.4,
        message="The engine works: it read 64 tokens at 123 a second.",
        hint="",
    )


@pytest.mark.parametrize(
    ("library", "in_message"),
    [
        (
            "raise RuntimeError('Failed to load shared library:\\nlibgomp.so.1: cannot open')",
            "native library cannot be loaded: Failed to load shared library: libgomp.so.1",
        ),
        ("raise ModuleNotFoundError(\"No module named 'llama_cpp'\")", "is not installed"),
        (
            "__version__ = '9'\n"
            "def llama_print_system_info(): return b'AVX = 1'\n"
            "def Llama(path, **options): raise ValueError('Failed to load model')\n",
            "cannot open the model: Failed to load model",
        ),
    ],
    ids=["missing-shared-library", "not-installed", "not-a-model"],
)
def test_the_real_child_reports_what_it_can_still_say(
    library: str, in_message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llama_cpp.py").write_text(library)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report = check_engine(tmp_path / "any.gguf")
    assert not report.ok
    assert in_message in report.message
    assert report.hint and is_one_line(report)


@pytest.mark.models
def test_the_installed_engine_decodes_a_real_prompt() -> None:
    spec, directory = lookup("smollm2-135m-instruct"), load_settings().models_directory
    if not is_present(spec, directory=directory):
        pytest.skip(f"{spec.name} is not in {directory}: rag models pull {spec.name}")
    report = check_engine(spec.location(directory))
    assert report.ok, f"{report.message} {report.hint}"
    assert report.tokens_per_second and report.tokens_per_second > 0

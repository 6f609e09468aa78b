"""Set-up says in one line what is missing, before anything long starts."""

from __future__ import annotations

import ast
import builtins
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from rag import preflight

SCRIPT = Path(preflight.__file__)
POSIX = pytest.mark.skipif(os.name == "nt", reason="compilers are left to CMake on Windows")

GCC = "#define __GNUC__ 12"
CLANG = "#define __GNUC__ 4\n#define __clang__ 1"


def run_script(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of preflight as the Makefile does."""
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), command],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )


def program(folder: Path, name: str, script: str) -> Path:
    """Put a shell script on a search path."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_it_is_written_in_the_python_of_old_machines() -> None:
    tree = ast.parse(SCRIPT.read_text("utf-8"), feature_version=(3, 6))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= set(sys.stdlib_module_names)
    # Python 3.6 has no `annotations` future, and evaluates list[str] and X | None when it loads.
    assert "__future__" not in imported
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            assert not isinstance(node.op, ast.BitOr), ast.unparse(node)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert not hasattr(builtins, node.value.id), ast.unparse(node)


def test_an_old_python_is_told_that_it_is_old() -> None:
    for minor in range(6, 11):
        python = shutil.which(f"python3.{minor}")
        # A version manager puts names on the search path that do not run.
        if (
            python
            and not subprocess.run(
                [python, "-c", ""], stderr=subprocess.DEVNULL, check=False
            ).returncode
        ):
            break
    else:
        pytest.skip("there is no Python 3.6 to 3.10 here")
    done = subprocess.run(
        [python, "-I", str(SCRIPT), "machine"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"Set-up cannot start: Python 3.{minor}.")
    assert "PYTHON=python3.11" in first


@pytest.mark.parametrize(
    ("version", "is_problem"),
    [((3, 10, 13), True), ((2, 7, 18), True), ((3, 11, 0), False), ((4, 0, 0), False)],
)
def test_python_is_new_enough_or_not(version: tuple[int, int, int], is_problem: bool) -> None:
    problem = preflight.python_problem(version)
    assert (problem is not None) == is_problem
    assert problem is None or ".".join(map(str, version)) in problem


@POSIX
def test_no_compiler_is_one_line_that_says_how_to_get_one(tmp_path: Path) -> None:
    done = run_script("machine", PATH=str(tmp_path), CC="", CXX="")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "No C compiler" in line
    assert "build-essential" in line or "xcode-select" in line


@POSIX
def test_a_compiler_that_cannot_compile_is_none(tmp_path: Path) -> None:
    broken = program(tmp_path, "broken", "echo no headers here >&2; exit 1")
    problem = preflight.compiler_problem({"PATH": str(tmp_path), "CC": str(broken)})
    assert problem and "no headers here" in problem and str(broken) in problem


@POSIX
def test_c_without_cpp_is_not_enough(tmp_path: Path) -> None:
    program(tmp_path, "cc", "cat > /dev/null")
    problem = preflight.compiler_problem({"PATH": str(tmp_path)})
    assert problem and "No C++ compiler" in problem


@POSIX
@pytest.mark.parametrize(("macros", "has_flags"), [(GCC, True), (CLANG, False), ("", False)])
def test_only_gcc_gets_the_flags_of_gcc(tmp_path: Path, macros: str, has_flags: bool) -> None:
    compiler = program(tmp_path, "compiler", f"cat > /dev/null\ncat <<'END'\n{macros}\nEND")
    flags = preflight.engine_flags({**os.environ, "CC": str(compiler)})
    assert (preflight.GCC_FLAGS in flags) == has_flags
    assert has_flags or not flags


def test_a_full_disk_is_told_with_what_is_free_and_what_is_needed(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    problem = preflight.disk_problem([str(tmp_path / "not" / "yet")], needed_bytes=free + 10**12)
    assert problem
    assert f"{(free + 10**12) / 1e9:.1f} GB" in problem
    assert "RAG_HOME" in problem
    assert preflight.disk_problem([str(tmp_path)], needed_bytes=0) is None


def test_what_set_up_has_already_written_is_not_asked_for_again(tmp_path: Path) -> None:
    halves = [tmp_path / "environment", tmp_path / "home"]
    for half in halves:
        half.mkdir()
        with (half / "sparse").open("wb") as file:
            file.truncate(10**12)
    needed = shutil.disk_usage(tmp_path).free + 10**12 + 10**11
    assert preflight.disk_problem([str(half) for half in halves], needed_bytes=needed) is None
    assert preflight.disk_problem([str(halves[0])], needed_bytes=needed)


def test_the_disk_that_is_checked_is_the_one_of_the_models(tmp_path: Path) -> None:
    assert preflight.home_folder({"RAG_HOME": str(tmp_path)}) == str(tmp_path)
    without = {name: value for name, value in os.environ.items() if name != "RAG_HOME"}
    code = "from rag.settings import Settings; print(Settings().home)"
    home = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=without, check=True
    )
    assert Path(home.stdout.strip()).is_relative_to(preflight.home_folder(without))


def test_no_package_index_is_one_line_that_says_where_to_look() -> None:
    done = run_script("package-index", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "package index does not answer" in line
    assert "pip config list" in line


class _Page(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


class _Refusal(_Page):
    status = 403


@pytest.mark.skipif(
    sys.platform != "linux" or preflight.has_gpu(), reason="the CPU index is for Linux without GPU"
)
@pytest.mark.parametrize(("page", "is_used"), [(_Page, True), (_Refusal, False), (None, False)])
def test_the_cpu_index_of_torch_is_used_where_it_answers(
    page: type[_Page] | None, is_used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = HTTPServer(("127.0.0.1", 0), page or _Page)
    url = f"http://127.0.0.1:{server.server_port}"
    if page:
        Thread(target=server.serve_forever, daemon=True).start()
    else:
        server.server_close()
    try:
        assert preflight.torch_index(url=url) == (url if is_used else None)
    finally:
        if page:
            server.shutdown()
            server.server_close()

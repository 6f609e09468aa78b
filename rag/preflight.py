"""Can this machine set Footnote up? One clear line for each thing that is missing.

Set-up runs this file before anything long starts, with whatever Python there is, so it needs
nothing but the standard library and no syntax newer than Python 3.6: a Python that is too old
must get far enough to be told so.

    python3 -I rag/preflight.py machine        this Python, the compiler, the disk
    python3 -I rag/preflight.py package-index  whether pip gets an answer
    python3 -I rag/preflight.py torch-index    prints torch's CPU index if it is to be used
    python3 -I rag/preflight.py engine-flags   prints the CMAKE_ARGS for llama-cpp-python

The first two exit with 1 after a line on stderr for each problem. `-I` keeps the modules beside
this file from being taken for libraries of the same name.
"""

import argparse
import http.client
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

LEAST_PYTHON = (3, 11)
NEEDED_BYTES = 4 * 10**9  # the environment takes 2.2 GB, the models 1.3, building the rest
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# Asked of the package index: the package that has no wheel, so that nothing kept here, such as
# a folder of wheels, can answer in the index's stead.
ASKED_PACKAGE = "llama-cpp-python"

# llama.cpp's AMX code crashes when GCC drops the stores that fill the tile configuration;
# without these two passes it keeps them (llama.cpp issue 20824). Clang does not know the flags.
GCC_FLAGS = "-fno-tree-dse -fno-dse"

# What CMake looks for, in its order, and the smallest program that needs the language's headers.
COMPILERS = {
    "C": ("CC", ("cc", "gcc", "clang"), "c", "#include <stdio.h>\nint main(void){return 0;}\n"),
    "C++": ("CXX", ("c++", "g++", "clang++"), "c++", "#include <vector>\nint main(){return 0;}\n"),
}


def python_problem(version: Tuple[int, int, int] = sys.version_info[:3]) -> Optional[str]:
    """Whether this Python is new enough."""
    if version >= LEAST_PYTHON:
        return None
    wanted = ".".join(map(str, LEAST_PYTHON))
    return (
        "Python {} is too old, {} or newer is needed. Install it ({}), then name it: "
        "make PYTHON=python{} ..."
    ).format(
        ".".join(map(str, version)),
        wanted,
        "brew install python@" + wanted
        if sys.platform == "darwin"
        else "Debian and Ubuntu: sudo apt install python{0} python{0}-venv".format(wanted),
        wanted,
    )


def environment_problem() -> Optional[str]:
    """Whether this Python can make a virtual environment; Debian ships that part by itself."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        return (
            "This Python cannot make a virtual environment ({}). "
            "On Debian and Ubuntu: sudo apt install python{}.{}-venv"
        ).format(error, *sys.version_info[:2])
    return None


def compiler_problem(environment: Mapping[str, str] = os.environ) -> Optional[str]:
    """Whether C and C++ programs can be built, tried with one of each.

    On Windows this is left to CMake, which finds Visual Studio where no search path leads.
    """
    if os.name == "nt":
        return None
    remedy = (
        "Install Apple's command line tools: xcode-select --install"
        if sys.platform == "darwin"
        else "Install one (Debian and Ubuntu: sudo apt install build-essential; "
        "Fedora: sudo dnf install gcc-c++)."
    )
    for language, (variable, names, kind, source) in COMPILERS.items():
        compiler = find_compiler(variable, names, environment)
        if compiler is None:
            return "No {} compiler ({}) was found, and llama-cpp-python is compiled. {}".format(
                language, ", ".join(names), remedy
            )
        with tempfile.TemporaryDirectory() as folder:
            command = compiler + ["-x", kind, "-", "-o", os.path.join(folder, "program")]
            code, _, errors = run(command, text=source, seconds=60)
        if code:
            return "The {} compiler {} cannot build a program ({}). {}".format(
                language, " ".join(compiler), first_line(errors), remedy
            )
    return None


def find_compiler(
    variable: str, names: Sequence[str], environment: Mapping[str, str]
) -> Optional[List[str]]:
    """The command of the compiler that CMake will take: the variable's, else the first found."""
    named = shlex.split(environment.get(variable, ""))
    if named:
        return named if shutil.which(named[0], path=environment.get("PATH")) else None
    for name in names:
        if shutil.which(name, path=environment.get("PATH")):
            return [name]
    return None


def disk_problem(folders: Sequence[str], needed_bytes: int = NEEDED_BYTES) -> Optional[str]:
    """Whether the disk of each folder has `needed_bytes` free, less what the folders hold."""
    disks: Dict[int, List[str]] = {}
    for folder in folders:
        disks.setdefault(os.stat(nearest(folder)).st_dev, []).append(os.path.abspath(folder))
    for shared in disks.values():
        free = shutil.disk_usage(nearest(shared[0])).free
        if free < needed_bytes and free < needed_bytes - sum(map(folder_bytes, shared)):
            return (
                "{:.1f} GB are free at {}, and set-up takes {:.1f} GB there. Free some space, or "
                "put models and index on another disk: make RAG_HOME=/other/disk ..."
            ).format(free / 10**9, " and ".join(shared), needed_bytes / 10**9)
    return None


def nearest(folder: str) -> str:
    """The folder, or the closest one above it that exists."""
    place = os.path.abspath(folder)
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    return place


def folder_bytes(folder: str) -> int:
    """The bytes of all files under a folder; 0 where there is none."""
    return sum(
        os.lstat(os.path.join(parent, name)).st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )


def home_folder(environment: Mapping[str, str] = os.environ) -> str:
    """Where models and index will be: RAG_HOME, else Footnote's folder in the user's cache."""
    if environment.get("RAG_HOME"):
        return environment["RAG_HOME"]
    if os.name == "nt":
        return os.path.join(environment.get("LOCALAPPDATA", os.path.expanduser("~")), "footnote")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/footnote")
    cache = environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(cache, "footnote")


def package_index_problem(
    python: str = sys.executable, environment: Optional[Mapping[str, str]] = None
) -> Optional[str]:
    """Whether pip gets an answer, with whatever index, mirror or proxy it is set to use."""
    command = [python, "-m", "pip", "--disable-pip-version-check", "--retries", "0"]
    command += ["--timeout", "10", "index", "versions", ASKED_PACKAGE]
    code, _, errors = run(command, seconds=60, environment=environment)
    if not code:
        return None
    return (
        "The package index does not answer: pip asked for {} ({}). "
        "Check the network, and what pip is set to: {} -m pip config list"
    ).format(ASKED_PACKAGE, first_line(errors, marked="ERROR:"), python)


def torch_index(seconds: float = 5.0, url: str = TORCH_CPU_INDEX) -> Optional[str]:
    """Torch's own CPU index, if this is Linux without a GPU and the index answers in time."""
    if sys.platform != "linux" or has_gpu():
        return None
    answers: List[int] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(url + "/torch/", timeout=seconds) as page:
                answers.append(page.getcode())
        except (OSError, http.client.HTTPException):  # whatever the reason, it did not answer
            pass

    # A thread, since the time limit of a connection does not cover looking its name up.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return url if answers else None


def has_gpu() -> bool:
    """Whether torch may find a GPU here: NVIDIA's driver, or AMD's."""
    return bool(shutil.which("nvidia-smi")) or os.path.exists("/dev/kfd")


def engine_flags(environment: Mapping[str, str] = os.environ) -> str:
    """The CMAKE_ARGS that llama-cpp-python is to be compiled with, "" where none are needed."""
    variable, names, kind, _ = COMPILERS["C"]
    compiler = find_compiler(variable, names, environment)
    if os.name == "nt" or compiler is None:
        return ""
    code, macros, _ = run(compiler + ["-dM", "-E", "-x", kind, "-"], seconds=60)
    if code or "__GNUC__" not in macros or "__clang__" in macros:
        return ""
    return "-DCMAKE_C_FLAGS='{0}' -DCMAKE_CXX_FLAGS='{0}'".format(GCC_FLAGS)


def run(
    command: Sequence[str],
    *,
    text: str = "",
    seconds: float,
    environment: Optional[Mapping[str, str]] = None,
) -> Tuple[int, str, str]:
    """Run a command with `text` as its input: its exit code, its output and its errors."""
    try:
        done = subprocess.run(
            list(command),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
            env=None if environment is None else dict(environment),
        )
    except subprocess.TimeoutExpired:
        return 124, "", "no answer within {:g} s".format(seconds)
    except OSError as error:
        return 127, "", str(error)
    return done.returncode, done.stdout, done.stderr


def first_line(errors: str, marked: str = "") -> str:
    """The first line that is not empty, of those that begin with `marked` if there are any."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    chosen = [line[len(marked) :].strip() for line in lines if line.startswith(marked)]
    return (chosen or lines or ["it said nothing"])[0].rstrip(".")


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run one of the commands above; the exit code."""
    parser = argparse.ArgumentParser(description="Check what set-up needs.")
    parser.add_argument(
        "command", choices=["machine", "package-index", "torch-index", "engine-flags"]
    )
    options = parser.parse_args(arguments)
    if options.command == "torch-index":
        print(torch_index() or "")
        return 0
    if options.command == "engine-flags":
        print(engine_flags())
        return 0
    checks: Dict[str, List[Callable[[], Optional[str]]]] = {
        "machine": [
            python_problem,
            environment_problem,
            compiler_problem,
            lambda: disk_problem([os.path.join(ROOT, ".venv"), home_folder()]),
        ],
        "package-index": [package_index_problem],
    }
    problems = [problem for problem in (check() for check in checks[options.command]) if problem]
    for problem in problems:
        print("Set-up cannot start: " + problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""What is imported is declared, what is declared is pinned, and what is needed is shipped."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from rag import engine, preflight

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
PACKAGES = PYPROJECT["tool"]["setuptools"]["packages"]
SHIPPED = PYPROJECT["tool"]["setuptools"]["package-data"]

# Declared for what it does when it is run, not for what it gives to an import.
RUN_ONLY = {
    "langchain": "agents and graphs, which people put the retriever and the assistant into",
    "lxml-html-clean": "trafilatura's justext needs it, and pip before 24 misses the extra's name",
}

# For those who change Footnote, not for those who run it.
NOT_SHIPPED = ("eval/LOG.md", "eval/training/")


def requirements(*extras: str) -> dict[str, Requirement]:
    """The declared dependencies by name, with those of the extras."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    declared = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each for each in declared if each.name != "footnote"}


def pins() -> dict[str, str]:
    """The lines of constraints.txt that are not comments: name to version."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    matches = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line[:1] != "#"]
    assert all(matches), "every line is name==version, with no index, hash or +build"
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def imported(folder: str) -> Iterator[str]:
    """The top-level names that the modules of a folder import."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]


def distributions(folders: list[str]) -> dict[str, set[str]]:
    """For each third-party name that the folders import, the distributions that hold it."""
    own = {*PACKAGES, "tests", *(path.stem for path in (ROOT / "tests").glob("*.py"))}
    names = {name for folder in folders for name in imported(folder)}
    holders = packages_distributions()
    return {
        name: {canonicalize_name(holder) for holder in holders.get(name, [name])}
        for name in names - own - set(sys.stdlib_module_names)
    }


def test_every_library_that_is_imported_is_declared() -> None:
    used = distributions(PACKAGES)
    undeclared = {name for name, holders in used.items() if not holders & set(requirements())}
    assert not undeclared


def test_every_library_that_the_tests_import_is_declared() -> None:
    declared = set(requirements("test"))
    used = distributions(["tests"])
    assert not {name for name, holders in used.items() if not holders & declared}


def test_nothing_is_declared_that_is_not_used() -> None:
    used = set().union(*distributions(PACKAGES).values())
    assert set(requirements()) - used == set(RUN_ONLY)


def test_every_dependency_has_bounds_and_a_pin_within_them() -> None:
    pinned = pins()
    for name, requirement in requirements("test", "dev").items():
        assert requirement.specifier, f"{name} has no bounds"
        assert name in pinned, f"{name} has no pin"
        assert Version(pinned[name]) in requirement.specifier, f"{name}=={pinned[name]}"


def test_pins_bring_no_gpu_libraries() -> None:
    assert not [name for name in pins() if re.match(r"cuda|nvidia|triton", name)]


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = re.search(r"^## \[?([\w.]+)", changelog, re.MULTILINE)
    assert first and first[1] == PROJECT["version"]


def test_every_folder_with_modules_is_a_package_of_the_wheel() -> None:
    folders = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert folders <= set(PACKAGES)


def test_every_file_beside_the_modules_is_in_the_wheel() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            inside = path.relative_to(ROOT / package).as_posix()
            if path.is_dir() or path.suffix in {".py", ".pyc"} or "/." in f"/{inside}":
                continue
            if f"{package}/{inside}".startswith(NOT_SHIPPED):
                continue
            assert any(fnmatch(inside, pattern) for pattern in SHIPPED.get(package, [])), path


def test_the_engine_is_named_alike_wherever_it_is_named() -> None:
    assert engine.ENGINE_REQUIREMENT in PROJECT["dependencies"]
    assert engine.AMX_FLAGS == preflight.GCC_FLAGS


def test_preflight_and_the_package_ask_for_the_same_python() -> None:
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, preflight.LEAST_PYTHON))

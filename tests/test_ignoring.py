"""What .footnoteignore leaves out: git is the judge of what its patterns mean."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.articles import find_files
from rag.ignoring import IGNORE_FILE

FILES = ["a.md", "b.md", "drafts/a.md", "drafts/deep/a.md", "old/b.md", "old/drafts/a.md"]


def make(folder: Path, ignore: dict[str, str]) -> Path:
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("Text.")
    for place, patterns in ignore.items():
        (folder / place / IGNORE_FILE).write_text(patterns, encoding="utf-8")
    return folder


def found(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_files(folder)]


@pytest.mark.parametrize(
    ("ignore", "left_out"),
    [
        ({"": "b.md"}, ["b.md", "old/b.md"]),
        ({"": "/b.md"}, ["b.md"]),
        ({"": "drafts/"}, ["drafts/a.md", "drafts/deep/a.md", "old/drafts/a.md"]),
        ({"": "/drafts/**\n!drafts/a.md"}, ["drafts/deep/a.md"]),
        ({"": "drafts/\n!drafts/a.md"}, ["drafts/a.md", "drafts/deep/a.md", "old/drafts/a.md"]),
        ({"old": "b.md"}, ["old/b.md"]),
        ({"": "*.md", "old": "!b.md"}, [name for name in FILES if name != "old/b.md"]),
        ({"": "# a comment\n\n   \n"}, []),
        ({"": "\ufeffb.md\r\n/a.md\r\n"}, ["a.md", "b.md", "old/b.md"]),
    ],
)
def test_patterns_leave_files_out(
    tmp_path: Path, ignore: dict[str, str], left_out: list[str]
) -> None:
    assert found(make(tmp_path, ignore)) == [name for name in FILES if name not in left_out]


PATTERNS = st.lists(
    st.sampled_from(
        "a.md /a.md b.md *.md !a.md !b.md drafts/ /drafts/ drafts/* !drafts/ !drafts/a.md "
        "**/deep deep/a.md old/**/a.md old/* old/** /drafts/** !drafts/** **/ !*/ "
        "!old/drafts ?.md [ab].md # \\!x".split()
    ),
    max_size=4,
).map("\n".join)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["", "drafts", "old", "old/drafts"]), PATTERNS))
def test_the_patterns_mean_what_they_mean_to_git(tmp_path: Path, ignore: dict[str, str]) -> None:
    folder = tmp_path / "articles"
    shutil.rmtree(folder, ignore_errors=True)
    make(folder, ignore)
    kept = subprocess.run(
        ["git", "ls-files", "--others", f"--exclude-per-directory={IGNORE_FILE}", "*.md"],
        cwd=repository(tmp_path),
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [line.removeprefix("articles/") for line in kept.stdout.splitlines()]
    assert found(folder) == sorted(expected, key=lambda name: Path(name).parts)


def repository(folder: Path) -> Path:
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def test_only_the_folder_that_is_looked_through_and_those_below_count(tmp_path: Path) -> None:
    make(tmp_path, {"": "*.md"})
    assert found(tmp_path / "old") == ["b.md", "drafts/a.md"]
    assert find_files(tmp_path / "a.md") == [tmp_path / "a.md"]


@pytest.mark.parametrize("line", ["[z-a].md", "!"])
def test_a_line_that_is_no_pattern_passes_its_folder_over_and_is_told(
    tmp_path: Path, line: str
) -> None:
    make(tmp_path, {"old": f"b.md\n{line}\n"})
    told: list[tuple[Path, str]] = []
    files = find_files(tmp_path, passed_over=lambda folder, why: told.append((folder, why)))
    assert tmp_path / "a.md" in files
    assert not [file for file in files if file.is_relative_to(tmp_path / "old")]
    ((folder, why),) = told
    assert folder == tmp_path / "old"
    assert f"{IGNORE_FILE}, line 2" in why and line in why


def test_a_folder_of_that_name_is_no_ignore_file(tmp_path: Path) -> None:
    make(tmp_path, {})
    (tmp_path / IGNORE_FILE).mkdir()
    assert found(tmp_path) == FILES

"""What the README promises is there."""

from __future__ import annotations

import re

import pytest

from rag.articles import SUFFIXES
from rag.cli import app, models_app
from rag.settings import Settings
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def command_names() -> list[str]:
    names = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
    return names + [f"models {c.name}" for c in models_app.registered_commands]


@pytest.mark.parametrize("name", command_names())
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`rag {name}" in README


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_is_in_the_readme(suffix: str) -> None:
    assert f"`{suffix}`" in README


def test_every_module_stands_in_the_tree() -> None:
    for path in (ROOT / "rag").glob("[a-z]*.py"):
        assert path.name in README, path.name


def test_the_settings_of_the_readme_exist_with_their_defaults() -> None:
    named = set(re.findall(r"`RAG_([A-Z_]+)`", README))
    assert named <= {field.upper() for field in Settings.model_fields}
    settings = Settings()
    assert f"| {settings.passages}, {settings.reading_tokens} |" in README
    assert f"`{settings.model}`" in README
    assert f"| {settings.context_length} |" in README


@pytest.mark.parametrize("target", ["chat", "test", "install", "help"])
def test_the_make_targets_exist(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_the_changelog_opens_with_this_version() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert version and first
    assert first[1] == version[1]

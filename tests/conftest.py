"""What several test files share: the models, where they are here, and an index made with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from rag.errors import ModelMissing
from rag.models import find
from rag.settings import Settings
from tests.library import Library, Pristine

ROOT = Path(__file__).parent.parent
# A machine that is busy is no fault of the code: no example has a time that it must keep.
hypothesis.settings.register_profile("footnote", deadline=None)
hypothesis.settings.load_profile("footnote")
RunRag = Callable[..., "subprocess.CompletedProcess[str]"]


def need_model(name: str) -> Path:
    """The file of a model, or a skip that says how to get it."""
    try:
        return find(name, directory=Settings().models_directory)
    except ModelMissing:
        pytest.skip(f"{name} is not here: rag models pull {name}")


def run_rag(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "rag", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=options.pop("cwd", ROOT),  # type: ignore[call-overload]
        **options,
    )


ARTICLE = """# The Larkspur Observatory

The Larkspur Observatory was opened in 1931 by the astronomer Edith Marlowe.
Its main telescope has a mirror of 2.4 metres.

## Visits

Visits cost 12 euros for adults. Children under ten pay nothing.
"""


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Pristine:
    return Pristine(tmp_path_factory.mktemp("library"))


@pytest.fixture
def library(pristine: Pristine) -> Library:
    """Three articles, indexed."""
    return pristine.restore()


@pytest.fixture(scope="session")
def small_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of one invented article, made by the command line with the real embedder."""
    need_model("all-MiniLM-L6-v2")
    folder = tmp_path_factory.mktemp("small")
    (folder / "articles").mkdir()
    (folder / "articles" / "larkspur.md").write_text(ARTICLE, encoding="utf-8")
    made = run_rag("index", folder / "articles", "--index", folder / "index", "--json")
    assert made.returncode == 0, made.stderr
    return folder / "index"

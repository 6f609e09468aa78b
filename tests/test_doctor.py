"""What leaves this machine is said, and nothing that does not is."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.doctor import Check, examine, what_leaves
from rag.settings import Settings
from tests.test_embedding_graph import change_json, write_model

NOTHING = "questions, articles and answers stay on this machine"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(), NOTHING),
        (Settings(llm_url="http://localhost:8080/v1"), NOTHING),
        (Settings(llm_url="http://127.0.0.1:8080/v1", chroma_url="http://[::1]:8000"), NOTHING),
        (Settings(llm_url="http://192.0.2.7:8080/v1"), "questions and passages go to 192.0.2.7"),
        (
            Settings(llm_url="https://models.example/v1", chroma_url="http://192.0.2.8:8000"),
            "questions and passages go to models.example and passages and vectors go to 192.0.2.8",
        ),
    ],
)
def test_what_leaves_this_machine_is_said(settings: Settings, said: str) -> None:
    assert what_leaves(settings) == said


def embedder_check(settings: Settings) -> Check:
    return next(check for check in examine(settings) if check.name == "embedder")


@pytest.mark.slow
def test_the_embedder_in_use_is_named_and_why_it_is_the_slow_one(tmp_path: Path) -> None:
    model = write_model(tmp_path / "tiny")
    settings = Settings(home=tmp_path, embedding_model=str(model))
    assert embedder_check(settings).detail == f"{model} int8 in onnxruntime"
    change_json(model / "config.json", hidden_act="relu")
    check = embedder_check(settings)
    assert check.ok
    assert check.detail.startswith(f"{model} on torch, which is slower, because: ")
    assert "hidden_act is 'relu'" in check.detail

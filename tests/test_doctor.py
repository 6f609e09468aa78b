"""What leaves this machine is said, and nothing that does not is."""

from __future__ import annotations

import pytest

from rag.doctor import what_leaves
from rag.settings import Settings

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

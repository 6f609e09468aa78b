"""A follow-up is understood from the conversation; a new question is left as it is."""

from __future__ import annotations

import pytest

from rag.conversation import leans_on_history, resolve
from tests.fakes import ScriptedChat

HISTORY = [
    ("user", "What does one generated image cost?"),
    ("assistant", "An image costs $0.01 to $0.50."),
]


@pytest.mark.parametrize(
    "question",
    [
        "and for video?",
        "why?",
        "3d?",
        "in pages?",
        "For what?",
        "How does the newer approach work?",
        "What about the second one?",
        "How much does it cost?",
        "Is that a lot?",
        "Which of them is cheaper?",
    ],
)
def test_follow_ups_lean_on_the_conversation(question: str) -> None:
    assert leans_on_history(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Peru?",
        "What's Cursor?",
        "hallucination rate by model",
        "How many employees did JPMorgan's LLM Suite reach?",
        "What did McKinsey say about the value of generative AI?",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    model = ScriptedChat(reply=lambda prompt: "never asked", prompts=[])
    query = resolve(question, HISTORY, model=model)
    assert query.standalone == question
    assert model.prompts == []


def test_a_follow_up_is_written_out() -> None:
    model = ScriptedChat(reply=lambda prompt: "What does one generated video cost?")
    query = resolve("and for video?", HISTORY, model=model)
    assert query.question == "and for video?"
    assert query.standalone == "What does one generated video cost?"


def test_a_rewrite_with_a_subject_from_nowhere_is_not_used() -> None:
    model = ScriptedChat(reply=lambda prompt: "Who won the football championship in Brazil?")
    query = resolve("and for video?", HISTORY, model=model)
    assert query.standalone == "What does one generated image cost? and for video?"


def test_without_a_conversation_nothing_is_asked() -> None:
    model = ScriptedChat(reply=lambda prompt: "never asked", prompts=[])
    assert resolve("and for video?", [], model=model).standalone == "and for video?"
    assert model.prompts == []

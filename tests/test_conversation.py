"""A follow-up is understood from the conversation; a new question is left as it is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rag.conversation import FollowUps, leans_on_history
from tests.fakes import ScriptedChat

HISTORY = [
    ("user", "What does one generated image cost?"),
    ("assistant", "An image costs $0.01 to $0.50."),
]

CHEAPEST = "Which tool is cheapest?"


@pytest.mark.parametrize(
    "question",
    [
        "and for video?",
        "why?",
        "3d?",
        "in pages?",
        "In square miles?",
        "Does lemon juice work as well?",
        "For what?",
        "How does the newer approach work?",
        "What about the second one?",
        "How much does it cost?",
        "Is that a lot?",
        "Which of them is cheaper?",
        "can you give an example?",
        "Any examples?",
    ],
)
def test_follow_ups_lean_on_the_conversation(question: str) -> None:
    assert leans_on_history(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of Peru?",
        "What's Cursor?",
        "In which year was the LLM Suite honoured?",
        "hallucination rate by model",
        "How many employees did JPMorgan's LLM Suite reach?",
        "What did McKinsey say about the value of generative AI?",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert resolved(question, HISTORY, {}) == question


def test_a_follow_up_is_written_out() -> None:
    model = scripted({"and for video?": "What does one generated video cost?"})
    query = FollowUps(model).resolve("and for video?", HISTORY)
    assert query.question == "and for video?"
    assert query.standalone == "What does one generated video cost?"


@pytest.mark.parametrize(
    "reply",
    [
        "Who won the football championship in Brazil?",
        "A generated video costs $0.50.",  # from the model's memory
        "And for video?",
        "",
    ],
)
def test_a_reply_that_is_no_rewrite_is_not_used(reply: str) -> None:
    follow_up = "and for video?"
    taken = resolved(follow_up, HISTORY, {follow_up: reply})
    assert taken == f"What does one generated image cost? {follow_up}"


def test_an_exchange_that_is_beside_the_point_is_left_out_of_what_is_read() -> None:
    history = [
        *HISTORY,
        ("user", "What is the capital of Peru?"),
        ("assistant", "The articles do not say."),
    ]

    def reply(prompt: str) -> str:
        peru = "What is the capital of Peru?"
        return peru if peru in prompt else "What does a text query cost?"

    model = ScriptedChat(reply=reply, prompts=[])
    assert FollowUps(model).resolve("and a text query?", history).standalone == (
        "What does a text query cost?"
    )


def test_what_a_rewrite_drops_of_the_question_stands_behind_it() -> None:
    history = [
        ("user", "What are the two kinds of immunity?"),
        ("assistant", "Innate and adaptive immunity. [1]"),
    ]
    follow_up = "How does the first one work?"
    taken = resolved(follow_up, history, {follow_up: "What is innate immunity?"})
    assert taken == f"What is innate immunity? {follow_up}"


@pytest.mark.parametrize(
    ("follow_up", "reply", "is_taken"),
    [
        ("how many pages is that?", "How many pages is 500+ pages?", False),
        ("how many pages is that?", "How many pages does a context window have?", True),
        ("why is that?", "Why does a context window have 500 pages?", True),
    ],
)
def test_a_rewrite_that_answers_itself_is_not_used(
    follow_up: str, reply: str, is_taken: bool
) -> None:
    asked = "How large is a context window?"
    history = [("user", asked), ("assistant", "A context window has 500+ pages. [1]")]
    taken = resolved(follow_up, history, {follow_up: reply})
    assert taken == (reply if is_taken else f"{asked} {follow_up}")


def test_a_follow_up_to_a_follow_up_is_read_with_that_one_written_out() -> None:
    model = scripted(
        {
            "and for video?": "What does one generated video cost?",
            "and in 2024?": "What did one generated video cost in 2024?",
        }
    )
    follow_ups = FollowUps(model)
    video = follow_ups.resolve("and for video?", HISTORY)
    history = [*HISTORY, ("user", "and for video?"), ("assistant", "A video costs $5. [1]")]
    year = follow_ups.resolve("and in 2024?", history)
    assert video.standalone == "What does one generated video cost?"
    assert year.standalone == "What did one generated video cost in 2024?"
    assert (
        "Question: What does one generated video cost?\nAnswer: A video costs $5."
        in (model.prompts[-1])
    )
    assert len(model.prompts) == 2, "what was written out once is not asked again"


def test_a_follow_up_stays_short_however_long_the_conversation() -> None:
    follow_ups = FollowUps(ScriptedChat(reply=lambda prompt: "", prompts=[]))
    history = [("user", "Why? " * 700), ("assistant", "Because. " * 700)]
    for turn in range(20):
        question = f"and then what about the {turn}th of them?"
        taken = follow_ups.resolve(question, history).standalone
        assert taken.endswith(question)
        assert len(taken) < 500
        history += [("user", question), ("assistant", "They do not say.")]


@pytest.mark.parametrize(
    ("question", "reply", "is_used"),
    [
        (CHEAPEST, "Which image tool is cheapest?", True),
        (CHEAPEST, "Which image tool costs least?", True),
        (CHEAPEST, "Which tool is the cheapest?", False),
        (CHEAPEST, "What does an image cost?", False),
        (CHEAPEST, "Which tool of Brazil's football league is cheapest?", False),
        ("How many tools are there?", "How many tools are there for $0.50?", False),
        ("and for video?", "What does a video cost?", False),  # was written out before
    ],
)
def test_a_question_that_stands_alone_may_still_be_asked_of_what_was_talked_of(
    question: str, reply: str, is_used: bool
) -> None:
    in_context = FollowUps(scripted({question: reply})).in_context(question, HISTORY)
    assert in_context == (reply if is_used else None)


def test_without_a_conversation_nothing_is_asked() -> None:
    assert FollowUps(scripted({})).in_context(CHEAPEST, []) is None
    assert resolved("and for video?", [], {}) == "and for video?"


def scripted(rewrites: dict[str, str]) -> ScriptedChat:
    """A model that knows these follow-ups; asked for any other it fails."""
    return ScriptedChat(
        reply=lambda prompt: rewrites[prompt.rpartition("Follow-up: ")[2]], prompts=[]
    )


def resolved(question: str, history: Sequence[tuple[str, str]], rewrites: dict[str, str]) -> str:
    return FollowUps(scripted(rewrites)).resolve(question, history).standalone

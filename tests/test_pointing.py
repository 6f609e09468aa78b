"""The language model points at lines: what it is shown, and what its reply means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import evidence_of
from rag.pointing import Pointer, split_reply
from rag.prompts import NO_LINE, fact_lines, pointing_messages, pointing_reply
from tests.fakes import PointingChat
from tests.passages import hit

LIST = "A shop needs:\n\n- a till\n- a door\n\nRain fell. Snow fell."


@pytest.mark.parametrize(
    ("reply", "numbers", "answer"),
    [
        ("2, 5: It costs $5.", [2, 5], "It costs $5."),
        ("12: Yes, at 5:30.", [12], "Yes, at 5:30."),
        ("2,5: It costs $5.", [2, 5], "It costs $5."),
        ("It costs $5: no more.", [], "It costs $5: no more."),
        ("", [], ""),
        ("2", [], ""),
        ("2, ", [], ""),
        ("2:", [2], ""),
    ],
)
def test_a_reply_is_the_lines_it_points_at_and_the_answer_as_far_as_written(
    reply: str, numbers: list[int], answer: str
) -> None:
    assert split_reply(reply) == (numbers, answer)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=5),
    st.text(min_size=1).filter(lambda text: text == text.strip()),
)
def test_what_is_learned_is_what_is_read(numbers: list[int], answer: str) -> None:
    assert split_reply(pointing_reply(numbers, answer)) == (numbers, answer)


def test_a_list_under_its_lead_in_is_one_line_and_a_sentence_another() -> None:
    lines = fact_lines(evidence_of([hit(LIST)]))
    assert [line.text for line in lines] == [
        "A shop needs: a till; a door",
        "Rain fell.",
        "Snow fell.",
    ]
    shown = str(pointing_messages("What does a shop need?", lines)[-1].text)
    assert "\n1. A shop needs: a till; a door\n2. Rain fell.\n3. Snow fell.\n" in shown


def test_a_reply_may_not_begin_as_if_no_line_answered() -> None:
    asked: list[dict[str, object]] = []

    class Noting(PointingChat):
        def _stream(self, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]
            asked.append(kwargs)
            return super()._stream(*args, **kwargs)  # type: ignore[arg-type]

    pointer = Pointer("Why?", model=Noting(reply=lambda _: "1: So.", belief=1.0))
    said = "".join(chunk.text for chunk in pointer.reply([], max_tokens=5))
    assert split_reply(said.strip()) == ([1], "So.")
    assert asked[0]["adapted"] is True
    assert asked[0]["not_beginning"] == NO_LINE

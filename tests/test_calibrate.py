"""Learning when to answer: from the signals that tell it."""

from __future__ import annotations

from typing import Any

import pytest

from eval.calibrate import SIGNALS, learn_gate, tells
from eval.records import Case


def case(**known: Any) -> Case:
    return Case("1", "What does a clip cost?", True, "fact", "dataset", **known)


@pytest.mark.parametrize(
    ("known", "text", "does"),
    [
        ({"key_facts": (("$5", "5 dollars"),)}, "A clip costs 5 dollars.", True),
        ({"key_facts": (("$5",), ("clip",))}, "A clip is long.", True),
        ({"key_facts": (("$5",),)}, "A clip is long.", False),
        ({"references": ("five Ducats",)}, "It costs five ducats.", True),
        ({"references": ("$4.4 trillion",)}, "It costs $2.6 to $4.4 trillion.", True),
        ({"references": ("five Ducats",)}, "It costs six ducats.", False),
        (
            {"references": ("A clip is paid for with Ducats by whoever asks the mill for one.",)},
            "Whoever asks the mill pays in Ducats.",
            True,
        ),
        (
            {"references": ("A clip is paid for with Ducats by whoever asks the mill for one.",)},
            "The barn is red.",
            False,
        ),
    ],
)
def test_a_text_tells_of_an_answer_by_any_of_its_facts(
    known: dict[str, Any], text: str, does: bool
) -> None:
    assert tells(case(**known), text) is does


def test_learning_prefers_the_signal_that_tells() -> None:
    lines = [
        {
            "answerable": n % 2 == 0,
            **dict.fromkeys(SIGNALS["with_model"], (n % 5) / 5),
            "points": (2.0 if n % 2 == 0 else -2.0) + (n % 7) / 10,
        }
        for n in range(60)
    ]
    answerable = [bool(line["answerable"]) for line in lines]
    value = learn_gate(lines, answerable, **SIGNALS, most_refused=0.05)
    assert value["figures"]["with_model"]["auroc"] == 1.0
    weights = value["with_model"]
    assert weights["points"] == max(weights[name] for name in SIGNALS["with_model"])

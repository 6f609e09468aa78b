"""Learning when to answer: from the evidence, and not from how people ask."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.calibrate import SIGNALS, learn_alone, learn_gate, learn_probe

WIDTH = 12
HOLDS, STYLE = 0, 1  # what the first two of a state's values tell


def question(number: int, *, noise: Any) -> dict[str, Any]:
    """A measured question; those that can be answered are also asked in another style."""
    answerable = number % 2 == 0
    state, withheld = noise.normal(0, 0.3, (2, WIDTH))
    state[[HOLDS, STYLE]] += 1.0 if answerable else -1.0
    withheld[[HOLDS, STYLE]] += (-1.0, 1.0)
    return {
        "answerable": answerable,
        "state": state.tolist(),
        "withheld": withheld.tolist() if answerable else None,
        "draft": None,
    }


def test_the_probe_tells_by_the_evidence_and_not_by_the_question() -> None:
    noise = np.random.default_rng(0)
    lines = [question(number, noise=noise) for number in range(60)]
    probe = learn_probe(lines)
    weights = probe["weights"]
    assert len(weights) == WIDTH
    assert weights[HOLDS] == max(weights)
    one_twin = [lines[0], *(line | {"withheld": None} for line in lines[1:])]
    alone = learn_probe(one_twin)["weights"]
    assert alone[STYLE] > 0.9 * alone[HOLDS]  # nothing else would tell the two apart
    assert weights[STYLE] < 0.75 * weights[HOLDS]
    assert probe["figures"]["twins_told_apart"] == probe["figures"]["withheld"] == 30
    told = [line["probe"] > 0 for line in lines]
    assert told == [line["answerable"] for line in lines]
    # What is judged by the weights of all is judged alike.
    again = [probe["bias"] + float(np.dot(weights, line["state"])) > 0 for line in lines]
    assert again == told


def test_the_probe_judges_no_question_that_it_learned_from() -> None:
    noise = np.random.default_rng(1)
    lines: list[dict[str, Any]] = [
        {
            "answerable": number % 2 == 0,
            "state": noise.normal(size=200).tolist(),
            "withheld": noise.normal(size=200).tolist() if number % 2 == 0 else None,
            "draft": {"right": True},
        }
        for number in range(60)
    ]
    assert 0.25 < learn_probe(lines)["figures"]["auroc"] < 0.75  # all noise, though 200 wide


def test_words_alone_are_judged_by_what_they_tell_and_not_by_their_question() -> None:
    noise = np.random.default_rng(3)
    lines: list[dict[str, Any]] = []
    for number in range(40):
        asked = noise.normal(0, 2.0)  # what all the states of a question share
        pieces = []
        for tells in (True, False, False, True):
            state = noise.normal(0, 0.3, WIDTH)
            state[HOLDS] += 1.0 if tells else -1.0
            state[STYLE] += asked
            pieces.append({"state": state.tolist(), "tells": tells})
        draft = {**pieces.pop(number % 4 // 2), "right": True}
        lines.append({"alone": pieces, "draft": draft if number % 2 else None})
    learned = learn_alone(lines)
    assert learned["figures"]["pieces"] == 120
    assert learned["figures"]["cited"] == 20
    assert learned["figures"]["auroc"] > 0.95
    assert int(np.argmax(np.abs(learned["weights"]))) == HOLDS
    drafts = [line["draft"] for line in lines if line["draft"]]
    assert all((draft["alone"] > 0) == draft["tells"] for draft in drafts)


def test_no_words_are_judged_by_what_was_learned_from_their_question() -> None:
    noise = np.random.default_rng(4)
    lines = []
    for number in range(40):
        state = noise.normal(size=200).tolist()
        pieces = [{"state": state, "tells": number % 2 == 0}] * 3
        lines.append({"alone": pieces, "draft": {**pieces[0], "right": number % 4 == 0}})
    assert 0.25 < learn_alone(lines)["figures"]["auroc"] < 0.75  # all noise, though 200 wide


def test_learning_prefers_the_signal_that_tells() -> None:
    lines = [
        {
            "answerable": n % 2 == 0,
            **dict.fromkeys(SIGNALS["with_model"], (n % 5) / 5),
            "probe": (2.0 if n % 2 == 0 else -2.0) + (n % 7) / 10,
        }
        for n in range(60)
    ]
    answerable = [bool(line["answerable"]) for line in lines]
    value = learn_gate(lines, answerable, **SIGNALS, most_refused=0.05)
    assert value["figures"]["with_model"]["auroc"] == 1.0
    weights = value["with_model"]
    assert weights["probe"] == max(weights[name] for name in SIGNALS["with_model"])

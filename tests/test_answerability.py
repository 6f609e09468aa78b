"""Before a word is written: what speaks for the passages holding the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.answerability import Signals, learned_weights, measure
from rag.answering import MOST_READINGS
from rag.drafting import SURE, find_answer, weigh
from rag.evidence import EvidenceSet
from rag.pointing import pointer_of
from tests.fakes import PointingChat, ScriptedChat, WordEmbedder
from tests.passages import hit

ASKED = "What does an audio clip cost?"


@pytest.mark.parametrize("belief", [-3.0, 2.0])
def test_how_the_model_points_is_weighed_before_it_writes(belief: float) -> None:
    evidence = EvidenceSet(ASKED, [hit("A video clip costs $5.")], embedder=WordEmbedder())
    model = PointingChat(reply=lambda _: pytest.fail("wrote"), belief=belief)
    pointer = pointer_of(ASKED, model=model)
    signals, weights = weigh(evidence, evidence.pieces, pointer=pointer)
    assert signals.points == pytest.approx(belief)
    assert replace(signals, points=None) == measure(evidence, evidence.pieces)
    assert weights == learned_weights()[0]


def test_a_hopeless_question_is_not_read() -> None:
    evidence = EvidenceSet("Who is Ada?", [hit("Rain fell.")], embedder=WordEmbedder())
    pointer = pointer_of("Who is Ada?", model=PointingChat(reply=lambda _: "", belief=9.0))
    signals, weights = weigh(evidence, evidence.pieces, pointer=pointer)
    assert signals.points is None
    assert weights.probability(signals) < weights.threshold


@pytest.mark.parametrize(
    ("answering", "found"), [("video", 0), ("sound", 1), ("picture", None), ("nothing", None)]
)
def test_where_nothing_read_answers_it_reads_on_once(answering: str, found: int | None) -> None:
    text = "A video clip costs $5. A sound clip costs $6. A picture costs $7."
    evidence = EvidenceSet(ASKED, [hit(text)], embedder=WordEmbedder())
    readings = [[piece] for piece in evidence.pieces]
    model = PointingChat(reply=lambda _: "", belief=9.0, answering=answering)
    read, points, gate = find_answer(
        evidence, readings[:MOST_READINGS], pointer=pointer_of(ASKED, model=model)
    )
    assert gate.kept is (found is not None)
    assert points == (-9.0 if found is None else 9.0)
    if found is not None:
        assert read == readings[found]


@pytest.mark.parametrize(("second", "chosen"), [(9.0, 1), (-9.0, 0)])
def test_it_reads_on_where_it_is_not_sure_and_answers_from_the_surer(
    second: float, chosen: int
) -> None:
    evidence = EvidenceSet(
        ASKED, [hit("A video clip costs $5. A sound clip costs $6.")], embedder=WordEmbedder()
    )
    readings = [[piece] for piece in evidence.pieces]
    weights = learned_weights()[0]
    signals = measure(evidence, readings[0])
    unsure = -weights.bias - weights.cosine * signals.cosine - weights.anchors * signals.anchors
    unsure = (unsure - 0.5) / weights.points
    assert weights.threshold < weights.probability(replace(signals, points=unsure)) < SURE
    pointer = pointer_of(ASKED, model=PointingChat(reply=lambda _: "", belief=0.0))
    assert pointer
    pointer._read = {(readings[0][0],): unsure, (readings[1][0],): second}
    read, _, gate = find_answer(evidence, readings, pointer=pointer)
    assert gate.kept
    assert read == readings[chosen]


@pytest.mark.parametrize(
    ("question", "anchors"),
    [
        ("What's the cost of AI-made audio?", 1.0),
        ("I'm wondering, isn't it $5?", 1.0),
        ("What's the cost of audio at Acme?", 0.0),
    ],
)
def test_only_names_and_numbers_of_a_question_have_to_be_met(question: str, anchors: float) -> None:
    text = "A video clip made by AI costs $5."
    evidence = EvidenceSet(question, [hit(text)], embedder=WordEmbedder())
    assert measure(evidence, evidence.pieces).anchors == anchors


def test_a_model_that_has_not_learned_to_point_is_left_out() -> None:
    assert pointer_of(ASKED, model=ScriptedChat(reply=lambda _: "Yes")) is None
    plain = PointingChat(reply=lambda _: "Yes", belief=1.0, has_adapter=False)
    assert pointer_of(ASKED, model=plain) is None


def test_the_learned_weights_point_the_right_way() -> None:
    for weights in learned_weights():
        likely = Signals(points=3.0, cosine=0.8, anchors=1.0)
        worse = [
            replace(likely, points=-3.0),
            replace(likely, cosine=0.2),
            replace(likely, anchors=0.0),
        ]
        assert all(weights.probability(w) <= weights.probability(likely) for w in worse)
        assert weights.probability(likely) >= weights.threshold

"""Before a word is written: what speaks for the passages holding the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.answerability import Signals, learned_weights, measure, probe_model
from rag.evidence import EvidenceSet
from tests.fakes import ScriptedChat, ShowingChat, WordEmbedder
from tests.passages import hit

ASKED = "What does an audio clip cost?"


@pytest.mark.parametrize("belief", [-3.0, 2.0])
def test_what_the_model_makes_of_the_evidence_is_read_from_its_state(belief: float) -> None:
    evidence = EvidenceSet(ASKED, [hit("A video clip costs $5.")], embedder=WordEmbedder())
    signals = measure(evidence, evidence.pieces)
    model = ShowingChat(reply=lambda _: pytest.fail("wrote"), belief=belief)
    shown = probe_model(signals, read=evidence.pieces, question=ASKED, model=model)
    assert shown.probe == pytest.approx(belief, abs=1e-3)
    assert replace(shown, probe=None) == signals


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


def test_a_model_that_shows_nothing_is_left_out() -> None:
    evidence = EvidenceSet(ASKED, [hit("A video clip costs $5.")], embedder=WordEmbedder())
    signals = measure(evidence, evidence.pieces)
    silent = ScriptedChat(reply=lambda _: "Yes")
    shown = probe_model(signals, read=evidence.pieces, question=ASKED, model=silent)
    assert shown == signals


def test_the_learned_weights_point_the_right_way() -> None:
    for weights in learned_weights():
        likely = Signals(probe=3.0, cosine=0.8, anchors=1.0)
        worse = [
            replace(likely, probe=-3.0),
            replace(likely, cosine=0.2),
            replace(likely, anchors=0.0),
        ]
        assert all(weights.probability(w) <= weights.probability(likely) for w in worse)
        assert weights.probability(likely) >= weights.threshold

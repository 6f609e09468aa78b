"""Before a word is written: what speaks for the passages holding the answer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from langchain_core.messages import BaseMessage

from rag.answerability import Signals, ask_model, learned_weights, measure, surprise_of
from rag.evidence import EvidenceSet
from tests.fakes import ScriptedChat, WordEmbedder
from tests.passages import hit

ASKED = "What does an audio clip cost?"


class Reader:
    """Says how likely the words of a question are: alone, then after the evidence."""

    def __init__(self, alone: list[float], after: list[float]) -> None:
        self.said = [alone, after]
        self.read: list[str] = []

    def text_logprobs(self, messages: list[BaseMessage], text: str, *, lead: str) -> list[float]:
        assert f"{lead}{text}" in str(messages[-1].text)
        self.read.append(str(messages[-1].text))
        return self.said.pop(0)


@pytest.mark.parametrize(
    ("alone", "after", "surprise"),
    [
        ([-2.0, -5.0, -1.0], [-2.0, -9.0, -0.5], math.log1p(4.0)),
        ([-2.0, -5.0, -1.0], [-1.0, -4.0, -0.5], 0.0),
        ([], [], 0.0),
    ],
)
def test_the_word_that_the_evidence_makes_least_likely_counts(
    alone: list[float], after: list[float], surprise: float
) -> None:
    evidence = EvidenceSet(ASKED, [hit("A video clip costs $5.")], embedder=WordEmbedder())
    reader = Reader(alone, after)
    assert surprise_of(ASKED, read=evidence.pieces, model=reader) == pytest.approx(surprise)
    assert ["$5" in text for text in reader.read] == [False, True]
    assert all(ASKED in text for text in reader.read)


def test_a_model_that_reports_no_probabilities_has_no_word() -> None:
    evidence = EvidenceSet(ASKED, [hit("A video clip costs $5.")], embedder=WordEmbedder())
    signals = measure(evidence, evidence.pieces)
    silent = ScriptedChat(reply=lambda _: "Yes", log_odds=None)
    assert ask_model(signals, read=evidence.pieces, question=ASKED, model=silent) == signals
    speaking = ScriptedChat(reply=lambda _: "Yes", log_odds=2.0)
    asked = ask_model(signals, read=evidence.pieces, question=ASKED, model=speaking)
    assert asked.log_odds == pytest.approx(2.0)
    assert asked.surprise == 0.0


def test_the_learned_weights_point_the_right_way() -> None:
    for weights in learned_weights():
        likely = Signals(log_odds=3.0, surprise=0.0, cosine=0.8, anchors=1.0)
        worse = [
            replace(likely, log_odds=-3.0),
            replace(likely, surprise=3.0),
            replace(likely, cosine=0.2),
            replace(likely, anchors=0.0),
        ]
        assert all(weights.probability(w) <= weights.probability(likely) for w in worse)
        assert weights.probability(likely) >= weights.threshold

"""The same question without its answer: what tells of it is not read, and other pieces are."""

from __future__ import annotations

from typing import Any

import pytest

from eval.records import Case
from eval.withheld import read_without_answer, tells
from rag.evidence import EvidenceSet
from tests.fakes import WordEmbedder
from tests.passages import hit


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


def test_other_pieces_take_the_place_of_those_that_tell() -> None:
    words = "A clip costs $5 here. A clip costs much work. A clip costs time too. Clips are red."
    evidence = EvidenceSet("What does a clip cost?", [hit(words)], embedder=WordEmbedder())
    count = WordEmbedder().count_tokens
    asked = case(key_facts=(("$5",),))
    read = evidence.select(10, count_tokens=count)
    assert any("$5" in piece.reading for piece in read)
    rest = read_without_answer(asked, evidence, budget=10, count_tokens=count)
    assert rest
    assert not any("$5" in piece.reading for piece in rest)
    assert set(read) - set(rest) == {piece for piece in read if "$5" in piece.reading}
    assert len(rest) >= len(read)


def test_what_tells_nothing_has_nothing_to_withhold() -> None:
    evidence = EvidenceSet("What does a clip cost?", [hit("It is red.")], embedder=WordEmbedder())
    asked = case(key_facts=(("$5",),))
    count = WordEmbedder().count_tokens
    assert read_without_answer(asked, evidence, budget=10, count_tokens=count) == []

"""Answer and reference are alike as far as they share words, figures and meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.agreement import (
    PARTS,
    AgreementJudge,
    AgreementWeights,
    Likeness,
    learned_agreement,
    likeness,
)
from tests.fakes import WordEmbedder

EMBED = WordEmbedder().embed
words = st.sampled_from(
    "bridge harbour opened tram 310 metres 1931 green mill wheel the of".split()
)
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)


@pytest.mark.parametrize(
    ("answer", "reference", "f1", "cosine"),
    [
        ("The green mill.", "The green mill.", 1, 1),
        ("Green is the mill.", "The green mill.", 0.8, 1),
        ("The mill.", "The green mill.", 2 / 3, 0.5**0.5),
        ("A wheel.", "The mill.", 0, 0),
    ],
)
def test_texts_are_alike_by_their_words_and_by_their_meaning(
    answer: str, reference: str, f1: float, cosine: float
) -> None:
    alike = likeness(answer, reference, embed=EMBED)
    assert astuple(alike) == pytest.approx((f1, cosine), abs=1e-6)


@given(texts, texts)
def test_likeness_is_a_share_and_the_same_from_either_side(one: str, other: str) -> None:
    parts = astuple(likeness(one, other, embed=EMBED))
    assert all(-1e-6 <= part <= 1 + 1e-6 for part in parts)
    assert parts == pytest.approx(astuple(likeness(other, one, embed=EMBED)), abs=1e-6)


@given(texts)
def test_nothing_is_more_like_a_text_than_itself(text: str) -> None:
    assert astuple(likeness(text, text, embed=EMBED)) == pytest.approx((1,) * len(PARTS), abs=1e-6)


def test_weights_give_an_agreement_that_rises_with_what_weighs() -> None:
    weights = AgreementWeights(bias=-1.0, weights=dict.fromkeys(PARTS, 1.0), threshold=0.5)
    assert weights.agreement(Likeness(0.5, 0.5)) == pytest.approx(0.5)
    assert 0 < weights.agreement(Likeness(0.2, 0.5)) < 0.5 < weights.agreement(Likeness(0.5, 0.9))


# With the learned weights.

REFERENCE = "Repairs of the harbour bridge cost 2.4 million crowns in 1997."


def judge(answer: str, references: Sequence[str]) -> tuple[float, bool]:
    return AgreementJudge(EMBED).judge(answer, references)


def test_the_learned_weights_are_over_the_parts() -> None:
    learned = learned_agreement()
    assert list(learned.weights) == PARTS
    assert 0 < learned.threshold < 1


def test_a_reference_agrees_with_itself_and_not_with_something_else() -> None:
    same, agrees = judge(REFERENCE, [REFERENCE])
    other, too = judge("A museum of flour opened in the tide mill.", [REFERENCE])
    assert 0 <= other < same <= 1
    assert (agrees, too) == (True, False)


def test_the_nearest_reference_counts_wherever_it_stands() -> None:
    elsewhere = ["Nobody knows.", "The mill is old."]
    alone: Any = judge(REFERENCE, [REFERENCE])
    assert judge(REFERENCE, [*elsewhere, REFERENCE]) == alone
    assert judge(REFERENCE, [REFERENCE, *elsewhere]) == alone

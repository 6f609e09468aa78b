"""Where the language model looks, of what it has read."""

from __future__ import annotations

import numpy as np
import pytest

from rag.pointing import LEAST_ATTENTION, Pointer, learned_pointer, looks

HEADS = (2, 3)


def attention(*facts: float) -> np.ndarray:
    """Every head gives each fact this much."""
    return np.full((*HEADS, len(facts)), facts, dtype=np.float32)


def test_a_fact_is_judged_beside_the_others_of_its_prompt() -> None:
    seen = looks(attention(0.02, 0.04, 0.08))
    assert seen.shape == (3, 6)
    np.testing.assert_allclose(seen.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(seen[1] - seen[0], np.log(2), rtol=1e-2)
    np.testing.assert_allclose(looks(attention(0.04, 0.08, 0.16)), seen, atol=1e-2)


def test_what_gets_nothing_is_the_least_and_no_error() -> None:
    seen = looks(attention(0.0, LEAST_ATTENTION))
    assert np.isfinite(seen).all()
    assert (seen[0] < seen[1]).all()


def test_nothing_read_is_nothing_pointed_at() -> None:
    assert Pointer(np.ones(6, dtype=np.float32)).log_odds(attention()) == []


def test_heads_that_look_elsewhere_count_against_it() -> None:
    weights = np.array([2, 0, 0, 0, 0, -1], dtype=np.float32)
    seen = attention(0.1, 0.1)
    seen[0, 0, 0] = 0.2
    seen[1, 2, 1] = 0.3
    first, second = Pointer(weights).log_odds(seen)
    assert first - second == pytest.approx(2 * np.log(2) + np.log(3), rel=1e-3)


def test_the_learned_pointer_has_a_weight_for_each_head_and_its_figures() -> None:
    assert learned_pointer().weights.shape == (28 * 12,)
    assert learned_pointer().weights.any()

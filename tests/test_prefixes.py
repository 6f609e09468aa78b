"""What begins the same way again is read once, and never taken for what begins otherwise."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rag.prefixes import FEWEST_TOKENS, MOST_STATES, Prefixes, shared_prefix

EXAMPLES = list(range(100, 100 + 2 * FEWEST_TOKENS))


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_the_shared_prefix_is_the_longest(known: list[int], prompt: list[int]) -> None:
    length = shared_prefix(np.array(known, dtype=np.intc), prompt)
    assert known[:length] == prompt[:length]
    assert length == min(len(known), len(prompt)) or known[length] != prompt[length]


def test_a_beginning_is_worth_keeping_when_it_comes_again_after_something_else() -> None:
    prefixes = Prefixes()
    assert prefixes.worth_keeping([*EXAMPLES, 1], known=0) == 0
    assert prefixes.worth_keeping([7, 8, 9], known=0) == 0
    assert prefixes.worth_keeping([*EXAMPLES, 2], known=0) == len(EXAMPLES)


def test_what_the_model_still_has_is_not_worth_keeping() -> None:
    prefixes = Prefixes()
    prefixes.worth_keeping([*EXAMPLES, 1], known=0)
    assert prefixes.worth_keeping([*EXAMPLES, 2], known=len(EXAMPLES)) == 0


def test_a_state_is_offered_as_far_as_the_prompt_begins_like_it() -> None:
    prefixes = Prefixes()
    prefixes.keep([*EXAMPLES, 5, 6], b"state")
    found = prefixes.best_state([*EXAMPLES, 5, 9], known=0)
    assert found is not None
    assert found[0].data == b"state"
    assert found[1] == len(EXAMPLES) + 1
    assert prefixes.best_state([*EXAMPLES, 5, 9], known=len(EXAMPLES)) is None
    assert prefixes.best_state([9, *EXAMPLES], known=0) is None


def test_the_state_that_was_used_longest_ago_makes_room() -> None:
    prefixes = Prefixes()
    beginnings = [[number, *EXAMPLES] for number in range(MOST_STATES + 1)]
    for beginning in beginnings[:-1]:
        prefixes.keep(beginning, b"")
    assert prefixes.best_state(beginnings[0], known=0) is not None
    prefixes.keep(beginnings[-1], b"")
    kept = [prefixes.best_state(beginning, known=0) is not None for beginning in beginnings]
    assert kept == [True, False, *[True] * (MOST_STATES - 1)]

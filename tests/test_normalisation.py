"""What may change in a text before offsets exist, and what may not."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from rag.normalisation import normalised

TABLE = (
    "PlanFree TierTeam Tier (TT)PriceCosts nothing at all, for ever.Costs $5 a month.Storage space"
    "Two gigabytes, e.g. photos. More is sold apart.A terabyte for each person.Help line"
    "None (but see the forum).By OpenAI chat, at all hours.Refund$0 is paid back.$5.50 is, once."
)


def test_a_table_run_together_gets_its_rows_and_cells_back() -> None:
    assert normalised(f"Asked by OpenAI.\n{TABLE}\nAfter it.").split("\n")[1:-1] == [
        "Plan | Free Tier | Team Tier (TT)",
        "Price | Costs nothing at all, for ever. | Costs $5 a month.",
        "Storage space | Two gigabytes, e.g. photos. More is sold apart. | "
        "A terabyte for each person.",
        "Help line | None (but see the forum). | By OpenAI chat, at all hours.",
        "Refund | $0 is paid back. | $5.50 is, once.",
    ]


def test_a_header_of_capitals_is_cut_between_the_words() -> None:
    row = "{}Some words that fill the first cell well.Other words that fill the second cell."
    line = "AspectGenerative AILarge Model" + "".join(map(row.format, ("One", "Two", "Three")))
    assert normalised(line).split("\n")[0] == "Aspect | Generative AI | Large Model"


def test_check_marked_items_run_together_get_a_line_each() -> None:
    assert normalised("✓ One - a.✓ Two - b. ✓ Three") == "✓ One - a.\n✓ Two - b. \n✓ Three"


def test_prose_is_left_alone() -> None:
    for text in (
        "We use OpenAI, GitHub and McKinsey numbers, v2.5 and 3D at $5.50 a piece. " * 5,
        "The space was lost here.The next is fine.And so on it goes.To the end.Of it all. " * 5,
        "| ✓ | ✗ |\n  two  spaces\tand a tab ",
    ):
        assert normalised(text) == text


def test_line_ends_become_one_kind_and_lone_surrogates_are_replaced() -> None:
    assert normalised("a\r\nb\rc\nd\ud800") == "a\nb\nc\nd\N{REPLACEMENT CHARACTER}"


@given(
    st.lists(
        st.sampled_from([TABLE, "OneTwo.", "three four", "✓ five.", "$6", ".", "A"]), max_size=9
    )
)
def test_separation_only_inserts(parts: list[str]) -> None:
    text = "".join(parts)
    assert re.sub(r" \| |\n", "", normalised(text)) == text

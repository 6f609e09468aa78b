"""Numbers compare by value, however they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.amounts import amounts, numbers, ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("over 200,000 employees", ["200000"]),
        ("about 200k people", ["200000"]),
        ("0.2 million users", ["200000"]),
        ("$2.6 to $4.4 trillion a year", ["2.6e12", "4.4e12"]),
        ("$0.50-$5 per clip", ["0.5", "5"]),
        ("70-80% of queries", ["70", "80"]),
        ("a rate of 33.2%.", ["33.2"]),
        ("growth in 2025", ["2025"]),
        ("85%+ and 1M+ tokens", ["85", "1e6"]),
        ("$200B by 2030", ["2e11", "2030"]),
        ("five times the revenue", ["5"]),
        ("twenty-five", ["20", "5"]),
        ("3-5x more", ["3", "5"]),
        ("films of the 70's and the 1980s", ["1970", "1980"]),
        ("the 2003\u201304 season", ["2003", "2004"]),
        ("on 2019-12", ["2019", "12"]),
        ("GPT-4o and v6", []),
        ("no number here", []),
    ],
)
def test_numbers_are_read_by_value(text: str, expected: list[str]) -> None:
    assert numbers(text) == {Decimal(value).normalize() for value in expected}


@given(st.integers(min_value=0, max_value=10**12))
def test_a_number_is_the_same_with_and_without_separators(value: int) -> None:
    assert numbers(f"exactly {value:,} of them") == numbers(f"exactly {value} of them")


def test_a_unit_is_one_however_it_is_written() -> None:
    assert amounts("USD 36.1 billion, EUR5") == amounts("$36.1 billion, \u20ac5")
    assert amounts("five per cent, 6 per cent") == amounts("5%, six percent")
    assert amounts("US$3 a barrel") == amounts("$3 a barrel")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$2.6 to $4.4 trillion a year", [("2.6e12", "4.4e12")]),
        ("between $2.6 and $4.4 trillion", [("2.6e12", "4.4e12")]),
        ("$0.50\u2013$5 per clip, 2-3 minutes", [("0.5", "5"), ("2", "3")]),
        ("rose from 5 to 10, ranging from 3% to 4%", [("3", "4")]),
        ("two to three weeks", [("2", "3")]),
        ("5 and 10, from 1947 to 1967, 24-10", []),
    ],
)
def test_a_range_has_two_ends(text: str, expected: list[tuple[str, str]]) -> None:
    given, single = ranges(text)
    assert given == {(Decimal(low), Decimal(high)) for low, high in expected}
    assert single == numbers(text) - {end for ends in given for end in ends}


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert all(value >= 0 for value in numbers(text))

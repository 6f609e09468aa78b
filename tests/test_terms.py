"""Numbers compare by value, names by what English prints as one, words by stem."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.terms import (
    amounts,
    content_words,
    coverage,
    denied,
    name_is_in,
    names,
    numbers,
    respelled,
)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The suite of JPMorgan grew.", {"jpmorgan"}),
        ("Models such as GPT-4o and Claude are large.", {"gpt-4o", "claude"}),
        ("The 700-megawatt plant ran for 40-hour-long days.", set()),
        ("He bought it at 7-Eleven.", {"7-eleven"}),
        ("Many LLMs differ.", {"llm"}),
        ("Software is written. Testing follows.", set()),
        ("Goldman Sachs grew. Acme's suite did too.", {"goldman", "sachs", "acme"}),
        ("In 2025 the United Kingdom paid 3-5x more.", {"united", "kingdom"}),
        ("How Much Does One Video Clip Of DALL-E Cost?", {"dall-e"}),
        ("Goldman Sachs Group", {"goldman", "sachs", "group"}),
        ("Bell Canada and Northern Telecom", {"bell", "canada", "northern", "telecom"}),
        ("Jump for Glory was directed by Raoul Walsh.", {"glory", "raoul", "walsh"}),
        ("What's the price? Who\u2019s paid? I'm sure it isn't.", set()),
        ("Isn't ChatGPT, when I'm asking, what Acme's is?", {"chatgpt", "acme"}),
        ("Compare GPT-4 and Claude. Unlike Zenith, they grew.", {"gpt-4", "claude", "zenith"}),
        ("Are AI-made clips of non-LLM tools Llama-3-based?", {"ai", "llm", "llama-3"}),
        ("An X-ray over Wi-Fi for Coca-Cola", {"x-ray", "wi-fi", "coca-cola"}),
        ("The market is worth USD 36.1 billion in Canada.", {"canada"}),
    ],
)
def test_names_are_what_is_printed_as_one(text: str, expected: set[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("jpmorgan", "JPMorgan's LLM Suite", True),
        ("llm", "all LLMs are", True),
        ("gan", "an organ", False),
        ("goldman", "JPMorgan", False),
        ("gpt-4", "GPT-4o is newer", False),
        ("african", "spoken in South Africa", True),
        ("canada", "the Canadian north", True),
        ("jordan", "Jordans of Jorda", True),
        ("jordan", "in Jordia", False),
        ("american", "the Americas", True),
    ],
)
def test_a_name_is_found_as_a_word_only(name: str, text: str, found: bool) -> None:
    assert name_is_in(name, text) is found


@pytest.mark.parametrize(
    ("question", "spelled"),
    [
        ("Is JP Morgan's suite open ai?", "Is JPMorgan's suite OpenAI?"),
        ("Is it in New York City?", "Is it in New York City?"),
        ("Who uses an over view?", "Who uses an over view?"),
    ],
)
def test_a_name_is_spelled_as_the_articles_spell_it(question: str, spelled: str) -> None:
    text = "At NewYork and in New York JPMorgan\u2019s OpenAI tools give an overview."
    assert respelled(question, text) == spelled


def test_a_currency_is_one_however_it_is_written() -> None:
    assert amounts("USD 36.1 billion, EUR5") == amounts("$36.1 billion, \u20ac5")
    assert amounts("US$3 a barrel") == amounts("$3 a barrel")


def test_words_of_one_stem_are_one() -> None:
    assert content_words("generating images") == content_words("It generates an image")


def test_function_words_carry_nothing() -> None:
    assert content_words("What is it, and how does this do that?") == frozenset()
    assert content_words("What's it? I'm sure it isn't; whats it, im sure it dont") == {"sure"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LLMs do not replace generators.", {"replac", "generat"}),
        ("They don\u2019t paint, they write.", {"paint"}),
        ("It paints, writes and sings.", set()),
        ("It is cheap but cannot paint.", {"paint"}),
    ],
)
def test_what_a_text_denies_is_what_follows_not(text: str, expected: set[str]) -> None:
    assert denied(text) == expected


def test_coverage_of_nothing_wanted_is_whole() -> None:
    assert coverage([], ["a"]) == 1.0
    assert coverage(["a", "b"], ["b", "c"]) == 0.5


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    assert all(value >= 0 for value in numbers(text))
    assert all(word for word in content_words(text))
    assert all(name for name in names(text))

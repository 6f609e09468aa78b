"""Names are what English prints as one; words compare by stem."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.terms import content_words, coverage, denied, name_is_in, names


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
        ("He sold well, like Bach, in the 70's, the 80\u2019s and the '90s.", {"bach"}),
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
        ("uk", "It is sold in Britain.", True),
        ("britain", "It is sold in the UK.", True),
        ("kingdom", "It is sold in the U.K.", True),
        ("us", "It is sold in the United States.", True),
        ("america", "It is sold in the US.", True),
        ("britain", "It is sold in the US.", False),
    ],
)
def test_a_name_is_found_as_a_word_only(name: str, text: str, found: bool) -> None:
    assert name_is_in(name, text) is found


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
        ("Not until 1798 was Ada Blom able to weigh it.", set()),
        ("It is not only cheap, it paints no later than May.", set()),
        ('She sang "You Don\'t Love Me (No, No, No)" in Tarn.', set()),
        ('She said "No, we do not sell it" in Tarn.', {"sell", "tarn"}),
    ],
)
def test_what_a_text_denies_is_what_follows_not(text: str, expected: set[str]) -> None:
    assert denied(text) == expected


def test_coverage_of_nothing_wanted_is_whole() -> None:
    assert coverage([], ["a"]) == 1.0
    assert coverage(["a", "b"], ["b", "c"]) == 0.5


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    assert all(word for word in content_words(text))
    assert all(name for name in names(text))

"""The meter reads numbers, names and yes or no as a person does, whatever their spelling."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.facts import (
    asks_yes_no,
    contradicts,
    foreign_facts,
    name_is_in,
    polarity,
    proper_names,
    quantities,
    same_quantity,
)


def read(text: str) -> list[tuple[float, float, str]]:
    return [(float(q.low), float(q.high), q.unit) for q in quantities(text)]


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("$0.50-$5", 0.5, 5, "dollar"),
        ("50 cents to $5", 0.5, 5, "dollar"),
        ("$500 to $1 million", 500, 1e6, "dollar"),
        ("$2.6 to $4.4 trillion", 2.6e12, 4.4e12, "dollar"),
        ("2.6 to 4.4 trillion dollars", 2.6e12, 4.4e12, "dollar"),
        ("USD 36.1 billion", 36.1e9, 36.1e9, "dollar"),
        ("$200B", 2e11, 2e11, "dollar"),
        ("200,000", 2e5, 2e5, ""),
        ("200k", 2e5, 2e5, ""),
        ("0.2 million", 2e5, 2e5, ""),
        ("33.2%", 33.2, 33.2, "percent"),
        ("33.2 percent", 33.2, 33.2, "percent"),
        ("40–70%", 40, 70, "percent"),
        ("two thirds of them", 66.7, 66.7, "percent"),
        ("3-5x", 3, 5, "times"),
        ("five times as much", 5, 5, "times"),
        ("twenty", 20, 20, ""),
        ("three hundred and five people", 305, 305, "person"),
        ("in 1846", 1846, 1846, "year"),
        ("late-2025 models", 2025, 2025, "year"),
        ("the 1990s", 1990, 1999, "year"),
        ("1869–1909", 1869, 1909, "year"),
        ("the 19th century", 19, 19, "century"),
        ("the 32nd city", 32, 32, "ordinal"),
        ("10 ms", 0.01, 0.01, "second"),
        ("a 10-minute video", 600, 600, "second"),
        ("between 6 and 18 months", 6, 18, "month"),
        ("70B parameters", 70e9, 70e9, "parameter"),
        ("1M+ tokens", 1e6, 1e6, "token"),
        ("over 200,000 employees", 2e5, 2e5, "employee"),
        ("50 distinct model architectures", 50, 50, "architecture"),
        ("260 km", 260000, 260000, "metre"),
        ("5 m", 5, 5, "metre"),
    ],
)
def test_a_quantity_is_read_with_its_unit(text: str, low: float, high: float, unit: str) -> None:
    assert read(text) == [(low, high, unit)]


def test_a_date_is_a_day_and_a_year_in_any_order() -> None:
    expected = [(1109, 1109, "day of year"), (1940, 1940, "year")]
    assert read("9 November 1940") == read("November 9, 1940") == expected
    assert sorted(read("1940-11-09")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "GPT-4o and DALL-E 3",
        "Claude 4",
        "3D models",
        "MP3",
        "one of the guides",
        "billions of tokens",
    ],
)
def test_names_and_vague_words_hold_no_quantity(text: str) -> None:
    assert read(text) == []


def test_same_values_are_the_same_in_other_words() -> None:
    def same(one: str, other: str) -> bool:
        (first,), (second,) = quantities(one), quantities(other)
        assert same_quantity(first, second) == same_quantity(second, first)
        return same_quantity(first, second)

    assert same("$0.50-$5", "50 cents to $5")
    assert same("200,000 employees", "200k staff members")
    assert same("60 seconds", "1 minute")
    assert not same("5%", "$5")
    assert not same("5%", "5 companies")
    assert not same("2-5 seconds", "5 seconds")


@given(st.integers(1, 10**9), st.sampled_from(["%", " dollars", " employees", " ms", ""]))
def test_a_number_reads_the_same_with_and_without_commas(number: int, unit: str) -> None:
    (quantity,) = quantities(f"about {number:,}{unit} then")
    assert quantity.low == quantity.high
    if number >= 2101 or unit.strip():
        (plain,) = quantities(f"about {number}{unit} then")
        year = plain.unit == "year"  # "about 2024 employees" may be of that year
        assert year or same_quantity(quantity, plain)


@given(st.text(string.ascii_letters + string.digits + " .,-$%–()'\n", max_size=60))
def test_any_text_is_read_in_order_and_within_its_bounds(text: str) -> None:
    found = quantities(text)
    assert all(0 <= q.start < q.end <= len(text) and q.low <= q.high for q in found)
    assert [q.start for q in found] == sorted(q.start for q in found)
    assert all(name_is_in(name, text) for name in proper_names(text) if len(name) > 3)
    assert foreign_facts(text, text) == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("OpenAI's GPT-4o beat it. However, GPT 4o costs more.", {"openai", "gpt4o"}),
        ("A Large Language Model (LLM) helps. LLMs do. Large Language Models do.", {"llm"}),
        ("Midjourney is one. We use Midjourney.", {"midjourney"}),
        ("Hallucination is a fault.", set()),
        ("The University of Warsaw and Kraków", {"universityofwarsaw", "krakow"}),
        ("In 1869 Charles W. Eliot came.", {"charlesweliot"}),
        ("JPMorgan Chase & Co announced it.", {"jpmorgan"}),
        ("Runway Gen-3 and DALL-E 3", {"runwaygen3", "dalle3"}),
    ],
)
def test_names_are_folded_and_sentence_openers_are_none(text: str, names: set[str]) -> None:
    assert proper_names(text) == names


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("GPT-4", "gpt 4 is used", True),
        ("GPT-4", "GPT-4o is used", False),
        ("JPMorgan Chase & Co.", "JPMorgan's suite", True),
        ("LLM", "LLMs write", True),
        ("large language models", "a Large Language Model", True),
        ("Open AI", "OpenAI", True),
        ("Texas", "in Texas.", True),
        ("Ford", "Fordham", False),
        ("", "anything", False),
    ],
)
def test_a_name_is_found_in_any_spelling_and_whole(name: str, text: str, found: bool) -> None:
    assert name_is_in(name, text) is found


@pytest.mark.parametrize(
    ("sentence", "texts", "foreign"),
    [
        ("Heinz cut costs by 40%.", ["Heinz cut costs by 70%."], ("40%",)),
        ("Microsoft cut costs by 70%.", ["Heinz cut costs by 70%."], ("Microsoft",)),
        ("Additionally, costs fell.", ["Costs fell."], ()),
        ("It costs up to 5 dollars.", ["It costs $0.50-$5."], ()),
        ("The IPCC says so.", ["The Intergovernmental Panel on Climate Change says so."], ()),
        ("Large language models (LLMs) err.", ["LLMs err."], ()),
        ("We use DALL-E 4.", ["We use DALL-E 3 and GPT-4."], ("DALL-E 4",)),
        ("Charles Darwin led it.", ["Charles Eliot led it."], ("Charles Darwin",)),
        ("Heinz won.", ["It fell.", "We like Heinz."], ()),
        ("It began on August 1, 1973.", ["It began on 1 August 1973."], ()),
        ("It began on August 2, 1973.", ["It began on 1 August 1973."], ("August 2",)),
    ],
)
def test_foreign_facts_are_those_in_no_text(
    sentence: str, texts: list[str], foreign: tuple[str, ...]
) -> None:
    assert foreign_facts(sentence, *texts) == foreign


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes.", "yes"),
        ("Indeed it is.", "yes"),
        ("No, it is not.", "no"),
        ("No", "no"),
        ("No LLM can.", None),
        ("Yes and no.", None),
        ("None of them.", None),
        ("LLMs cannot draw.", None),
        ("Not for most business applications.", "no"),
        ("Not only companies use it.", None),
    ],
)
def test_polarity_is_what_is_said_outright(text: str, said: str | None) -> None:
    assert polarity(text) == said


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Can LLMs generate images?", True),
        ("is it safe or not", True),
        ("In 2025, did it win?", True),
        ("LLMs are AI, right?", True),
        ("Is ChatGPT an LLM or a tool?", False),
        ("What is it?", False),
    ],
)
def test_yes_no_questions_offer_no_alternatives(question: str, asks: bool) -> None:
    assert asks_yes_no(question) is asks


@pytest.mark.parametrize(
    ("answer", "reference", "question", "found"),
    [
        ("Yes, they can.", "No, they cannot.", "Can LLMs draw?", True),
        ("They can.", "No, they cannot.", "Can LLMs draw?", False),
        ("It fell by 85%.", "It fell by 40-70%.", "What percentage was saved?", True),
        ("It fell by 70%.", "It fell by 40-70%.", "What percentage was saved?", False),
        ("In 1840.", "It was in 1846.", "When was it?", True),
        ("In 1846, not 1840.", "It was in 1846.", "When was it?", False),
        ("It has 5 people.", "It has 12 people since 1846.", "How many people are there?", True),
        ("It was founded in 1850.", "It has 12 people.", "How many people are there?", False),
        ("It costs $10.", "It costs $0.50 to $5.", "What does a video cost?", True),
        ("The price is $10.", "$0.50 to $5", "What is the price?", True),
        ("It has 3 parts.", "It has 2 parts.", "What is it made of?", False),
    ],
)
def test_contradictions_are_of_what_was_asked(
    answer: str, reference: str, question: str, found: bool
) -> None:
    assert bool(contradicts(answer, reference, question)) is found

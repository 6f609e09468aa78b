"""What a question describes is found by its form, and asked for in words of the question."""

from __future__ import annotations

import pytest

from rag.descriptions import Steps, describes, innermost


@pytest.mark.parametrize(
    ("question", "first", "then"),
    [
        (
            "Who is the sister of the composer of Fidelio?",
            "Who is the composer of Fidelio?",
            "Who is the sister of #1?",
        ),
        (
            "Who was the first president of Tarn's country?",
            "In which country is Tarn?",
            "Who was the first president of #1?",
        ),
        (
            "How many people live in the birthplace of Ada Blom?",
            "Where was Ada Blom born?",
            "How many people live in #1?",
        ),
        (
            "What county borders on the county where Tarn Hill is located?",
            "In which county is Tarn Hill located?",
            "What county borders on #1?",
        ),
        (
            "Who sold the tools to the company Ada Blom is from?",
            "Which company is Ada Blom from?",
            "Who sold the tools to #1?",
        ),
        (
            "How old is he who met the person who made Winter Light?",
            "Which person made Winter Light?",
            "How old is he who met #1?",
        ),
        (
            "In the country that Tarn is a part of, what share of the power is from wind?",
            "Which country is Tarn a part of?",
            "In #1, what share of the power is from wind?",
        ),
        (
            "Which airport is in birth place of Ada Blom?",
            "Where was Ada Blom born?",
            "Which airport is in #1?",
        ),
        (
            "When was the Welsh singer born who is known for her husky voice?",
            "Which Welsh singer is known for her husky voice?",
            "When was #1 born?",
        ),
        (
            "Ada Blom is the coach at a university which has a second campus in which city?",
            "Ada Blom is the coach at what university?",
            "#1 has a second campus in which city?",
        ),
        (
            "Winter Light is a song by an English singer that has sold how many records?",
            "Winter Light is a song by what English singer?",
            "#1 has sold how many records?",
        ),
    ],
)
def test_the_innermost_description_is_looked_up_first(question: str, first: str, then: str) -> None:
    assert innermost(question) == Steps(first, then)
    assert describes(question)


def test_a_pasted_page_describes_nothing() -> None:
    page = "There is a man named Tarn. " * 100  # would be looked through for minutes
    assert not describes(f"{page}Who is the sister of the composer of Fidelio?")


@pytest.mark.parametrize(
    "question",
    [
        "Which river did the city where Ada Blom was born give its name to?",  # where does it end?
        "How many people live in the city of Tarn?",
        "What is the share of firms?",
        "Which of the founders of the Institute of Arts and Letters wrote plays?",
        "Newton said that a pull between two bodies represented what?",
        "Which state was named after the Welsh singer Ada Blom?",
    ],
)
def test_what_no_form_shows_is_not_guessed(question: str) -> None:
    assert innermost(question) is None

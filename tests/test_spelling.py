"""A question is asked as the articles spell it, and only where that is surely meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.spelling import respelled

COMMON = {"close", "close?", "image", "lose", "modal", "which"}  # one token each


def count_tokens(text: str) -> int:
    return 1 if text.lower() in COMMON else 2


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
    assert respelled(question, text, count_tokens=count_tokens) == spelled


TEXT = (
    "Diffusion models refine noise, and no other model does. The beta of Midjourney closes. "
    "Bets on beets. Generation of images by Slovakia. Sulfite and sulfide smell."
)


@pytest.mark.parametrize(
    ("question", "spelled"),
    [
        ("How does difusion work?", "How does diffusion work?"),
        ("What is diffussion?", "What is diffusion?"),
        ("Gneeration of imagws?", "Generation of images?"),
        ("Did midjurney close?", "Did Midjourney close?"),
        ("Who makes niose?", "Who makes noise?"),
    ],
)
def test_a_typing_error_is_read_as_the_word_it_is_a_slip_of(question: str, spelled: str) -> None:
    assert respelled(question, TEXT, count_tokens=count_tokens) == spelled


@pytest.mark.parametrize(
    "question",
    [
        "Which modal do they close?",  # common words, a slip from "model" and "closes"
        "Who generates an image of a models' refinement?",  # as the text, in another form
        "Is Slovenia nodel-free?",  # two slips; a compound
        "Is NOSE from MODL?",  # abbreviations
        "What do bets do?",  # as the text has it, short as it is
        "Does sulfire smell?",  # of sulfite, or of sulfide?
        "Mages or beat in Midjourney5?",  # other first letters, too short, with a digit
    ],
)
def test_a_word_that_may_be_meant_is_left_as_it_is(question: str) -> None:
    assert respelled(question, TEXT, count_tokens=count_tokens) == question


@given(st.text(), st.text())
def test_no_text_breaks_the_speller(question: str, text: str) -> None:
    assert respelled(question, question, count_tokens=count_tokens) == question
    respelled(question, text, count_tokens=count_tokens)

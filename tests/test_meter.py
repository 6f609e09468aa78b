"""The meter sees what a sentence says beyond its passages, and nothing in one that is copied."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.meter import (
    LONGEST_PASSAGE,
    Meter,
    MeterWeights,
    ask,
    content_stems,
    learned_meter,
    traces,
)
from tests.fakes import ScriptedChat

PASSAGE = (
    "The harbour bridge of Lindmouth was opened in 1931. It is 310 metres long and carries two "
    "tram lines. Repairs cost 2.4 million crowns."
)
INVENTED = "I believe the bridge was never opened by Edith Marlowe in 1934."
words = st.sampled_from("the bridge harbour opened tram lines green carries mill wheel of".split())
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)


def seen(sentence: str, *passages: str) -> dict[str, float]:
    """The traces that are there."""
    found = traces(sentence, passages or (PASSAGE,))
    return {name: round(value, 3) for name, value in found.features.items() if value}


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("It is 310 metres long and carries two tram lines.", {}),
        ("", {}),
        ("The harbour bridge of Lindmouth was opened in 1934.", {"figures"}),
        ("Repairs cost 3.4 million crowns.", {"figures"}),
        ("Repairs cost 2,400,000 crowns.", set()),
        ("The harbour bridge of Orrinport was opened in 1931.", {"names"}),
    ],
)
def test_what_a_sentence_adds_leaves_its_trace(sentence: str, shown: set[str]) -> None:
    told = {"figures", "names"}
    assert set(seen(sentence)) & told == set(shown)


def test_words_that_the_passages_lack_are_counted_and_inflections_are_not() -> None:
    assert seen("The harbour bridges repaired.") == {}
    assert traces("The harbour bridge sank quickly.", [PASSAGE]).lacking == 0.5


@given(st.lists(words, min_size=1, max_size=20), st.data())
def test_a_piece_of_a_passage_shows_nothing(passage: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(passage) - 1))
    end = data.draw(st.integers(start + 1, len(passage)))
    assert seen(" ".join(passage[start:end]), " ".join(passage)) == {}


@given(texts, texts, texts)
def test_traces_are_bounded_and_another_passage_never_adds_words_that_lack(
    sentence: str, passage: str, other: str
) -> None:
    fewer, more = traces(sentence, [passage]), traces(sentence, [passage, other])
    assert 0 <= more.lacking <= fewer.lacking <= 1


@given(texts, texts)
def test_stems_are_of_the_words_that_say_something(one: str, other: str) -> None:
    assert content_stems(f"{one} {other}") == content_stems(one) + content_stems(other)
    assert "the" not in content_stems(one)


@pytest.mark.parametrize("log_odds", [4.0, -4.0])
def test_the_language_model_is_asked_about_the_sentence_and_its_text(log_odds: float) -> None:
    model = ScriptedChat(reply=str, log_odds=log_odds)
    found = ask(traces(INVENTED, [PASSAGE]), INVENTED, [PASSAGE], model=model)
    assert found.doubt == pytest.approx(-log_odds)
    (prompt,) = model.prompts
    assert PASSAGE in prompt and INVENTED in prompt


def test_a_model_that_reports_no_probabilities_leaves_no_doubt() -> None:
    before = traces(INVENTED, [PASSAGE])
    assert before.doubt is None
    silent = ScriptedChat(reply=str, log_odds=None)
    assert ask(before, INVENTED, [PASSAGE], model=silent) == before


def test_a_passage_as_long_as_a_book_is_cut_for_the_language_model() -> None:
    model = ScriptedChat(reply=str)
    ask(traces(INVENTED, [PASSAGE]), INVENTED, [PASSAGE * 500], model=model)
    assert len(model.prompts[0]) < LONGEST_PASSAGE + 500


def test_weights_give_a_probability_that_rises_with_what_weighs() -> None:
    weights = MeterWeights(bias=-1.0, weights={"figures": 2.0, "doubt": 0.5}, threshold=0.5)
    nothing = replace(traces("", [PASSAGE]), doubt=0.0)
    figure, doubted = replace(nothing, figures=1.0), replace(nothing, figures=1.0, doubt=4.0)
    assert weights.invented(nothing) == pytest.approx(1 / (1 + math.e))
    assert weights.invented(figure) == pytest.approx(1 - 1 / (1 + math.e))
    assert weights.invented(figure) < weights.invented(doubted) < 1


# With the learned weights.


@pytest.mark.parametrize(("name", "doubt"), [("with_doubt", 1.0), ("without_doubt", None)])
def test_the_learned_weights_are_over_the_features(name: str, doubt: float | None) -> None:
    learned = learned_meter()[name]
    found = replace(traces(INVENTED, [PASSAGE]), doubt=doubt)
    assert list(learned.weights) == list(found.features)
    assert 0 < learned.threshold < 1


@pytest.mark.parametrize("meter", [Meter(None), Meter(ScriptedChat(reply=str, log_odds=2.0))])
def test_a_copied_sentence_is_held_and_an_invented_one_is_not(meter: Meter) -> None:
    copied = PASSAGE[: PASSAGE.index(".") + 1]
    held, is_invented = meter.judge(copied, [PASSAGE])
    invented, told = meter.judge(INVENTED, [PASSAGE])
    assert 0 <= held < invented <= 1
    assert (is_invented, told) == (False, True)


def test_the_doubt_of_the_language_model_counts() -> None:
    sentence = "The bridge carries trams."
    said_yes, said_no = (
        Meter(ScriptedChat(reply=str, log_odds=odds)).judge(sentence, [PASSAGE])[0]
        for odds in (5.0, -5.0)
    )
    assert said_yes < said_no


def test_a_meter_whose_model_reports_nothing_is_the_one_without_a_model() -> None:
    silent = Meter(ScriptedChat(reply=str, log_odds=None))
    assert silent.judge(INVENTED, [PASSAGE]) == Meter(None).judge(INVENTED, [PASSAGE])

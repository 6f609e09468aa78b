"""Right is what the case asks for and nothing against it; invented is what no passage holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from eval.meter import content_stems
from eval.records import Case, Outcome, Passage, Quote, Reply, Statement
from eval.scoring import Judges, all_sources_rank, found_rank, outcome
from tests.evaluation import a_case, a_reply

# Invented. The two halves are passages of their own.
OPENING = "The harbour bridge of Lindmouth was opened in 1931 by the town. It is 310 metres long."
UPKEEP = "Repairs cost 2.4 million crowns in 1997. Lamps hang on both towers."
ARTICLE = f"{OPENING} {UPKEEP}"


class WordMeter:
    """Backs a sentence whose words all stand in the passages."""

    def judge(self, sentence: str, passages: Sequence[str]) -> tuple[float, bool]:
        lacks = set(content_stems(sentence)) - set(content_stems("\n".join(passages)))
        return (0.9, True) if lacks else (0.2, False)


class TrustingMeter:
    """Backs everything, so that only the checks beside the meter tell."""

    def judge(self, sentence: str, passages: Sequence[str]) -> tuple[float, bool]:
        return 0.0, False


class SharedWord:
    """An answer agrees with a reference with which it shares a word."""

    def judge(self, answer: str, references: Sequence[str]) -> tuple[float, bool]:
        shared = set(content_stems(answer)) & set(content_stems(" ".join(references)))
        return (0.8, True) if shared else (0.1, False)


def quote(number: int, text: str) -> Quote:
    start = ARTICLE.index(text)
    return Quote(number, "bridge.md", "The bridge", start, start + len(text), text)


def passage(text: str, rank: int) -> Passage:
    start = ARTICLE.index(text)
    return Passage("bridge.md", "The bridge", start, start + len(text), text, rank)


PASSAGES = (passage(OPENING, 1), passage(UPKEEP, 2))
QUOTES = (quote(1, OPENING.split(". ", maxsplit=1)[0]), quote(2, UPKEEP.split(". ", maxsplit=1)[0]))


def said(*sentences: str, citing: Sequence[int] = (1, 2)) -> Reply:
    statements = (Statement(sentence, tuple(citing), 0.9) for sentence in sentences)
    return a_reply(*statements, quotes=QUOTES, passages=PASSAGES)


def judged(case: Case, reply: Reply, *, meter: Any = None) -> Outcome:
    text_of = {"bridge.md": ARTICLE}.__getitem__
    return outcome(case, reply, judges=Judges(meter or WordMeter(), SharedWord(), text_of))


LENGTH = {
    "question": "How long is the harbour bridge?",
    "key_facts": (("310", "three hundred and ten"),),
    "references": ("It is 310 metres long.",),
}
OPENED = {"question": "When was the harbour bridge opened?", "references": ("1931",)}
COST = {"question": "What did the repairs cost?", "references": ("2.4 million crowns",)}
LONGER = {
    "question": "Is the harbour bridge longer than a mile?",
    "polarity": "no",
    "references": ("It is 310 metres long, which is far less than a mile, as anyone can see.",),
}
LAMPS = {
    "question": "Tell me of the lamps.",
    "references": ("On each of the two towers of the bridge there are lamps at night.",),
}
UNKNOWN = {"question": "Who painted the harbour bridge?", "answerable": False}


@pytest.mark.parametrize(
    ("fields", "sentences", "right", "hallucinated", "why"),
    [
        (LENGTH, ["The bridge is 310 metres long."], True, False, "states every key fact"),
        (LENGTH, ["The bridge is long."], False, False, "lacks 310"),
        (LENGTH, ["The bridge is 301 metres long."], False, True, "says 301 metres where"),
        (LENGTH, [], False, False, "abstained, though the articles say"),
        (OPENED, ["It was opened in 1931."], True, False, "states the reference"),
        (OPENED, ["It was opened by the town."], False, False, "does not state the reference"),
        (OPENED, ["It was opened in 1997."], False, True, "says 1997 where"),
        (COST, ["Repairs cost 2.4 million crowns."], True, False, "states the reference"),
        (LONGER, ["No, the bridge is 310 metres long."], True, False, "agrees with the reference"),
        (LONGER, ["Yes, the bridge is long."], False, True, "says yes where the reference says no"),
        (LAMPS, ["Lamps hang on both towers."], True, False, "agrees with the reference"),
        (LAMPS, ["Repairs cost crowns."], False, False, "does not say the same as"),
        (UNKNOWN, [], True, False, "abstained, and the articles do not say"),
        (UNKNOWN, ["The town painted it."], False, True, "answered what the articles do not say"),
        (UNKNOWN, ["It is 310 metres long."], False, True, "answered what the articles do not"),
        (
            LENGTH,
            ["The bridge is 310 metres long.", "Edith Marlowe painted it."],
            True,
            True,
            "states every key fact",
        ),
    ],
)
def test_the_verdict_on_a_reply(
    fields: dict[str, Any], sentences: list[str], right: bool, hallucinated: bool, why: str
) -> None:
    found = judged(a_case(**fields), said(*sentences) if sentences else a_reply())
    assert (found.right, found.hallucinated) == (right, hallucinated), found
    assert why in found.why


def test_a_figure_counts_in_any_spelling() -> None:
    found = judged(a_case(**COST), said("Repairs cost 2,400,000 crowns."), meter=TrustingMeter())
    assert (found.right, found.hallucinated) == (True, False)


def test_any_one_reference_will_do_and_one_that_agrees_is_no_contradiction() -> None:
    either = a_case(**{**OPENED, "references": ("1911", "1931")})
    found = judged(either, said("It was opened in 1931."))
    assert (found.right, found.hallucinated) == (True, False)


def test_what_a_reference_says_is_not_invented_though_no_passage_says_it() -> None:
    case = a_case(**{**LENGTH, "references": ("It is 310 metres long, says Edith Marlowe.",)})
    reply = said("It is 310 metres long, says Edith Marlowe.")
    assert not judged(case, reply, meter=TrustingMeter()).hallucinated
    (sentence,) = judged(a_case(**LENGTH), reply, meter=TrustingMeter()).sentences
    assert sentence.hallucinated
    assert "Edith Marlowe" in sentence.why


def test_a_sentence_without_a_citation_is_backed_by_nothing() -> None:
    (sentence,) = judged(a_case(**LENGTH), said("It is 310 metres long.", citing=())).sentences
    assert (sentence.hallucinated, sentence.backed, sentence.recalled) == (True, 0, False)
    assert (sentence.why, sentence.precise) == ("it cites nothing", ())


@pytest.mark.parametrize(
    ("sentence", "citing", "recalled", "precise"),
    [
        ("The harbour bridge was opened in 1931.", (1,), True, (True,)),
        ("The harbour bridge was opened in 1931.", (2,), False, (False,)),
        ("The harbour bridge was opened in 1931.", (1, 2), True, (True, False)),
        ("The bridge was opened in 1931, and repairs cost crowns.", (1, 2), True, (True, True)),
        ("The bridge was opened in 1931, and repairs cost crowns.", (1,), False, (False,)),
        ("The harbour bridge was painted.", (1, 2), False, (False, False)),
    ],
)
def test_a_citation_is_precise_where_it_is_needed_or_enough(
    sentence: str, citing: tuple[int, ...], recalled: bool, precise: tuple[bool, ...]
) -> None:
    (found,) = judged(a_case(**LENGTH), said(sentence, citing=citing)).sentences
    assert (found.recalled, found.precise) == (recalled, precise)


def test_a_quote_is_judged_with_what_stands_around_it() -> None:
    # "310" stands in the sentence after the one that is quoted.
    (found,) = judged(a_case(**LENGTH), said("It is 310 metres long.", citing=(1,))).sentences
    assert found.recalled
    away = replace(said("It is 310 metres long.", citing=(1,)), passages=PASSAGES[1:])
    (alone,) = judged(a_case(**LENGTH), away).sentences
    assert not alone.recalled


def test_a_quote_is_exact_only_word_for_word_at_its_place() -> None:
    first, second = QUOTES
    reply = said("The bridge is 310 metres long.")
    assert judged(a_case(**LENGTH), reply).quotes_exact == 2
    for wrong in (
        replace(second, quote=second.quote.replace("2.4", "2.5")),
        replace(second, start=second.start + 1, end=second.end + 1),
    ):
        changed = replace(reply, quotes=(first, wrong))
        assert judged(a_case(**LENGTH), changed).quotes_exact == 1


def test_an_abstention_matches_where_there_is_no_answer_and_nowhere_else() -> None:
    refused = judged(a_case(**UNKNOWN), a_reply())
    assert (refused.exact_match, refused.token_f1) == (1, 1)
    assert (refused.sentences, refused.agreement, refused.string_recall) == ((), None, False)
    needless = judged(a_case(**OPENED), a_reply())
    assert (needless.exact_match, needless.token_f1, needless.agreement) == (0, 0, None)


def test_overlap_with_the_reference_is_reported_beside_the_verdict() -> None:
    found = judged(a_case(**OPENED), said("In 1931."))
    assert (found.exact_match, found.string_recall) == (0, True)
    assert found.token_f1 == pytest.approx(2 / 3)
    assert found.agreement == 0.8


@pytest.mark.parametrize(
    ("fields", "rank"),
    [
        ({"gold": ("Lamps hang on both towers.",)}, 2),
        ({"gold": ("lamps hang on both big towers.",)}, 2),
        ({"gold": ("Lamps are lit at night.",)}, None),
        ({"gold": ("It is 310 metres long.", "Lamps hang on both towers.")}, 1),
        ({"key_facts": (("2.4 million",), ("nowhere",))}, 2),
        ({"references": ("310 metres",)}, 1),
        ({"references": ("500 metres",)}, None),
        ({"answerable": False}, None),
    ],
)
def test_the_rank_at_which_the_answer_was_found(fields: dict[str, Any], rank: int | None) -> None:
    assert found_rank(a_case(**fields), PASSAGES) == rank


@pytest.mark.parametrize(
    ("needed", "rank"), [(("a",), 1), (("b",), 3), (("b", "a"), 3), (("a", "c"), None), ((), None)]
)
def test_the_rank_by_which_every_source_was_seen(needed: tuple[str, ...], rank: int | None) -> None:
    seen = [Passage(article, "", 0, 1, "x", n) for n, article in enumerate("aab", start=1)]
    assert all_sources_rank(a_case(source_articles=needed), seen) == rank

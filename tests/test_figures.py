"""Each figure is a count that can be done by hand, and drafted questions are in none but theirs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from eval.figures import accuracy_by_kind, below_bar, figures_of, is_mistake
from eval.records import Outcome, SentenceJudgement
from eval.report import FIGURES
from tests.evaluation import a_case, a_reply, an_outcome


def known(id: str, **fields: object) -> object:
    return a_case(id, references=("310 metres",), **fields)


def unknown(id: str) -> object:
    return a_case(id, answerable=False, kind="absent_fact", origin="near_miss")


# Five questions that the articles answer: two right, one wrong, one invented, one refused. Three
# that they do not: two abstained, one invented.
OUTCOMES = (
    an_outcome(known("a", origin="faq"), right=True, said="310 metres.", found_rank=1),
    an_outcome(known("b"), right=True, said="310 metres.", found_rank=4),
    an_outcome(known("c", origin="faq"), right=False, said="Long.", found_rank=None),
    an_outcome(known("d"), right=False, said="301.", hallucinated=True, found_rank=12),
    an_outcome(known("e"), right=False, found_rank=2),
    an_outcome(unknown("f"), right=True),
    an_outcome(unknown("g"), right=True),
    an_outcome(unknown("h"), right=False, said="Green.", hallucinated=True),
)


@pytest.mark.parametrize(
    ("name", "count", "n"),
    [
        ("accuracy", 2, 5),
        ("accuracy_faq", 1, 2),
        ("accuracy_of_answered", 2, 4),
        ("answered", 5, 8),
        ("over_refusal", 1, 5),
        ("abstention_recall", 2, 3),
        ("abstention_precision", 2, 3),
        ("hallucination_answer", 2, 5),
        ("hallucination_sentence", 2, 5),
        ("hallucination_answerable", 1, 5),
        ("hallucination_unanswerable", 1, 3),
        ("citation_recall", 3, 5),
        ("citation_precision", 3, 5),
        ("quotes_exact", 5, 5),
        ("string_recall", 2, 5),
        ("recall_at_1", 0, 3),  # FAQs and their own articles are no retrieval test
        ("recall_at_5", 2, 3),
        ("recall_at_10", 2, 3),
    ],
)
def test_a_rate_is_what_one_counts_by_hand(name: str, count: int, n: int) -> None:
    figure = figures_of(OUTCOMES)[name]
    assert (figure.value, figure.n) == (pytest.approx(count / n), n)
    assert figure.method == "wilson"
    assert figure.low - 1e-9 <= figure.value <= figure.high + 1e-9


def test_means_and_costs_are_what_one_counts_by_hand() -> None:
    figures = figures_of(OUTCOMES)
    assert figures["mrr"].value == pytest.approx((1 / 4 + 1 / 12 + 1 / 2) / 3)
    assert figures["token_f1"].value == pytest.approx(0.5)
    assert figures["prompt_tokens"].value == 400
    assert figures["answer_tokens"].value == pytest.approx(10 * 5 / 8)
    assert (figures["total_p50"].value, figures["total_p50"].unit) == (1.0, "seconds")
    # An abstention has no first word, and does not make the others look faster.
    assert (figures["first_token_p50"].value, figures["first_token_p50"].n) == (0.5, 5)


def test_confidence_that_tells_right_from_wrong_has_the_smaller_area() -> None:
    def area(*confidences: float) -> float:
        sure = [
            replace(o, reply=replace(o.reply, confidence=c))
            for o, c in zip(OUTCOMES[:4], confidences, strict=True)
        ]
        return figures_of(sure)["aurc"].value

    assert area(0.9, 0.8, 0.2, 0.1) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert area(0.9, 0.8, 0.2, 0.1) < area(0.1, 0.2, 0.8, 0.9)


def test_every_source_counts_where_several_are_needed() -> None:
    case = known("a", source_articles=("x", "y"))
    found = [an_outcome(case, right=True, all_sources_rank=rank) for rank in (2, 10, 11, None)]
    assert figures_of(found)["all_sources_at_10"].value == 0.5
    of_a_faq = replace(case, origin="faq")
    assert "all_sources_at_10" not in figures_of([an_outcome(of_a_faq, right=True)])


def test_a_drafted_question_is_in_no_figure_but_its_own() -> None:
    drafted = an_outcome(known("x", origin="drafted"), right=False, said="No.", hallucinated=True)
    figures = figures_of((*OUTCOMES, drafted, drafted))
    own = figures.pop("accuracy_drafted")
    assert (own.value, own.n) == (0, 2)
    assert figures == figures_of(OUTCOMES)
    assert accuracy_by_kind((*OUTCOMES, drafted))["drafted"].n == 1


def test_the_order_of_the_questions_changes_nothing() -> None:
    assert figures_of(OUTCOMES[::-1]) == figures_of(OUTCOMES)


def test_what_there_is_nothing_of_has_no_figure() -> None:
    assert figures_of(()) == {}
    figures = figures_of(OUTCOMES[5:7])
    assert "accuracy" not in figures and "hallucination_answer" not in figures
    assert not any(math.isnan(figure.value) for figure in figures.values())


def test_sentences_and_citations_count_one_by_one() -> None:
    held = SentenceJudgement("a", 0.9, False, "", True, (True, False))
    invented = SentenceJudgement("b", 0.1, True, "", False, (False,))
    figures = figures_of([an_outcome(known("a"), right=True, said="a", sentences=(held, invented))])
    assert figures["hallucination_sentence"].value == 0.5
    assert figures["citation_recall"].value == 0.5
    assert (figures["citation_precision"].value, figures["citation_precision"].n) == (
        pytest.approx(1 / 3),
        3,
    )


def test_each_kind_has_its_own_accuracy() -> None:
    kinds = accuracy_by_kind(OUTCOMES)
    assert {kind: (figure.value, figure.n) for kind, figure in kinds.items()} == {
        "absent_fact": (pytest.approx(2 / 3), 3),
        "number": (pytest.approx(2 / 5), 5),
    }


def test_the_figures_that_are_made_are_those_that_are_shown() -> None:
    rich: list[Outcome] = [*OUTCOMES]
    rich.append(
        an_outcome(known("s", source_articles=("x",)), right=True, said="310.", agreement=0.8)
    )
    rich.append(an_outcome(known("x", origin="drafted"), right=True, said="x"))
    shown = {name for group in FIGURES.values() for name in group}
    assert shown == set(figures_of(rich))


@pytest.mark.parametrize(
    ("bars", "missed"),
    [
        ({"accuracy": 0.4}, []),
        ({"accuracy": 0.41}, ["accuracy is 0.400, under 0.41"]),
        ({"hallucination_answer": 0.4}, []),
        ({"hallucination_answer": 0.39}, ["hallucination_answer is 0.400, over 0.39"]),
        ({"over_refusal": 0.1, "answered": 0.9}, ["over_refusal is 0.200", "answered is 0.625"]),
        ({"total_p95": 1.0, "prompt_tokens": 400}, []),
        ({"prompt_tokens": 399}, ["prompt_tokens is 400.000, over 399"]),
        ({"all_sources_at_10": 0.0}, ["all_sources_at_10 was not measured"]),
    ],
)
def test_a_bar_is_missed_from_the_wrong_side_only(
    bars: dict[str, float], missed: list[str]
) -> None:
    told = below_bar(figures_of(OUTCOMES), bars)
    assert len(told) == len(missed)
    assert all(text.startswith(start) for text, start in zip(told, missed, strict=True))


def test_of_mistakes_and_costs_less_is_better() -> None:
    better = {"accuracy", "answered", "citation_recall", "recall_at_5", "mrr", "agreement"}
    worse = {"hallucination_sentence", "over_refusal", "aurc", "total_p50", "answer_tokens"}
    assert not any(map(is_mistake, better))
    assert all(map(is_mistake, worse))


def test_a_reply_without_quotes_is_not_inexact() -> None:
    figures = figures_of([an_outcome(known("a"), right=False, reply=a_reply())])
    assert "quotes_exact" not in figures

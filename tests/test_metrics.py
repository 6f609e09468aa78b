"""Scores mean what they say: facts are whole, refusals are no right answers, intervals hold."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import (
    auroc,
    balanced_accuracy,
    calibration_bins,
    exact_match,
    has_all_facts,
    has_fact,
    kendall,
    mean,
    paired_difference,
    precision_recall,
    quantile,
    recall_at,
    reciprocal_rank,
    risk_coverage,
    risk_coverage_area,
    share,
    spearman,
    string_recall,
    token_f1,
    wilson,
)


@pytest.mark.parametrize(
    ("fact", "answer", "found"),
    [
        ("$0.50", "It costs $0.50 to $5.", True),
        ("0.50", "It costs $0.01 to $0.50.", True),
        ("$5", "It costs $5.50.", False),
        ("5%", "some 85%", False),
        ("200,000", "over 200,000 people", True),
        ("GAN", "an organ", False),
        ("summar", "It summarises.", True),
        ("40-70%", "by 40\u201370%", True),
        ("JPMorgan", "jpmorgan  grew", True),
        ("4.4 trillion", "worth $4.4 trillion", True),
        ("$2.6-4.4 trillion", "It adds $2.6 to $4.4 trillion a year.", True),
        ("200k", "over 200,000 employees", True),
        ("60%", "60 to 80% of it", False),
        ("5", "It costs $5.00.", False),
        ("120 seconds", "It takes 2 minutes.", True),
        ("3 percent", "3% grew", True),
    ],
)
def test_a_fact_is_found_whole(fact: str, answer: str, found: bool) -> None:
    assert has_fact(fact, answer) is found


def test_every_fact_counts_and_any_spelling_does() -> None:
    facts = [["$0.50", "50 cents"], ["$5"]]
    assert has_all_facts(facts, "From 50 cents to $5.")
    assert not has_all_facts(facts, "About $5.")


def test_string_recall_ignores_articles_and_punctuation() -> None:
    assert string_recall(["the United States"], "In United States, yes.")
    assert not string_recall(["art"], "a party")


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_holds_its_rate(successes: int, more: int) -> None:
    trials = successes + more
    low, high = wilson(successes, trials)
    assert -1e-9 <= low <= high <= 1 + 1e-9
    if trials:
        assert low - 1e-9 <= successes / trials <= high + 1e-9


words = st.lists(st.sampled_from("the a cat sat, on Mat! 5% x-ray".split()), max_size=6).map(
    " ".join
)
labelled = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4).map(lambda n: n / 4)), min_size=4, max_size=25
).filter(lambda pairs: 0 < sum(label for label, _ in pairs) < len(pairs))


@pytest.mark.parametrize(
    ("references", "said", "exact", "f1"),
    [
        (["The Cat sat."], "cat sat", 1.0, 1.0),
        (["cat sat", "dog"], "a dog", 1.0, 1.0),
        (["cat sat"], "the cat sat down", 0.0, 0.8),
        (["x-ray"], "xray", 1.0, 1.0),
        (["cat cat dog"], "cat", 0.0, 0.5),
        ([], "", 1.0, 1.0),
        ([], "Paris", 0.0, 0.0),
        (["Paris"], "", 0.0, 0.0),
        (["the"], "", 1.0, 1.0),
    ],
)
def test_exact_match_and_f1_are_squads(
    references: list[str], said: str, exact: float, f1: float
) -> None:
    assert exact_match(references, said) == exact
    assert token_f1(references, said) == pytest.approx(f1)


@given(words, words)
def test_f1_is_symmetric_bounded_and_one_for_a_match(one: str, other: str) -> None:
    score = token_f1([one], other)
    assert score == pytest.approx(token_f1([other], one))
    assert 0 <= exact_match([one], other) <= score <= 1


def test_a_share_is_wilsons_and_unknown_without_trials() -> None:
    figure = share("accuracy", 8, 10)
    assert (figure.value, figure.n, figure.method) == (0.8, 10, "wilson")
    assert (round(figure.low, 2), round(figure.high, 2)) == (0.49, 0.94)
    nothing = share("accuracy", 0, 0)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0, 1)


def test_a_mean_has_the_interval_that_theory_gives() -> None:
    source = random.Random(5)
    values = [source.gauss(10, 2) for _ in range(400)]
    figure = mean("latency", values, unit="seconds")
    error = 2 / 400**0.5
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert figure.low < figure.value < figure.high


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.randoms())
def test_an_interval_is_within_the_values_and_heeds_no_order(
    values: list[float], source: random.Random
) -> None:
    shuffled = source.sample(values, len(values))
    figure = mean("x", values, unit="score", seed=3)
    assert figure == mean("x", shuffled, unit="score", seed=3)
    assert min(values) - 1e-9 <= figure.low <= figure.high <= max(values) + 1e-9


def test_another_seed_gives_another_interval_around_the_same_value() -> None:
    values = [0.0, 1.0, 4.0, 9.0, 16.0, 25.0]
    first, second = (mean("x", values, unit="score", seed=seed) for seed in (0, 1))
    assert first.value == second.value
    assert (first.low, first.high) != (second.low, second.high)


def test_a_quantile_lies_between_two_values() -> None:
    assert quantile("p50", [1.0, 2.0, 3.0, 4.0], 0.5).value == 2.5
    assert quantile("p95", [float(n) for n in range(101)], 0.95).value == pytest.approx(95)


def test_no_values_give_no_interval() -> None:
    for figure in (mean("x", [], unit="score"), quantile("x", [], 0.5), auroc([True], [1.0])):
        assert math.isnan(figure.value)
        assert figure.method == "none"


def test_ranks_count_from_one() -> None:
    assert [reciprocal_rank(rank) for rank in (1, 4, None)] == [1, 0.25, 0]
    ranks = [1, 3, None, 8]
    assert [recall_at(k, ranks).value for k in (1, 3, 5, 8)] == [0.25, 0.5, 0.5, 0.75]


def test_risk_rises_as_less_sure_answers_are_given() -> None:
    confidences, wrongs = [0.9, 0.8, 0.7, 0.6], [False, False, True, True]
    points = risk_coverage(confidences, wrongs)
    assert points == ((0.25, 0.0), (0.5, 0.0), (0.75, 1 / 3), (1.0, 0.5))
    area = risk_coverage_area(confidences, wrongs)
    assert area == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert risk_coverage_area([0.5] * 4, wrongs) == pytest.approx(0.5)


@given(labelled, st.randoms())
def test_a_risk_curve_ends_with_all_answers_given(
    pairs: list[tuple[bool, float]], source: random.Random
) -> None:
    def curve(items: list[tuple[bool, float]]) -> tuple[tuple[float, float], ...]:
        return risk_coverage([sure for _, sure in items], [wrong for wrong, _ in items])

    points = curve(pairs)
    assert points == curve(source.sample(pairs, len(pairs)))
    assert points[-1] == (1.0, sum(wrong for wrong, _ in pairs) / len(pairs))
    assert list(points) == sorted(points, key=lambda point: point[0])
    wrongs = [wrong for wrong, _ in pairs]
    best = risk_coverage_area([float(not wrong) for wrong in wrongs], wrongs)
    assert best <= risk_coverage_area([sure for _, sure in pairs], wrongs) + 1e-9


@given(labelled)
def test_calibration_bins_hold_every_answer_once(pairs: list[tuple[bool, float]]) -> None:
    bins = calibration_bins([sure for _, sure in pairs], [right for right, _ in pairs], bins=4)
    assert sum(n for _, _, n in bins) == len(pairs)
    assert sum(right * n for _, right, n in bins) == pytest.approx(sum(r for r, _ in pairs))
    assert [sure for sure, _, _ in bins] == sorted(sure for sure, _, _ in bins)


def test_calibration_of_worked_values() -> None:
    bins = calibration_bins([0.05, 0.15, 0.95, 1.0], [False, True, True, True], bins=2)
    assert bins == ((pytest.approx(0.1), 0.5, 2), (pytest.approx(0.975), 1.0, 2))


@settings(max_examples=30)
@given(labelled)
def test_areas_are_those_of_scikit_learn_and_mirror(pairs: list[tuple[bool, float]]) -> None:
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    labels, scores = [label for label, _ in pairs], [score for _, score in pairs]
    figure = auroc(labels, scores)
    assert figure.value == pytest.approx(roc_auc_score(labels, scores))
    assert auroc(labels, [-score for score in scores]).value == pytest.approx(1 - figure.value)
    assert 0 <= figure.low <= figure.high <= 1
    guesses = [score > 0.5 for score in scores]
    expected = balanced_accuracy_score(labels, guesses)
    assert balanced_accuracy(labels, guesses).value == pytest.approx(expected)


def test_guessing_one_class_has_chance_accuracy() -> None:
    labels = [True] * 9 + [False]
    assert balanced_accuracy(labels, [True] * 10).value == 0.5


def test_precision_and_recall_of_worked_values() -> None:
    precision, recall = precision_recall([True, True, True, False], [True, False, True, True])
    assert (precision.value, precision.n) == (pytest.approx(2 / 3), 3)
    assert (recall.value, recall.n) == (pytest.approx(2 / 3), 3)


def test_rank_correlations_of_worked_values() -> None:
    a, b = [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 4.0, 3.0, 5.0]
    assert spearman(a, b).value == pytest.approx(0.8)
    assert kendall(a, b).value == pytest.approx(0.6)
    for correlation in (spearman, kendall):
        assert correlation(a, b).value == pytest.approx(correlation(b, a).value)
        opposite = correlation(a, [-value for value in b])
        assert opposite.value == pytest.approx(-correlation(a, b).value)
        assert math.isnan(correlation(a, [1.0] * 5).value)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=20))
def test_rank_correlations_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import kendalltau, spearmanr

    a, b = [float(first) for first, _ in pairs], [float(second) for _, second in pairs]
    if len(set(a)) > 1 and len(set(b)) > 1:
        assert spearman(a, b).value == pytest.approx(spearmanr(a, b).statistic)
        assert kendall(a, b).value == pytest.approx(kendalltau(a, b).statistic)


def test_pairs_show_a_difference_that_single_values_hide() -> None:
    hardness = [float(n) for n in range(40)]
    better = [value + 0.5 + (n % 3) / 10 for n, value in enumerate(hardness)]
    figure = paired_difference("F1", better, hardness)
    assert 0 < figure.low <= figure.value <= figure.high
    assert paired_difference("F1", hardness, better).value == pytest.approx(-figure.value)
    with pytest.raises(ValueError, match="shorter"):
        paired_difference("F1", better, hardness[1:])

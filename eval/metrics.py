"""How right an answer is, and how sure one may be of a rate.

A key fact is found in an answer as `questions/README.md` says: in any case and spacing, from
the start of a word, and a number only where it is that whole number.

Every interval is at 95%: Wilson's for a share of things counted, else the 2.5th and 97.5th
percentile of 2000 bootstrap resamples [4], drawn anew from `seed`, so that the same values give
the same interval.

[1] T. Gao et al.: Enabling Large Language Models to Generate Text with Citations. 2023.
[2] P. Rajpurkar et al.: Know What You Don't Know: Unanswerable Questions for SQuAD. 2018;
    evaluate-v2.0.
[3] Y. Geifman, R. El-Yaniv: Selective Classification for Deep Neural Networks. 2017.
[4] B. Efron, R. Tibshirani: An Introduction to the Bootstrap. 1993, chapters 13 and 15.
[5] E. Wilson: Probable Inference, the Law of Succession, and Statistical Inference. 1927.
[6] E. Voorhees: The TREC-8 Question Answering Track Report. 1999.
[7] C. Guo et al.: On Calibration of Modern Neural Networks. 2017.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from eval.quantities import quantities, same_quantity
from eval.records import Figure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]
    Samples = Sequence[Floats]  # one array a group, resamples by values

CERTAINTY = 1.96  # standard errors, for 95%
RESAMPLES = 2000
LARGE = 1000  # from here on a number says by itself of what it is

Unit = Literal["share", "score", "seconds", "tokens", "count"]


def has_fact(fact: str, answer: str) -> bool:
    """Whether one spelling of a key fact stands in an answer; a quantity in any spelling.

    >>> has_fact("GAN", "an organ"), has_fact("5%", "85%"), has_fact("$5", "up to $5.")
    (False, False, True)
    >>> has_fact("200 thousand", "200,000 people"), has_fact("$2.6-4.4tn", "$2.6 to $4.4 trillion")
    (True, True)
    """
    text, wanted = _folded(answer), _folded(fact)
    pattern = re.escape(wanted)
    if wanted[:1].isdigit():
        pattern = r"(?<![\d.,])" + pattern
    elif wanted[:1].isalpha():
        pattern = r"(?<![^\W_])" + pattern
    if wanted[-1:].isdigit():
        pattern += r"(?!\d|[.,]\d)"
    return re.search(pattern, text) is not None or _has_quantity(fact.strip(), answer)


def _has_quantity(fact: str, answer: str) -> bool:
    """Whether a fact that is a quantity and nothing else is one of those of an answer.

    A large number is known without its unit; a small one could be that of anything.
    """
    wanted = [one for one in quantities(fact) if (one.start, one.end) == (0, len(fact))]
    return any(
        same_quantity(one, known)
        and (one.unit == known.unit or (not one.unit and one.low >= LARGE))
        for one in wanted
        for known in quantities(answer)
    )


def has_all_facts(facts: Sequence[Sequence[str]], answer: str) -> bool:
    """Whether each key fact stands in an answer in one of its spellings."""
    return all(any(has_fact(spelling, answer) for spelling in fact) for fact in facts)


def string_recall(answers: Sequence[str], answer: str) -> bool:
    """ALCE's string recall for one short answer: any accepted answer stands in the text [1]."""
    text = _words_only(answer)
    return any(_words_only(accepted) in text for accepted in answers if accepted.strip())


def exact_match(references: Sequence[str], answer: str) -> float:
    """SQuAD's exact match [2]: 1.0 if a reference is the answer, both normalised.

    Without references the question has no answer; then abstaining, given as "", is the match.
    """
    wanted = [words for reference in references if (words := _squad_words(reference))]
    return float(_squad_words(answer) in (wanted or [[]]))


def token_f1(references: Sequence[str], answer: str) -> float:
    """SQuAD's F1 [2]: the best harmonic mean of word precision and recall over the references.

    Without references abstaining, given as "", scores 1 and anything else 0. Else a word counts as
    often as both have it.

    >>> token_f1(["the cat sat"], "a cat sat down"), token_f1([], "")
    (0.8, 1.0)
    """
    wanted = [words for reference in references if (words := _squad_words(reference))]
    said = _squad_words(answer)
    return max(_overlap_f1(words, said) for words in wanted or [[]])


def reciprocal_rank(rank: int | None) -> float:
    """One over the rank, from 1, of the first passage that has the answer; 0 for none [6]."""
    return 1 / rank if rank else 0.0


def recall_at(k: int, ranks: Sequence[int | None]) -> Figure:
    """The share of questions whose answer was found among the first `k` passages."""
    found = sum(rank is not None and rank <= k for rank in ranks)
    return share(f"recall@{k}", found, len(ranks))


def share(name: str, successes: int, trials: int) -> Figure:
    """A rate with Wilson's interval [5]; NaN with (0, 1) when nothing was tried."""
    low, high = wilson(successes, trials)
    value = successes / trials if trials else math.nan
    return Figure(name, value, trials, low, high, "share", "wilson")


def mean(name: str, values: Sequence[float], *, unit: Unit, seed: int = 0) -> Figure:
    """The mean; NaN for no values."""
    return _bootstrapped(name, [values], lambda s: s[0].mean(axis=-1), unit=unit, seed=seed)


def quantile(
    name: str, values: Sequence[float], q: float, *, unit: Unit = "seconds", seed: int = 0
) -> Figure:
    """The value that a share `q` of the values stays within, interpolated between two values."""

    def statistic(samples: Samples) -> Floats:
        import numpy as np

        return np.asarray(np.quantile(samples[0], q, axis=-1))

    return _bootstrapped(name, [values], statistic, unit=unit, seed=seed)


def paired_difference(
    name: str, a: Sequence[float], b: Sequence[float], *, unit: Unit = "share", seed: int = 0
) -> Figure:
    """The mean of a[i] - b[i], where both measure the same question i; resampled in pairs [4]."""
    differences = [first - second for first, second in zip(a, b, strict=True)]
    return mean(name, differences, unit=unit, seed=seed)


def risk_coverage(
    confidences: Sequence[float], wrongs: Sequence[bool]
) -> tuple[tuple[float, float], ...]:
    """(coverage, risk) as less and less sure answers are given [3].

    Coverage is the share of answers given, risk the share of these that are wrong. One point for
    each confidence that occurs, so that the order of equally sure answers does not matter.
    """
    points, given, wrong = [], 0, 0
    for size, wrong_ones in _tied(confidences, wrongs):
        given, wrong = given + size, wrong + wrong_ones
        points.append((given / len(confidences), wrong / given))
    return tuple(points)


def risk_coverage_area(confidences: Sequence[float], wrongs: Sequence[bool]) -> float:
    """The mean risk when the surest 1, 2, ... n answers are given, 0 best; NaN for none [3].

    Equally sure answers are taken to come in any order, and the risk is what it is on average.
    """
    risks: list[float] = []
    wrong = 0
    for size, wrong_ones in _tied(confidences, wrongs):
        given = len(risks)
        risks += [(wrong + wrong_ones * k / size) / (given + k) for k in range(1, size + 1)]
        wrong += wrong_ones
    return math.fsum(risks) / len(risks) if risks else math.nan


def calibration_bins(
    confidences: Sequence[float], rights: Sequence[bool], *, bins: int = 10
) -> tuple[tuple[float, float, int], ...]:
    """(mean confidence, share right, n) of each non-empty bin of equal width from 0 to 1 [7]."""
    filled: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in zip(confidences, rights, strict=True):
        filled.setdefault(min(int(confidence * bins), bins - 1), []).append((confidence, right))
    return tuple(
        (
            math.fsum(confidence for confidence, _ in members) / len(members),
            sum(right for _, right in members) / len(members),
            len(members),
        )
        for _, members in sorted(filled.items())
    )


def balanced_accuracy(
    labels: Sequence[bool], predictions: Sequence[bool], *, seed: int = 0
) -> Figure:
    """The mean of the shares of positives and of negatives that were told rightly; 0.5 is chance.

    Resampled within each class, whose sizes are part of the data's design. NaN if one is empty.
    """
    pairs = list(zip(labels, predictions, strict=True))
    classes = [
        [float(p == label) for truth, p in pairs if truth == label] for label in (True, False)
    ]
    return _bootstrapped(
        "balanced accuracy", classes, lambda s: (s[0].mean(-1) + s[1].mean(-1)) / 2, seed=seed
    )


def precision_recall(labels: Sequence[bool], predictions: Sequence[bool]) -> tuple[Figure, Figure]:
    """Precision, of those predicted, and recall, of those that are."""
    both = sum(label and guess for label, guess in zip(labels, predictions, strict=True))
    return share("precision", both, sum(predictions)), share("recall", both, sum(labels))


def auroc(labels: Sequence[bool], scores: Sequence[float], *, seed: int = 0) -> Figure:
    """How likely a positive scores above a negative, a tie counting half; 0.5 is chance.

    Resampled within each class; NaN if one is empty.
    """

    def statistic(samples: Samples) -> Floats:
        import numpy as np
        from scipy.stats import rankdata

        positives, negatives = samples
        n, m = positives.shape[-1], negatives.shape[-1]
        ranks = rankdata(np.concatenate(samples, axis=-1), axis=-1)[..., :n]
        return np.asarray((ranks.sum(-1) - n * (n + 1) / 2) / (n * m))

    pairs = list(zip(labels, scores, strict=True))
    classes = [[score for truth, score in pairs if truth == label] for label in (True, False)]
    return _bootstrapped("AUROC", classes, statistic, seed=seed)


def spearman(a: Sequence[float], b: Sequence[float], *, seed: int = 0) -> Figure:
    """Spearman's rank correlation, -1 to 1; NaN where one side does not vary."""

    def statistic(first: Floats, second: Floats, draws: Indices) -> Floats:
        import numpy as np
        from scipy.stats import rankdata

        ranks = [rankdata(side[draws], axis=-1) for side in (first, second)]
        x, y = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
        return np.asarray((x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1)))

    return _correlation("Spearman", a, b, statistic, seed=seed)


def kendall(a: Sequence[float], b: Sequence[float], *, seed: int = 0) -> Figure:
    """Kendall's tau-b, -1 to 1, which allows for ties; NaN where one side does not vary."""

    def statistic(first: Floats, second: Floats, draws: Indices) -> Floats:
        import numpy as np

        # How often each pair was drawn says how often it stands against each other.
        drawn = np.stack([np.bincount(draw, minlength=len(first)) for draw in draws]).astype(float)
        x, y = (np.sign(side[:, None] - side) for side in (first, second))
        agreeing, x_differ, y_differ = (
            ((drawn @ signs) * drawn).sum(-1) for signs in (x * y, x * x, y * y)
        )
        return np.asarray(agreeing / np.sqrt(x_differ * y_differ))

    return _correlation("Kendall", a, b, statistic, seed=seed)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95% interval of a rate, by Wilson's score; (0, 1) when nothing was tried.

    >>> tuple(round(end, 2) for end in wilson(8, 10))
    (0.49, 0.94)
    """
    if not trials:
        return 0.0, 1.0
    rate, square = successes / trials, CERTAINTY**2
    centre = (rate + square / (2 * trials)) / (1 + square / trials)
    half = math.sqrt(rate * (1 - rate) / trials + square / (4 * trials**2))
    half *= CERTAINTY / (1 + square / trials)
    return centre - half, centre + half


def _bootstrapped(
    name: str,
    groups: Sequence[Sequence[float]],
    statistic: Callable[[Samples], Floats],
    *,
    unit: Unit = "score",
    seed: int,
) -> Figure:
    """A statistic of groups of values, each resampled by itself."""
    import numpy as np

    n = sum(map(len, groups))
    if not all(groups):
        return Figure(name, math.nan, n, math.nan, math.nan, unit, "none")
    # Sorted, so that the interval does not depend on the order in which questions were asked.
    values = [np.sort(np.asarray(group, dtype=np.float64)) for group in groups]
    generator = np.random.default_rng(seed)
    resampled = [
        array[generator.integers(len(array), size=(RESAMPLES, len(array)))] for array in values
    ]
    low, high = np.quantile(statistic(resampled), (0.025, 0.975))
    return Figure(name, float(statistic(values)), n, float(low), float(high), unit, "bootstrap")


def _correlation(
    name: str,
    a: Sequence[float],
    b: Sequence[float],
    statistic: Callable[[Floats, Floats, Indices], Floats],
    *,
    seed: int,
) -> Figure:
    """A correlation, resampled in pairs, without resamples in which one side does not vary."""
    import numpy as np

    pairs = np.array(sorted(zip(a, b, strict=True)), dtype=np.float64).reshape(-1, 2)
    n, (first, second) = len(pairs), pairs.T
    if len(set(a)) < 2 or len(set(b)) < 2:
        return Figure(name, math.nan, n, math.nan, math.nan, "score", "none")
    draws = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(statistic(first, second, draws), (0.025, 0.975))
    value = statistic(first, second, np.arange(n)[None])[0]
    return Figure(name, float(value), n, float(low), float(high), "score", "bootstrap")


def _tied(confidences: Sequence[float], wrongs: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """How many answers have one confidence, and how many of them are wrong; the surest first."""
    ranked = sorted(zip(confidences, wrongs, strict=True), reverse=True)
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        outcomes = [is_wrong for _, is_wrong in group]
        yield len(outcomes), sum(outcomes)


def _overlap_f1(wanted: Sequence[str], said: Sequence[str]) -> float:
    if not wanted or not said:
        return float(list(wanted) == list(said))
    shared = (Counter(wanted) & Counter(said)).total()
    return 2 * shared / (len(wanted) + len(said))


def _folded(text: str) -> str:
    return " ".join(text.replace("\u2013", "-").replace("\u2011", "-").split()).lower()


def _squad_words(text: str) -> list[str]:
    """SQuAD's normalisation to the letter: lower case, no ASCII punctuation, no articles [2]."""
    bare = text.lower().translate(dict.fromkeys(map(ord, string.punctuation)))
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def _words_only(text: str) -> str:
    """The same without typographic punctuation either, which answers have and references lack."""
    bare = re.sub(r"[^\w\s]", "", text.lower())
    kept = re.sub(r"\b(a|an|the)\b", " ", bare).split()
    return f" {' '.join(kept)} "

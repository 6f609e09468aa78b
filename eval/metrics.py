"""How right an answer is, and how sure one may be of a rate.

A key fact is found in an answer as `questions/README.md` says: in any case and spacing, from
the start of a word, and a number only where it is that whole number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

CERTAINTY = 1.96  # standard errors, for 95%


def has_fact(fact: str, answer: str) -> bool:
    """Whether one spelling of a key fact stands in an answer.

    >>> has_fact("GAN", "an organ"), has_fact("5%", "85%"), has_fact("$5", "up to $5.")
    (False, False, True)
    """
    text, wanted = _folded(answer), _folded(fact)
    pattern = re.escape(wanted)
    if wanted[:1].isdigit():
        pattern = r"(?<![\d.,$])" + pattern
    elif wanted[:1].isalpha():
        pattern = r"(?<![^\W_])" + pattern
    if wanted[-1:].isdigit():
        pattern += r"(?!\d|[.,]\d)"
    return re.search(pattern, text) is not None


def has_all_facts(facts: Sequence[Sequence[str]], answer: str) -> bool:
    """Whether each key fact stands in an answer in one of its spellings."""
    return all(any(has_fact(spelling, answer) for spelling in fact) for fact in facts)


def string_recall(answers: Sequence[str], answer: str) -> bool:
    """ALCE's string recall for one short answer: any accepted answer stands in the text [1].

    [1] T. Gao et al.: Enabling Large Language Models to Generate Text with Citations. 2023.
    """
    text = _words_only(answer)
    return any(_words_only(accepted) in text for accepted in answers if accepted.strip())


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


def _folded(text: str) -> str:
    return " ".join(text.replace("\u2013", "-").replace("\u2011", "-").split()).lower()


def _words_only(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces."""
    bare = re.sub(r"[^\w\s]", "", text.lower())
    kept = re.sub(r"\b(a|an|the)\b", " ", bare).split()
    return f" {' '.join(kept)} "

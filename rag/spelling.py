"""A question in the articles' own spelling, where it is typed in haste.

"JP Morgan" is asked as the articles print it, JPMorgan, and "difusion" as diffusion. A word that
is common, stands in the passages, or has capitals inside is meant as it is typed. Another one is
taken for a word of the passages if that is the only one a single slip away, which is what most
typing errors are [1], and they are seldom in the first letter [2]. The reader sees how the
question was understood.

[1] F. J. Damerau: A technique for computer detection and correction of spelling errors. 1964.
[2] E. J. Yannakoudakis, D. Fawthrop: The rules of spelling errors. 1983.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise, takewhile

from rag.terms import WORD, fold_name, name_is_in, names, stem, words

SHORTEST = 5  # letters: "grad" is a slip away from grade, and none


def respelled(question: str, text: str, *, count_tokens: Callable[[str], int]) -> str:
    """A question as the passages in `text` spell its words and names.

    `count_tokens` is the embedder's, whose vocabulary has the common words as one token each.
    """
    return _corrected(_joined(question, text), text, count_tokens)


def _joined(question: str, text: str) -> str:
    """A question with names in one word that a text prints so: "JP Morgan" becomes "JPMorgan"."""
    printed = names(text)
    folded = {word: fold_name(word) for word in words(text)}
    spelling = {name: word[: len(name)] for word, name in folded.items() if name in printed}
    spelled = question
    for first, second in pairwise(words(question)):
        pair, last = f"{first} {second}", fold_name(second)
        one = spelling.get(f"{fold_name(first)}{last}")
        if one and not name_is_in(f"{first} {last}", text):
            spelled = spelled.replace(pair, one + pair[len(first) + 1 + len(last) :])
    return spelled


def _corrected(question: str, text: str, count_tokens: Callable[[str], int]) -> str:
    """A question with a word of the text in place of each that is a slip of it."""
    printed = set(words(text))
    stems = {stem(word) for word in printed}
    unknown = [
        word
        for word in words(question)
        if word.isalpha() and word[1:].islower() and len(word) >= SHORTEST
        if stem(word) not in stems and count_tokens(word) > 1
    ]
    meant = {word: _meant(word, printed) for word in unknown}
    names_printed = names(text) if any(meant.values()) else frozenset()

    def corrected(word: str) -> str:
        spelling = meant.get(word)
        if not spelling or fold_name(spelling) in names_printed:
            return spelling or word
        return spelling.capitalize() if word[0].isupper() else spelling.lower()

    return WORD.sub(lambda match: corrected(match[0]), question)


def _meant(typed: str, printed: Iterable[str]) -> str:
    """The one word that another is a slip of, in small letters if it is printed so; "" if none."""
    near = {
        word
        for word in printed
        if word.isalpha() and len(word) >= SHORTEST
        if _is_a_slip(typed.lower(), word.lower())
    }
    return max(near) if len({stem(word) for word in near}) == 1 else ""


def _is_a_slip(typed: str, meant: str) -> bool:
    """Whether a letter is missing, too many, wrong or in its neighbour's place, not the first."""
    begun = _shared(typed, meant)
    typed, meant = typed[begun:], meant[begun:]
    ended = _shared(typed[::-1], meant[::-1])
    typed, meant = typed[: len(typed) - ended], meant[: len(meant) - ended]
    swapped = len(typed) == 2 and typed == meant[::-1]
    return begun > 0 and (max(len(typed), len(meant)) == 1 or swapped)


def _shared(first: str, second: str) -> int:
    """How many letters two words begin with alike."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda letters: letters[0] == letters[1], pairs))

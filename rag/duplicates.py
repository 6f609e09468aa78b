"""Articles that say the same in the same words, so that they are indexed once.

An article is a duplicate of another when it would add nothing: all its words stand in the other in
the same order; nine in ten runs of five words are the same; and both have the same numbers, names
and denials. So a copy with a line more below it is a duplicate, and last year's report with last
year's figures is none.

Which article stands for the others depends on the set of articles alone: the one with the most
words, of several the one whose id sorts first. The pairs worth comparing are found by bottom-k
sketches [1], so that no text is compared with all others.

[1] A. Broder, On the resemblance and containment of documents, 1997.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rag.amounts import numbers
from rag.reading import title_from_name
from rag.records import Article
from rag.terms import denied, names

RUN = 5  # words
SAME_RUNS = 0.9
SKETCH = 32  # hashes kept of an article; two that share nine in ten runs share half of them
HASH_BYTES = 8
MARKS = "#*_`>|\"'“”‘’()[]{}.,;:!?…"  # what stands around a word and differs between formats


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of an article's wording: how many words, and its smallest hashes, in order."""

    article_id: str
    words: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A file whose article is not indexed, because the article of the file `of` says it all."""

    path: str
    of: str


def wording(article: Article, path: Path) -> str:
    """What an article says: its text, and its title where that is not just the file's name."""
    if article.title == title_from_name(path, article.text):
        return article.text
    return f"{article.title}\n{article.text}"


def sketch_of(article_id: str, said: str) -> Sketch:
    """The sketch of what an article says; equal wordings have equal sketches."""
    found = _words(said)
    hashes = {
        hashlib.blake2b(run.encode(), digest_size=HASH_BYTES).digest() for run in _runs(found)
    }
    return Sketch(article_id, len(found), tuple(heapq.nsmallest(SKETCH, hashes)))


def split_hashes(joined: bytes) -> list[bytes]:
    """The hashes of a sketch that were written one after the other."""
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


def find_duplicates(
    sketches: Iterable[Sketch], *, wording_of: Callable[[str], str]
) -> dict[str, str]:
    """The ids of the duplicates, each with the id of the article that stands for it."""
    found: dict[str, str] = {}
    kept: defaultdict[tuple[bytes, ...], list[tuple[int, Sketch]]] = defaultdict(list)
    ordered = sorted(sketches, key=lambda sketch: (-sketch.words, sketch.article_id))
    for place, sketch in enumerate(ordered):
        # Two that are much alike have most of their hashes in the same order.
        keys: list[tuple[bytes, ...]] = [*pairwise(sketch.hashes)] or [sketch.hashes]
        alike = dict(one for key in keys for one in kept[key] if _are_alike(one[1], sketch))
        for _, other in sorted(alike.items()):
            if adds_nothing(wording_of(sketch.article_id), to=wording_of(other.article_id)):
                found[sketch.article_id] = other.article_id
                break
        else:
            for key in keys:
                kept[key].append((place, sketch))
    return found


def adds_nothing(said: str, *, to: str) -> bool:
    """Whether a text is a duplicate of another that is at least as long."""
    words, others = _words(said), _words(to)
    if words == others:
        return bool(words) or said == to
    remaining = iter(others)
    if not all(word in remaining for word in words):
        return False
    runs, other_runs = set(_runs(words)), set(_runs(others))
    if len(runs & other_runs) < SAME_RUNS * len(runs | other_runs):
        return False
    return all(tell(said) == tell(to) for tell in (numbers, names, denied))


def _are_alike(one: Sketch, other: Sketch) -> bool:
    shared = len(set(one.hashes) & set(other.hashes))
    return 2 * shared >= max(len(one.hashes), len(other.hashes))


def _words(text: str) -> list[str]:
    """The words in small letters, with the signs that are part of a figure, as "-5%" or "$3"."""
    stripped = (word.strip(MARKS) for word in text.casefold().split())
    return [word for word in stripped if any(map(str.isalnum, word))]


def _runs(words: list[str]) -> Iterator[str]:
    for start in range(max(1, len(words) - RUN + 1)):
        yield " ".join(words[start : start + RUN])

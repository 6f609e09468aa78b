"""Does an article say this? The check that every drafted sentence passes or is withdrawn.

A draft sentence is compared with the sentences of the retrieved passages. The few that together
hold its numbers, names and words best become its citations, so a citation is an exact place in
an article from the start and cannot be invented. A sentence is kept only if

* every number in it is, by value, in the words it cites,
* every name in it is in those words, or in the passage, heading or title round them,
* it denies only what its evidence denies, and asserts nothing that is denied there,
* enough of its content words, and of its meaning (cosine of sentence embeddings), are there.

The question lends nothing: a name that only the question has is no evidence. Everything here is
comparison of text; no language model judges itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag.records import Chunk, Hit
from rag.sentences import sentence_spans
from rag.terms import content_words, coverage, denied, name_is_in, names, numbers

if TYPE_CHECKING:
    import numpy as np

    from rag.embedding import Embedder

MOST_CITATIONS = 3  # to one sentence
COVERAGE_FLOOR = 0.5  # of a sentence's content words, to be found in what it cites
SUPPORT_FLOOR = 0.55  # of the mean of coverage and cosine


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence of a retrieved passage: where it stands in its article, and its words."""

    chunk: Chunk
    start: int
    end: int
    text: str

    @property
    def surroundings(self) -> str:
        """What a reader of the sentence has before the eyes: title, heading and passage."""
        return self.chunk.embedded_text


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check found on one draft sentence; `evidence` is empty where it is not kept."""

    text: str
    evidence: tuple[Evidence, ...]
    support: float
    why: str

    @property
    def kept(self) -> bool:
        return bool(self.evidence)


def evidence_of(hits: Sequence[Hit]) -> tuple[Evidence, ...]:
    """Every sentence of the passages that states something; a question is no evidence."""
    found: list[Evidence] = []
    seen: set[tuple[str, int, int]] = set()
    for hit in hits:
        chunk = hit.chunk
        for begin, finish in sentence_spans(chunk.text):
            text = chunk.text[begin:finish]
            place = (chunk.article_id, chunk.start + begin, chunk.start + finish)
            if place in seen or text.endswith("?") or not content_words(text):
                continue
            seen.add(place)
            found.append(Evidence(chunk, place[1], place[2], text))
    return tuple(found)


class Verifier:
    """Checks draft sentences against the passages of one question.

    The evidence is embedded once, in the constructor; each `check` embeds one sentence.
    """

    def __init__(self, hits: Sequence[Hit], *, embedder: Embedder) -> None:
        self.evidence = evidence_of(hits)
        self._embedder = embedder
        self._words = [content_words(item.text) for item in self.evidence]
        self._numbers = [numbers(item.text) for item in self.evidence]
        self._vectors = embedder.embed([item.text for item in self.evidence])

    def similarities(self, text: str) -> np.ndarray[Any, Any]:
        """Cosine of `text` with each evidence sentence, shape [len(evidence)]."""
        similarities: np.ndarray[Any, Any] = self._vectors @ self._embedder.embed([text])[0]
        return similarities

    def check(self, sentence: str) -> Finding:
        """Find the words that back `sentence`, or why none do."""
        if not self.evidence:
            return Finding(sentence, (), 0.0, "no passage was found")
        wanted_words, wanted_numbers = content_words(sentence), numbers(sentence)
        wanted_names = names(sentence)
        similarities = self.similarities(sentence)
        chosen = self._choose(wanted_words, wanted_numbers, similarities)
        cited = [self.evidence[i] for i in chosen]
        held_words = frozenset().union(*(self._words[i] for i in chosen))
        held_numbers = frozenset().union(*(self._numbers[i] for i in chosen))
        surroundings = "\n".join(item.surroundings for item in cited)

        word_coverage = coverage(wanted_words, held_words)
        support = (word_coverage + max(float(similarities[i]) for i in chosen)) / 2

        if missing_numbers := wanted_numbers - held_numbers:
            listed = ", ".join(sorted(f"{value:f}" for value in missing_numbers))
            return Finding(sentence, (), support, f"no passage gives the number {listed}")
        absent = sorted(name for name in wanted_names if not name_is_in(name, surroundings))
        if absent:
            return Finding(sentence, (), support, f"the passage does not name {', '.join(absent)}")
        denied_here, denied_there = denied(sentence), denied("\n".join(c.text for c in cited))
        if denied_here and not denied_here & denied_there:
            return Finding(sentence, (), support, "it denies what the passage does not deny")
        if denied_there and denied_there <= wanted_words - denied_here:
            return Finding(sentence, (), support, "it says what the passage denies")
        if word_coverage < COVERAGE_FLOOR or support < SUPPORT_FLOOR:
            return Finding(
                sentence, (), support, f"the passages hold {word_coverage:.0%} of its words"
            )
        quoted = " + ".join(f"“{item.text[:60]}”" for item in cited)
        return Finding(sentence, tuple(cited), min(support, 1.0), f"backed by {quoted}")

    def _choose(
        self,
        wanted_words: frozenset[str],
        wanted_numbers: frozenset[Any],
        similarities: np.ndarray[Any, Any],
    ) -> list[int]:
        """Indices of the evidence that together holds most of a sentence, best first.

        Greedy cover: the first is the best by itself; another joins only if it brings a number,
        or a good part of the words, that the ones before it lack.
        """
        chosen: list[int] = []
        missing_words, missing_numbers = set(wanted_words), set(wanted_numbers)
        while len(chosen) < MOST_CITATIONS:
            gains = [
                2.0 * len(missing_numbers & self._numbers[i]) / max(len(wanted_numbers), 1)
                + len(missing_words & self._words[i]) / max(len(wanted_words), 1)
                + (0.0 if chosen else float(similarities[i]))
                for i in range(len(self.evidence))
            ]
            best = max(range(len(gains)), key=lambda i: (gains[i], similarities[i], -i))
            if chosen and (best in chosen or gains[best] < 0.25):
                break
            chosen.append(best)
            missing_words -= self._words[best]
            missing_numbers -= self._numbers[best]
            if not missing_words and not missing_numbers:
                break
        return chosen

"""From passages to evidence: the sentences worth reading, each with what it needs to be read.

A sentence alone often does not say what it is about: a list item needs the line that leads in
to the list, a table's cell its row and column, an answer in a FAQ its question. `evidence_of`
cuts passages into such pieces; `select` keeps the ones nearest to a question, whole lists
together, within a budget. So a model reads a few hundred tokens from many passages instead of
everything in a few, which is quicker, finds more, and leaves it less to mix up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rag.amounts import amounts, figures
from rag.records import Chunk, Hit
from rag.sentences import Span, is_table_row, list_marker_length, sentence_spans
from rag.sides import sides_of
from rag.terms import content_words, words

if TYPE_CHECKING:
    from rag.embedding import Embedder

# Beside a cosine of 1: see "evidence selection" in eval/LOG.md for the figures behind these.
WORDS_WEIGHT = 0.4  # the share of the question's words in the piece, rare words counting more
RANK_WEIGHT = 0.1  # standing in the passage that retrieval liked best
SIDE_WEIGHT = 0.3  # having all the words of a side that is compared
QUOTED_WEIGHT = 0.4  # quoting what the question quotes: What does "large" stand for?

# From this cosine with a question on, a piece is worth showing to who asked it.
NEAR = 0.5
NEAR_IF_JUDGED = 0.2  # where the language model tells whether it answers
LEAST_TOLD = 2  # content words without which a piece tells nothing: a date in a cell
MARKED_HEADING = re.compile(r"#{1,6} ")
# "Here's a closer look at the two;" tells of the text that follows it, and of nothing else.
SIGNPOST = re.compile(
    r"Here(?:['’]s| is| are) (?:an?|the|some|our|how|what|why)\b"
    r"|(?:In )?[Tt]his (?:article|guide|post|section|chapter|page)\b.*"
    r"\b(?:explor|explain|discuss|break|outline|look|we\b)"
    r"|Let(?:['’]s| us) (?:explore|look|dive|start|see)\b"
)
QUOTED = re.compile(r"(?<!\w)[\"“'‘]([^\"”'’\n]{2,60})[\"”'’](?!\w)")
LONGEST_HEADING = 14  # words
MOSTLY = 0.5  # of the words of a side that is compared
MOST_ANTECEDENTS = 2
LONGEST_ANSWER = 5  # sentences under a question; what is longer is a chapter
# How a sentence begins that cannot be understood without the one before it.
REFERS_BACK = re.compile(
    r"(?:(?:Yet|But|And|Or|So|However|Still|Also|Then|Thus|Therefore|Moreover|Furthermore"
    r"|Additionally|Similarly),? )?"
    r"(?:This|These|That|Those|It|They|Its|Their|Such|He|She|His|Her|Even so|Instead"
    r"|(?:With|In|For|By|From|After|As|Because of|Of) (?:it|them|this|these|that|those|such)"
    r"|The (?:same|former|latter|other))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence, list item or table cell of an article, verbatim, with its context.

    `context` is the lead-in of a list, the row and column of a cell, or the question of a FAQ.
    Pieces with the same `group` are read together. `rank` is that of the passage, from 1.
    """

    chunk: Chunk
    start: int
    end: int
    text: str
    context: str
    group: tuple[str, int]
    rank: int

    @property
    def answers(self) -> bool:
        """Whether it stands under a question; all other contexts end in a colon."""
        return bool(self.context) and not self.context.endswith(":")

    @property
    def reading(self) -> str:
        """The sentence as it can be understood by itself."""
        return f"{self.context} {self.text}" if self.context else self.text

    @property
    def headed_reading(self) -> str:
        """The sentence as it can be understood, with the title and heading it stands under."""
        return f"{self.reading}\n{self.chunk.title}\n{self.chunk.heading}"

    @property
    def passage(self) -> str:
        """All that stands round it: the passage with its title and heading."""
        return f"{self.context}\n{self.chunk.embedded_text}"


def own_words(pieces: Sequence[Evidence]) -> list[str]:
    """What pieces in a row say, a sentence each; a context that they share is said once."""
    said = []
    context = ""
    for piece in pieces:
        words = " ".join((piece.text if piece.context == context else piece.reading).split())
        ended = words.rstrip("”’\"')").endswith((".", "!", "?"))
        said.append(words if ended else f"{words.rstrip(';:,')}.")
        context = piece.context
    return said


def evidence_of(hits: Sequence[Hit]) -> tuple[Evidence, ...]:
    """Every piece of the passages that states something, in the order of the passages.

    Questions and lead-ins are context, not evidence; a header row is the context of its cells.
    """
    found: dict[tuple[str, int, int], Evidence] = {}
    for hit in hits:
        for piece in _pieces(hit):
            found.setdefault((piece.chunk.article_id, piece.start, piece.end), piece)
    return tuple(found.values())


def quoted_in(text: str) -> frozenset[str]:
    """What a text puts in quotation marks, in lower case without the stop at its end."""
    return frozenset(match[1].lower().rstrip(".,?!") for match in QUOTED.finditer(text))


def _pieces(hit: Hit) -> Iterator[Evidence]:
    chunk = hit.chunk
    lead_in = question = ""
    answered = False
    header = chunk.heading.rpartition("\n")[2]
    header = header if is_table_row(header) else ""  # of a table that began in an earlier passage
    group = previous_end = 0
    spans = sentence_spans(chunk.text)
    first_rows = _first_rows(chunk.text, spans)
    for start, end in spans:
        text = chunk.text[start:end]
        item = list_marker_length(text)
        row = is_table_row(text)
        if "\n\n" in chunk.text[previous_end:start]:
            lead_in = lead_in if item else ""
            question = "" if answered else question
        previous_end = end
        asks = text.endswith("?")
        # A list under its lead-in and an answer under its question are each read together.
        if row or asks or not (question or (item and lead_in)):
            group += 1
        if asks:
            asked = text.lstrip("# ")
            question, lead_in, answered = asked[list_marker_length(asked) :], "", False
        elif row and header and start not in first_rows:
            yield from _cells(hit, start, text, header=header, group=group)
        elif row:
            header = text
        elif text.endswith(":"):
            lead_in = text
        elif question and not answered and text.startswith("(") and text.endswith(")"):
            question = f"{question} {text}"  # What are LLMs? (The specialist)
        else:
            if not item:
                lead_in = ""
            context = lead_in if item else question
            # "Both." says something under its question only.
            tells = content_words(text) and not _is_heading(chunk.text, start, end, item)
            if (context or tells) and not SIGNPOST.match(text):
                answered = True
                yield _evidence(hit, start + item, end, context=context, group=group)


def _first_rows(text: str, spans: Sequence[Span]) -> set[int]:
    """Where tables begin: rows below an empty line with another row directly below them."""
    return {
        first[0]
        for before, first, second in zip(spans, spans[1:], spans[2:], strict=False)
        if "\n\n" in text[before[1] : first[0]]
        and text.count("\n", first[1], second[0]) == 1
        and is_table_row(text[slice(*first)])
        and is_table_row(text[slice(*second)])
    }


def _is_heading(text: str, start: int, end: int, item: int) -> bool:
    """Whether a whole line only names what follows: marked so, or short and without a stop."""
    line = text[start:end]
    whole = text[:start].rstrip(" ")[-1:] in ("\n", "") and text[end : end + 1] in ("\n", "")
    if not whole or item:
        return False
    last = line.rstrip("*_")[-1:]
    unstopped = last.isalnum() or last == ")"
    return bool(MARKED_HEADING.match(line)) or (unstopped and len(line.split()) <= LONGEST_HEADING)


def _cells(hit: Hit, start: int, row: str, *, header: str, group: int) -> Iterator[Evidence]:
    """The cells of a table row after the first, which names the row."""
    names = [name.strip() for name in header.strip().strip("|").split("|")]
    position = 0
    label = ""
    cells = row.split("|")
    for column, cell in enumerate(cells, start=0 if cells[0].strip() else -1):
        begin = start + position + len(cell) - len(cell.lstrip())
        position += len(cell) + 1
        text = cell.strip()
        if column < 1:
            label = text
        elif content_words(text) or any(letter.isdigit() for letter in text):
            name = names[column] if column < len(names) else ""
            context = " of ".join(part for part in (label, name) if part)
            context = f"{context}:" if context else ""
            yield _evidence(hit, begin, begin + len(text), context=context, group=group)


def _evidence(hit: Hit, start: int, end: int, *, context: str, group: int) -> Evidence:
    chunk = hit.chunk
    return Evidence(
        chunk=chunk,
        start=chunk.start + start,
        end=chunk.start + end,
        text=chunk.text[start:end],
        context=context,
        group=(chunk.id, group),
        rank=hit.rank,
    )


class EvidenceSet:
    """The evidence for one question, embedded once, and how near each piece is to it."""

    def __init__(self, question: str, hits: Sequence[Hit], *, embedder: Embedder) -> None:
        self.question = question
        self.pieces = evidence_of(hits)
        self._embedder = embedder
        self._similarities: dict[str, list[float]] = {}  # asked for by check and comparison
        self.words = [content_words(piece.reading) for piece in self.pieces]
        self.figures = [figures(piece.reading) for piece in self.pieces]
        readings = [f"{piece.chunk.title}. {piece.reading}" for piece in self.pieces]
        vectors = embedder.embed([question, *readings])
        self._vectors = vectors[1:]
        self.cosines: list[float] = [float(value) for value in self._vectors @ vectors[0]]

    def nearest(self) -> list[Evidence]:
        """What most likely answers the question, in order; empty if it is not near in meaning.

        It comes with what it refers back to; the answer to a question of the article comes whole.
        """
        return next(iter(self.likeliest(1, least_cosine=NEAR)), [])

    def likeliest(
        self,
        count: int,
        *,
        least_cosine: float = NEAR_IF_JUDGED,
        kinds: Set[str] | None = None,
    ) -> list[list[Evidence]]:
        """What answers the question most likely, as `nearest`, next most likely, and so on.

        These are `count` of different words, less those that are not near in meaning; of those
        alone that give an amount of one of these `kinds`, if there are any.
        """
        telling = [
            i
            for i, words in enumerate(self.words)
            if len(words) >= LEAST_TOLD
            and (kinds is None or any(kind in kinds for _, kind in amounts(self.pieces[i].text)))
        ]
        found: list[list[Evidence]] = []
        near: list[bool] = []
        for number in sorted(telling, key=lambda i: -self.scores[i]):
            piece = self.pieces[number]
            if len(found) == count:
                break
            if any(piece in words for words in found):
                continue
            whole = [other for other in self.pieces if other.group == piece.group]
            complete = piece.answers and len(whole) <= LONGEST_ANSWER
            found.append(whole if complete else self.with_antecedents([piece]))
            near.append(self.cosines[number] >= least_cosine)
        return [words for words, is_near in zip(found, near, strict=True) if is_near]

    def of_sides(self) -> list[list[Evidence]]:
        """For each side of a question that compares, the piece nearest to it; or none at all.

        A piece is of a side that it has most of the words of, rare ones counting more, or that
        stands in its heading. It comes with what it refers back to.
        """
        found = []
        sides = sides_of(self.question)
        of_each = [[self.share(side, held) for held in self.words] for side in sides]
        for side, shares, of_other in zip(sides, of_each, of_each[::-1], strict=True):
            if max(shares, default=0.0) < MOSTLY:
                shares = [
                    self.share(side, content_words(piece.headed_reading)) * (other < MOSTLY)
                    for piece, other in zip(self.pieces, of_other, strict=True)
                ]
            telling = [
                i
                for i, share in enumerate(shares)
                if share >= MOSTLY and len(self.words[i]) >= LEAST_TOLD
            ]
            if not telling:
                return []
            best = max(telling, key=lambda i: self.scores[i] + SIDE_WEIGHT * shares[i])
            found.append(self.with_antecedents([self.pieces[best]]))
        return found

    def best_first(self, parts: Iterable[Sequence[Evidence]]) -> list[Sequence[Evidence]]:
        """Pieces in parts, by the score of the best in each."""
        scores = dict(zip(self.pieces, self.scores, strict=True))
        return sorted(parts, key=lambda pieces: -max(scores[piece] for piece in pieces))

    def with_antecedents(self, pieces: Sequence[Evidence]) -> list[Evidence]:
        """Pieces with those that they refer back to, as "They were sold" does, in order."""
        found = [self._with_antecedents(self.pieces.index(piece)) for piece in pieces]
        return [self.pieces[i] for i in sorted(set().union(*found))]

    @cached_property
    def printed_plain(self) -> frozenset[str]:
        """The words that the pieces print in lower case."""
        return frozenset(
            word for piece in self.pieces for word in words(piece.text) if word.islower()
        )

    def similarities(self, text: str) -> list[float]:
        """Cosine of `text` with each piece."""
        if text not in self._similarities:
            cosines = self._vectors @ self._embedder.embed([text])[0]
            self._similarities[text] = [float(value) for value in cosines]
        return self._similarities[text]

    @cached_property
    def scores(self) -> list[float]:
        """How likely each piece answers the question: by meaning, words, quotes and rank."""
        quoted = quoted_in(self.question)
        return [
            self.cosines[i]
            + WORDS_WEIGHT * self.share(self._rarity.keys(), self.words[i])
            + QUOTED_WEIGHT * bool(quoted and quoted & quoted_in(piece.text))
            + RANK_WEIGHT / piece.rank
            for i, piece in enumerate(self.pieces)
        ]

    def share(self, wanted: Set[str], held: Set[str]) -> float:
        """The share of some of the question's words that is held, 0..1, by how rare they are."""
        total = sum(self._rarity[word] for word in wanted) or 1.0
        return sum(self._rarity[word] for word in wanted & held) / total

    @cached_property
    def _rarity(self) -> dict[str, float]:
        """For each content word of the question, how few of the passages have it."""
        passages = [
            content_words(chunk.embedded_text)
            for chunk in {piece.chunk.id: piece.chunk for piece in self.pieces}.values()
        ]
        return {
            word: math.log(1 + len(passages) / (1 + sum(word in held for held in passages)))
            for word in content_words(self.question)
        }

    def select(
        self,
        budget: int,
        *,
        count_tokens: Callable[[str], int],
        known: Set[Evidence] = frozenset(),
    ) -> list[Evidence]:
        """The best pieces within `budget` tokens, each after those that it refers back to.

        They come passage by passage, the passage with the best piece last: a small model uses
        most what it has just read, and the question follows. What is `known` comes only where
        something else refers back to it.
        """
        groups: dict[tuple[str, int], list[int]] = {}
        for number, piece in enumerate(self.pieces):
            if piece not in known:
                groups.setdefault(piece.group, []).append(number)
        ranked = sorted(groups.values(), key=lambda members: -max(self.scores[i] for i in members))
        chosen: set[int] = set()
        for members in ranked:
            for i in sorted(members, key=lambda i: -self.scores[i]):
                added = self._with_antecedents(i) - chosen
                cost = sum(count_tokens(self.pieces[j].reading) for j in added)
                if cost <= budget:
                    budget -= cost
                    chosen |= added
                elif not chosen:  # one piece is always read, whatever it costs
                    budget = 0
                    chosen.add(i)
        return self._in_reading_order(chosen)

    def readings(
        self, budget: int, *, count_tokens: Callable[[str], int], most: int
    ) -> Iterator[list[Evidence]]:
        """What `select` gives, one at least; then what it gives of the rest, while there is any."""
        known: set[Evidence] = set()
        for number in range(most):
            read = self.select(budget, count_tokens=count_tokens, known=known)
            if number and not read:
                return
            yield read
            known |= set(read)

    def together(self, *parts: Sequence[Evidence]) -> list[Evidence]:
        """All of these pieces, each once, in the order in which `select` gives them."""
        return self._in_reading_order({self.pieces.index(p) for part in parts for p in part})

    def _in_reading_order(self, chosen: Set[int]) -> list[Evidence]:
        best: dict[str, float] = {}
        for i in chosen:
            passage = self.pieces[i].chunk.id
            best[passage] = max(best.get(passage, self.scores[i]), self.scores[i])
        passages = [piece.chunk.id for piece in self.pieces]
        order = sorted(chosen, key=lambda i: (best[passages[i]], passages[i], self.pieces[i].start))
        return [self.pieces[i] for i in order]

    def _with_antecedents(self, number: int) -> set[int]:
        """The piece and the few before it in its passage without which it says nothing."""
        found = {number}
        while len(found) <= MOST_ANTECEDENTS and REFERS_BACK.match(self.pieces[number].text):
            before = number - 1
            if before < 0 or self.pieces[before].chunk.id != self.pieces[number].chunk.id:
                break
            found.add(before)
            number = before
        return found

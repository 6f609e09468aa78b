"""Splits an article into chunks that the embedder can read whole.

Chunks are cut where the article itself is cut: between blocks of a section first, then at
sentence ends, and inside a sentence only when it alone is too long. Of all ways to cut a
section, the one with the fewest, fullest and most even chunks is taken (dynamic programming
over the cuts), so that no small rest is left over at a section's end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.records import Article, Block, Chunk, Section
from rag.sentences import Span, sentence_spans, stripped_span

# What a cut costs, where 1 is the cost of a chunk left empty.
_CUT_AFTER_HEADING = 50.0
_CUT_AFTER_LEAD_IN = 2.0
_CUT_IN_BLOCK = 0.5
_CUT_IN_LIST_OR_TABLE = 0.3


@dataclass(frozen=True, slots=True)
class _Piece:
    """A span that is not cut any further.

    `heading` is that of a chunk which begins here, and `room` the tokens it leaves for text;
    `cut_cost` is what it costs to end a chunk here.
    """

    start: int
    end: int
    tokens: int
    cut_cost: float
    heading: str
    room: int


def split_article(
    article: Article, *, max_tokens: int, count_tokens: Callable[[str], int]
) -> list[Chunk]:
    """The chunks of `article`, in order; every character that is not whitespace is in one.

    `count_tokens` counts as the embedder's tokenizer does, without special tokens; no chunk's
    `embedded_text` has more than `max_tokens` of them. Title and heading may take a third of
    that and are shortened beyond it. A table row or FAQ pair is cut only where it alone is too
    long, and a chunk that begins inside a table has the table's header row in its heading.
    """
    splitter = _Splitter(article, max_tokens, count_tokens)
    return [chunk for section in article.sections for chunk in splitter.chunks(section)]


class _Splitter:
    def __init__(
        self, article: Article, max_tokens: int, count_tokens: Callable[[str], int]
    ) -> None:
        self._article = article
        self._max_tokens = max_tokens
        self._count = count_tokens
        self._title = self._shortened(article.title, max_tokens // 3)

    def chunks(self, section: Section) -> Iterator[Chunk]:
        pieces = list(self._pieces(section))
        first = 0
        for last in _best_ends(pieces):
            yield from self._fitting(pieces[first : last + 1])
            first = last + 1

    def _pieces(self, section: Section) -> Iterator[_Piece]:
        """The blocks of a section, cut where one of them alone is too long."""
        followers = [*section.blocks[1:], None]
        plain = self._heading(section.heading, "")
        in_table: tuple[str, int] | None = None  # heading and room below a table's first row
        for block, after in zip(section.blocks, followers, strict=True):
            heading, room = in_table if in_table and block.kind == "table_row" else plain
            if block.kind == "table_row" and in_table is None:
                in_table = self._heading(section.heading, self._header_row(block, after))
            if block.kind != "table_row" or self._ends_table(block, after):
                in_table = None
            spans = self._spans(block, room)
            for start, end in spans:
                is_last = end == spans[-1][1]
                cost = self._cut_cost(block, after) if is_last else _CUT_IN_BLOCK
                tokens = self._count(self._article.text[start:end])
                yield _Piece(start, end, tokens, cost, heading, room)

    def _ends_table(self, block: Block, after: Block | None) -> bool:
        if after is None or after.kind != "table_row":
            return True
        return self._article.text.count("\n", block.end, after.start) > 1

    def _header_row(self, block: Block, after: Block | None) -> str:
        """The first row of a table where it names the columns: short cells, and rows below."""
        row = self._article.text[block.start : block.end].split("\n")[0].strip()
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        names = all(len(cell) <= 60 and not cell.endswith(".") for cell in cells)
        return row if names and not self._ends_table(block, after) else ""

    def _cut_cost(self, block: Block, after: Block | None) -> float:
        if block.kind == "heading":
            return _CUT_AFTER_HEADING
        text = self._article.text[block.start : block.end]
        if block.kind in ("paragraph", "list_item") and text.endswith((":", ":**")):
            return _CUT_AFTER_LEAD_IN
        joined = {"paragraph": "list_item", "list_item": "list_item", "table_row": "table_row"}
        if after is not None and joined.get(block.kind) == after.kind:
            return _CUT_IN_LIST_OR_TABLE
        return 0.0

    def _spans(self, block: Block, room: int) -> list[Span]:
        """The block as one span if it fits, else its cells or sentences, each cut to fit."""
        text = self._article.text[block.start : block.end]
        if self._count(text) <= room:
            return [(block.start, block.end)]
        spans = _cell_spans(text) if block.kind == "table_row" else sentence_spans(text)
        return [
            (block.start + start + a, block.start + start + b)
            for start, end in spans
            for a, b in self._cut_to_fit(text[start:end], room)
        ]

    def _cut_to_fit(self, text: str, room: int) -> list[Span]:
        """A sentence as one span if it fits, else cut after clauses, words, or anywhere."""
        if self._count(text) <= room:
            return [(0, len(text))]
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        # With the separators and whitespace kept and no part counted as nothing (the splitter
        # repeats such parts), the parts add up to the text and their lengths to offsets.
        splitter = RecursiveCharacterTextSplitter(
            separators=[". ", "; ", ", ", "\n", " ", ""],
            keep_separator="end",
            strip_whitespace=False,
            chunk_size=max(room, 1),
            chunk_overlap=0,
            length_function=lambda part: max(self._count(part), 1),
        )
        spans = []
        position = 0
        for part in splitter.split_text(text):
            spans.append(stripped_span(text, position, position + len(part)))
            position += len(part)
        return [span for span in spans if span[0] < span[1]]

    def _fitting(self, pieces: list[_Piece]) -> Iterator[Chunk]:
        """The pieces as one chunk, or as halves where together they are more than their sum."""
        chunk = self._chunk(pieces)
        if self._count(chunk.embedded_text) <= self._max_tokens or chunk.end - chunk.start == 1:
            yield chunk
            return
        middle = len(pieces) // 2
        halves = [pieces[:middle], pieces[middle:]] if middle else self._halves(pieces[0])
        for half in halves:
            yield from self._fitting(half)

    def _halves(self, piece: _Piece) -> list[list[_Piece]]:
        middle = (piece.start + piece.end) // 2
        spans = [
            stripped_span(self._article.text, piece.start, middle),
            stripped_span(self._article.text, middle, piece.end),
        ]
        return [[replace(piece, start=start, end=end)] for start, end in spans if start < end]

    def _chunk(self, pieces: list[_Piece]) -> Chunk:
        article, start, end = self._article, pieces[0].start, pieces[-1].end
        return Chunk(
            id=f"{article.id}#{start}-{end}",
            article_id=article.id,
            title=self._title,
            source=article.source,
            heading=pieces[0].heading,
            start=start,
            end=end,
            text=article.text[start:end],
        )

    def _heading(self, path: str, header: str) -> tuple[str, int]:
        """The heading of a chunk, and the tokens that title and heading leave for its text.

        It is the heading path, then a table's header row, in what the title leaves of a third.
        """
        room = self._max_tokens // 3 - self._count(self._title)
        header = self._shortened(header, room)
        room -= self._count(header)
        while self._count(path) > room and " > " in path:
            path = path.partition(" > ")[2]  # the last name says most
        heading = "\n".join(part for part in (self._shortened(path, room), header) if part)
        return heading, self._max_tokens - self._count(f"{self._title}\n{heading}\n")

    def _shortened(self, text: str, limit: int) -> str:
        while text and self._count(text) > limit:
            shorter = text[: len(text) * 9 // 10]
            text = (shorter.rpartition(" ")[0] or shorter).rstrip()
        return text


def _best_ends(pieces: list[_Piece]) -> list[int]:
    """The indices of the pieces that end a chunk, at the least cost in all.

    A chunk costs the square of the share of it that stays empty, and each cut its own cost.
    """
    best: list[tuple[float, int]] = [(0.0, 0)]  # of the first n pieces: cost, last chunk's begin
    for last, piece in enumerate(pieces):
        cut_cost = piece.cut_cost if last + 1 < len(pieces) else 0.0
        options = []
        tokens = 0
        for first in range(last, -1, -1):
            tokens += pieces[first].tokens
            room = max(pieces[first].room, 1)
            if first == last or tokens <= room:
                empty = max(1 - tokens / room, 0.0)
                options.append((best[first][0] + empty**2 + cut_cost, first))
            elif tokens > 2 * room:
                break
        best.append(min(options))
    ends = []
    count = len(pieces)
    while count:
        ends.append(count - 1)
        count = best[count][1]
    return ends[::-1]


def _cell_spans(row: str) -> list[Span]:
    cuts = [0, *(match.end() for match in re.finditer(r"\|[ \t]", row)), len(row)]
    spans = [stripped_span(row, start, end) for start, end in pairwise(cuts)]
    return [span for span in spans if span[0] < span[1]]

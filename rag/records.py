"""The hand-overs: one frozen dataclass for each arrow of the flow.

    files -> Article -> Chunk -> (index) -> Query -> Hit -> (prompt, draft) -> Answer

Offsets are character positions in `Article.text`. They are made when the text is split and
carried from there on; nothing downstream searches for a text again to find where it stood.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Literal

BlockKind = Literal["heading", "paragraph", "list_item", "table_row", "faq"]


@dataclass(frozen=True, slots=True)
class Block:
    """The smallest piece of an article that reads as one: article.text[start:end].

    `answer_start` is set for a "faq" block only, and says where the answer begins, so that
    text[start:answer_start] is the question as printed. A FAQ answer whose question was lost
    has `answer_start == start`.
    """

    kind: BlockKind
    start: int
    end: int
    answer_start: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A run of blocks under one heading; `heading` is the path, "Chapter > Section", or ""."""

    heading: str
    start: int
    end: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Article:
    """One document. `text` is the normalised text that every offset refers to.

    `source` is what a reader needs to find the original: a URL from the front matter, else
    the file's path as it was given.
    """

    id: str
    title: str
    source: str
    text: str
    sections: tuple[Section, ...]

    @property
    def content_hash(self) -> str:
        """SHA-256 of everything the index depends on, so that equal hashes index equally."""
        digest = hashlib.sha256()
        for part in (self.title, self.source, self.text, repr(self.sections)):
            digest.update(part.encode("utf-8", "surrogatepass"))
            digest.update(b"\0")
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage that is embedded and retrieved whole: article.text[start:end] == text, always.

    `title` and `source` are the article's. `heading` is the context that the passage needs to be
    understood by itself: the heading path and, for a table, its header row on a second line.
    `also` are the sources of duplicates of the article, which are not indexed.
    """

    id: str
    article_id: str
    title: str
    source: str
    heading: str
    start: int
    end: int
    text: str
    also: tuple[str, ...] = ()

    @property
    def embedded_text(self) -> str:
        """What the embedder reads: title, heading and passage, each on its line."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


@dataclass(frozen=True, slots=True)
class Query:
    """A question as it was asked, and the same question made to stand by itself."""

    question: str
    standalone: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk. `score` falls with `rank`, which starts at 1."""

    chunk: Chunk
    score: float
    rank: int


@dataclass(frozen=True, slots=True)
class Citation:
    """The words in an article that back a sentence: article.text[start:end] == quote, always.

    `also` are the sources of the article's duplicates.
    """

    number: int
    article_id: str
    title: str
    source: str
    start: int
    end: int
    quote: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, the numbers of its citations, and how well they back it, 0..1."""

    text: str
    citations: tuple[int, ...]
    support: float


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds from the question to each point, and tokens read and written."""

    retrieve_ms: float = 0.0
    first_token_ms: float = 0.0
    total_ms: float = 0.0
    prompt_tokens: int = 0
    answer_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a drafted sentence was kept or withdrawn, or a question answered or not."""

    text: str
    kept: bool
    support: float
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What Footnote says to one question, with the words that back it.

    An abstention has one sentence, the fixed refusal, without citations; `reason` then says
    what was looked at. `gate` says whether the passages were thought to hold the answer, and
    `trace` lists every drafted sentence with its verdict. `understood` is what was asked in
    place of a question that leans on the conversation, that was answered in steps, or that
    spells a name otherwise than the articles.
    """

    question: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    abstained: bool
    reason: str | None
    timings: Timings
    model: str
    gate: Verdict | None = None
    trace: tuple[Verdict, ...] = ()
    understood: str | None = None

    @property
    def text(self) -> str:
        """The answer as plain text, each sentence followed by its [n] marks."""
        return " ".join(
            sentence.text + "".join(f" [{number}]" for number in sentence.citations)
            for sentence in self.sentences
        )

    def to_json(self) -> dict[str, Any]:
        """The answer as the JSON value that `rag ask --json` prints."""
        return {
            "question": self.question,
            "answer": self.text,
            "abstained": self.abstained,
            "reason": self.reason,
            "sentences": [
                {"text": s.text, "citations": list(s.citations), "support": round(s.support, 3)}
                for s in self.sentences
            ],
            "citations": [
                {
                    "n": c.number,
                    "article": c.article_id,
                    "title": c.title,
                    "source": c.source,
                    "start": c.start,
                    "end": c.end,
                    "quote": c.quote,
                    **({"also": list(c.also)} if c.also else {}),
                }
                for c in self.citations
            ],
            "hits": [hit_to_json(hit) for hit in self.hits],
            "model": self.model,
            "timings": {
                name: round(value, 1) if isinstance(value, float) else value
                for name, value in asdict(self.timings).items()
            },
        }


@dataclass(frozen=True, slots=True)
class AnswerUpdate:
    """One step of a streamed answer.

    `stage` says what is going on ("searching", "reading", "writing", "checking", "done"),
    `draft` holds the text written so far, unchecked, and `answer` is set by the last update only.
    """

    stage: str
    draft: str = ""
    answer: Answer | None = None


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """A hit as `rag search --json` and the "hits" of an answer print it."""
    return {
        "rank": hit.rank,
        "score": round(hit.score, 4),
        "article": hit.chunk.article_id,
        "title": hit.chunk.title,
        "start": hit.chunk.start,
        "end": hit.chunk.end,
        "text": hit.chunk.text,
        **({"also": list(hit.chunk.also)} if hit.chunk.also else {}),
    }

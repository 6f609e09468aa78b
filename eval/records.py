"""The hand-overs of the evaluation: one frozen dataclass for each arrow.

    articles, files -> Case -> (index, assistant) -> Reply -> (judges) -> Outcome -> Figure -> Run

A `Case` is a question with what a right answer must say; a `Reply` is what the assistant said, as
`rag ask --json` prints it; an `Outcome` is both with every judgement on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Origin = Literal["faq", "drafted", "written", "near_miss", "dataset"]
Polarity = Literal["yes", "no"]


@dataclass(frozen=True, slots=True)
class Case:
    """One question to ask, and for scoring only, what is known of its answer.

    `references` are right answers, any one of which will do; `key_facts` lists what a right answer
    must state, each fact in any one of its spellings. `source_articles` are the ids of the
    articles that are needed together, and `gold` sentences or passages that hold the answer.
    `origin` says where the question comes from: an article's own FAQ; a FAQ answer whose
    question was lost, with a "drafted" one; the written sets; a generated near miss; a file.
    `follows` is the id of the question before it in a conversation.
    """

    id: str
    question: str
    answerable: bool
    kind: str
    origin: Origin
    references: tuple[str, ...] = ()
    key_facts: tuple[tuple[str, ...], ...] = ()
    polarity: Polarity | None = None
    source_articles: tuple[str, ...] = ()
    gold: tuple[str, ...] = ()
    near: str | None = None
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A citation of a reply: the words `quote` at [start, end) of the article's text."""

    number: int
    article: str
    title: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of a reply, with the numbers of the quotes it cites."""

    text: str
    citations: tuple[int, ...]
    support: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved passage; `rank` starts at 1."""

    article: str
    title: str
    start: int
    end: int
    text: str
    rank: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What the assistant said to one case. `confidence`, 0..1, is what it abstains by."""

    text: str
    abstained: bool
    reason: str | None
    statements: tuple[Statement, ...]
    quotes: tuple[Quote, ...]
    passages: tuple[Passage, ...]
    confidence: float
    first_token_ms: float
    total_ms: float
    prompt_tokens: int
    answer_tokens: int

    @property
    def plain(self) -> str:
        """What was said, without citation marks."""
        return " ".join(statement.text for statement in self.statements)


@dataclass(frozen=True, slots=True)
class SentenceJudgement:
    """What the meter thinks of one sentence; `backed` is how likely the articles hold it, 0..1.

    `recalled`: its quotes together back it. `precise`: for each of its citations, whether it is
    needed or backs the sentence by itself (ALCE's precision).
    """

    text: str
    backed: float
    hallucinated: bool
    why: str
    recalled: bool
    precise: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case, its reply, and every judgement on it.

    `right` is the verdict: the answer states the key facts and contradicts nothing, or abstains
    where it should. `agreement`, 0..1, is how near answer and reference are in meaning, `None`
    where there is no reference. Ranks are of the first passage that has the answer, `None` for
    none; `all_sources_rank` is where all source articles have been seen.
    """

    case: Case
    reply: Reply
    right: bool
    why: str
    hallucinated: bool
    agreement: float | None
    exact_match: float
    token_f1: float
    string_recall: bool
    sentences: tuple[SentenceJudgement, ...]
    quotes_exact: int
    found_rank: int | None
    all_sources_rank: int | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a report with its 95% interval.

    `method` is "wilson" for a share of `n` things, "bootstrap" for anything else.
    """

    name: str
    value: float
    n: int
    low: float
    high: float
    unit: Literal["share", "score", "seconds", "tokens", "count"] = "share"
    method: Literal["wilson", "bootstrap", "none"] = "wilson"


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation: what made it, what came out.

    `made_by` holds the settings, the hashes of model, index and code, and the date; `figures` are
    keyed by name, `by_kind` the accuracy for each kind of question; `risk_coverage` are
    (coverage, risk) points; `judges` the judges' own scores on labelled data.
    """

    id: str
    name: str
    made_by: Mapping[str, Any]
    figures: Mapping[str, Figure]
    by_kind: Mapping[str, Figure]
    risk_coverage: tuple[tuple[float, float], ...]
    calibration: tuple[tuple[float, float, int], ...]  # (mean confidence, share right, n)
    judges: Mapping[str, Mapping[str, Figure]]
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

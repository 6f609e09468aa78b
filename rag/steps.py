"""A question about something that it only describes, answered in steps: first what that is.

"Which river flows through the city where Nina Simone died?" has its answer in two articles, and
no sentence of either has both. So the city is asked for first, and then the question again with
the city's name in place of the description. Every step is an ordinary question: what it says is
checked and cited like any other answer, and with one step unanswered the whole is [1].

[1] O. Press et al.: Measuring and narrowing the compositionality gap in language models. 2023.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.prompts import FIRST_STEP, HOLE, NEXT_STEP, short_answer_messages, steps_messages
from rag.records import Answer, AnswerUpdate, Citation, Hit, Sentence
from rag.terms import content_words, coverage, words

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MOST_STEPS = 3
LONGEST_NAME = 8  # words of what a step may put in place of a description
SHARE_FROM_QUESTION = 0.66  # of the words of a step
SHARE_KEPT = 0.8  # of the words of the question

# "... the city where Nina Simone died": a clause that describes something
CLAUSE = re.compile(r"\b(?:where|that|which|who|whom|whose)\b", re.IGNORECASE)
INTERROGATIVE = re.compile(r"\b(?:what|which|who|whom|whose|where|when|why|how)\b", re.IGNORECASE)
_CAPITAL = r"(?:[A-Z][\w.&-]*|\d[\w.]*)"
_LINK = r"(?:of|the|and|de|der|und|for|in|a|to)"
_NAME = rf"(?:[Tt]he )?{_CAPITAL}(?:(?: {_LINK}){{0,2}} {_CAPITAL})*"
POSSESSIVE = re.compile(rf"{_NAME}['’]s [a-z]")
_AFTER_NOUN = (
    "is|are|was|were|has|have|had|did|does|do|can|could|will|would|in|on|at|from|to|and|or"
)
# "the composer of Fidelio", and "Fidelio's composer"
DESCRIPTION = re.compile(
    rf"\bthe (?:[a-z-]+ ){{1,3}}(?:of|by) {_NAME}(?!\w|['’]s)"
    rf"|{_NAME}['’]s [a-z]+(?: of [a-z]+)?(?=[?,]| (?:{_AFTER_NOUN})\b)"
)
# A step that asks for what the one before it has found: "Name #1, who was the daughter of ...".
ASKS_BACK = re.compile(rf"(?:name|(?:who|what) (?:is|was)) {HOLE}(?=[,.?])", re.IGNORECASE)

Asking = Generator[AnswerUpdate, None, Answer]


@dataclass(frozen=True, slots=True)
class Steps:
    """What to look up first, and the question with `HOLE` in place of its description."""

    first: str
    then: str


def answer_in_steps(question: str, *, ask: Callable[[str], Asking], model: BaseChatModel) -> Asking:
    """The answer to a question, in steps where it cannot be answered in one.

    `ask` answers one step. Yields its updates, and returns the joined `Answer`; where a step is
    not answered, the abstention from the question itself.
    """
    whole = answer = yield from ask(question)
    said: list[Answer] = []
    asked = [question]
    while answer.abstained and len(said) < MOST_STEPS - 1 and describes(asked[-1]):
        yield AnswerUpdate(stage="searching")
        steps = split(asked[-1], model=model)
        if steps is None:
            return whole
        found = yield from ask(steps.first)
        name = name_in(found, steps.first, model=model)
        if name is None:
            return whole
        said.append(found)
        asked[-1:] = [steps.first, steps.then.replace(HOLE, name)]
        answer = yield from ask(asked[-1])
    if answer.abstained or not said:
        return whole
    told = [*(replace(step, sentences=step.sentences[:1]) for step in said), answer]
    return replace(joined(told), question=whole.question, understood=" ".join(asked))


def describes(question: str) -> bool:
    """Whether a clause or a phrase of a question describes something, as far as its form shows."""
    asks = INTERROGATIVE.search(question)
    clauses = CLAUSE.finditer(question)
    return (
        any(not asks or clause.start() != asks.start() for clause in clauses)
        or POSSESSIVE.search(question) is not None
        or _phrase_first(question) is not None
    )


def split(question: str, *, model: BaseChatModel) -> Steps | None:
    """A question that describes in two steps; None where the model finds none that add up to it.

    Where the model makes no use of a phrase that describes, the phrase is taken as it stands.
    """
    reply = str(model.bind(max_tokens=80).invoke(steps_messages(question)).text)
    first = re.search(rf"{FIRST_STEP}(.+)", reply)
    then = re.search(rf"{NEXT_STEP}(.+)", reply)
    if first and then:
        steps = Steps(first[1].strip(), then[1].strip())
        if _holds(steps, question):
            return steps
    return _phrase_first(question)


def _phrase_first(question: str) -> Steps | None:
    """A question with the phrase that describes looked up first; None if nothing else is asked."""
    phrase = DESCRIPTION.search(question)
    if not phrase:
        return None
    before, after = question[: phrase.start()], question[phrase.end() :]
    steps = Steps(f"What is {phrase[0]}?", f"{before}{HOLE}{after}")
    return steps if _holds(steps, question) else None


def _holds(steps: Steps, question: str) -> bool:
    """Whether two steps ask what the question asks, each less than the whole, and no more."""
    first, then, asked = (
        content_words(text) for text in (steps.first, steps.then.replace(HOLE, ""), question)
    )
    return (
        HOLE not in steps.first
        and steps.then.count(HOLE) == 1
        and not ASKS_BACK.match(steps.then)
        and bool(first - then)
        and bool(then - first)
        and coverage(asked, first | then) >= SHARE_KEPT
        and min(coverage(first, asked), coverage(then, asked)) >= SHARE_FROM_QUESTION
    )


def name_in(answer: Answer, question: str, *, model: BaseChatModel) -> str | None:
    """The few words of a step's answer that answer it: new ones, which stand in the answer."""
    if answer.abstained:
        return None
    said = answer.sentences[0].text
    reply = model.bind(max_tokens=20).invoke(short_answer_messages(question, said))
    name = str(reply.text).strip().split("\n")[0].rstrip(".")
    stands_there = f" {' '.join(words(name))} " in f" {' '.join(words(said))} "
    new = content_words(name) - content_words(question)
    return name if stands_there and new and len(name.split()) <= LONGEST_NAME else None


def joined(answers: Sequence[Answer]) -> Answer:
    """The answers as one, with all that they say and cite."""
    last = answers[-1]
    sentences: list[Sentence] = []
    citations: dict[tuple[str, int, int], Citation] = {}
    hits: dict[str, Hit] = {}
    for answer in answers:
        cited = {number for sentence in answer.sentences for number in sentence.citations}
        renumbered = {
            citation.number: citations.setdefault(
                (citation.article_id, citation.start, citation.end),
                replace(citation, number=len(citations) + 1),
            ).number
            for citation in answer.citations
            if citation.number in cited
        }
        sentences += [
            replace(sentence, citations=tuple(sorted(renumbered[n] for n in sentence.citations)))
            for sentence in answer.sentences
        ]
        for hit in answer.hits:
            hits.setdefault(hit.chunk.id, replace(hit, rank=len(hits) + 1))
    return replace(
        last,
        sentences=tuple(dict.fromkeys(sentences)),
        citations=tuple(citations.values()),
        hits=tuple(hits.values()),
        trace=tuple(verdict for answer in answers for verdict in answer.trace),
    )

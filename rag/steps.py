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
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.descriptions import Steps, describes, innermost
from rag.prompts import FIRST_STEP, HOLE, NEXT_STEP, short_answer_messages, steps_messages
from rag.records import Answer, AnswerUpdate, Citation, Hit, Sentence
from rag.terms import content_words, words

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MOST_STEPS = 3
SURE = 0.5  # that an answer answers: no steps are tried
LONGEST_NAME = 8  # words of what a step may put in place of a description
# A step that asks for what the one before it has found: "Name #1, who was the daughter of ...".
ASKS_BACK = re.compile(rf"(?:name|(?:who|what) (?:is|was)) {HOLE}(?=[,.?])", re.IGNORECASE)

Asking = Generator[AnswerUpdate, None, Answer]


def answer_in_steps(question: str, *, ask: Callable[[str], Asking], model: BaseChatModel) -> Asking:
    """The answer to a question, in steps where it cannot be answered in one.

    `ask` answers one step. Yields its updates, and returns the joined `Answer`; where a step is
    not answered, or the question itself more surely than the last one, the answer to that.
    """
    best = answer = yield from ask(question)
    said: list[Answer] = []
    asked = [question]
    while not _is_sure(answer) and len(said) < MOST_STEPS - 1 and describes(asked[-1]):
        yield AnswerUpdate(stage="searching")
        steps = split(asked[-1], model=model)
        if steps is None:
            break
        found = yield from ask(steps.first)
        name = name_in(found, steps.first, model=model)
        if name is None:
            break
        said.append(replace(found, sentences=found.sentences[:1]))
        asked[-1:] = [steps.first, steps.then.replace(HOLE, name)]
        answer = yield from ask(asked[-1])
        if _support(answer) > _support(best):
            told = joined([*said, answer])
            best = replace(told, question=question, understood=" ".join(asked))
    return best


def _support(answer: Answer) -> float:
    """How likely an answer answers its question; 0 for none."""
    if answer.abstained:
        return 0.0
    return answer.gate.support if answer.gate else 1.0


def _is_sure(answer: Answer) -> bool:
    return _support(answer) >= SURE


def split(question: str, *, model: BaseChatModel) -> Steps | None:
    """A question that describes in two steps; None where nobody finds any that add up to it.

    The model is asked where the form of the question does not show what is described.
    """
    shown = innermost(question)
    if shown:
        return shown
    reply = str(model.bind(max_tokens=80).invoke(steps_messages(question)).text)
    first = re.search(rf"{FIRST_STEP}(.+)", reply)
    then = re.search(rf"{NEXT_STEP}(.+)", reply)
    if not (first and then):
        return None
    steps = Steps(first[1].strip(), then[1].strip())
    return steps if steps.add_up_to(question) and not ASKS_BACK.match(steps.then) else None


def name_in(answer: Answer, question: str, *, model: BaseChatModel) -> str | None:
    """The few words of a step's answer that answer it: new ones, which stand in the answer."""
    if answer.abstained:
        return None
    said = f" {' '.join(words(answer.sentences[0].text))} "
    reply = model.bind(max_tokens=20).invoke(
        short_answer_messages(question, answer.sentences[0].text)
    )
    name = str(reply.text).strip().split("\n")[0].rstrip(".")
    for told in (name, name.split(",")[0]):  # "Nashville, Tennessee", where it says "Nashville"
        if f" {' '.join(words(told))} " in said:
            new = content_words(told) - content_words(question)
            return told if new and len(told.split()) <= LONGEST_NAME else None
    return None


def joined(answers: Sequence[Answer]) -> Answer:
    """The answers as one, with all that they say and cite, and what each found best first."""
    last = answers[-1]
    sentences: list[Sentence] = []
    citations: dict[tuple[str, int, int], Citation] = {}
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
    found = sorted((hit for answer in answers for hit in answer.hits), key=lambda hit: hit.rank)
    hits: dict[str, Hit] = {}
    for hit in found:
        hits.setdefault(hit.chunk.id, replace(hit, rank=len(hits) + 1))
    return replace(
        last,
        sentences=tuple(dict.fromkeys(sentences)),
        citations=tuple(citations.values()),
        hits=tuple(hits.values()),
        trace=tuple(verdict for answer in answers for verdict in answer.trace),
    )

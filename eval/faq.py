"""Cases from the articles' own FAQs: the questions are people's, and so are the answers.

    articles -> Harvest -> Case

What counts as a FAQ is decided where articles are read (blocks of kind "faq"); here its pairs
become questions to ask with the answers to expect, cleaned of the marks around them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

from eval.records import Case, Polarity
from rag import Article, ModelError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

DRAFT_QUESTION = (
    "The text below answers a question in a list of frequently asked questions. The question is "
    "lost. Write the one question that the whole text answers: short, as a reader would ask it, "
    "and naming what it is about.{yes_or_no} Reply with the question only.\n\nText: {answer}"
)
DRAFT_YES_OR_NO = (
    " It is a question to answer by yes or no, such as one that begins with Is or Can."
)
DRAFT_TOKENS = 60  # room for one question

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_STRONG = re.compile(r"\*\*|__|`")
_LINE_MARK = re.compile(
    r"[ \t]*(?:(?:#{1,6}[ \t]|>|[-*+•▪‣◦●○–✓✔][ \t]|\(?\d{1,3}[.)][ \t])[ \t]*)+"
)
_QUESTION_LETTER = re.compile(r"(?:Q(?:uestion)?[ \t]*\d*[ \t]*[.:)])[ \t]*", re.IGNORECASE)
_ANSWER_LETTER = re.compile(
    r"(?:(?:A|Answer)[ \t]*\d*[ \t]*[:)]|(?:A\d+|Answer)[ \t]*\.|:|A\.(?= [A-Z]))[ \t]+"
)
_REFERENCE = re.compile(
    r"[ \t]*\[(?:\d{1,3}(?:[ ,–-]+\d{1,3})*|citation needed|edit|source)\]", re.IGNORECASE
)
_DOUBLE_STOP = re.compile(r"(?<!\.)([.!?])[ \t]?\.(?=\s|$)")
_YES_OR_NO = re.compile(r"(yes|no)(?:[.,;:!]|\s*[–—-]\s|$)", re.IGNORECASE)
_ASKS_YES_OR_NO = re.compile(
    r"(?:is|are|was|were|do|does|did|can|could|will|would|should|may|must|has|have|had)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FaqAnswer:
    """A FAQ answer whose question was lost; `text` is article.text[start:end], cleaned."""

    article_id: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Harvest:
    """What the FAQs of some articles hold: `pairs` to ask, and answers without a question."""

    pairs: tuple[Case, ...]
    orphans: tuple[FaqAnswer, ...]


def harvest(articles: Sequence[Article]) -> Harvest:
    """Every question and answer of the articles' FAQs, in the articles' order, each once.

    A pair that an article repeats, or two articles share, counts where it stands first; an answer
    that stands under its question elsewhere is no orphan.
    """
    pairs: dict[str, Case] = {}
    asked: set[tuple[str, str]] = set()
    orphans: dict[str, FaqAnswer] = {}
    for article in articles:
        for block in (block for section in article.sections for block in section.blocks):
            if block.kind != "faq" or block.answer_start is None:
                continue
            question = clean_question(article.text[block.start : block.answer_start])
            answer = clean_answer(article.text[block.answer_start : block.end])
            if not answer:
                continue
            if block.answer_start == block.start:
                found = FaqAnswer(article.id, answer, block.start, block.end)
                orphans.setdefault(_folded(answer), found)
            elif question and (article.id, _folded(question)) not in asked:
                asked.add((article.id, _folded(question)))
                case = _case(article.id, question, answer)
                pairs.setdefault(_folded(f"{question} {answer}"), case)
    known = {_folded(reference) for case in pairs.values() for reference in case.references}
    return Harvest(
        pairs=tuple(pairs.values()),
        orphans=tuple(orphan for key, orphan in orphans.items() if key not in known),
    )


def draft_question(answer: FaqAnswer, *, model: BaseChatModel) -> Case:
    """A case for an answer whose question was lost, with the question that the model drafts.

    Raises `ModelError` where the model's reply holds no words.
    """
    from langchain_core.messages import HumanMessage

    polarity = polarity_of(answer.text)
    yes_or_no = DRAFT_YES_OR_NO if polarity else ""
    prompt = HumanMessage(DRAFT_QUESTION.format(answer=answer.text, yes_or_no=yes_or_no))
    reply = str(model.bind(max_tokens=DRAFT_TOKENS).invoke([prompt]).text)
    question = _first_question(reply)
    if not question:
        raise ModelError(
            f"The language model drafted no question for an answer of {answer.article_id}: "
            f"{reply[:60]!r}.",
            hint="Try a larger one, with --model NAME.",
        )
    return Case(
        id=_stable_id(answer.article_id, "drafted", answer.text),
        question=question,
        answerable=True,
        kind="faq",
        origin="drafted",
        references=(answer.text,),
        polarity=polarity if _ASKS_YES_OR_NO.match(question) else None,
        source_articles=(answer.article_id,),
    )


def polarity_of(answer: str) -> Polarity | None:
    """The yes or no that an answer opens with.

    >>> polarity_of("Yes, when used well."), polarity_of("No single model does.")
    ('yes', None)
    """
    match = _YES_OR_NO.match(answer)
    if match is None:
        return None
    return "yes" if match[1].lower() == "yes" else "no"


def clean_question(text: str) -> str:
    """A question as one would ask it: on one line, without numbering, letters and marks.

    >>> clean_question("### **Q1. Is it free?**")
    'Is it free?'
    """
    words = _plain(text)
    return _QUESTION_LETTER.sub("", words, count=1) if _QUESTION_LETTER.match(words) else words


def clean_answer(text: str) -> str:
    """An answer on one line, without Markdown marks, tags and what citations leave behind.

    >>> clean_answer("A: It grew by 33.2%.. [12]")
    'It grew by 33.2%.'
    """
    words = _DOUBLE_STOP.sub(r"\1", _REFERENCE.sub("", _plain(text)))
    letter = _ANSWER_LETTER.match(words)
    return words[letter.end() :] if letter else words


def _plain(text: str) -> str:
    """The words of some lines of Markdown or HTML on one line; list items end in ";"."""
    lines = _STRONG.sub("", _LINK.sub(r"\1", unescape(_TAG.sub(" ", text)))).split("\n")
    parts: list[str] = []
    was_item = False
    for line in lines:
        mark = _LINE_MARK.match(line)
        words = " ".join(line[mark.end() if mark else 0 :].strip().strip("|").split())
        if not words:
            continue
        if was_item and mark and parts[-1][-1].isalnum():
            parts[-1] += ";"
        parts.append(words)
        was_item = mark is not None
    return " ".join(parts)


def _first_question(reply: str) -> str:
    """The first line of a reply that asks something, else the first, made to ask."""
    lines = [clean_question(line).strip("\"'“”") for line in reply.split("\n")]
    lines = [line for line in lines if any(character.isalpha() for character in line)]
    for line in lines:
        if "?" in line:
            return line[: line.index("?") + 1]
    return f"{lines[0].rstrip('.:;, ')}?" if lines else ""


def _case(article_id: str, question: str, answer: str) -> Case:
    return Case(
        id=_stable_id(article_id, "faq", f"{question}\n{answer}"),
        question=question,
        answerable=True,
        kind="faq",
        origin="faq",
        references=(answer,),
        polarity=polarity_of(answer),
        source_articles=(article_id,),
    )


def _stable_id(article_id: str, origin: str, content: str) -> str:
    digest = hashlib.sha256(_folded(content).encode()).hexdigest()[:8]
    return f"{article_id}#{origin}-{digest}"


def _folded(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())

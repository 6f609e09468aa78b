"""A follow-up question made to stand by itself: the (question, history) -> Query arrow.

"and for video?" finds nothing in an index. Where a question leans on the conversation, the
language model writes out what it refers to; where it does not, it is left alone, so that a new
subject is not coloured by the old one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from rag.amounts import numbers
from rag.amounts_asked import ASKS_AN_AMOUNT
from rag.prompts import standalone_messages
from rag.records import Query
from rag.sentences import CITATION_MARKS
from rag.terms import content_words, coverage, words

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Exchange = tuple[str, str]  # a question and its answer

EXCHANGES_READ = 2  # of the conversation, the newest
LONGEST_TURN = 400  # characters of a question or an answer
MOST_KEPT = 100  # rewrites
LONGEST_REWRITE = 60  # words
# A rewrite may add words of its own, such as "cost" for "price", but not a new subject.
SHARE_FROM_CONVERSATION = 0.66
MOSTLY = 0.5  # of what is asked, which a rewrite must keep that nobody could see was needed

LEANING_START = re.compile(
    r"^\s*(and|but|or|so|also|then|what about|how about|what else|why\b|how so|how come|which one|"
    r"who else|where else|when\?|how many\?|how much\?|really|tell me more|more|go on|explain|"
    r"give me|(?:can|could) you (?:give|name|explain)|any examples?\b|such as|for example|"
    r"like what|is that|are those|does that|"
    r"the (first|second|third|last|other|same|former|latter)\b)",
    re.IGNORECASE,
)
TRAILING_WORD = re.compile(r"\b(?:as well|too|either|instead|then)\W*$", re.IGNORECASE)
PREPOSITION = re.compile(
    r"^\s*(?:in|on|at|by|for|from|to|of|with|without|since|until|before|after|during)\b",
    re.IGNORECASE,
)
REFERRING_WORD = re.compile(
    r"\b(it|its|they|them|their|theirs|he|she|his|her|him|this|that|these|those|there|"
    r"ones?|the (first|second|third|last|other|others|same|former|latter|newer|older|larger|"
    r"bigger|smaller|cheaper|dearer|faster|slower|better|earlier|later))\b",
    re.IGNORECASE,
)
# What these words stand for is in the conversation, so a rewrite need not keep them.
POINTING_WORDS = content_words(
    "give name tell more else it one other same first second third last former latter newer older "
    "way round"
)
# A whole question, however short: it names what it is about.
DEFINING = re.compile(r"^\s*(what|who)('s|\u2019s| is| are| was| were)\b", re.IGNORECASE)
LONGEST_FRAGMENT = 3  # words
LONGEST_PHRASE = 4  # words, "in square miles?"


def leans_on_history(question: str) -> bool:
    """Whether a question needs the conversation to be understood."""
    asked = words(question)
    if len(asked) <= LONGEST_FRAGMENT and len(content_words(question)) <= 1:
        return not DEFINING.match(question) or not content_words(question)
    if PREPOSITION.match(question) and len(asked) <= LONGEST_PHRASE:
        return True
    leans = LEANING_START.match(question) or TRAILING_WORD.search(question)
    if leans and len(content_words(question)) <= 5:
        return True
    return REFERRING_WORD.search(question) is not None and len(content_words(question)) <= 6


class FollowUps:
    """Makes follow-up questions stand by themselves, asking a language model for the words."""

    def __init__(self, model: BaseChatModel) -> None:
        self._model = model
        # In a conversation the earlier questions come again with each new one.
        self._rewrite = lru_cache(MOST_KEPT)(self._rewritten)

    def resolve(self, question: str, history: Sequence[tuple[str, str]]) -> Query:
        """The question, and the same question with what it refers to written out.

        `history` holds (role, text) pairs, oldest first. Only a question that leans on them is
        rewritten. "and for audio?" may follow "and for video?", so what came before is read with
        its own questions written out.
        """
        read = self._read(history) if leans_on_history(question) else []
        return Query(question=question, standalone=self._standalone(question, read))

    def in_context(self, question: str, history: Sequence[tuple[str, str]]) -> str | None:
        """A question as it would be asked if it leans on the conversation after all.

        "Which scenes suffer most?" stands by itself, and what is not found for it may be found of
        what was talked of. None where the rewrite adds no words, or keeps too few of them.
        """
        if leans_on_history(question) or not (read := self._read(history)):
            return None
        known = read[-1:]
        rewrite = self._written_out(question, known)
        own, written = content_words(question), content_words(rewrite)
        is_used = (
            bool(written - own)
            and coverage(own, written) >= MOSTLY
            and _is_from(known, rewrite, question)
        )
        return rewrite if is_used else None

    def _read(self, history: Sequence[tuple[str, str]]) -> list[Exchange]:
        """The conversation with its own follow-ups written out."""
        read: list[Exchange] = []
        for asked, answered in exchanges(history):
            read.append((self._standalone(asked, read)[-LONGEST_TURN:], answered))
        return read

    def _standalone(self, question: str, read: Sequence[Exchange]) -> str:
        if not read or not leans_on_history(question):
            return question
        return self._rewrite(question, tuple(read[-EXCHANGES_READ:]))

    def _rewritten(self, question: str, read: tuple[Exchange, ...]) -> str:
        """The model's rewrite; where it asks something else, with the question itself behind it.

        The exchange before may be beside the point: a rewrite that does not ask what the question
        asks is tried again without it.
        """
        own = content_words(question) - POINTING_WORDS
        before = read[-1][0]
        for first in range(len(read), 0, -1):
            known = read[:first]
            rewrite = self._written_out(question, known)
            if _same(rewrite, question):
                if len(own) > LONGEST_FRAGMENT:
                    return question
                break
            if not _is_from(known, rewrite, question):
                continue
            repeated = any(_same(rewrite, asked) for asked, _ in known)
            asks_it = bool(own & content_words(rewrite)) if own else not repeated
            if asks_it:
                return rewrite
            before = rewrite
        return f"{before} {question}"

    def _written_out(self, question: str, known: Sequence[Exchange]) -> str:
        reply = self._model.bind(max_tokens=80).invoke(standalone_messages(question, known))
        return str(reply.text).strip().strip('"').split("\n")[0]


def exchanges(history: Sequence[tuple[str, str]]) -> list[Exchange]:
    """The conversation as questions with the beginnings of their answers, without marks."""
    return [
        (asked, CITATION_MARKS.sub("", answered)[:LONGEST_TURN])
        for (role, asked), (replier, answered) in pairwise(history)
        if role == "user" and replier == "assistant"
    ]


def _is_from(read: Sequence[Exchange], rewrite: str, question: str) -> bool:
    """Whether a rewrite is a question in words of the conversation, not the model's own answer."""
    said = content_words(" ".join([question, *(text for exchange in read for text in exchange)]))
    return (
        0 < len(rewrite.split()) <= LONGEST_REWRITE
        and (rewrite.endswith("?") or not question.endswith("?"))
        and coverage(content_words(rewrite), said) >= SHARE_FROM_CONVERSATION
        and not _says_amount(read, rewrite, question)
    )


def _says_amount(read: Sequence[Exchange], rewrite: str, question: str) -> bool:
    """Whether a rewrite has a number that only answers gave, where an amount is asked for.

    "How many pages is 500+ pages?" answers itself.
    """
    asked = " ".join([question, *(earlier for earlier, _ in read)])
    return bool(ASKS_AN_AMOUNT.search(question) and numbers(rewrite) - numbers(asked))


def _same(one: str, other: str) -> bool:
    return words(one.casefold()) == words(other.casefold())

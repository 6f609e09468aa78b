"""A follow-up question made to stand by itself: the (question, history) -> Query arrow.

"and for video?" finds nothing in an index. Where a question leans on the conversation, the
language model writes out what it refers to; where it does not, it is left alone, so that a new
subject is not coloured by the old one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag.prompts import standalone_messages
from rag.records import Query
from rag.terms import content_words, coverage, words

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TURNS_READ = 4  # messages of the conversation, the newest
LONGEST_TURN = 400  # characters of each
LONGEST_REWRITE = 60  # words
# A rewrite may add words of its own, such as "cost" for "price", but not a new subject.
SHARE_FROM_CONVERSATION = 0.7

LEANING_START = re.compile(
    r"^\s*(and|but|or|so|also|then|what about|how about|what else|why\b|how so|how come|which one|"
    r"who else|where else|when\?|how many\?|how much\?|really|tell me more|more|go on|explain|"
    r"give me|such as|for example|like what|is that|are those|does that|the (first|second|third|"
    r"last|other|same|former|latter)\b)",
    re.IGNORECASE,
)
REFERRING_WORD = re.compile(
    r"\b(it|its|they|them|their|theirs|he|she|his|her|him|this|that|these|those|there|"
    r"ones?|the (first|second|third|last|other|others|same|former|latter|newer|older|larger|"
    r"bigger|smaller|cheaper|dearer|faster|slower|better|earlier|later))\b",
    re.IGNORECASE,
)
# A whole question, however short: it names what it is about.
DEFINING = re.compile(r"^\s*(what|who)('s|\u2019s| is| are| was| were)\b", re.IGNORECASE)
LONGEST_FRAGMENT = 3  # words


def leans_on_history(question: str) -> bool:
    """Whether a question needs the conversation to be understood."""
    asked = words(question)
    if len(asked) <= LONGEST_FRAGMENT and len(content_words(question)) <= 1:
        return not DEFINING.match(question) or not content_words(question)
    starts = LEANING_START.match(question)
    if starts and len(content_words(question)) <= 5:
        return True
    return REFERRING_WORD.search(question) is not None and len(content_words(question)) <= 6


def resolve(question: str, history: Sequence[tuple[str, str]], *, model: BaseChatModel) -> Query:
    """The question, and the same question with what it refers to written out.

    `history` holds (role, text) pairs, oldest first. The model is asked only where the
    question leans on them; a rewrite that brings in words from nowhere is not used, and the
    question before then stands in front of this one instead.
    """
    if not history or not leans_on_history(question):
        return Query(question=question, standalone=question)
    recent = [(role, text[:LONGEST_TURN]) for role, text in history[-TURNS_READ:]]
    reply = model.bind(max_tokens=80).invoke(standalone_messages(question, recent))
    rewrite = str(reply.text).strip().strip('"').split("\n")[0]
    said = content_words(" ".join([question, *(text for _, text in recent)]))
    if (
        rewrite
        and len(rewrite.split()) <= LONGEST_REWRITE
        and coverage(content_words(rewrite), said) >= SHARE_FROM_CONVERSATION
    ):
        return Query(question=question, standalone=rewrite)
    before = next((text for role, text in reversed(recent) if role == "user"), "")
    return Query(question=question, standalone=f"{before} {question}".strip())

"""Every word that Footnote says to a language model, and the one sentence with which it abstains.

A prompt puts what stays the same first and the question last, so that a model that has just
read the passages for one instruction need not read them again for the next.
"""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from rag.records import Hit

ABSTENTION = "The articles do not say."

SYSTEM = "You answer questions from the passages of a reader's own articles. You know nothing else."
ANSWERABLE = "Does the text state the answer to this question? Reply Yes or No."
ANSWER = (
    "Answer the question in one or two short, complete sentences, using only facts from the "
    "passages."
)
STANDALONE = (
    "Rewrite the last question so that it can be understood without the conversation: replace "
    "words such as it, they, that or the second one by what they stand for, and add what the "
    "question leaves out. Reply with the rewritten question only."
)


def passages_text(question: str, hits: Sequence[Hit]) -> str:
    """The part that the gate and the answer share: passages in a fixed order, then the question.

    Passages stand in the order of article and place, not of rank, so that the same set of
    passages is the same text, which a model that has read it once need not read again.
    """
    ordered = sorted(hits, key=lambda hit: (hit.chunk.article_id, hit.chunk.start))
    passages = [
        "\n".join(part for part in (hit.chunk.title, hit.chunk.heading, hit.chunk.text) if part)
        for hit in ordered
    ]
    return "Passages:\n\n" + "\n\n".join(passages) + f"\n\nQuestion: {question}\n\n"


def answerable_messages(question: str, hits: Sequence[Hit]) -> list[BaseMessage]:
    """Asks for Yes or No: do these passages hold the answer?"""
    return _messages(passages_text(question, hits) + ANSWERABLE)


def answer_messages(question: str, hits: Sequence[Hit]) -> list[BaseMessage]:
    """Asks for the answer, in a sentence or two, from these passages."""
    return _messages(passages_text(question, hits) + ANSWER)


def standalone_messages(question: str, history: Sequence[tuple[str, str]]) -> list[BaseMessage]:
    """Asks for a follow-up question with what it refers to written out.

    `history` holds (role, text) pairs, oldest first.
    """
    turns = "\n".join(f"{role}: {text}" for role, text in history)
    return _messages(f"Conversation:\n{turns}\n\nLast question: {question}\n\n{STANDALONE}")


def _messages(text: str) -> list[BaseMessage]:
    return [SystemMessage(SYSTEM), HumanMessage(text)]

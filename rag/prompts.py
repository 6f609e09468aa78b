"""Every word that Footnote says to a language model, and the one sentence with which it abstains.

A prompt puts what stays the same first and the question last, so that a model that has just
read the passages for one instruction need not read them again for the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from rag.evidence import Evidence

QUESTION_LEAD = "Question: "
ABSTENTION = "The articles do not say."

SYSTEM = "You answer questions from the passages of a reader's own articles. You know nothing else."
ANSWERABLE = "Does the text state the answer to this question? Reply Yes or No."
ANSWER = "Answer the question fully in one or two sentences, using only these facts."
CONFIRM = "Do the facts state this answer to the question? Reply Yes or No."
# Shown first, so that the model tells an answer from a fact that stands beside it.
CONFIRM_EXAMPLES = (
    "Here are two examples.\n"
    "Facts: The red barn was built in 1902. The mill has four floors.\n"
    "Question: When was the mill built?\n"
    "Proposed answer: The mill was built in 1902.\n"
    "Do the facts state this answer to the question? No\n\n"
    "Facts: The red barn was built in 1902. The mill has four floors.\n"
    "Question: How many storeys does the mill have?\n"
    "Proposed answer: The mill has four storeys.\n"
    "Do the facts state this answer to the question? Yes\n\n"
    "Now the real one.\n"
)
STANDALONE = (
    "Rewrite the last question so that it can be understood without the conversation: replace "
    "words such as it, they, that or the second one by what they stand for, and add what the "
    "question leaves out. Reply with the rewritten question only."
)


def facts_text(question: str, read: Sequence[Evidence]) -> str:
    """The part that the gate and the answer share: the evidence by article, then the question."""
    lines = ["Facts from the articles:"]
    title = None
    for (piece_title, _, context), pieces in groupby(read, key=_place):
        if piece_title != title:
            title = piece_title
            lines += ["", f"{title}:"]
        texts = [" ".join(piece.text.split()) for piece in pieces]
        if context:
            # A list under its lead-in, or a whole answer under its question, is one line.
            lines.append(f"- {' '.join(context.split())} {_joined(texts)}")
        else:
            lines += [f"- {text}" for text in texts]
    return "\n".join(lines) + f"\n\n{QUESTION_LEAD}{question}\n\n"


def _place(piece: Evidence) -> tuple[str, str, str]:
    return piece.chunk.title, piece.chunk.id, piece.context


def _joined(texts: Sequence[str]) -> str:
    """Sentences in a row as they are, list items with semicolons between them."""
    separated = [text if text.endswith((".", "!", ";")) else f"{text};" for text in texts[:-1]]
    return " ".join([*separated, *texts[-1:]])


def question_messages(question: str) -> list[BaseMessage]:
    """The question with nothing to answer it from: what a model expects of it by itself."""
    return _messages(f"{QUESTION_LEAD}{question}\n\nReply.")


def answerable_messages(question: str, read: Sequence[Evidence]) -> list[BaseMessage]:
    """Ask for Yes or No: whether this evidence holds the answer."""
    return _messages(facts_text(question, read) + ANSWERABLE)


def answer_messages(question: str, read: Sequence[Evidence]) -> list[BaseMessage]:
    """Ask for the answer, in a sentence or two, from this evidence."""
    return _messages(facts_text(question, read) + ANSWER)


def confirmation_messages(
    question: str, cited: Sequence[Evidence], draft: str
) -> list[BaseMessage]:
    """Ask for Yes or No: whether this evidence states this answer to the question."""
    asked = f"{facts_text(question, cited)}Proposed answer: {draft}\n\n{CONFIRM}"
    return _messages(CONFIRM_EXAMPLES + asked)


def standalone_messages(question: str, history: Sequence[tuple[str, str]]) -> list[BaseMessage]:
    """Ask for a follow-up question with what it refers to written out.

    `history` holds (role, text) pairs, oldest first.
    """
    turns = "\n".join(f"{role}: {text}" for role, text in history)
    return _messages(f"Conversation:\n{turns}\n\nLast question: {question}\n\n{STANDALONE}")


def _messages(text: str) -> list[BaseMessage]:
    return [SystemMessage(SYSTEM), HumanMessage(text)]

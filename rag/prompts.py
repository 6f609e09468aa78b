"""All that Footnote says to a language model, and the one sentence with which it abstains."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from rag.evidence import Evidence

ABSTENTION = "The articles do not say."

SYSTEM = "You answer questions from the passages of a reader's own articles. You know nothing else."
ANSWER = "Answer the question fully in one or two sentences, using only these facts."
FOLLOW_UP = (
    "Rewrite the follow-up question so that it can be understood without the conversation. Keep "
    "what it asks; add from the conversation what it leaves out. Reply with the question only."
)


def answer_messages(question: str, read: Sequence[Evidence]) -> list[BaseMessage]:
    """Ask for the answer, in a sentence or two, from this evidence: it comes first, by article."""
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
    lines += ["", f"Question: {question}", "", ANSWER]
    return [SystemMessage(SYSTEM), HumanMessage("\n".join(lines))]


def _place(piece: Evidence) -> tuple[str, str, str]:
    return piece.chunk.title, piece.chunk.id, piece.context


def _joined(texts: Sequence[str]) -> str:
    """Sentences in a row as they are, list items with semicolons between them."""
    separated = [text if text.endswith((".", "!", ";")) else f"{text};" for text in texts[:-1]]
    return " ".join([*separated, *texts[-1:]])


def standalone_messages(question: str, exchanges: Sequence[tuple[str, str]]) -> list[BaseMessage]:
    """Ask for a follow-up question with what it refers to written out.

    `exchanges` are the questions before it with their answers, oldest first.
    """
    said = [f"Question: {asked}\nAnswer: {answered}" for asked, answered in exchanges]
    text = "\n".join([*said, f"Follow-up: {question}"])
    return [SystemMessage(FOLLOW_UP), HumanMessage(text)]

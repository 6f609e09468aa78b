"""All that Footnote says to a language model, and the one sentence with which it abstains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from rag.evidence import Evidence

ABSTENTION = "The articles do not say."
NO_LINE = "none"  # what a model that points at lines replies where none answers

SYSTEM = "You answer questions from the passages of a reader's own articles. You know nothing else."
ANSWER = "Answer the question fully in one or two sentences, using only these facts."
FOLLOW_UP = (
    "Rewrite the follow-up question so that it can be understood without the conversation. Keep "
    "what it asks; add from the conversation what it leaves out. Reply with the question only."
)
STEPS = (
    "Each question is about something that it does not name, but describes. Say what has to be "
    "looked up first, and the question again with #1 in place of the description."
)
FIRST_STEP, NEXT_STEP, HOLE = "First: ", "Then: ", "#1"
STEPS_EXAMPLES = (
    (
        "In which year was the founder of the company that makes Duplo born?",
        "Who is the founder of the company that makes Duplo?",
        "In which year was #1 born?",
    ),
    (
        "What river flows through the city where Nina Simone died?",
        "In which city did Nina Simone die?",
        "What river flows through #1?",
    ),
    (
        "Who is the spouse of the singer of Purple Rain?",
        "Who is the singer of Purple Rain?",
        "Who is the spouse of #1?",
    ),
    (
        "The novel on which the 1982 film with Harrison Ford is based was written by whom?",
        "On which novel is the 1982 film with Harrison Ford based?",
        "#1 was written by whom?",
    ),
    (
        "How many people live in Rilke's birthplace?",
        "What is Rilke's birthplace?",
        "How many people live in #1?",
    ),
    (
        "What currency is used in the country where Mount Elbert is located?",
        "In which country is Mount Elbert located?",
        "What currency is used in #1?",
    ),
    (
        "When did the university that Toni Morrison went to admit its first students?",
        "Which university did Toni Morrison go to?",
        "When did #1 admit its first students?",
    ),
    (
        "Which other band did the drummer who joined Genesis in 1970 play for?",
        "Who is the drummer who joined Genesis in 1970?",
        "Which other band did #1 play for?",
    ),
    (
        "The architect of the Sagrada Familia died after being hit by what?",
        "Who is the architect of the Sagrada Familia?",
        "#1 died after being hit by what?",
    ),
)
SHORT_ANSWER = "Reply with the shortest answer only, a name or a few words."
SHORT_ANSWER_EXAMPLE = (
    ("Which company makes Duplo?", "Duplo is made by the Lego Group of Denmark."),
    "Lego Group",
)


@dataclass(frozen=True, slots=True)
class FactLine:
    """One line of what a model reads: a piece of evidence, or a list or a FAQ's answer whole."""

    title: str  # of the article
    text: str
    pieces: tuple[Evidence, ...]


def fact_lines(read: Sequence[Evidence]) -> list[FactLine]:
    """The evidence as lines, in order; a list under its lead-in is one, so is a whole answer."""
    lines = []
    for (title, _, context), group in groupby(read, key=_place):
        pieces = tuple(group)
        texts = [" ".join(piece.text.split()) for piece in pieces]
        if context:
            text = f"{' '.join(context.split())} {_joined(texts)}"
            lines.append(FactLine(title, text, pieces))
        else:
            lines += [
                FactLine(title, text, (piece,)) for text, piece in zip(texts, pieces, strict=True)
            ]
    return lines


def answer_messages(question: str, read: Sequence[Evidence]) -> list[BaseMessage]:
    """Ask for the answer, in a sentence or two, from this evidence: it comes first, by article."""
    lines = ["Facts from the articles:", *_listed(fact_lines(read), mark=lambda number: "-")]
    lines += ["", f"Question: {question}", "", ANSWER]
    return [SystemMessage(SYSTEM), HumanMessage("\n".join(lines))]


def pointing_messages(question: str, lines: Sequence[FactLine]) -> list[BaseMessage]:
    """The same for a model that has learned to reply with `pointing_reply`, with numbered lines."""
    numbered = _listed(lines, mark=lambda number: f"{number}.")
    text = "\n".join(["Facts from the articles:", *numbered, "", f"Question: {question}"])
    return [SystemMessage(SYSTEM), HumanMessage(text)]


def pointing_reply(numbers: Sequence[int], answer: str) -> str:
    """What a model that has learned it replies: which lines answer, and the answer from them.

    With no line it is `NO_LINE` alone.

    >>> pointing_reply([2, 5], "It costs $5.")
    '2, 5: It costs $5.'
    """
    return f"{', '.join(map(str, numbers))}: {answer}" if numbers else NO_LINE


def _listed(lines: Sequence[FactLine], *, mark: Callable[[int], str]) -> list[str]:
    """Fact lines under the titles of their articles, each behind its mark; they count from 1."""
    listed = []
    title = None
    for number, line in enumerate(lines, start=1):
        if line.title != title:
            title = line.title
            listed += ["", f"{title}:"]
        listed.append(f"{mark(number)} {line.text}")
    return listed


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


def steps_messages(question: str) -> list[BaseMessage]:
    """Ask for what to look up first, and for the question with `HOLE` in its place."""
    messages: list[BaseMessage] = [SystemMessage(STEPS)]
    for asked, first, then in STEPS_EXAMPLES:
        messages += [HumanMessage(asked), AIMessage(f"{FIRST_STEP}{first}\n{NEXT_STEP}{then}")]
    return [*messages, HumanMessage(question)]


def short_answer_messages(question: str, answer: str) -> list[BaseMessage]:
    """Ask for the few words of an answer that the question is after."""
    asked, short = SHORT_ANSWER_EXAMPLE
    return [
        SystemMessage(SHORT_ANSWER),
        HumanMessage("\n".join(asked)),
        AIMessage(short),
        HumanMessage(f"{question}\n{answer}"),
    ]

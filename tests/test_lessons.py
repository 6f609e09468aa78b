"""Lessons: what answers is among what is read or is not, and the right reply says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.lessons import (
    Lesson,
    Practice,
    RememberingEmbedder,
    lessons_of,
    practice_of,
    telling_pieces,
    tells,
)
from rag.evidence import EvidenceSet, evidence_of
from tests.fakes import WordEmbedder
from tests.passages import hit

TRAINING = Path(__file__).parents[1] / "eval" / "training"
TEXT = (
    "The mill of Sarn grinds 40 tonnes a day. The mill of Ardle grinds 25 tonnes a day. "
    "The mill of Sarn was built in 1804. Millers wear white. Rain fell on both mills."
)
TABLE = "Fares:\n\n| line | adult | child |\n|---|---|---|\n| Arre | 5 | 3 |\n| Vell | 5 | 2 |"
ASKED = "How much does the mill of Sarn grind?"


def lessons(answer: str | None, *quotes: str, question: str = ASKED) -> list[Lesson]:
    practice = Practice(question, answer, quotes, frozenset(["a.md"]))
    embedder = WordEmbedder()
    evidence = EvidenceSet(question, [hit(TEXT)], embedder=embedder)
    return list(lessons_of(practice, evidence, budget=30, embedder=embedder))


def test_an_answered_question_is_learned_with_its_words_among_others_alone_and_withheld() -> None:
    quote = "The mill of Sarn grinds 40 tonnes a day."
    found = {lesson.kind: lesson for lesson in lessons("Sarn's grinds 40 tonnes.", quote)}
    assert set(found) == {"answered", "answered, alone", "withheld", "beside the point, alone"}
    for kind, lesson in found.items():
        read = [piece.text for piece in lesson.read]
        assert (quote in read) is kind.startswith("answered")
        assert [piece.text for piece in lesson.telling] == ([quote] if quote in read else [])
        assert bool(lesson.answer) is kind.startswith("answered")
    assert len(found["answered"].read) > len(found["answered, alone"].read) == 1


def test_what_no_article_answers_is_learned_as_it_is_found() -> None:
    found = lessons(None, question="Who built the mill of Sarn?")
    assert [lesson.kind for lesson in found] == ["unanswered", *["unanswered, alone"] * 2]
    assert not any(lesson.telling or lesson.answer for lesson in found)


def test_no_lesson_comes_from_words_that_were_not_found() -> None:
    assert lessons("It is red.", "The mill is red.") == []


@pytest.mark.parametrize(("row", "child"), [("Arre", "3"), ("Vell", "2")])
def test_of_equal_cells_the_one_in_the_quoted_row_tells(row: str, child: str) -> None:
    pieces = evidence_of([hit(TABLE)])
    for value, column in (("5", "adult"), (child, "child")):
        question = f"What is the {column} fare of {row}?"
        practice = Practice(question, f"It is {value}.", (row, value), frozenset(["a.md"]))
        telling = telling_pieces(practice, pieces)
        assert telling is not None
        assert [(p.context, p.text) for p in telling] == [(f"{row} of {column}:", value)]


def test_other_words_tell_it_too_if_they_have_what_the_answer_brings() -> None:
    practice = Practice(ASKED, "It grinds 40 tonnes of oats.", ("x",), frozenset())
    assert tells(practice, "There, 40 tonnes of oats are ground.")
    assert not tells(practice, "The mill of Sarn grinds much.")


def test_a_text_is_embedded_once() -> None:
    asked: list[str] = []

    class Counting(WordEmbedder):
        def embed(self, texts):  # type: ignore[no-untyped-def]
            asked.extend(texts)
            return super().embed(texts)

    embedder = RememberingEmbedder(Counting())
    first = embedder.embed(["one", "two"])
    again = embedder.embed(["two", "three", "one"])
    assert asked == ["one", "two", "three"]
    assert (again[[2, 0]] == first).all()


@pytest.mark.parametrize("path", sorted(TRAINING.glob("*/questions.jsonl")), ids=str)
def test_every_quote_of_the_practice_questions_stands_in_its_article(path: Path) -> None:
    texts = {p.name: p.read_text("utf-8") for p in path.parent.iterdir() if p != path}
    seen = set()
    for line in path.read_text("utf-8").splitlines():
        practice = practice_of(json.loads(line))
        assert practice.articles <= set(texts)
        held = "\n".join(texts[name] for name in practice.articles)
        assert all(quote in held for quote in practice.quotes), practice.question
        assert (practice.answer is None) is not bool(practice.quotes)
        seen.add(practice.question)
    assert len(seen) >= 180

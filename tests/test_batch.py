"""A batch is answered in order, goes on after a cut, and never overwrites other work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.batch import BatchQuestion, answer_all, finished_lines, read_questions
from rag.errors import UsageError
from rag.records import Answer, Sentence, Timings

QUESTIONS = [BatchQuestion("a", "One?"), BatchQuestion("b", "Two?"), BatchQuestion("c", "Three?")]


def answer(question: str) -> Answer:
    sentence = Sentence(f"Echo of {question}", (), 1.0)
    return Answer(question, (sentence,), (), (), False, None, Timings(), "echo")


def test_answers_stand_in_the_order_of_the_questions(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    seen: list[tuple[int, int]] = []
    answer_all(
        QUESTIONS, out, answer=answer, progress=lambda done, total: seen.append((done, total))
    )
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["id"], line["question"]) for line in lines] == [
        ("a", "One?"),
        ("b", "Two?"),
        ("c", "Three?"),
    ]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_cut_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    answer_all(QUESTIONS, whole, answer=answer, progress=lambda done, total: None)
    text = whole.read_text()
    cut.write_text(text[: text.index("Three") - 3])
    asked: list[str] = []

    def asking(question: str) -> Answer:
        asked.append(question)
        return answer(question)

    written = answer_all(QUESTIONS, cut, answer=asking, progress=lambda done, total: None)
    assert (written, asked) == (1, ["Three?"])
    assert cut.read_text() == text


def test_a_file_of_other_answers_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text('{"id": "z"}\n')
    with pytest.raises(UsageError, match="does not begin with the answers"):
        finished_lines(out, QUESTIONS)
    assert out.read_text() == '{"id": "z"}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": 1, "question": "x"}\n{"id": 1, "question": "y"}', "stands twice"),
        ('{"id": 1}', "line 1: no question"),
        ('{"question": "x"}', "line 1: no id"),
        ("nonsense", "line 1: not JSON"),
        ("[]", "line 1: no question"),
        ("\n\n", "holds no questions"),
    ],
)
def test_a_wrong_line_is_named_before_anything_starts(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_questions(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        read_questions(tmp_path / "none.jsonl")


def test_a_line_separator_of_unicode_ends_no_line(tmp_path: Path) -> None:
    file, out = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
    file.write_text('{"id": "a", "question": "One\u2028and two?"}\n', encoding="utf-8")
    questions = read_questions(file)
    assert [item.question for item in questions] == ["One\u2028and two?"]
    answer_all(questions, out, answer=answer, progress=lambda done, total: None)
    assert len(finished_lines(out, questions)) == 1

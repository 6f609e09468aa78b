"""Many questions from a file to a file: one JSON line in, one Answer line out, in order.

The output is written line by line, so a batch that was cut goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import UsageError
from rag.records import Answer

LINE_HINT = 'Each line is {"id": "...", "question": "..."}.'


@dataclass(frozen=True, slots=True)
class BatchQuestion:
    """One line of the input."""

    id: str | int
    question: str


def read_questions(path: Path) -> list[BatchQuestion]:
    """The questions of a JSONL file. Raises `UsageError` naming the first line that is wrong."""
    questions: list[BatchQuestion] = []
    seen: set[str | int] = set()
    for number, value in json_lines(path, hint=LINE_HINT):
        if not isinstance(value, dict) or not isinstance(value.get("question"), str):
            raise UsageError(f"{path}, line {number}: no question.", hint=LINE_HINT)
        if not isinstance(value.get("id"), str | int):
            raise UsageError(f"{path}, line {number}: no id.", hint=LINE_HINT)
        if value["id"] in seen:
            raise UsageError(
                f"{path}, line {number}: the id {value['id']!r} stands twice.",
                hint="Give each question an id of its own.",
            )
        seen.add(value["id"])
        questions.append(BatchQuestion(value["id"], value["question"]))
    if not questions:
        raise UsageError(f"{path} holds no questions.", hint=LINE_HINT)
    return questions


def json_lines(path: Path, *, hint: str) -> Iterator[tuple[int, Any]]:
    """(line number, value) of each line that is not empty; `UsageError` at the first not JSON."""
    # Not splitlines, for which JSON's U+2028 and U+0085 end a line too.
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(
                f"{path}, line {number}: not JSON ({error.msg}).", hint=hint
            ) from error


def finished_lines(path: Path, questions: Sequence[BatchQuestion]) -> list[str]:
    """The whole lines that an earlier run wrote to `path`, to be kept.

    A last line that was cut is left out. Raises `UsageError` if the file holds answers to
    other questions, so that nobody's results are overwritten.
    """
    if not path.exists():
        return []
    kept: list[str] = []
    for line in _read(path).split("\n"):
        try:
            value: Any = json.loads(line)
        except json.JSONDecodeError:
            break
        expected = questions[len(kept)].id if len(kept) < len(questions) else None
        if not isinstance(value, dict) or value.get("id") != expected:
            raise UsageError(
                f"{path} already exists and does not begin with the answers to these questions.",
                hint="Choose another --out, or remove that file.",
            )
        kept.append(line)
    return kept


def answer_all(
    questions: Sequence[BatchQuestion],
    out: Path,
    *,
    answer: Callable[[str], Answer],
    progress: Callable[[int, int], None],
) -> int:
    """Answer what is not yet answered in `out`; return how many answers were written now.

    `progress` is called with (done, total) before the first question and after each.
    """
    kept = finished_lines(out, questions)
    progress(len(kept), len(questions))
    try:
        with out.open("w", encoding="utf-8") as file:
            for line in kept:
                file.write(line + "\n")
            file.flush()
            for done, item in enumerate(questions[len(kept) :], start=len(kept) + 1):
                value = {"id": item.id, **answer(item.question).to_json()}
                file.write(json.dumps(value, ensure_ascii=False) + "\n")
                file.flush()
                progress(done, len(questions))
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written: {error.strerror}.", hint="Choose another --out."
        ) from error
    return len(questions) - len(kept)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}.", hint="Check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", hint="Check the file.") from error

"""Score a batch of answers against its questions.

    rag ask --batch questions.jsonl --out answers.jsonl
    python -m eval.score answers.jsonl --questions questions.jsonl

An answerable question is answered rightly if its key facts, or for outside sets one of the
accepted answers, stand in the answer; an unanswerable one if the answer abstains.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from eval.calibrate import is_answerable, read_lines
from eval.metrics import has_all_facts, string_recall, wilson


def is_right(question: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Whether an answer does what its question asks for."""
    if not is_answerable(question):
        return bool(answer["abstained"])
    if answer["abstained"]:
        return False
    if "key_facts" in question:
        return has_all_facts(question["key_facts"], answer["answer"])
    return string_recall(question["answers"], answer["answer"])


def rate(successes: int, trials: int) -> str:
    """A rate with its 95% interval, such as "80% (40/50, 67 to 89)"."""
    low, high = wilson(successes, trials)
    share = successes / trials if trials else 0.0
    return f"{share:.0%} ({successes}/{trials}, {low * 100:.0f} to {high * 100:.0f})"


def summary(questions: Sequence[dict[str, Any]], answers: Sequence[dict[str, Any]]) -> list[str]:
    """The figures, one line each; only questions that have an answer count."""
    by_id = {answer["id"]: answer for answer in answers}
    pairs = [(question, by_id[question["id"]]) for question in questions if question["id"] in by_id]
    answerable = [(q, a) for q, a in pairs if is_answerable(q)]
    unanswerable = [(q, a) for q, a in pairs if not is_answerable(q)]
    answered = [(q, a) for q, a in answerable if not a["abstained"]]
    right = sum(is_right(q, a) for q, a in answerable)
    seconds = [answer["timings"]["total_ms"] / 1000 for _, answer in pairs]
    first = [a["timings"]["first_token_ms"] / 1000 for _, a in pairs if not a["abstained"]]
    return [
        f"answerable, answered rightly   {rate(right, len(answerable))}",
        f"  of those that were answered  {rate(right, len(answered))}",
        f"answerable, refused            {rate(len(answerable) - len(answered), len(answerable))}",
        "unanswerable, abstained        "
        + rate(sum(is_right(q, a) for q, a in unanswerable), len(unanswerable)),
        f"seconds a question, median     {median(seconds):.1f}" if seconds else "no answers",
        f"seconds to the first word      {median(first):.1f}" if first else "nothing answered",
    ]


def main() -> None:
    """Print the figures, and with --wrong the questions that went wrong."""
    parser = argparse.ArgumentParser(prog="python -m eval.score", description=__doc__)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--questions", type=Path, nargs="+", required=True)
    parser.add_argument("--wrong", action="store_true", help="also list what went wrong")
    arguments = parser.parse_args()
    questions = [line for path in arguments.questions for line in read_lines(path)]
    answers = read_lines(arguments.answers)
    print("\n".join(summary(questions, answers)))
    if arguments.wrong:
        by_id = {answer["id"]: answer for answer in answers}
        for question in questions:
            answer = by_id.get(question["id"])
            if answer and not is_right(question, answer):
                shown = {k: question[k] for k in ("id", "kind", "question") if k in question}
                print(json.dumps({**shown, "answer": answer["answer"]}, ensure_ascii=False))


if __name__ == "__main__":
    main()

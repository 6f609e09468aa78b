"""Learn when a question can be answered, from question sets with answerable and unanswerable ones.

    python -m eval.calibrate measure --index DIR --questions FILE.jsonl ... --out SIGNALS.jsonl
    python -m eval.calibrate fit SIGNALS.jsonl ... --out rag/answerability.json

`measure` asks the language model about each question, some seconds each, and goes on where it
was cut. `fit` weighs the signals by logistic regression; each question is judged by weights
learned from the others (ten folds), and the threshold is the lowest that lets at most 5% of
the answerable questions be refused. The figures are written beside the weights.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from eval.metrics import wilson
from rag import EvidenceSet, Signals, ask_model, load_settings, measure, open_assistant

MOST_REFUSED = 0.05  # of the answerable questions
FOLDS = 10
SIGNALS = [field.name for field in fields(Signals)]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON values of a JSONL file; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def is_answerable(question: dict[str, Any]) -> bool:
    """Whether a question of ours, or of an outside bench, has an answer in its articles."""
    return bool(question.get("answerable", "key_facts" in question))


def measure_questions(index: Path, questions: Sequence[dict[str, Any]], out: Path) -> None:
    """Append the signals of the questions that `out` does not have yet."""
    done = {line["id"] for line in read_lines(out)}
    settings = load_settings(index=index)
    assistant = open_assistant(settings)
    with out.open("a", encoding="utf-8") as file:
        for number, question in enumerate(questions, start=1):
            if question["id"] in done:
                continue
            text = question["question"]
            hits = assistant.retriever.hits(text)  # type: ignore[attr-defined]
            evidence = EvidenceSet(text, hits, embedder=assistant.embedder)
            read = evidence.select(
                settings.reading_tokens, count_tokens=assistant.embedder.count_tokens
            )
            signals = measure(evidence, read)
            signals = ask_model(signals, read=read, question=text, model=assistant.model)
            line = {"id": question["id"], "answerable": is_answerable(question), **asdict(signals)}
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(f"\r{number} of {len(questions)}", end="", flush=True)
    print()


def fit(
    lines: Sequence[dict[str, Any]], *, names: Sequence[str]
) -> tuple[dict[str, float], dict[str, Any]]:
    """(weights over the signals `names`, the others 0, with the threshold; the figures for them).

    Threshold and figures come from judging each question by the other folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    values = np.array([[line[name] for name in names] for line in lines])
    answerable = np.array([line["answerable"] for line in lines])
    model = LogisticRegression(class_weight="balanced", C=10.0, max_iter=1000)
    judged = cross_val_predict(model, values, answerable, cv=FOLDS, method="predict_proba")[:, 1]
    threshold = float(np.quantile(judged[answerable], MOST_REFUSED))
    model.fit(values, answerable)
    weights = dict.fromkeys(SIGNALS, 0.0)
    weights |= {name: float(w) for name, w in zip(names, model.coef_[0], strict=True)}
    refused = int((judged[answerable] < threshold).sum())
    abstained = int((judged[~answerable] < threshold).sum())
    figures = {
        "auroc": round(float(roc_auc_score(answerable, judged)), 3),
        "answerable": int(answerable.sum()),
        "refused": refused,
        "refused_95": [round(end, 3) for end in wilson(refused, int(answerable.sum()))],
        "unanswerable": int((~answerable).sum()),
        "abstained": abstained,
        "abstained_95": [round(end, 3) for end in wilson(abstained, int((~answerable).sum()))],
    }
    return {"bias": float(model.intercept_[0]), **weights, "threshold": threshold}, figures


def learned(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The whole content of `answerability.json`."""
    with_log_odds, all_signals = fit(lines, names=SIGNALS)
    without, cheap = fit(lines, names=[name for name in SIGNALS if name != "log_odds"])
    return {
        "with_log_odds": with_log_odds,
        "without_log_odds": without,
        "figures": {
            "date": date.today().isoformat(),
            "all_signals": all_signals,
            "without_log_odds": cheap,
            **{name: fit(lines, names=[name])[1] for name in SIGNALS},
        },
    }


def _questions(paths: Sequence[Path], most: int | None) -> Iterator[dict[str, Any]]:
    for path in paths:
        lines = sorted(read_lines(path), key=lambda line: str(line["id"]))
        if most is not None and len(lines) > most:
            # Spread over the file, which is often ordered by kind.
            lines = [lines[round(i)] for i in np.linspace(0, len(lines) - 1, most)]
        yield from lines


def main() -> None:
    """Measure question sets, or fit the weights to what was measured."""
    parser = argparse.ArgumentParser(prog="python -m eval.calibrate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="record the signals of questions")
    measuring.add_argument("--index", type=Path, required=True)
    measuring.add_argument("--questions", type=Path, nargs="+", required=True)
    measuring.add_argument("--most", type=int, help="questions of each file")
    measuring.add_argument("--out", type=Path, required=True)
    fitting = commands.add_parser("fit", help="learn the weights from recorded signals")
    fitting.add_argument("signals", type=Path, nargs="+")
    fitting.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.command == "measure":
        questions = list(_questions(arguments.questions, arguments.most))
        measure_questions(arguments.index, questions, arguments.out)
    else:
        lines = [line for path in arguments.signals for line in read_lines(path)]
        value = learned(lines)
        arguments.out.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
        print(json.dumps(value["figures"], indent=1))


if __name__ == "__main__":
    main()

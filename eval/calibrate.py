"""Learn when to answer, from question sets with answerable and unanswerable ones.

    python -m eval.calibrate measure --index DIR --questions FILE.jsonl ... --out SIGNALS.jsonl
    python -m eval.calibrate fit SIGNALS.jsonl ...

`measure` records how the language model points at the evidence of each question and what it
drafts, some ten seconds each, and goes on where it was cut. `fit` weighs the signals of both gates
by logistic regression, and writes `answerability.json` and `confirmation.json` in `rag/`. Each
question is judged by weights learned from the others (ten folds), and a gate's threshold is the
lowest that lets at most a given share of what should pass be refused. The figures are written
beside the weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from eval.agreement import AgreementJudge
from eval.cases import dataset_cases, read_lines, spread
from eval.meter import content_stems
from eval.metrics import has_all_facts, wilson
from eval.records import Case
from eval.scoring import short_references, states_answer, states_one
from rag import (
    MOST_READINGS,
    Assistant,
    Evidence,
    EvidenceSet,
    check,
    cited_by,
    draft_sentences,
    fact_lines,
    load_settings,
    measure,
    measure_draft,
    open_assistant,
    pointer_of,
    split_reply,
)

# Of what should pass, how much each gate may refuse. In place of what the second refuses an
# article's own words may be said.
MOST_REFUSED_BEFORE = 0.05
MOST_REFUSED_AFTER = 0.05
FOLDS = 10
MOST_ALONE = 4  # pieces of a question's evidence that the model is asked about by themselves
SHARED = 0.5  # of a long reference's words, or of a text's, that make the text tell of it
# What each gate weighs, with the model's word and without.
SIGNALS = {
    "with_model": ["points", "cosine", "anchors"],
    "without_model": ["cosine", "anchors"],
}
DRAFT_SIGNALS = {
    "with_model": ["points", "alone", "mentioned"],
    "without_model": ["support", "mentioned"],
}


def measure_questions(index: Path, cases: Sequence[Case], out: Path) -> None:
    """Append the signals of the questions that `out` does not have yet."""
    done = {line["id"] for line in read_lines(out)} if out.exists() else set()
    assistant = open_assistant(load_settings(index=index))
    with out.open("a", encoding="utf-8") as file:
        for number, case in enumerate(cases, start=1):
            if case.id in done:
                continue
            file.write(json.dumps(signals_of(case, assistant=assistant)) + "\n")
            file.flush()
            print(f"\r{number} of {len(cases)}", end="", flush=True)
    print()


def signals_of(case: Case, *, assistant: Assistant) -> dict[str, Any]:
    """What both gates see of a question's surest reading, and the points of each.

    "draft" is None where the check keeps nothing of it.
    """
    settings, model, embedder = assistant.settings, assistant.model, assistant.embedder
    question = case.question
    hits = assistant.retriever.hits(question)  # type: ignore[attr-defined]
    evidence = EvidenceSet(question, hits, embedder=embedder)
    pointer = pointer_of(question, model=model)
    assert pointer  # the default model's
    readings = [
        (read, replace(measure(evidence, read), points=pointer.log_odds(read)))
        for read in evidence.readings(
            settings.reading_tokens, count_tokens=embedder.count_tokens, most=MOST_READINGS
        )
    ]
    read, before = max(readings, key=lambda reading: reading[1].points or 0.0)
    reply = "".join(
        chunk.text for chunk in pointer.reply(fact_lines(read), max_tokens=settings.answer_tokens)
    )
    findings = [check(sentence, evidence) for sentence in draft_sentences(split_reply(reply)[1])]
    kept = " ".join(finding.text for finding in findings if finding.kept)

    def alone(pieces: Sequence[Evidence]) -> dict[str, Any]:
        """How the model points at these alone, and whether they tell of the answer."""
        told = case.answerable and tells(case, " ".join(piece.reading for piece in pieces))
        return {"alone": pointer.log_odds(pieces), "tells": told}

    line = {"id": case.id, "answerable": case.answerable, **asdict(before), "draft": None}
    line["readings"] = [signals.points for _, signals in readings]
    line["alone"] = [alone(pieces) for pieces in evidence.likeliest(MOST_ALONE)]
    if kept:
        after = measure_draft(findings, question=question)
        agrees = None
        if case.references:
            agrees = AgreementJudge(embedder.embed).judge(kept, case.references)[1]
        right = case.answerable and states_answer(case, kept, agrees=agrees)[0]
        cited = alone(evidence.with_antecedents(cited_by(findings)))
        line["draft"] = {**asdict(after), **cited, "right": right, "said": kept}
    return line


def tells(case: Case, text: str) -> bool:
    """Whether a text has any fact of the answer, or much of a long one."""
    if case.key_facts:
        return any(has_all_facts([fact], text) for fact in case.key_facts)
    if short := short_references(case):
        return states_one(short, text)
    stems = frozenset(content_stems(text))
    return any(_share(stems, frozenset(content_stems(long))) >= SHARED for long in case.references)


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of the smaller set that both have, 0..1."""
    return len(one & other) / max(1, min(len(one), len(other)))


def fit(
    values: Sequence[Sequence[float]], passes: Sequence[bool], *, most_refused: float
) -> tuple[float, list[float], float, dict[str, Any]]:
    """(bias, weights, threshold, figures); each item is judged by weights learned without it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    table, labels = np.array(values), np.array(passes)
    model = LogisticRegression(class_weight="balanced", C=10.0, max_iter=1000)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    judged = cross_val_predict(model, table, labels, cv=folds, method="predict_proba")[:, 1]
    threshold = float(np.quantile(judged[labels], most_refused))
    model.fit(table, labels)
    refused = int((judged[labels] < threshold).sum())
    abstained = int((judged[~labels] < threshold).sum())
    figures = {
        "auroc": round(float(roc_auc_score(labels, judged)), 3),
        "should_pass": int(labels.sum()),
        "refused": refused,
        "refused_95": [round(end, 3) for end in wilson(refused, int(labels.sum()))],
        "should_not": int((~labels).sum()),
        "abstained": abstained,
        "abstained_95": [round(end, 3) for end in wilson(abstained, int((~labels).sum()))],
    }
    return float(model.intercept_[0]), model.coef_[0].tolist(), threshold, figures


def learn_gate(
    lines: Sequence[Mapping[str, Any]],
    labels: Sequence[bool],
    *,
    with_model: Sequence[str],
    without_model: Sequence[str],
    most_refused: float,
) -> dict[str, Any]:
    """The content of a gate's file: weights with and without the model's word, and figures."""
    content: dict[str, Any] = {}
    figures: dict[str, Any] = {"date": date.today().isoformat()}
    names = list(dict.fromkeys([*with_model, *without_model]))
    for title, used in (("with_model", with_model), ("without_model", without_model)):
        table = [[line[name] for name in used] for line in lines]
        bias, weights, threshold, found = fit(table, labels, most_refused=most_refused)
        learned = dict.fromkeys(names, 0.0) | dict(zip(used, weights, strict=True))
        content[title] = {"bias": bias, **learned, "threshold": threshold}
        figures[title] = found
    for name in names:
        alone = [[line[name]] for line in lines]
        figures[name] = fit(alone, labels, most_refused=most_refused)[3]
    return {**content, "figures": figures}


def learn_both(lines: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of `answerability.json` and `confirmation.json`.

    The second gate learns from drafts that passed the check: right answers are to pass it, and
    wrong ones are not, nor answers to what the articles do not answer. What does not fit the
    question does not come so far.
    """
    answerable = [line["answerable"] for line in lines]
    first = learn_gate(lines, answerable, **SIGNALS, most_refused=MOST_REFUSED_BEFORE)
    drafts = [
        line["draft"] | {"points": line["points"]}
        for line in lines
        if line["draft"] and line["draft"]["fits"]
    ]
    right = [draft["right"] for draft in drafts]
    second = learn_gate(drafts, right, **DRAFT_SIGNALS, most_refused=MOST_REFUSED_AFTER)
    pieces = [piece for line in lines for piece in line["alone"]]
    told = [piece["tells"] for piece in pieces]
    table = [[piece["alone"]] for piece in pieces]
    second["figures"]["pieces"] = fit(table, told, most_refused=MOST_REFUSED_AFTER)[3]
    return first, second


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
    arguments = parser.parse_args()
    if arguments.command == "measure":
        cases = [
            case
            for path in arguments.questions
            for case in spread(dataset_cases(path), arguments.most or sys.maxsize)
        ]
        measure_questions(arguments.index, cases, arguments.out)
        return
    lines = [line for path in arguments.signals for line in read_lines(path)]
    first, second = learn_both(lines)
    learned = {"answerability": first, "confirmation": second}
    for name, content in learned.items():
        path = Path(str(resources.files("rag") / f"{name}.json"))
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        print(f"{path.name}: {json.dumps(content['figures'], indent=1)}")


if __name__ == "__main__":
    main()

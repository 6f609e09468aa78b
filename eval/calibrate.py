"""Learn when to answer, from question sets with answerable and unanswerable ones.

    python -m eval.calibrate measure --index DIR --questions FILE.jsonl ... --out SIGNALS.jsonl
    python -m eval.calibrate fit SIGNALS.jsonl ...

`measure` records what the language model makes of the evidence of each question and what it
drafts, some fifteen seconds each, and goes on where it was cut. `fit` learns the probes, weighs the
signals of both gates by logistic regression, and writes `probe.json`, `alone.json`,
`answerability.json` and `confirmation.json` in `rag/`. Each question is judged by weights learned
from the others (ten folds), by the probes as by the gates, and a gate's threshold is the lowest
that lets at most a given share of what should pass be refused. The figures are written beside the
weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.agreement import AgreementJudge
from eval.cases import dataset_cases, read_lines, spread
from eval.metrics import wilson
from eval.records import Case
from eval.scoring import states_answer
from eval.withheld import read_without_answer, tells
from rag import (
    Assistant,
    Evidence,
    EvidenceSet,
    ShowsState,
    answer_messages,
    check,
    cited_by,
    draft_sentences,
    load_settings,
    measure,
    measure_draft,
    open_assistant,
)

# Of what should pass, how much each gate may refuse. In place of what the second refuses an
# article's own words may be said.
MOST_REFUSED_BEFORE = 0.05
MOST_REFUSED_AFTER = 0.075
FOLDS = 10
# Further down the model has not met the question's end with the facts yet, further up it is
# busy with the next word.
PROBED_LAYER = 18
TWIN_WEIGHT = 0.5  # of a question with its answer withheld: nobody asks it that way
MOST_ALONE = 4  # pieces of a question's evidence that the model looks at alone
SHRINKAGE = 0.003  # how little weights are let grow where there are more than questions
# What each gate weighs, with the model's word and without.
SIGNALS = {
    "with_model": ["probe", "cosine", "anchors"],
    "without_model": ["cosine", "anchors"],
}
# Where the model finds an answer in the cited words alone, they mention what was asked about.
DRAFT_SIGNALS = {"with_model": ["alone", "support"], "without_model": ["support", "mentioned"]}


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
    """What both gates see of a question; "draft" is None where the check keeps nothing of it."""
    settings, model, embedder = assistant.settings, assistant.model, assistant.embedder
    question = case.question
    hits = assistant.retriever.hits(question)  # type: ignore[attr-defined]
    evidence = EvidenceSet(question, hits, embedder=embedder)
    read = evidence.select(settings.reading_tokens, count_tokens=embedder.count_tokens)
    before = measure(evidence, read)
    assert isinstance(model, ShowsState)

    def state_after(pieces: Sequence[Evidence], *, to_answer: bool = False) -> Any:
        """Of the model, when it has read these and the question."""
        messages = answer_messages(question, pieces)
        state = model.hidden_state(messages, layer=PROBED_LAYER, to_answer=to_answer)
        return np.round(state.astype(np.float64), 4).tolist()

    state = state_after(read, to_answer=True)
    writing = model.bind(max_tokens=settings.answer_tokens)
    draft = "".join(chunk.text for chunk in writing.stream(answer_messages(question, read)))
    findings = [check(sentence, evidence) for sentence in draft_sentences(draft)]
    kept = " ".join(finding.text for finding in findings if finding.kept)
    line = {"id": case.id, "answerable": case.answerable, **asdict(before), "draft": None}
    line |= {"state": state, "withheld": None}

    def alone(pieces: Sequence[Evidence]) -> dict[str, Any]:
        """What the model makes of these alone, and whether they tell of the answer."""
        told = case.answerable and tells(case, " ".join(piece.reading for piece in pieces))
        return {"state": state_after(pieces), "tells": told}

    line["alone"] = [alone(pieces) for pieces in evidence.likeliest(MOST_ALONE)]
    rest = read_without_answer(
        case, evidence, budget=settings.reading_tokens, count_tokens=embedder.count_tokens
    )
    if rest:
        line["withheld"] = state_after(rest)
    if kept:
        after = measure_draft(findings, question=question)
        agrees = None
        if case.references:
            agrees = AgreementJudge(embedder.embed).judge(kept, case.references)[1]
        right = case.answerable and states_answer(case, kept, agrees=agrees)[0]
        cited = alone(evidence.with_antecedents(cited_by(findings)))
        line["draft"] = {**asdict(after), **cited, "right": right}
    return line


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


def learn_states(
    states: Sequence[Sequence[float]],
    labels: NDArray[np.bool_],
    *,
    groups: Sequence[int],
    shares: Sequence[float],
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """(the layer, bias and weights of a probe, the log-odds of each state by the other folds).

    `groups` tells which states are of one question, and so in one fold; `shares` how much each
    counts.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = np.array(states)
    scaler = StandardScaler()
    linear = LogisticRegression(class_weight="balanced", C=SHRINKAGE, max_iter=1000)
    model = make_pipeline(scaler, linear)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    counted = {"logisticregression__sample_weight": np.array(shares)}
    judged = cross_val_predict(
        model, table, labels, groups=groups, cv=folds, method="decision_function", params=counted
    )
    model.fit(table, labels, **counted)
    weights = linear.coef_[0] / scaler.scale_
    probe = {
        "layer": PROBED_LAYER,
        "bias": float(linear.intercept_[0] - weights @ scaler.mean_),
        "weights": [float(f"{weight:.5g}") for weight in weights],
    }
    return probe, judged


def learn_probe(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The content of `probe.json`; each line's "probe" becomes what the other folds make of it.

    It learns from the questions as they are and from those whose answer was withheld, and a
    question is in one fold with its twin.
    """
    from sklearn.metrics import roc_auc_score

    asked = len(lines)
    twins = [number for number, line in enumerate(lines) if line["withheld"]]
    labels = np.array([line["answerable"] for line in lines] + [False] * len(twins))
    probe, judged = learn_states(
        [line["state"] for line in lines] + [lines[n]["withheld"] for n in twins],
        labels,
        groups=[*range(asked), *twins],
        shares=[1.0] * asked + [TWIN_WEIGHT] * len(twins),
    )
    for line, log_odds in zip(lines, judged, strict=False):
        line["probe"] = float(log_odds)
    both = np.concatenate([judged[twins], judged[asked:]])
    return {
        "figures": {
            "date": date.today().isoformat(),
            "questions": asked,
            "auroc": round(float(roc_auc_score(labels[:asked], judged[:asked])), 3),
            "withheld": len(twins),
            "auroc_of_twins": round(
                float(roc_auc_score([True] * len(twins) + [False] * len(twins), both)), 3
            ),
            "twins_told_apart": int((judged[twins] > judged[asked:]).sum()),
        },
        **probe,
    }


def learn_alone(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The content of `alone.json`; each draft's "alone" becomes what the other folds make of it.

    It learns from the likeliest pieces of every question, and from what the drafts cite, which of
    them tell of the answer.
    """
    from sklearn.metrics import roc_auc_score

    drafts = [(number, line["draft"]) for number, line in enumerate(lines) if line["draft"]]
    pieces = [(number, piece) for number, line in enumerate(lines) for piece in line["alone"]]
    labels = np.array([piece["tells"] for _, piece in [*drafts, *pieces]])
    probe, judged = learn_states(
        [piece["state"] for _, piece in [*drafts, *pieces]],
        labels,
        groups=[number for number, _ in [*drafts, *pieces]],
        shares=[1.0] * len(labels),
    )
    for (_, draft), log_odds in zip(drafts, judged, strict=False):
        draft["alone"] = float(log_odds)
    cited = len(drafts)
    return {
        "figures": {
            "date": date.today().isoformat(),
            "pieces": len(pieces),
            "auroc": round(float(roc_auc_score(labels[cited:], judged[cited:])), 3),
            "cited": cited,
            "auroc_of_cited": round(float(roc_auc_score(labels[:cited], judged[:cited])), 3),
        },
        **probe,
    }


def learn_both(lines: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of `answerability.json` and `confirmation.json`.

    The second gate learns from drafts that passed the check: right answers are to pass it, and
    wrong ones are not, nor answers to what the articles do not answer. What lacks a number of the
    question does not come so far.
    """
    answerable = [line["answerable"] for line in lines]
    first = learn_gate(lines, answerable, **SIGNALS, most_refused=MOST_REFUSED_BEFORE)
    drafts = [line["draft"] for line in lines if line["draft"] and line["draft"]["numbered"]]
    right = [draft["right"] for draft in drafts]
    second = learn_gate(drafts, right, **DRAFT_SIGNALS, most_refused=MOST_REFUSED_AFTER)
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
    probe = learn_probe(lines)
    words_alone = learn_alone(lines)
    first, second = learn_both(lines)
    learned = {
        "probe": probe,
        "alone": words_alone,
        "answerability": first,
        "confirmation": second,
    }
    for name, content in learned.items():
        path = Path(str(resources.files("rag") / f"{name}.json"))
        written = json.dumps(content, indent=None if "weights" in content else 1)
        path.write_text(written + "\n", "utf-8")
        print(f"{path.name}: {json.dumps(content['figures'], indent=1)}")


if __name__ == "__main__":
    main()

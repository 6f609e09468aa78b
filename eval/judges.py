"""Judge the judges: learn the meter and the agreement judge, and say how far to trust them.

    python -m eval.judges measure --bench DIR --out SIGNALS.jsonl
    python -m eval.judges fit SIGNALS.jsonl

`measure` records what the judges see of every labelled item: BEGIN, SummEdits and RAGChecker's
preferences in `--bench`, and our own labelled answers. It asks the language model, some seconds
an item, and goes on where it was cut. `fit` learns the weights and writes `eval/judges.json`,
with the scores that every report prints: each item is judged by weights learned from the other
nine tenths (ten folds).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval import metrics
from eval.agreement import PARTS, likeness
from eval.cases import read_lines
from eval.meter import Traces, ask, traces
from eval.records import Figure
from rag import load_settings, open_chat_model, open_embedder

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.language_models import BaseChatModel
    from numpy.typing import NDArray

    from eval.agreement import Embed

FOLDS = 10
REPEATS = 5  # of the ten folds, each shuffled otherwise, so that figures do not hang on one
SENTENCE_SETS = {"detect_begin_wow": "BEGIN", "detect_summedits": "SummEdits"}
OWN = "our labelled answers"
SPECIFICITY = 0.85  # of the held sentences of our own answers, how many the meter lets be
PREFERENCES = "RAGChecker preferences"


def labelled_items(bench: Path) -> Iterator[dict[str, Any]]:
    """{"id", "set", "sentence", "passages", "invented"} for every labelled sentence."""
    for answer in own_answers():
        for number, sentence in enumerate(answer["sentences"]):
            yield {
                "id": f"{answer['id']}.{number}",
                "set": OWN,
                "sentence": sentence["text"],
                "passages": sentence["passages"],
                "invented": not sentence["held"],
            }
    for folder, name in SENTENCE_SETS.items():
        for item in read_lines(bench / folder / "items.jsonl"):
            yield {
                "id": item["id"],
                "set": name,
                "sentence": item["response"],
                "passages": item["passages"],
                "invented": item["hallucinated"],
            }


def own_answers() -> list[dict[str, Any]]:
    """Our own answers, labelled by reading them; see `questions/README.md`."""
    return read_lines(Path(str(resources.files("eval") / "questions" / "labelled.jsonl")))


def measure(bench: Path, out: Path, *, model: BaseChatModel | None, embed: Embed) -> None:
    """Append the signals of the items that `out` does not have yet; no doubts without a model."""
    done = {(line["set"], line["id"]) for line in read_lines(out)} if out.exists() else set()
    with out.open("a", encoding="utf-8") as file:

        def write(line: Mapping[str, Any]) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(f"\r{line['set']}: {line['id']}", end="\033[K", flush=True)

        compare = partial(likeness, embed=embed)
        for pair in read_lines(bench / "meta_ragchecker" / "pairs.jsonl"):
            if (PREFERENCES, pair["id"]) not in done:
                two = [
                    asdict(compare(pair[name], pair["reference"]))
                    for name in ("response1", "response2")
                ]
                human = sum(pair["human"]["overall"]) / len(pair["human"]["overall"])
                line = {"id": pair["id"], "set": PREFERENCES, "human": human}
                write({**line, "first": two[0], "second": two[1]})
        for answer in own_answers():
            name = f"{OWN}, right or wrong"
            if answer["reference"] and (name, answer["id"]) not in done:
                text = " ".join(sentence["text"] for sentence in answer["sentences"])
                alike = asdict(compare(text, answer["reference"]))
                write({"id": answer["id"], "set": name, "right": answer["right"], **alike})
        for item in labelled_items(bench):
            key = {name: item[name] for name in ("id", "set", "invented")}
            if (item["set"], item["id"]) not in done:
                seen = traces(item["sentence"], item["passages"])
                if model is not None:
                    seen = ask(seen, item["sentence"], item["passages"], model=model)
                write({**key, **asdict(seen)})
    print()


def fit(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The whole content of `judges.json` from the signals of `measure`."""
    sentences = [line for line in lines if "invented" in line]
    scores: dict[str, list[Figure]] = {}
    meter = {}
    for name, told in (
        ("with_doubt", "the meter"),
        ("without_doubt", "the meter without a language model"),
    ):
        asked = name == "with_doubt"
        measured = [line for line in sentences if not asked or line["doubt"] is not None]
        seen = [_traces_of(line, asked=asked) for line in measured]
        meter[name], figures = _fit_meter(measured, seen)
        scores |= {f"{told}, on {group}": found for group, found in figures.items()}
    pairs = [line for line in lines if "human" in line]
    labelled = [line for line in lines if "right" in line]
    agreement, figures = _fit_agreement(pairs, labelled)
    return {
        "date": date.today().isoformat(),
        "meter": meter,
        "agreement": agreement,
        "scores": {
            title: {figure.name: asdict(figure) for figure in found}
            for title, found in (scores | figures).items()
        },
    }


def _traces_of(line: Mapping[str, Any], *, asked: bool) -> Traces:
    """What `measure` recorded; the language model's doubt only if `asked`."""
    recorded = {field.name: line[field.name] for field in fields(Traces)}
    return Traces(**recorded | ({} if asked else {"doubt": None}))


def _fit_meter(
    lines: Sequence[Mapping[str, Any]], seen: Sequence[Traces]
) -> tuple[dict[str, Any], dict[str, list[Figure]]]:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    parts = list(seen[0].features)
    values = np.array([list(found.features.values()) for found in seen])
    invented = np.array([line["invented"] for line in lines])
    groups = np.array([line["set"] for line in lines])
    # In each set, the invented count as much as the held.
    weight = np.array(
        [
            (groups == group).sum() / 2 / ((groups == group) & (invented == label)).sum()
            for group, label in zip(groups, invented, strict=True)
        ]
    )
    model = LogisticRegression(C=1.0, max_iter=5000)
    judged = _cross_judged(model, values, invented, weight=weight, strata=groups)
    model.fit(values, invented, sample_weight=weight)
    threshold = float(np.quantile(judged[(groups == OWN) & ~invented], SPECIFICITY))
    learned = {
        "bias": float(model.intercept_[0]),
        "weights": {part: float(w) for part, w in zip(parts, model.coef_[0], strict=True)},
        "threshold": threshold,
    }
    figures = {}
    for group in dict.fromkeys(groups.tolist()):
        truth, chance = invented[groups == group].tolist(), judged[groups == group]
        said = (chance >= (threshold if group == OWN else 0.5)).tolist()
        figures[group] = [
            metrics.balanced_accuracy(truth, said),
            *metrics.precision_recall(truth, said),
            metrics.share("specificity", *_let_be(truth, said)),
            metrics.auroc(truth, chance.tolist()),
        ]
    return learned, figures


def _fit_agreement(
    pairs: Sequence[Mapping[str, Any]], labelled: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, list[Figure]]]:
    """Weights from which of two answers people prefer, scaled by answers read as right or wrong."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import KFold, cross_val_predict

    gap = np.array([[p["second"][part] - p["first"][part] for part in PARTS] for p in pairs])
    human = np.array([p["human"] for p in pairs])
    model = Ridge(alpha=1.0, fit_intercept=False)
    judged = np.mean(
        [
            cross_val_predict(model, gap, human, cv=KFold(FOLDS, shuffle=True, random_state=repeat))
            for repeat in range(REPEATS)
        ],
        axis=0,
    )
    model.fit(gap, human)
    alike = np.array([[line[part] for part in PARTS] for line in labelled]) @ model.coef_
    right = np.array([line["right"] for line in labelled])
    scale = LogisticRegression(class_weight="balanced", C=100.0)
    chance = _cross_judged(scale, alike[:, None], right)
    scale.fit(alike[:, None], right)
    threshold = _best_threshold(chance, right)
    slope = float(scale.coef_[0, 0])
    learned = {
        "bias": float(scale.intercept_[0]),
        "weights": {part: slope * float(w) for part, w in zip(PARTS, model.coef_, strict=True)},
        "threshold": threshold,
    }
    f1 = [pair["second"]["token_f1"] - pair["first"]["token_f1"] for pair in pairs]
    said, truth = (chance >= threshold).tolist(), right.tolist()
    return learned, {
        f"the agreement judge, on {PREFERENCES}": [
            metrics.spearman(judged.tolist(), human.tolist()),
            metrics.kendall(judged.tolist(), human.tolist()),
        ],
        f"token F1 alone, on {PREFERENCES}": [
            metrics.spearman(f1, human.tolist()),
            metrics.kendall(f1, human.tolist()),
        ],
        f"the agreement judge, on {OWN}": [
            metrics.balanced_accuracy(truth, said),
            *metrics.precision_recall(truth, said),
            metrics.auroc(truth, chance.tolist()),
        ],
    }


def _cross_judged(
    model: Any,
    values: NDArray[np.float64],
    labels: NDArray[np.bool_],
    *,
    weight: NDArray[np.float64] | None = None,
    strata: NDArray[np.str_] | None = None,
) -> NDArray[np.float64]:
    """The probability of each item by models that were learned without it, over all repeats."""
    import numpy as np
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedKFold

    groups = [f"{label}{strata[i] if strata is not None else ''}" for i, label in enumerate(labels)]
    judged = np.zeros(len(labels))
    for repeat in range(REPEATS):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        for train, test in folds.split(values, groups):
            fitted = clone(model).fit(
                values[train],
                labels[train],
                sample_weight=None if weight is None else weight[train],
            )
            judged[test] += fitted.predict_proba(values[test])[:, 1] / REPEATS
    return judged


def _let_be(truth: Sequence[bool], said: Sequence[bool]) -> tuple[int, int]:
    """(how many held sentences were not called invented, how many held ones there are)."""
    held = [not guess for label, guess in zip(truth, said, strict=True) if not label]
    return sum(held), len(held)


def _best_threshold(chances: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """The probability from which telling the two classes apart goes wrong least, on balance."""
    import numpy as np

    cuts = np.unique(chances)
    middles = (cuts[1:] + cuts[:-1]) / 2
    balanced = [
        ((chances[labels] >= cut).mean() + (chances[~labels] < cut).mean()) / 2 for cut in middles
    ]
    return float(middles[int(np.argmax(balanced))])


def judge_scores() -> dict[str, dict[str, Figure]]:
    """How well each judge agrees with people, by title, from `judges.json`."""
    held = json.loads(resources.files("eval").joinpath("judges.json").read_text("utf-8"))
    return {
        title: {name: Figure(**figure) for name, figure in figures.items()}
        for title, figures in held["scores"].items()
    }


def main() -> None:
    """Record what the judges see of labelled data, or learn from it."""
    parser = argparse.ArgumentParser(prog="python -m eval.judges", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="record the signals of labelled items")
    measuring.add_argument("--bench", type=Path, required=True)
    measuring.add_argument("--out", type=Path, required=True)
    fitting = commands.add_parser("fit", help="learn the weights and write eval/judges.json")
    fitting.add_argument("signals", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "measure":
        settings = load_settings()
        model = open_chat_model(settings)
        embed = open_embedder(settings).embed
        measure(arguments.bench, arguments.out, model=model, embed=embed)
        return
    value = fit(read_lines(arguments.signals))
    path = Path(str(resources.files("eval") / "judges.json"))
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    for title, figures in judge_scores().items():
        told = ", ".join(
            f"{figure.name} {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
            for figure in figures.values()
        )
        print(f"{title}, n={max(figure.n for figure in figures.values())}: {told}")


if __name__ == "__main__":
    main()

"""The judges learn what tells, are scored on what they had not seen, and enough was labelled."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from eval.agreement import PARTS, AgreementWeights
from eval.judges import (
    FOLDS,
    OWN,
    PREFERENCES,
    SENTENCE_SETS,
    fit,
    judge_scores,
    labelled_items,
    measure,
    own_answers,
)
from eval.meter import MeterWeights, Traces
from eval.records import Figure
from tests.fakes import ScriptedChat, WordEmbedder

RIGHT_OR_WRONG = f"{OWN}, right or wrong"


def invented_signals(*, telling: bool, size: int = 40) -> list[dict[str, Any]]:
    """What `measure` would record, of sentences, preferences and answers that nobody wrote.

    Where it is `telling`, figures from nowhere betray what is invented, and people prefer the
    answer nearer to the reference; else nothing tells anything.
    """
    source = random.Random(1)
    lines: list[dict[str, Any]] = []
    for group in (OWN, *SENTENCE_SETS.values()):
        for number in range(size):
            is_invented = number % 2 == 0
            line = {name: source.random() for name in Traces.__slots__}
            if telling:
                line["figures"] = float(is_invented)
            lines.append({"id": f"{number}", "set": group, "invented": is_invented, **line})
    for number in range(size):
        first, second = ({part: source.random() for part in PARTS} for _ in range(2))
        gap = sum(second[part] - first[part] for part in PARTS)
        human = gap if telling else source.uniform(-2, 2)
        pair = {"id": f"{number}", "set": PREFERENCES, "human": human}
        lines.append({**pair, "first": first, "second": second})
        right = number % 2 == 0
        alike = {part: source.random() / 2 + (right and telling) / 2 for part in PARTS}
        lines.append({"id": f"{number}", "set": RIGHT_OR_WRONG, "right": right, **alike})
    return lines


@pytest.fixture(scope="module")
def learned() -> dict[str, Any]:
    return fit(invented_signals(telling=True))


def test_the_meter_weighs_most_what_tells(learned: dict[str, Any]) -> None:
    for name in ("with_doubt", "without_doubt"):
        weights = MeterWeights(**learned["meter"][name]).weights
        assert weights["figures"] == max(weights.values()) > 1
    assert not any("doubt" in name for name in learned["meter"]["without_doubt"]["weights"])


def test_the_agreement_judge_prefers_as_people_do(learned: dict[str, Any]) -> None:
    weights = AgreementWeights(**learned["agreement"])
    assert min(weights.weights.values()) > 0
    assert weights.bias < 0 < weights.threshold < 1


def test_signals_that_tell_are_scored_well_on_every_set(learned: dict[str, Any]) -> None:
    scores = learned["scores"]
    for group in (OWN, *SENTENCE_SETS.values()):
        for told in ("the meter", "the meter without a language model"):
            assert scores[f"{told}, on {group}"]["AUROC"]["value"] == 1
            assert scores[f"{told}, on {group}"]["balanced accuracy"]["n"] == 40
    assert scores[f"the agreement judge, on {PREFERENCES}"]["Spearman"]["value"] > 0.95
    assert scores[f"the agreement judge, on {OWN}"]["balanced accuracy"]["value"] == 1
    beaten = scores[f"token F1 alone, on {PREFERENCES}"]["Spearman"]["value"]
    assert beaten < scores[f"the agreement judge, on {PREFERENCES}"]["Spearman"]["value"]


def test_a_judge_is_scored_on_what_it_has_not_seen() -> None:
    # Weights fitted to noise tell it well when they are asked about the same noise again.
    scores = fit(invented_signals(telling=False))["scores"]
    for group in (OWN, *SENTENCE_SETS.values()):
        figure = scores[f"the meter, on {group}"]["AUROC"]
        assert figure["low"] < 0.5, group
    assert scores[f"the agreement judge, on {PREFERENCES}"]["Spearman"]["low"] < 0


def test_what_is_learned_is_json_and_the_same_each_time(learned: dict[str, Any]) -> None:
    again = fit(invented_signals(telling=True))
    assert json.dumps(again, allow_nan=False) == json.dumps(learned, allow_nan=False)


def test_our_own_answers_were_read_and_labelled() -> None:
    answers = own_answers()
    assert len(answers) >= 80
    assert len({answer["id"] for answer in answers}) == len(answers)
    for answer in answers:
        assert answer["question"].strip() and answer["model"] and answer["sentences"], answer["id"]
        assert isinstance(answer["right"], bool) and isinstance(answer["answerable"], bool)
        assert bool(answer["reference"]) == answer["answerable"] or not answer["right"]
        for sentence in answer["sentences"]:
            assert isinstance(sentence["held"], bool)
            assert sentence["text"].strip() and sentence["passages"], answer["id"]
            assert all(passage.strip() for passage in sentence["passages"])


def test_the_labels_are_many_enough_for_the_folds_and_of_several_models() -> None:
    answers = own_answers()
    held = Counter(sentence["held"] for answer in answers for sentence in answer["sentences"])
    right = Counter(answer["right"] for answer in answers if answer["reference"])
    assert min(*held.values(), *right.values()) >= 2 * FOLDS
    assert len({answer["model"] for answer in answers}) > 1


# A bench of one line a set, in the format of the real one.


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    item = {"id": "b1", "response": "It is 310 metres.", "passages": ["It is 301 metres long."]}
    pair = {
        "id": "p1",
        "reference": "It is 301 metres long.",
        "response1": "It is green.",
        "response2": "301 metres long.",
        "human": {"overall": [1, 2]},
    }
    for folder in SENTENCE_SETS:
        (tmp_path / folder).mkdir()
        line = json.dumps({**item, "hallucinated": True})
        (tmp_path / folder / "items.jsonl").write_text(line, encoding="utf-8")
    (tmp_path / "meta_ragchecker").mkdir()
    (tmp_path / "meta_ragchecker" / "pairs.jsonl").write_text(json.dumps(pair), encoding="utf-8")
    return tmp_path


def test_every_labelled_sentence_is_an_item_of_its_own(bench: Path) -> None:
    items = list(labelled_items(bench))
    assert len({(item["set"], item["id"]) for item in items}) == len(items)
    ours = sum(len(answer["sentences"]) for answer in own_answers())
    assert Counter(item["set"] for item in items) == {OWN: ours, "BEGIN": 1, "SummEdits": 1}


def test_measuring_goes_on_where_it_was_cut(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = bench / "signals.jsonl"

    def measured() -> list[str]:
        model = ScriptedChat(reply=str, log_odds=-2.0)
        measure(bench, out, model=model, embed=WordEmbedder().embed)
        return out.read_text("utf-8").splitlines()

    whole = measured()
    (preference,) = [line for line in map(json.loads, whole) if line["set"] == PREFERENCES]
    assert preference["human"] == 1.5
    assert preference["second"]["token_f1"] > preference["first"]["token_f1"] > 0
    begin = next(line for line in map(json.loads, whole) if line["set"] == "BEGIN")
    assert (begin["invented"], begin["figures"]) == (True, 1)
    assert begin["doubt"] == pytest.approx(2)
    out.write_text("\n".join(whole[:50]) + "\n", encoding="utf-8")
    assert sorted(measured()) == sorted(whole)
    assert measured()[:50] == whole[:50]


# What every report prints.


def test_the_scores_that_are_shipped_are_of_every_judge_and_set() -> None:
    scores = judge_scores()
    titles = " ".join(scores)
    for named in (OWN, PREFERENCES, *SENTENCE_SETS.values(), "without a language model"):
        assert named in titles
    figures: list[Figure] = [figure for group in scores.values() for figure in group.values()]
    assert all(figure.low <= figure.value <= figure.high for figure in figures)
    assert all(figure.n > 0 for figure in figures)

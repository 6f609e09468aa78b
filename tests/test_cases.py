"""Every line of a question file becomes a case, or is named with what is wrong with it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.cases import (
    QUICK_CASES,
    dataset_cases,
    dialogue_cases,
    read_lines,
    spread,
    written_cases,
)
from eval.metrics import has_all_facts
from eval.records import Case
from rag import UsageError
from tests.conftest import ROOT
from tests.evaluation import a_case

BENCH = ROOT.parent / "shared" / "bench"
LINE = {"id": "q1", "question": "How long?", "answerable": True, "answers": ["310 metres"]}


def dataset(folder: Path, *lines: Any) -> Path:
    path = folder / "questions.jsonl"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_case_with_all_that_is_known_of_its_answer(tmp_path: Path) -> None:
    line = {
        **LINE,
        "key_facts": [["310", "three hundred and ten"]],
        "kind": "length",
        "polarity": "no",
        "source_articles": ["bridge.md", "mill.md"],
        "gold_sentences": ["It is 310 metres long."],
        "decomposition": [{"q": "a field that nobody named"}],
    }
    assert dataset_cases(dataset(tmp_path, line)) == [
        Case(
            id="q1",
            question="How long?",
            answerable=True,
            kind="length",
            origin="dataset",
            references=("310 metres",),
            key_facts=(("310", "three hundred and ten"),),
            polarity="no",
            source_articles=("bridge.md", "mill.md"),
            gold=("It is 310 metres long.",),
        )
    ]


def test_one_article_and_one_passage_may_stand_without_a_list(tmp_path: Path) -> None:
    line = {**LINE, "source_article": "bridge.md", "gold_passage": "It is 310 metres long."}
    (case,) = dataset_cases(dataset(tmp_path, line))
    assert (case.source_articles, case.gold) == (("bridge.md",), ("It is 310 metres long.",))


def test_an_unanswerable_question_has_no_answer_to_be_scored_by(tmp_path: Path) -> None:
    plausible = {**LINE, "answerable": False, "gold_passage": "x", "source_article": None}
    (case,) = dataset_cases(dataset(tmp_path, plausible))
    assert (case.answerable, case.kind) == (False, "unanswerable")
    assert (case.references, case.gold, case.source_articles) == ((), (), ())


@pytest.mark.parametrize(
    ("line", "answerable"),
    [
        ({"answers": ["x"]}, True),
        ({"key_facts": [["x"]]}, True),
        ({"reference": "x"}, True),
        ({"answers": []}, False),
        ({}, False),
    ],
)
def test_a_question_is_answerable_where_its_line_has_an_answer(
    tmp_path: Path, line: dict[str, Any], answerable: bool
) -> None:
    (case,) = dataset_cases(dataset(tmp_path, {"id": 7, "question": "Is it?", **line}))
    assert (case.id, case.answerable) == ("7", answerable)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{half a line", "line 2: not JSON"),
        ("[1]", "line 2: not a JSON object"),
        ({**LINE, "id": None}, "question 2: no id"),
        ({**LINE, "id": "q2", "question": "  "}, "question 2: no question"),
        (LINE, "question 2: the id 'q1' stands twice"),
        ({**LINE, "id": "q2", "answers": "310"}, "answers is not a list of texts"),
        ({**LINE, "id": "q2", "answers": [310]}, "answers is not a list of texts"),
        ({**LINE, "id": "q2", "key_facts": ["310"]}, "key_facts is not a list of lists"),
        ({**LINE, "id": "q2", "key_facts": [[]]}, "key_facts is not a list of lists"),
        ({**LINE, "id": "q2", "key_facts": [[""]]}, "key_facts is not a list of lists"),
        ({**LINE, "id": "q2", "reference": None}, "reference is not a text"),
        ({**LINE, "id": "q2", "polarity": True}, "polarity is True, not yes or no"),
        ({**LINE, "id": "q2", "source_articles": 5}, "source_articles is neither a text nor"),
        ({**LINE, "id": "q2", "gold_sentences": [1]}, "gold_sentences is neither a text nor"),
        ({**LINE, "id": "q2", "answers": []}, "answerable, but without answers"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: Any, problem: str) -> None:
    path = dataset(tmp_path, LINE, line)
    with pytest.raises(UsageError) as raised:
        dataset_cases(path)
    assert str(path) in raised.value.message and problem in raised.value.message
    assert '"question"' in raised.value.hint


def test_a_file_without_questions_or_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no questions"):
        dataset_cases(dataset(tmp_path, "", "  "))
    with pytest.raises(UsageError, match="There is no file"):
        dataset_cases(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="cannot be read"):
        dataset_cases(tmp_path)
    (tmp_path / "latin.jsonl").write_bytes('{"id": "é"}'.encode("latin-1"))
    with pytest.raises(UsageError, match="cannot be read"):
        dataset_cases(tmp_path / "latin.jsonl")


@given(st.lists(st.dictionaries(st.text(), st.text(alphabet=st.characters(codec="utf-8")))))
def test_what_was_written_line_by_line_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    lines = [json.dumps(value, ensure_ascii=False) for value in values]
    path.write_bytes("\r\n".join(lines).encode("utf-8", "surrogatepass"))
    assert read_lines(path) == values


def test_quick_takes_what_is_marked_or_else_some_of_every_part(tmp_path: Path) -> None:
    lines = [{**LINE, "id": f"q{n}", "quick": n in (3, 5)} for n in range(90)]
    assert [c.id for c in dataset_cases(dataset(tmp_path, *lines), quick=True)] == ["q3", "q5"]
    unmarked = dataset(tmp_path, *({**line, "quick": False} for line in lines))
    assert len(dataset_cases(unmarked)) == 90
    assert len(dataset_cases(unmarked, quick=True)) == QUICK_CASES


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_spread_is_even_in_order_and_without_repetition(size: int, most: int) -> None:
    cases = [a_case(str(number)) for number in range(size)]
    places = [int(case.id) for case in spread(cases, most)]
    assert len(places) == min(size, most)
    assert places == sorted(set(places))
    gaps = {later - earlier for earlier, later in pairwise(places)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_the_written_questions_are_many_and_their_references_state_their_facts() -> None:
    cases = written_cases()
    assert len({case.id for case in cases}) == len(cases)
    answerable = [case for case in cases if case.answerable]
    assert len(answerable) >= 80
    assert len(cases) - len(answerable) >= 60
    for case in answerable:
        assert case.key_facts and has_all_facts(case.key_facts, case.references[0]), case.id
    assert {case.polarity for case in cases} == {"yes", "no", None}


def test_each_turn_of_a_conversation_follows_the_one_before_it() -> None:
    dialogues = dialogue_cases()
    cases = [case for dialogue in dialogues for case in dialogue]
    together = [*cases, *written_cases()]
    assert len({case.id for case in together}) == len(together)
    for first, *others in dialogues:
        assert first.follows is None and others
        assert [case.follows for case in others] == [c.id for c in [first, *others][:-1]]
    assert {case.kind for case in cases} == {"follow_up", "new_subject"}
    assert all(case.key_facts for case in cases if case.answerable)


def test_a_line_may_follow_an_earlier_one_only(tmp_path: Path) -> None:
    follow_up = {**LINE, "id": "q2", "question": "And how wide?", "follows": "q1"}
    first, second = dataset_cases(dataset(tmp_path, LINE, follow_up))
    assert (first.follows, second.follows) == (None, "q1")
    with pytest.raises(UsageError, match="question 1: it follows 'q1', which is no earlier line"):
        dataset_cases(dataset(tmp_path, follow_up, LINE))


@pytest.mark.parametrize("name", ["squad2", "clapnq", "multihop"])
def test_an_outside_set_is_read_whole_with_its_quick_part(name: str) -> None:
    path = BENCH / name / "questions.jsonl"
    if not path.exists():
        pytest.skip(f"there is no {path}")
    cases, quick = dataset_cases(path), dataset_cases(path, quick=True)
    assert {case.answerable for case in cases} == {True, False}
    assert 0 < len(quick) < len(cases) and set(quick) <= set(cases)
    assert all(case.references and case.source_articles for case in cases if case.answerable)

"""Each part of the answering can be left out, so that a table can tell what it is worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.settings import Settings
from tests.ablation_runs import PARTS, Part, read_run, row
from tests.evaluation import a_case, an_outcome


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_each_part_is_there_to_be_left_out(part: Part) -> None:
    assert set(part.settings) <= set(Settings.model_fields)
    with part.off():
        pass


def test_a_part_that_is_no_more_is_noticed() -> None:
    with pytest.raises(AttributeError), Part("gone", instead={"rag.answering.gone": 0}).off():
        pass


def test_a_row_counts_against_the_whole() -> None:
    known, unknown = a_case("q1"), a_case("q2", answerable=False)
    whole = [an_outcome(known, right=True, said="$5."), an_outcome(unknown, right=True)]
    without = [
        an_outcome(known, right=True, said="$5."),
        an_outcome(unknown, right=False, said="$9.", hallucinated=True),
    ]
    cells = [cell.strip() for cell in row("the gate", without, whole).strip("|").split("|")]
    assert cells[0] == "the gate"
    assert [cell.split()[0] for cell in cells[1:5]] == ["1/1", "0/1", "0/1", "1/2"]
    assert cells[-1] == "0, 1"


def test_a_run_is_read_as_rag_eval_reads_it() -> None:
    plan = read_run("--articles corpus 'my notes' --closed --quick")
    assert (plan.articles, plan.is_closed, plan.quick) == (
        (Path("corpus"), Path("my notes")),
        True,
        True,
    )
    assert not read_run("--articles corpus --dataset asked.jsonl").is_closed
    assert not read_run("--articles corpus --open").is_closed

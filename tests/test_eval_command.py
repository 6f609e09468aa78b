"""`rag eval` as its users see it: where nothing can be asked, one line says why and what next."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from eval.terminal import read_bars, run_to_summary, show_run
from rag import UsageError
from rag.cli import main
from tests.conftest import run_rag
from tests.evaluation import a_case, a_run, an_outcome

Evaluate = Callable[..., tuple[int, str, str]]

LINE = '{"id": "q1", "question": "How long?", "answers": ["310 metres"]}'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one kept run, which no failure may touch."""
    kept = tmp_path / "home" / "eval" / "runs" / "20310402-101500-aaaa1111"
    kept.mkdir(parents=True)
    run = a_run(kept.name, an_outcome(a_case("q1"), right=True, said="310 metres."))
    (kept / "run.json").write_text(json.dumps(asdict(run)), encoding="utf-8")
    return tmp_path / "home"


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """A folder with nothing that could be asked about."""
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "note.md").write_text("# A note\n\nnothing to be seen here\n", encoding="utf-8")
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def evaluate(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Evaluate:
    """Run the command in this process, which spares the seconds that its start takes."""
    monkeypatch.setenv("RAG_HOME", str(home))

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["rag", "eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def fail(evaluate: Evaluate, home: Path) -> Callable[..., str]:
    """What the command says where it is used wrongly: one line, and nothing has changed."""

    def run(*arguments: str | Path) -> str:
        before = everything(home)
        code, out, err = evaluate(*arguments)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1, err
        assert everything(home) == before
        return err

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--min", "truth=0.8"], "--min does not understand 'truth=0.8'"),
        (["--compare", "20310402", "20991231"], "No finished runs are called '20991231'"),
        (["--report", "no/such/folder/report.html"], "No report can be written to no/such/folder"),
        (["--articles", "no/such/folder"], "There is no file or folder"),
    ],
)
def test_wrong_use_is_one_line_and_loses_nothing(
    arguments: list[str], message: str, fail: Callable[..., str]
) -> None:
    assert message in fail(*arguments)


def test_the_runs_that_there_are_are_named(fail: Callable[..., str]) -> None:
    assert "20310402-101500-aaaa1111" in fail("--compare", "x", "y")


def test_a_dataset_with_a_bad_line_names_the_line(
    fail: Callable[..., str], articles: Path, tmp_path: Path
) -> None:
    dataset = tmp_path / "questions.jsonl"
    dataset.write_text(f"{LINE}\n{LINE}\n", encoding="utf-8")
    said = fail("--dataset", dataset, "--articles", articles)
    assert f"{dataset}, question 2: the id 'q1' stands twice." in said
    assert '"question"' in said


def test_articles_without_a_faq_leave_nothing_to_ask(
    fail: Callable[..., str], articles: Path
) -> None:
    said = fail("--articles", articles)
    assert "no FAQ was found" in said
    assert "--dataset FILE.jsonl" in said


def test_a_folder_without_articles_is_named(fail: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = fail("--articles", tmp_path / "empty")
    assert f"There is no article in {tmp_path / 'empty'}" in said


def test_help_explains_the_options_and_shows_an_example() -> None:
    run = run_rag("eval", "--help", env={**os.environ, "COLUMNS": "100"})
    assert run.returncode == 0
    assert "Example: rag eval --articles" in run.stdout
    for option in ("--articles", "--dataset", "--closed", "--open", "--compare", "--min", "--json"):
        assert option in run.stdout


def test_two_runs_are_compared_without_a_model(evaluate: Evaluate) -> None:
    code, out, err = evaluate("--compare", "2031", "20310402-1", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["questions"] == 1
    code, out, err = evaluate("--compare", "2031", "20310402-1")
    assert code == 0
    assert "B less A, 1 questions" in out


def test_what_is_no_run_is_said_to_be_none(fail: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"id": "half a', encoding="utf-8")
    assert "is not a run" in fail("--compare", tmp_path, "2031")
    assert "No finished runs are called" in fail("--compare", tmp_path / "none", "2031")
    assert "No finished runs are called '*'" in fail("--compare", "*", "2031")


# What is shown, and what is read.


def test_bars_are_read_with_their_short_name() -> None:
    assert read_bars("accuracy=0.8, hallucination = .02") == {
        "accuracy": 0.8,
        "hallucination_answer": 0.02,
    }
    assert read_bars("recall_at_5=1") == {"recall_at_5": 1}


@pytest.mark.parametrize(
    "text", ["accuracy", "accuracy=", "accuracy=high", "accuracy=1.2.3", "=1", "", "accuracy=0.8,"]
)
def test_a_bar_that_cannot_be_read_is_quoted(text: str) -> None:
    with pytest.raises(UsageError, match="--min does not understand"):
        read_bars(text)


def test_a_run_is_shown_with_intervals_and_is_one_json_value() -> None:
    outcomes = [an_outcome(a_case(f"q{n}"), right=n < 8, said=f"[{n}]") for n in range(10)]
    run = a_run("[x]", *outcomes)
    out = Console(file=io.StringIO(), width=120)
    show_run(run, out=out)
    shown = out.file.getvalue()  # type: ignore[attr-defined]
    line = next(line for line in shown.splitlines() if "Answered rightly" in line)
    assert line.split()[2:] == ["80.0%", "49.0%", "to", "94.3%", "10"]
    assert "run [x]" in shown and "a note" in shown
    value = json.loads(
        json.dumps(run_to_summary(run, folder="f", report="r.html"), allow_nan=False)
    )
    accuracy = {"value": 0.8, "low": 0.4902, "high": 0.9433, "n": 10, "unit": "share"}
    assert value["figures"]["accuracy"] == accuracy
    assert [question["right"] for question in value["questions"]].count(True) == 8

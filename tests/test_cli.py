"""The command line as its users and other programs see it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.conftest import ARTICLE, need_model, run_rag
from tests.library import Library

# The largest of the registry: no test fetches it.
ABSENT_MODEL = "qwen3-4b-instruct-2507"

COMMANDS = ["index", "search", "ask", "chat", "models", "doctor", "bench"]


def test_help_names_every_command_and_shows_an_example() -> None:
    helped = run_rag("--help")
    assert helped.returncode == 0
    for command in COMMANDS:
        assert command in helped.stdout
    assert "rag index my-articles/" in helped.stdout


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "models"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    assert f"Example: rag {command}" in run_rag(command, "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask"], "either a question or --batch"),
        (["ask", "--batch", "x.jsonl"], "--batch and --out go together"),
        (["ask", "--batch", "none.jsonl", "--out", "o.jsonl"], "no file none.jsonl"),
        (["search", "  "], "query is empty"),
        (["models", "pull", "qwen"], "qwen2.5-coder-1.5b-instruct"),
        (["models", "path", "nothing-like-it"], "nothing-like-it"),
        (["ask", "x", "--model", "none.gguf"], "none.gguf"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    arguments: list[str], message: str, tmp_path: Path, small_index: Path
) -> None:
    if arguments[0] == "ask" and "--model" in arguments:
        arguments = [*arguments, "--index", str(small_index)]
    run = run_rag(*arguments)
    assert run.returncode == 2, run.stderr
    assert message in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_PASSAGES", "many")
    run = run_rag("models", "list")
    assert run.returncode == 2
    assert "passages = 'many'" in " ".join(run.stderr.split())


def test_no_index_says_how_to_make_one(tmp_path: Path) -> None:
    need_model("all-MiniLM-L6-v2")
    run = run_rag("search", "anything", "--index", tmp_path / "none")
    assert run.returncode == 1
    assert "rag index" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.models
@pytest.mark.parametrize("folder", ["mine", "my own"])
def test_what_to_run_is_told_for_the_index_that_was_named(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_model("all-MiniLM-L6-v2")
    index = tmp_path / folder
    told = run_rag("search", "anything", "--index", index).stderr
    assert told.endswith(f"Make one: rag index --index {shlex.quote(str(index))} PATH\n")
    checks = json.loads(run_rag("doctor", "--json", "--index", index).stdout)["checks"]
    (mend,) = [check["mend"] for check in checks if check["name"] == "index"]
    assert f"--index {shlex.quote(str(index))}" in mend
    monkeypatch.setenv("RAG_INDEX", str(index))
    assert run_rag("search", "anything").stderr.endswith("Make one: rag index PATH\n")


def test_a_missing_model_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_index: Path
) -> None:
    monkeypatch.setenv("RAG_HOME", str(tmp_path))
    run = run_rag("ask", "What is it?", "--index", small_index)
    assert run.returncode == 1
    assert "rag models pull" in " ".join(run.stderr.split())


@pytest.mark.models
def test_indexing_twice_changes_nothing(tmp_path: Path) -> None:
    need_model("all-MiniLM-L6-v2")
    article = tmp_path / "a.md"
    article.write_text(ARTICLE, encoding="utf-8")
    (tmp_path / "broken.pdf").write_bytes(b"not a pdf")
    first = run_rag("index", article, "--index", tmp_path / "i", "--json")
    report = json.loads(first.stdout)
    assert set(report) == {
        "added",
        "changed",
        "unchanged",
        "removed",
        "failed",
        "chunks",
        "seconds",
        "duplicates",
        "backup",
    }
    assert (report["added"], report["failed"]) == (1, [])
    again = json.loads(run_rag("index", "--index", tmp_path / "i", "--json").stdout)
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 1)
    failed = run_rag("index", tmp_path / "broken.pdf", "--index", tmp_path / "i", "--json")
    assert failed.returncode == 1
    assert len(json.loads(failed.stdout)["failed"]) == 1


@pytest.mark.models
def test_search_finds_the_passage_and_gives_its_place(small_index: Path) -> None:
    run = run_rag("search", "price of a visit", "--index", small_index, "-k", "2", "--json")
    value = json.loads(run.stdout)
    assert value["query"] == "price of a visit"
    assert [hit["rank"] for hit in value["hits"]] == list(range(1, len(value["hits"]) + 1))
    assert "12 euros" in value["hits"][0]["text"]
    for hit in value["hits"]:
        assert hit["article"] == "larkspur.md"
        assert ARTICLE[hit["start"] : hit["end"]] == hit["text"]


@pytest.mark.models
def test_a_batch_writes_one_answer_a_line_and_goes_on(tmp_path: Path, small_index: Path) -> None:
    need_model("smollm2-135m-instruct")
    questions, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    asked = ["When was the Larkspur Observatory opened?", "What is the capital of France?"]
    questions.write_text(
        "\n".join(json.dumps({"id": n, "question": q}) for n, q in enumerate(asked))
    )
    command = ["ask", "--batch", questions, "--out", out, "--index", small_index]
    command += ["--model", "smollm2-135m-instruct"]
    run = run_rag(*command)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["id"] for line in lines] == [0, 1]
    for line in lines:
        for citation in line["citations"]:
            assert ARTICLE[citation["start"] : citation["end"]] == citation["quote"]
    assert lines[1]["abstained"]
    whole = out.read_text("utf-8")
    out.write_text(whole.splitlines()[0] + "\n" + '{"id": 1, "que')
    assert run_rag(*command).returncode == 0
    kept = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [line["answer"] for line in kept] == [line["answer"] for line in lines]


@pytest.mark.models
def test_the_default_model_answers_with_a_quote_and_abstains(small_index: Path) -> None:
    need_model("qwen2.5-coder-1.5b-instruct")
    run = run_rag("ask", "Who opened the Larkspur Observatory?", "--index", small_index, "--json")
    answer = json.loads(run.stdout)
    assert not answer["abstained"]
    assert "Edith Marlowe" in answer["answer"]
    (citation, *_) = answer["citations"]
    assert ARTICLE[citation["start"] : citation["end"]] == citation["quote"]
    assert "Edith Marlowe" in citation["quote"]


@pytest.mark.models
def test_an_index_of_another_embedder_says_what_to_run_and_that_mends_it(tmp_path: Path) -> None:
    need_model("all-MiniLM-L6-v2")
    library = Library(tmp_path)
    library.write("larkspur.md", ARTICLE)
    library.sync(library.articles)
    place = ["--index", library.settings.index_directory]
    for command in (["search", "mirror"], ["ask", "Who opened it?"], ["chat", "--port", "7999"]):
        run = run_rag(*command, *place)
        assert run.returncode == 1
        assert run.stderr.count("\n") == 1
        assert "with the embedding model words, not all-MiniLM-L6-v2" in run.stderr
        assert run.stderr.endswith(f"Run: rag index --index {library.settings.index_directory}\n")
    made = json.loads(run_rag("index", "--json", *place).stdout)
    assert (made["unchanged"], made["failed"]) == (1, [])
    assert "2.4 metres" in run_rag("search", "mirror", *place).stdout


@pytest.mark.models
def test_doctor_says_how_to_mend(tmp_path: Path, small_index: Path) -> None:
    run = run_rag("doctor", "--json", "--index", small_index, "--model", "smollm2-135m-instruct")
    value = json.loads(run.stdout)
    assert {"python", "engine", "index", "offline"} <= {check["name"] for check in value["checks"]}
    (embedder,) = [c for c in value["checks"] if c["name"] == "embedder"]
    assert embedder["detail"].startswith("all-MiniLM-L6-v2")
    absent = run_rag("doctor", "--json", "--index", small_index, "--model", ABSENT_MODEL)
    (offline,) = [c for c in json.loads(absent.stdout)["checks"] if c["name"] == "offline"]
    assert not offline["ok"]
    assert f"rag models pull {ABSENT_MODEL}" in offline["mend"]
    missing = run_rag("doctor", "--json", "--index", tmp_path / "none")
    (index,) = [c for c in json.loads(missing.stdout)["checks"] if c["name"] == "index"]
    assert not index["ok"]
    assert "rag index" in index["mend"]
    assert missing.returncode == 1

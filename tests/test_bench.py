"""`rag bench`: each part beside its raw one, what is missing told, the user's index left alone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from rag.bench import Failure, Tools, measure
from rag.bench_parts import HOPELESS, QUESTIONS, WARM_UP_QUESTIONS, Prose, language_model
from rag.cli_bench import show_failures, show_figures
from rag.errors import ModelMissing
from rag.llm import LlamaChat
from rag.rounds import Figure
from tests.conftest import need_model, run_rag
from tests.fakes import ScriptedChat, WordEmbedder
from tests.library import Library

COMPARED = ["embedding", "indexing", "retrieval", "first_word", "whole_answer"]
OURS_ALONE = ["reindexing", "reading", "writing", "hopeless_abstention"]  # without a GGUF model
FACTS: dict[str, Any] = {"processor": "A processor", "cores": 2, "memory_bytes": 8 << 30}


class CountingChat(ScriptedChat):
    """Tells how many words it was given and wrote, as a server tells its tokens."""

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        pieces = list(super()._stream(messages, stop, run_manager, **kwargs))
        yield from pieces
        read = len(str(messages[-1].text).split())
        usage = {
            "input_tokens": read,
            "output_tokens": len(pieces),
            "total_tokens": read + len(pieces),
        }
        yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=usage))


def missing() -> Any:
    raise ModelMissing("The model is not here.", hint="Fetch it: rag models pull it")


def counting_chat() -> CountingChat:
    return CountingChat(reply=lambda prompt: "One generated video clip costs $0.50 to $5.")


def tools(**others: Callable[[], Any]) -> Tools:
    opened: dict[str, Callable[[], Any]] = {
        "embedder": WordEmbedder,
        "reference": WordEmbedder,
        "model": counting_chat,
    }
    return Tools(**(opened | others))


class Run:
    """One measurement of fakes, with what it told on the way."""

    def __init__(self, library: Library, workspace: Path, tools: Tools) -> None:
        self.steps: list[tuple[str, float, float]] = []
        told = list(
            measure(
                library.settings,
                tools=tools,
                workspace=workspace,
                progress=lambda *step: self.steps.append(step),
            )
        )
        self.figures = {each.name: each for each in told if isinstance(each, Figure)}
        self.failures = [each for each in told if isinstance(each, Failure)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def library_with_contents(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Library, dict[str, bytes]]:
    library = Library(tmp_path_factory.mktemp("mine"))
    library.write("mine.md", "# Mine\n\nAn article of the user's own.")
    library.sync(library.articles)
    return library, contents(library.articles.parent)


@pytest.fixture(scope="module")
def run(
    library_with_contents: tuple[Library, dict[str, bytes]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    return Run(library_with_contents[0], tmp_path_factory.mktemp("workspace"), tools())


def test_every_part_is_measured(run: Run) -> None:
    assert run.failures == []
    assert sorted(run.figures) == sorted(COMPARED + OURS_ALONE)


@pytest.mark.parametrize("name", COMPARED)
def test_what_has_a_raw_part_is_compared_with_it(run: Run, name: str) -> None:
    figure = run.figures[name]
    assert len(figure.ours) == len(figure.raw) > 1
    assert figure.ratio == median(figure.ours) / median(figure.raw)
    assert figure.raw_is


@pytest.mark.parametrize("name", OURS_ALONE)
def test_what_has_none_stands_alone(run: Run, name: str) -> None:
    assert run.figures[name].ours
    assert run.figures[name].ratio is None


@pytest.mark.parametrize("name", COMPARED + OURS_ALONE)
def test_every_sample_is_a_time_or_a_speed(run: Run, name: str) -> None:
    figure = run.figures[name]
    assert all(sample > 0 for sample in figure.ours + figure.raw)


def test_each_question_counts_once_and_those_that_warm_up_do_not(run: Run) -> None:
    assert len(run.figures["whole_answer"].ours) == len(QUESTIONS) - WARM_UP_QUESTIONS
    assert 1 <= len(run.figures["hopeless_abstention"].ours) <= len(HOPELESS)


def test_progress_only_grows_and_arrives(run: Run) -> None:
    shares = [done / total for _, done, total in run.steps]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert shares[0] == 0


def test_the_users_index_is_left_as_it_is(
    run: Run, library_with_contents: tuple[Library, dict[str, bytes]]
) -> None:
    library, before = library_with_contents
    assert run.figures
    assert contents(library.articles.parent) == before


def test_without_language_model_and_reference_the_rest_is_measured(
    library: Library, tmp_path: Path
) -> None:
    run = Run(library, tmp_path, tools(model=missing, reference=missing))
    assert [failure.part for failure in run.failures] == [
        "embedding",
        "indexing",
        "language model",
        "answers",
    ]
    assert {failure.hint for failure in run.failures} == {"Fetch it: rag models pull it"}
    assert set(run.figures) == {"retrieval"}


def test_without_an_embedder_the_language_model_is_measured(
    library: Library, tmp_path: Path
) -> None:
    run = Run(library, tmp_path, tools(embedder=missing))
    assert {failure.part for failure in run.failures} == {
        "embedding",
        "indexing",
        "retrieval",
        "answers",
    }
    assert set(run.figures) == {"reading", "writing"}


def test_a_model_that_tells_no_tokens_is_said_to(library: Library, tmp_path: Path) -> None:
    silent = tools(embedder=missing, model=lambda: ScriptedChat(reply=lambda prompt: "a b c"))
    failed = {failure.part: failure for failure in Run(library, tmp_path, silent).failures}
    assert "how many tokens" in failed["language model"].error


@pytest.mark.models
def test_a_gguf_model_is_compared_with_llama_cpp_python() -> None:
    model = LlamaChat(model_path=str(need_model("smollm2-135m-instruct")), context_length=2048)
    figures = list(language_model(model, done=lambda: None))
    assert [figure.name for figure in figures] == ["reading", "writing"]
    for figure in figures:
        assert len(figure.ours) == len(figure.raw) > 1
        assert "Llama.generate" in figure.raw_is


def test_the_texts_are_the_same_each_time_and_no_two_are_alike() -> None:
    first, again = Prose(), Prose()
    made = [first.article("A", words=100), first.article("A", words=100)]
    assert [again.article("A", words=100), again.article("A", words=100)] == made
    assert made[0] != made[1]
    count = WordEmbedder().count_tokens
    assert 200 <= count(first.of_tokens(200, count)) < 217


def test_the_table_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    slow = tuple(1234.5 + number for number in range(36))
    figures = [
        Figure("reindexing", "Indexing, nothing new", "ms", slow, slow, raw_is="bare"),
        Figure("whole_answer", "Whole answer", "s", (8.0, 9.0, 7.0), (5.0, 5.0, 5.0)),
        Figure("hopeless_abstention", "Hopeless, abstained", "s", (0.021,)),
    ]
    show_figures(figures, FACTS)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert re.search(r"Whole answer, s +8\.00 \(7\.00–9\.00\) +5\.00 .* 1\.60 +3", shown)
    assert re.search(r"^Indexing, nothing new, ms +1252 \(1234–1270\)", shown, re.MULTILINE)
    assert "0.021" in shown
    assert "Whole answer within 1.5 times the plain one: no" in shown
    assert "quicker than answering: yes" in shown


def test_one_reason_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_failures(
        [Failure("language model", "None.", "Pull."), Failure("answers", "None.", "Pull.")]
    )
    assert capsys.readouterr().err == "Not measured: language model, answers: None. Pull.\n"


def test_the_command_without_models_tells_and_leaves_nothing_behind(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "RAG_HOME": str(home), "TMPDIR": str(temporary)}
    done = run_rag("bench", "--json", env=environment)
    assert done.returncode == 1
    value = json.loads(done.stdout)
    assert set(value) == {
        "machine",
        "model",
        "embedding_model",
        "figures",
        "not_measured",
        "seconds",
    }
    assert value["figures"] == {}
    assert value["model"]["sha256"] is None
    assert {"processor", "cores", "memory_bytes", "versions"} <= set(value["machine"])
    assert value["machine"]["cores"] >= 1
    assert value["machine"]["versions"]["chromadb"]
    parts = {each["part"] for each in value["not_measured"]}
    assert parts == {"embedding", "indexing", "retrieval", "language model", "answers"}
    assert all("rag models pull" in each["hint"] for each in value["not_measured"])
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Not measured:") == 2
    assert list(temporary.iterdir()) == []
    assert not home.exists()

"""A run asks every question once, is kept, goes on where it was cut, and can be read again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

import eval
from eval.comparison import compare
from eval.kept import Kept, from_json, kept_folder, load_run
from eval.records import Case, Reply, Run, Statement
from eval.runs import Plan, evaluate, history_of, reply_of
from rag import Settings, UsageError
from tests.chat_fakes import ABSTENTION, ANSWER
from tests.conftest import need_model, run_rag
from tests.evaluation import a_case, a_reply, a_run, an_outcome

LANGUAGE_MODEL = "smollm2-135m-instruct"
EMBEDDING_MODEL = "all-MiniLM-L6-v2"

# Invented.
BRIDGE = """# The harbour bridge

The harbour bridge of Lindmouth was opened in 1931 by Edith Marlowe. It is 310 metres long.
Repairs cost 2.4 million crowns in 1997. Heron Society employs 12 people at the bridge.

## FAQ

### How long is the harbour bridge?

The bridge measures 310 metres from bank to bank.

### Who paints the harbour bridge?

Volunteers paint it each spring, with brushes that they bring themselves.
"""
MILL = """# The tide mill

The tide mill at Orrin Creek ground barley from 1788 to 1904. Its wheel is 5.2 metres across.
Orrin Trust employs 40 people at the mill.

## FAQ

### How wide is the wheel of the tide mill?

Its wheel is 5.2 metres across.
"""
ORPHANS = """# A guide for visitors

Every visitor of Lindmouth comes by tram, and there is much to see.

## FAQs

Yes. The harbour bridge carries two tram lines.

It runs every ten minutes.

No, the tide mill grinds no barley today.
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two small models. Without the meter's own, which would take its time."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    for name in (LANGUAGE_MODEL, EMBEDDING_MODEL):
        path = need_model(name)
        (home / "models" / path.name).symlink_to(path)
    return home


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("articles")
    (folder / "bridge.md").write_text(BRIDGE, encoding="utf-8")
    (folder / "mill.md").write_text(MILL, encoding="utf-8")
    (folder / "guide.md").write_text(ORPHANS, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def settings(home: Path) -> Settings:
    # Two threads wait for each other, and crawl where another program has a core.
    return Settings(home=home, model=LANGUAGE_MODEL, threads=1)


@pytest.fixture(scope="module")
def closed(settings: Settings, articles: Path) -> Run:
    return eval.run([articles], settings=settings)


@pytest.fixture(scope="module")
def opened(settings: Settings, articles: Path) -> Run:
    return eval.run([str(articles)], closed=False, settings=settings)


def kept(run: Run, home: Path) -> Kept:
    return Kept(home / "eval" / "runs" / run.id)


@pytest.mark.models
def test_the_faqs_and_near_misses_are_asked_judged_and_kept(closed: Run, home: Path) -> None:
    origins = [outcome.case.origin for outcome in closed.outcomes]
    assert origins.count("faq") == 3
    assert set(origins) == {"faq", "near_miss", "drafted"}
    assert closed.figures["accuracy"].n == 3
    assert closed.figures["abstention_recall"].n == origins.count("near_miss")
    assert closed.made_by["mode"] == "closed"
    assert len(closed.made_by["model_sha256"]) == 64
    assert any("meter judged without a language model" in note for note in closed.notes)
    page = kept(closed, home).report.read_text("utf-8")
    assert "Who paints the harbour bridge?" in page
    assert load_run(closed.id, settings=Settings(home=home)) == closed
    lines = kept(closed, home).replies.read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [o.case.id for o in closed.outcomes]


@pytest.mark.models
def test_questions_that_were_lost_are_drafted_and_kept_apart(closed: Run, home: Path) -> None:
    drafted = [o.case for o in closed.outcomes if o.case.origin == "drafted"]
    saved = json.loads((kept(closed, home).folder / "drafted.json").read_text("utf-8"))
    assert 0 < len(drafted) <= 3
    assert [case["question"] for case in saved] == [case.question for case in drafted]
    assert closed.figures["accuracy_drafted"].n == len(drafted)
    assert any(note.startswith("3 answers stand in a FAQ without") for note in closed.notes)


@pytest.mark.models
def test_closed_leaves_the_faq_out_of_what_is_read_and_open_has_it(
    closed: Run, opened: Run
) -> None:
    def read(run: Run) -> str:
        return "\n".join(p.text for outcome in run.outcomes for p in outcome.reply.passages)

    for of_a_faq in ("bank to bank", "Volunteers paint it", "How wide is the wheel"):
        assert of_a_faq not in read(closed)
        assert of_a_faq in read(opened)
    for of_the_body in ("It is 310 metres long", "from 1788 to 1904"):
        assert of_the_body in read(closed) and of_the_body in read(opened)
    assert opened.made_by["mode"] == "open"
    assert [o.case for o in closed.outcomes] == [o.case for o in opened.outcomes]  # drafts too


@pytest.mark.models
def test_the_users_own_index_is_not_touched(closed: Run, settings: Settings) -> None:
    assert not settings.index_directory.exists()


@pytest.mark.models
def test_a_run_that_was_cut_goes_on_in_its_folder(
    closed: Run, home: Path, articles: Path, tmp_path: Path
) -> None:
    place = kept(closed, home)
    whole = place.replies.read_bytes()
    *finished, last = whole.splitlines(keepends=True)
    # With other times, to tell a reply that was kept from one that was made again.
    earlier = b"".join(finished).replace(b'"total_ms": ', b'"total_ms": 1')
    place.run.unlink()
    place.replies.write_bytes(earlier + last[: len(last) // 2])
    environment = {**os.environ, "RAG_HOME": str(home), "RAG_MODEL": LANGUAGE_MODEL}
    environment["RAG_THREADS"] = "1"
    report = tmp_path / "report.html"
    command = ["eval", "--articles", articles, "--report", report, "--json"]
    run = run_rag(*command, "--min", "accuracy=1.01", env=environment)
    assert run.returncode == 1, run.stderr
    assert "accuracy is" in run.stderr and "under 1.01" in run.stderr
    value = json.loads(run.stdout)
    assert value["id"] == closed.id
    assert value["figures"]["accuracy"]["n"] == 3
    assert "Who paints the harbour bridge?" in report.read_text("utf-8")
    replies = place.replies.read_bytes()
    assert replies.startswith(earlier)
    lines = [json.loads(line) for line in replies.splitlines()]
    assert [line["id"] for line in lines] == [o.case.id for o in closed.outcomes]
    # The same model with the same seed says the same again.
    assert [line["reply"]["text"] for line in lines] == [o.reply.text for o in closed.outcomes]


@pytest.mark.models
def test_a_run_can_be_compared_with_another(closed: Run, opened: Run, home: Path) -> None:
    settings = Settings(home=home)
    found = compare(load_run(closed.id, settings=settings), load_run(opened.id, settings=settings))
    assert found.questions == sum(o.case.origin != "drafted" for o in closed.outcomes)
    assert ("mode", "closed", "open") in found.settings
    command = ["eval", "--compare", closed.id, opened.id, "--json"]
    run = run_rag(*command, env={**os.environ, "RAG_HOME": str(home)})
    assert json.loads(run.stdout)["a"] == closed.id


@pytest.mark.models
def test_a_finished_run_is_not_asked_into_again(
    closed: Run, settings: Settings, articles: Path
) -> None:
    dataset = articles.parent / f"{articles.name}.jsonl"
    line = {"id": "q", "question": "When was the harbour bridge opened?", "answers": ["1931"]}
    dataset.write_text(json.dumps(line), encoding="utf-8")
    first, second = (
        evaluate(Plan(settings, (articles,), dataset=dataset, closed=True)) for _ in range(2)
    )
    assert first[1].folder != second[1].folder
    assert first[0].outcomes[0].reply.text == second[0].outcomes[0].reply.text


# Without a model.


def test_a_kept_run_is_read_as_it_was(tmp_path: Path) -> None:
    run = a_run("20310402-a", an_outcome(a_case("q1", key_facts=(("310",),)), right=True, said="x"))
    value = json.loads(json.dumps(asdict(run)))
    assert from_json(Run, value) == run
    for kind, record in ((Case, run.outcomes[0].case), (Reply, run.outcomes[0].reply)):
        assert from_json(kind, asdict(record)) == record


def test_two_equal_runs_at_once_have_a_folder_each_and_a_cut_one_is_gone_on_with(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path)
    with kept_folder(settings, {"seed": 0}) as first:
        with kept_folder(settings, {"seed": 0}) as second:
            assert second.folder != first.folder
            second.run.write_text("{}", encoding="utf-8")
        with kept_folder(settings, {"seed": 1}) as other:
            assert other.folder not in (first.folder, second.folder)
    with kept_folder(settings, {"seed": 0}) as again:
        assert again.folder == first.folder


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Settings]:
    """Two kept runs, and one that was cut."""
    folder = tmp_path / "eval" / "runs"
    for name in ("20310402-a", "20310403-b", "20310404-c"):
        (folder / name).mkdir(parents=True)
        run = a_run(name, an_outcome(a_case("q1"), right=True, said="x"))
        Kept(folder / name).run.write_text(json.dumps(asdict(run)), encoding="utf-8")
    Kept(folder / "20310404-c").run.unlink()
    return Settings(home=tmp_path)


def test_a_run_is_found_by_its_id_its_beginning_or_its_place(runs: Settings) -> None:
    folder = runs.home / "eval" / "runs" / "20310403-b"
    for name in ("20310403-b", "20310403", str(folder), str(folder / "run.json")):
        assert load_run(name, settings=runs).id == "20310403-b"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("203104", "2 finished runs are called"),
        ("20310404-c", "No finished runs are called"),
        ("*", "No finished runs are called"),
        ("/none/such", "No finished runs are called"),
    ],
)
def test_a_run_that_is_not_one_run_is_refused(runs: Settings, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        load_run(name, settings=runs)
    assert "20310402-a, 20310403-b." in raised.value.hint


def test_without_any_run_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        load_run("x", settings=Settings(home=tmp_path))
    assert "rag eval" in raised.value.hint


def test_a_reply_is_what_the_assistant_said() -> None:
    reply = reply_of(ANSWER)
    assert reply.text == ANSWER.text
    assert reply.plain == "The bridge is 310 metres long. It was the longest of its day."
    assert [quote.number for quote in reply.quotes] == [1, 2]
    assert [passage.rank for passage in reply.passages] == [1]
    assert reply.confidence == pytest.approx((0.93 + 0.81) / 2)
    refused = reply_of(ABSTENTION)
    assert (refused.abstained, refused.confidence, refused.quotes) == (True, 0, ())


def test_a_follow_up_is_asked_with_the_whole_conversation_before_it() -> None:
    first = a_case("q1", question="How long is the bridge?")
    second = a_case("q2", question="And how wide?", follows="q1")
    third = a_case("q3", question="why?", follows="q2")
    said = Statement("It is 310 metres long.", (1,), 0.9)
    replies = {"q1": a_reply(said), "q2": a_reply()}
    cases = [first, second, third]
    assert history_of(first, cases, replies) == []
    assert history_of(third, cases, replies) == [
        {"role": "user", "content": "How long is the bridge?"},
        {"role": "assistant", "content": "It is 310 metres long. [1]"},
        {"role": "user", "content": "And how wide?"},
        {"role": "assistant", "content": "The articles do not say."},
    ]


def test_a_run_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "note.md").write_text("# A note\n\nnothing\n", encoding="utf-8")
    settings = Settings(home=tmp_path / "home")
    with pytest.raises(UsageError, match="nothing to ask"):
        eval.run([tmp_path / "articles"], settings=settings)
    assert not settings.home.exists()

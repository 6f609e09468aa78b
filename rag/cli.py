"""The `rag` command: index, search, ask, eval, chat, models, doctor, bench.

Results go to stdout, everything else to stderr. Exit codes: 0 done (an abstention is an
answer), 1 done in part or failed, 2 used wrongly. An error is one line that says what
happened and what to try next; `--debug` adds the traceback.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.markup import escape

from rag import terminal
from rag.cli_bench import bench_command
from rag.cli_index import index_command
from rag.cli_models import models_app
from rag.errors import FootnoteError, UsageError
from rag.settings import Settings, load_settings
from rag.terminal import IndexOption, JsonOption, ModelOption, err, out, print_json

if TYPE_CHECKING:
    from rag.catalogue import ArticleSummary
    from rag.pipeline import Assistant

app = typer.Typer(
    name="rag",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Footnote: answers from your own articles, every sentence cited, all on this machine.",
    epilog='Begin with: rag index my-articles/ · rag ask "What does it cost?" · rag chat',
)
app.command("index", epilog="Example: rag index ~/articles notes.md --index ./my-index")(
    index_command
)
app.command("bench", epilog="Example: rag bench --json > bench.json")(bench_command)
app.add_typer(models_app, name="models")


@app.callback()
def _global(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, and why sentences were kept or not.")
    ] = False,
) -> None:
    if debug:
        os.environ["FOOTNOTE_DEBUG"] = "1"


def debugging() -> bool:
    """Whether `--debug` was given."""
    return os.environ.get("FOOTNOTE_DEBUG") == "1"


@app.command(epilog='Example: rag search "cost of a video clip" -k 3')
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", help="How many passages.", min=1, max=100)] = 5,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that a question would be answered from."""
    from rag.pipeline import open_retriever
    from rag.records import hit_to_json

    if not query.strip():
        raise UsageError("The query is empty.", hint='Try: rag search "cost of a video clip"')
    hits = open_retriever(load_settings(index=index)).hits(query, limit=k)
    if as_json:
        print_json({"query": query, "hits": [hit_to_json(hit) for hit in hits]})
    else:
        terminal.show_hits(hits, out=out)


@app.command(epilog='Example: rag ask "How many employees use JPMorgan\'s LLM Suite?"')
def ask(
    question: Annotated[str | None, typer.Argument(help="The question.")] = None,
    index: IndexOption = None,
    model: ModelOption = None,
    batch: Annotated[
        Path | None,
        typer.Option("--batch", metavar="FILE", help='JSONL of {"id", "question"} to answer.'),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where --batch writes answers.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the articles, with the words that back every sentence.

    With --batch and --out, answer a file of questions; a run that was cut goes on.
    """
    if (question is None) == (batch is None):
        raise UsageError(
            "Give either a question or --batch FILE.", hint='Try: rag ask "What is an LLM?"'
        )
    if (batch is None) != (answers is None):
        raise UsageError(
            "--batch and --out go together.",
            hint="Try: rag ask --batch questions.jsonl --out answers.jsonl",
        )
    settings = load_settings(index=index, model=model)
    if batch is not None and answers is not None:
        _ask_batch(settings, batch, answers)
        return
    with terminal.waiting("Loading the language model", err=err):
        from rag.pipeline import open_assistant, read_input

        read_input(question or "")
        assistant = open_assistant(settings)
    if as_json:
        with terminal.waiting("Answering", err=err):
            answer = assistant.invoke(question or "")
        print_json(answer.to_json())
    else:
        answer = terminal.show_stream(assistant.stream(question or ""), out=out, err=err)
    if debugging():
        terminal.show_trace(answer, err=err)


def _ask_batch(settings: Settings, batch: Path, answers: Path) -> None:
    from rag.batch import answer_all, finished_lines, read_questions

    questions = read_questions(batch)
    finished_lines(answers, questions)
    with terminal.waiting("Loading the language model", err=err):
        from rag.pipeline import open_assistant

        assistant = open_assistant(settings)
    with terminal.counting(err) as progress:
        task = progress.add_task("Answering", total=len(questions))
        written = answer_all(
            questions,
            answers,
            answer=assistant.invoke,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    err.print(f"{written} answered now, {len(questions)} in {answers}.")


@app.command("eval", epilog="Example: rag eval --articles ~/articles --report report.html")
def eval_command(
    index: IndexOption = None,
    articles: Annotated[
        list[Path] | None,
        typer.Option("--articles", metavar="PATH", help="Articles; else those of the index."),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", metavar="FILE", help="JSONL of questions with answers."),
    ] = None,
    closed: Annotated[
        bool | None,
        typer.Option(
            "--closed/--open",
            help="Leave the articles' FAQs out of what is searched, or in. Closed by default, "
            "open with --dataset.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="At most 40 questions, or those so marked.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Where the HTML report goes.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="RUN_A RUN_B", help="Compare two kept runs instead."),
    ] = None,
    minimum: Annotated[
        str | None,
        typer.Option("--min", help="Exit 1 below, such as accuracy=0.8,hallucination=0.02."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score answers and measure hallucination on the articles' own FAQs, or on a set of questions.

    A run that was cut goes on when it is started again. Runs are kept, to be compared.
    """
    from eval import terminal as shown
    from eval.comparison import compare as compare_runs
    from eval.figures import below_bar
    from eval.kept import load_run
    from eval.report import write_report
    from eval.runs import Plan, evaluate

    settings = load_settings(index=index, model=model)
    bars = shown.read_bars(minimum) if minimum else {}
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        raise UsageError(
            f"No report can be written to {report}.",
            hint="Name a file in a folder that exists with --report FILE.html.",
        )
    if compare is not None:
        found = compare_runs(*(load_run(name, settings=settings) for name in compare))
        if as_json:
            print_json(shown.comparison_to_json(found))
        else:
            shown.show_comparison(found, out=out)
        return
    plan = Plan(settings, tuple(articles or ()), dataset, closed, quick)
    with terminal.counting(err) as progress:
        task = progress.add_task("Starting", total=None)
        run, kept = evaluate(
            plan,
            progress=lambda stage, done, total: progress.update(
                task, description=stage, completed=done, total=total or None
            ),
        )
    path = report or kept.report
    write_report(run, path)
    if as_json:
        print_json(shown.run_to_summary(run, folder=str(kept.folder), report=str(path)))
    else:
        shown.show_run(run, out=out)
        out.print(f"Report: {path}\nKept as {run.id}; compare with: rag eval --compare A B")
    if missed := below_bar(run.figures, bars):
        err.print(f"[red]Below the bar:[/red] {'; '.join(missed)}.", soft_wrap=True)
        raise typer.Exit(1)


@app.command(epilog="Example: rag chat --port 7861")
def chat(
    index: IndexOption = None,
    model: ModelOption = None,
    port: Annotated[int, typer.Option("--port", help="The port of the page.", min=1)] = 7860,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Open the chat in the browser at http://127.0.0.1:7860."""
    from rag.pipeline import open_assistant, open_embedder, open_index
    from ui.app import build_app, launch
    from ui.library import Library

    settings = load_settings(index=index, model=model)
    embedder = open_embedder(settings)
    articles = open_index(settings, embedder=embedder).articles()
    opened = threading.Event()

    def load() -> Assistant:
        # llama.cpp silences the whole process while it loads, so the address is printed first.
        opened.wait()
        return open_assistant(settings, embedder=embedder)

    page = build_app(
        load,
        examples=EXAMPLES if _is_shipped_corpus(articles) else (),
        library=Library(settings, open_embedder=lambda: embedder),
    )
    launch(page, host=host, port=port, when_open=opened.set)


EXAMPLES = (
    "What does one generated video clip cost?",
    "Is ChatGPT a generative AI or an LLM?",
    "How many employees did JPMorgan's LLM Suite reach?",
    "When should a company choose an LLM?",
    "What is the capital of France?",
)


def _is_shipped_corpus(articles: list[ArticleSummary]) -> bool:
    """Whether the example questions, which are about the shipped corpus, would make sense."""
    return any(article.id == "costs-and-speed.md" for article in articles)


@app.command(epilog="Example: rag doctor --json")
def doctor(
    index: IndexOption = None, model: ModelOption = None, as_json: JsonOption = False
) -> None:
    """Check the engine, the models, the index and offline readiness, and say how to mend each.

    A damaged index is mended at once where nothing can be lost by it.
    """
    from rag.doctor import examine

    checks = []
    with terminal.waiting("Examining", err=err):
        for found in examine(load_settings(index=index, model=model)):
            check = replace(found, mend=terminal.naming_index(found.mend, index))
            checks.append(check)
            if not as_json:
                mark = "[green]ok[/green]  " if check.ok else "[red]bad[/red] "
                out.print(f"{mark} [bold]{check.name}[/bold] {escape(check.detail)}")
                if check.mend:
                    out.print(f"     mend: {escape(check.mend)}")
    healthy = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": healthy, "checks": [check.to_json() for check in checks]})
    if not healthy:
        raise typer.Exit(1)


def fail(error: FootnoteError, index: Path | None) -> NoReturn:
    """One line on stderr, and the exit code of the error's kind."""
    hint = terminal.naming_index(error.hint, index)
    line = f"[red]{escape(error.message)}[/red] {escape(hint)}".rstrip()
    err.print(line, soft_wrap=True)
    raise SystemExit(error.exit_code)


def main() -> None:
    """Run the command line; every `FootnoteError` becomes one line."""
    named = terminal.Named()
    try:
        app(obj=named)
    except FootnoteError as error:
        if debugging():
            raise
        fail(error, named.index)
    except KeyboardInterrupt:
        err.print("Stopped.")
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader of a pipe, such as `head`, has enough; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None

"""What each part is worth, off one at a time: `python -m tests.ablation_runs RUN [RUN ...]`.

A RUN is what follows `rag eval`, in quotes: "--articles corpus --closed --quick". The questions of
all runs count together. Prints a Markdown table. What the language model has said or read once
it does not say or read again, so a part that changes no prompt costs little; there are no seconds
in the table, therefore.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

from eval.figures import figures_of
from eval.plots import interval
from eval.records import Outcome
from eval.runs import Plan, evaluate
from rag.drafting import weigh
from rag.evidence import EvidenceSet
from rag.llm import LlamaChat
from rag.records import Query, Verdict
from rag.settings import Settings, load_settings

FIGURES = {
    "accuracy": "right",
    "over_refusal": "refused",
    "abstention_recall": "abstained",
    "hallucination_answer": "hallucinated answers",
    "hallucination_sentence": "invented sentences",
    "citation_recall": "citation recall",
    "citation_precision": "citation precision",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Something that can be left out: by a setting, or by what stands in its place."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    instead: Mapping[str, Any] = field(default_factory=dict)  # by dotted names

    @contextmanager
    def off(self) -> Iterator[None]:
        """Without it; raises AttributeError where its name is no more."""
        with ExitStack() as stack:
            for target, value in self.instead.items():
                stack.enter_context(patch(target, value))
            yield


def _same(findings: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
    return list(findings)


def _no_fault(*args: Any, **kwargs: Any) -> str:
    return ""


def _answered_anyway(*args: Any, **kwargs: Any) -> Any:
    signals, weights = weigh(*args, **kwargs)
    return signals, replace(weights, threshold=0.0)


def _by_rank(evidence: EvidenceSet) -> list[float]:
    return [1 / piece.rank for piece in evidence.pieces]


PARTS = (
    Part("nothing"),
    Part("search by words", {"search_words": False}),
    Part("search by vectors", {"search_vectors": False}),
    Part("second search", {"second_search": False}),
    Part(
        "the articles' spelling",
        instead={"rag.pipeline.respelled": lambda question, *args, **kwargs: question},
    ),
    Part(
        "follow-ups written out",
        instead={
            "rag.conversation.FollowUps.resolve": lambda self, question, history: Query(
                question, question
            ),
            "rag.conversation.FollowUps.in_context": lambda self, question, history: None,
        },
    ),
    Part(
        "steps",
        instead={"rag.pipeline.answer_in_steps": lambda question, *, ask, model: ask(question)},
    ),
    Part(
        "second parts of a question",
        instead={"rag.pipeline.answer_in_parts": lambda question, *, ask: ask(question)},
    ),
    Part(
        "sentences chosen for the question",
        instead={"rag.evidence.EvidenceSet.scores": property(_by_rank)},
    ),
    Part("the sides of a comparison", instead={"rag.evidence.sides_of": lambda question: []}),
    Part("reading on", instead={"rag.answering.MOST_READINGS": 1}),
    Part(
        "half a name, of the gates",
        instead={
            f"rag.{room}.swapped_names": lambda question, text: frozenset()
            for room in ("answerability", "confirmation")
        },
    ),
    Part("the first gate", instead={"rag.drafting.weigh": _answered_anyway}),
    Part(
        "the second gate",
        instead={
            "rag.drafting.draft_verdict": lambda *args, **kwargs: Verdict("", True, 1.0, "off")
        },
    ),
    Part("both gates", {"gate": False}),
    Part("pointing, and so the adapter", {"pointing": False}),
    Part("the check, and all that follows it", {"verify": False}),
    Part("the gates and the check", {"gate": False, "verify": False}),
    Part(
        "names, of the check",
        instead={
            f"rag.verification.{name}": _no_fault
            for name in (
                "name_fault",
                "subject_fault",
                "membership_fault",
                "stitching_fault",
                "list_fault",
                "borrowed_fault",
            )
        },
    ),
    Part("numbers, of the check", instead={"rag.verification.number_fault": _no_fault}),
    Part("what is told, of the check", instead={"rag.verification._told_fault": _no_fault}),
    Part("comparisons, of the check", instead={"rag.verification.comparison_fault": _no_fault}),
    Part(
        "all and denials, of the check",
        instead={
            f"rag.verification.{name}": _no_fault for name in ("_universal_fault", "_denial_fault")
        },
    ),
    Part("the articles' words in place of a draft", instead={"rag.answering.MOST_QUOTES": 0}),
    Part(
        "the articles' words after an answer",
        instead={
            f"rag.answering.{step}": _same
            for step in ("give_reasons", "add_nearest", "complete_list")
        },
    ),
    Part("other articles beside the cited", instead={"rag.answering.compare_articles": _same}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--only", nargs="+", metavar="PART", help="these parts and no others")
    given = parser.parse_args()
    known = {part.name for part in PARTS}
    if unknown := set(given.only or ()) - known:
        parser.error(f"no part is called {sorted(unknown)}; there are {sorted(known)}")
    plans = [read_run(text) for text in given.runs]
    whole: list[Outcome] = []
    print(f"| left out | {' | '.join(FIGURES.values())} | better, worse |")
    print(f"|{'---|' * (len(FIGURES) + 2)}")
    with said_once():
        for part in PARTS:
            if part is PARTS[0] or not given.only or part.name in given.only:
                outcomes = [o for plan in plans for o in outcomes_without(part, plan)]
                whole = whole or outcomes
                print(row(part.name, outcomes, whole), flush=True)


def read_run(text: str) -> Plan:
    """What to evaluate, from the arguments of `rag eval`."""
    parser = argparse.ArgumentParser(prog="RUN", exit_on_error=False)
    parser.add_argument("--articles", nargs="+", type=Path, required=True)
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--closed", action=argparse.BooleanOptionalAction)
    parser.add_argument("--open", action="store_false", dest="closed")
    given = parser.parse_args(shlex.split(text))
    return Plan(
        load_settings(), tuple(given.articles), given.dataset, given.closed, quick=given.quick
    )


def outcomes_without(part: Part, plan: Plan) -> Sequence[Outcome]:
    """What comes of a run without a part; its replies are not kept, as its code is not the code."""
    usual = plan.settings.home
    with tempfile.TemporaryDirectory() as folder, part.off():
        home = Path(folder)
        (home / "eval").mkdir()
        for shared in ("models", "eval/indexes"):
            (usual / shared).mkdir(parents=True, exist_ok=True)
            (home / shared).symlink_to((usual / shared).resolve())
        settings: Settings = plan.settings.model_copy(update={"home": home, **part.settings})
        run, _ = evaluate(replace(plan, settings=settings), progress=_show)
    print(file=sys.stderr)
    return run.outcomes


def row(name: str, outcomes: Sequence[Outcome], whole: Sequence[Outcome]) -> str:
    """A row of the table; the last column counts the questions against `whole`."""
    figures = figures_of(outcomes)
    cells = []
    for key in FIGURES:
        if figure := figures.get(key):
            count = round(figure.value * figure.n)
            cells.append(f"{count}/{figure.n} ({interval(figure)})")
        else:
            cells.append("")
    pairs = [(before.right, after.right) for before, after in zip(whole, outcomes, strict=True)]
    better = sum(after and not before for before, after in pairs)
    worse = sum(before and not after for before, after in pairs)
    return f"| {name} | {' | '.join(cells)} | {better}, {worse} |"


@contextmanager
def said_once() -> Iterator[None]:
    """Has the language model answer the same prompt once, and begin it once."""
    with (
        patch.object(LlamaChat, "_stream", _remembered(LlamaChat._stream)),
        patch.object(LlamaChat, "beginning_log_odds", _remembered(LlamaChat.beginning_log_odds)),
    ):
        yield


def _remembered(method: Callable[..., Any]) -> Callable[..., Any]:
    kept: dict[str, Any] = {}

    @wraps(method)
    def remembering(self: LlamaChat, messages: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("run_manager", None)
        said = [(message.type, message.content) for message in messages]
        key = repr((self.model_path, said, args, sorted(kwargs.items())))
        if key not in kept:
            result = method(self, messages, *args, **kwargs)
            kept[key] = list(result) if isinstance(result, Iterator) else result
        return iter(kept[key]) if isinstance(kept[key], list) else kept[key]

    return remembering


def _show(stage: str, done: int, total: int) -> None:
    print(f"\r{stage} {done}/{total}    ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

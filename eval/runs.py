"""One evaluation from articles to figures, kept, and gone on with where it was cut.

    Plan -> index of its own -> cases -> replies (one line each, as they come) -> outcomes -> Run

A run is kept in a folder of its own under `eval/runs` in Footnote's home: `plan.json` with what
made it, `replies.jsonl`, and at the end `run.json` and `report.html`. The user's own index is
never touched.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.agreement import AgreementJudge
from eval.cases import QUICK_CASES, dataset_cases, dialogue_cases, spread, written_cases
from eval.faq import FaqAnswer, draft_question, harvest
from eval.figures import accuracy_by_kind, figures_of
from eval.judges import judge_scores
from eval.kept import Kept, digest_of, from_json, kept_folder, whole_lines
from eval.meter import Meter
from eval.metrics import calibration_bins, has_all_facts, risk_coverage
from eval.near_misses import near_misses
from eval.records import Case, Outcome, Passage, Quote, Reply, Run, Statement
from eval.scoring import Judges, outcome
from rag import (
    Article,
    ModelError,
    ModelMissing,
    Settings,
    UsageError,
    open_assistant,
    open_chat_model,
    open_embedder,
    open_index,
    read_articles,
    sha256_of_model,
    shipped_corpus,
    sync,
    write_json,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from rag import Answer, Assistant, Embedder

FEWEST_NEAR_MISSES, MOST_NEAR_MISSES = 10, 40
METER_MODEL = "qwen2.5-coder-1.5b-instruct"  # the one that the meter's weights were learned with

# What is going on, how much of it is done, and of how many; 0 of 0 where nobody knows.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to evaluate. `articles` are files and folders, none for what the index was made from.

    `closed` leaves the articles' FAQ sections out of the index, so that the answers must come
    from the body; None means so, except for a `dataset`, whose questions may be about any part.
    """

    settings: Settings
    articles: tuple[Path, ...] = ()
    dataset: Path | None = None
    closed: bool | None = None
    quick: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the FAQ sections are left out."""
        return self.dataset is None if self.closed is None else self.closed


@dataclass
class _Questions:
    """What there is to ask, and what a reader should know about it."""

    cases: list[Case]
    orphans: tuple[FaqAnswer, ...] = ()
    notes: list[str] = field(default_factory=list)


def evaluate(
    plan: Plan, *, progress: Progress = lambda stage, done, total: None
) -> tuple[Run, Kept]:
    """Index, ask, judge and keep one run; a run that was cut goes on where it stopped.

    Raises `UsageError` where there is nothing to ask, and whatever indexing and answering raise.
    """
    progress("Reading the articles", 0, 0)
    roots = plan.articles or _remembered_roots(plan.settings)
    articles, failed = read_articles(roots)
    if not articles:
        raise UsageError(
            f"There is no article in {', '.join(map(str, roots))}."
            if roots
            else "The files and folders that the index was made from are gone.",
            hint="Name articles with --articles.",
        )
    questions = _questions(plan, articles)
    questions.notes += [f"Not read: {file.path}: {file.error}" for file in failed]
    embedder = open_embedder(plan.settings)
    settings = _index(plan, roots, embedder, progress)
    made_by = _made_by(plan, settings, articles, questions)
    with kept_folder(plan.settings, made_by) as kept:
        replies, model = _answers(questions, kept, settings, embedder, progress)
        judges = Judges(
            meter=Meter(model),
            agreement=AgreementJudge(embedder.embed),
            text_of={article.id: article.text for article in articles}.__getitem__,
        )
        outcomes = []
        for done, (case, reply) in enumerate(zip(questions.cases, replies, strict=True)):
            progress("Judging", done, len(replies))
            outcomes.append(outcome(case, reply, judges=judges))
        run = assemble(
            outcomes,
            made_by=made_by,
            name=_name(made_by),
            id=kept.folder.name,
            notes=questions.notes,
        )
        write_json(kept.run, asdict(run))
    return run, kept


def _answers(
    questions: _Questions,
    kept: Kept,
    settings: Settings,
    embedder: Embedder,
    progress: Progress,
) -> tuple[list[Reply], BaseChatModel | None]:
    """A reply to every case, and the model for the meter; what the reader should know is noted.

    The two models are never in memory together.
    """
    assistant = open_assistant(settings, embedder=embedder)
    if questions.orphans:
        drafted = _drafted(questions.orphans, kept, model=assistant.model)
        questions.cases += drafted
        questions.notes.append(
            f"{len(questions.orphans)} answers stand in a FAQ without their question. The language "
            f"model drafted a question for {len(drafted)} of them; these are marked and in no "
            "other figure."
        )
    replies = _replies(questions.cases, kept, assistant, progress)
    model = assistant.model if settings.model == METER_MODEL and not settings.llm_url else None
    del assistant  # before another model is loaded
    model = model or _meter_model(settings)
    if model is None:
        questions.notes.append(
            f"The meter judged without a language model, since {METER_MODEL} is not here; it then "
            "sees less, as its own scores say."
        )
    return replies, model


def assemble(
    outcomes: Sequence[Outcome],
    *,
    made_by: Mapping[str, Any],
    name: str,
    id: str,
    notes: Sequence[str] = (),
) -> Run:
    """A run from its outcomes: the figures, and what the report draws."""
    counted = [o for o in outcomes if o.case.origin != "drafted"]
    confidences = [o.reply.confidence for o in counted]
    held = [o.case.answerable and o.right for o in counted]
    return Run(
        id=id,
        name=name,
        made_by=made_by,
        figures=figures_of(outcomes, seed=made_by["settings"]["seed"]),
        by_kind=accuracy_by_kind(outcomes),
        risk_coverage=risk_coverage(confidences, [not value for value in held]),
        calibration=calibration_bins(confidences, held),
        judges=judge_scores(),
        outcomes=tuple(outcomes),
        notes=tuple(notes),
    )


def _remembered_roots(settings: Settings) -> tuple[Path, ...]:
    """What the user's index was made from; the shipped corpus where there is no index."""
    if not (settings.index_directory / "current.json").exists():
        return (shipped_corpus(),)
    return tuple(root for root in open_index(settings).roots() if root.exists())


def _questions(plan: Plan, articles: Sequence[Article]) -> _Questions:
    if plan.dataset is not None:
        return _Questions(dataset_cases(plan.dataset, quick=plan.quick))
    found = harvest(articles)
    questions = _Questions(list(found.pairs), found.orphans)
    wanted = min(max(len(found.pairs), FEWEST_NEAR_MISSES), MOST_NEAR_MISSES)
    questions.cases += near_misses(articles, most=wanted, seed=plan.settings.seed)
    if any(article.id == "costs-and-speed.md" for article in articles):
        questions.cases += _asked_of(written_cases(), articles, closed=plan.is_closed)
        if not plan.quick:
            for dialogue in dialogue_cases():
                if _asked_of(dialogue, articles, closed=plan.is_closed) == dialogue:
                    questions.cases += dialogue
    if not found.pairs:
        questions.notes.append("No FAQ with questions was found in these articles.")
    if plan.quick:
        questions.cases = spread(questions.cases, QUICK_CASES)
        questions.orphans = ()
    if not questions.cases:
        raise UsageError(
            "There is nothing to ask: no FAQ was found in the articles.",
            hint="Give questions with --dataset FILE.jsonl.",
        )
    return questions


def _asked_of(cases: Sequence[Case], articles: Sequence[Article], *, closed: bool) -> list[Case]:
    """The written questions that the indexed text answers, and those that it does not.

    With the FAQs left out, a question counts only if its facts still stand in what is left.
    """
    if not closed:
        return list(cases)
    text = "\n".join(
        article.text[block.start : block.end]
        for article in articles
        for section in article.sections
        for block in section.blocks
        if block.kind != "faq"
    )
    return [
        case
        for case in cases
        if not case.answerable or (case.kind != "faq" and has_all_facts(case.key_facts, text))
    ]


def _index(plan: Plan, roots: Sequence[Path], embedder: Embedder, progress: Progress) -> Settings:
    """Bring the evaluation's own index of these roots up to date; the settings that open it."""
    name = digest_of([plan.is_closed, sorted(str(root.resolve()) for root in roots)])[:12]
    settings = plan.settings.model_copy(
        update={
            "index": plan.settings.home / "eval" / "indexes" / name,
            "leave_out_faqs": plan.is_closed,
        }
    )
    sync(
        settings,
        roots,
        embedder=embedder,
        progress=lambda step: progress("Indexing", step.done, step.total),
    )
    return settings


def _made_by(
    plan: Plan, settings: Settings, articles: Sequence[Article], questions: _Questions
) -> dict[str, Any]:
    """Everything that a reply depends on, and when it was asked for."""
    shown = settings.model_dump(mode="json", exclude={"home", "index", "llm_api_key"})
    asked = [asdict(case) for case in questions.cases]
    return {
        "date": datetime.now().isoformat(timespec="seconds"),
        "model": settings.model,
        "model_sha256": None if settings.llm_url else sha256_of_model(settings),
        "articles": len(articles),
        "articles_sha256": digest_of([article.content_hash for article in articles]),
        "mode": "closed" if plan.is_closed else "open",
        "dataset": plan.dataset.resolve().parent.name if plan.dataset else None,
        "quick": plan.quick,
        "questions": len(asked),
        "questions_sha256": digest_of(asked),
        "settings": shown,
        "version": metadata.version("footnote"),
        "code_sha256": _code_digest(),
        "python": platform.python_version(),
    }


def _drafted(orphans: Sequence[FaqAnswer], kept: Kept, *, model: BaseChatModel) -> list[Case]:
    """A drafted question for each answer that lost its own; the same when a run goes on.

    An answer for which the model says nothing that could be a question has none.
    """
    path = kept.folder / "drafted.json"
    if not path.exists():
        drafted = []
        for orphan in orphans:
            with suppress(ModelError):
                drafted.append(asdict(draft_question(orphan, model=model)))
        write_json(path, drafted)
    return [from_json(Case, value) for value in json.loads(path.read_text("utf-8"))]


def _replies(
    cases: Sequence[Case], kept: Kept, assistant: Assistant, progress: Progress
) -> list[Reply]:
    """A reply to each case, those of an earlier part of this run from its file."""
    known = {line["id"]: from_json(Reply, line["reply"]) for line in whole_lines(kept.replies)}
    with kept.replies.open("a", encoding="utf-8") as file:
        for case in cases:
            progress("Answering", len(known), len(cases))
            if case.id not in known:
                asked = {"question": case.question, "history": history_of(case, cases, known)}
                known[case.id] = reply_of(assistant.invoke(asked))
                line = {"id": case.id, "reply": asdict(known[case.id])}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
    return [known[case.id] for case in cases]


def history_of(
    case: Case, cases: Sequence[Case], replies: Mapping[str, Reply]
) -> list[dict[str, str]]:
    """The conversation before a case as messages, oldest first; empty where it follows none."""
    before = next((other for other in cases if other.id == case.follows), None)
    if before is None:
        return []
    return [
        *history_of(before, cases, replies),
        {"role": "user", "content": before.question},
        {"role": "assistant", "content": replies[before.id].text},
    ]


def reply_of(answer: Answer) -> Reply:
    """What the assistant said, as the evaluation keeps it.

    The confidence is that of the last gate that it came to; without a gate, the support of what
    was said.
    """
    support = [sentence.support for sentence in answer.sentences]
    return Reply(
        text=answer.text,
        abstained=answer.abstained,
        reason=answer.reason,
        statements=tuple(
            Statement(sentence.text, sentence.citations, sentence.support)
            for sentence in answer.sentences
        ),
        quotes=tuple(
            Quote(c.number, c.article_id, c.title, c.start, c.end, c.quote)
            for c in answer.citations
        ),
        passages=tuple(
            Passage(
                article=hit.chunk.article_id,
                title=hit.chunk.title,
                start=hit.chunk.start,
                end=hit.chunk.end,
                text=hit.chunk.text,
                rank=hit.rank,
            )
            for hit in answer.hits
        ),
        confidence=answer.gate.support if answer.gate else sum(support) / len(support),
        first_token_ms=answer.timings.first_token_ms,
        total_ms=answer.timings.total_ms,
        prompt_tokens=answer.timings.prompt_tokens,
        answer_tokens=answer.timings.answer_tokens,
    )


def _meter_model(settings: Settings) -> BaseChatModel | None:
    """The language model that the meter asks; None where it is not on this machine."""
    try:
        return open_chat_model(settings.model_copy(update={"model": METER_MODEL, "llm_url": None}))
    except ModelMissing:
        return None


def _name(made_by: Mapping[str, Any]) -> str:
    about = made_by["dataset"] or f"{made_by['articles']} articles"
    return f"{about}, {made_by['mode']}, {Path(made_by['model']).name.removesuffix('.gguf')}"


def _code_digest() -> str:
    """SHA-256 of everything that Footnote is made of, so that runs of other code are told apart."""
    digest = hashlib.sha256()
    for package in ("rag", "eval"):
        folder = Path(str(resources.files(package)))
        for file in sorted([*folder.glob("*.py"), *folder.glob("*.json")]):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()

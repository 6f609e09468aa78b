"""Records of an invented evaluation, for tests of what is made from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.figures import accuracy_by_kind, figures_of
from eval.records import (
    Case,
    Outcome,
    Passage,
    Quote,
    Reply,
    Run,
    SentenceJudgement,
    Statement,
)

REFUSAL = "The articles do not say."


def a_case(id: str = "q1", *, answerable: bool = True, **fields: Any) -> Case:
    given = {"question": f"What of {id}?", "kind": "number", "origin": "written"} | fields
    return Case(id=id, answerable=answerable, **given)


def a_reply(
    *statements: Statement, quotes: Sequence[Quote] = (), passages: Sequence[Passage] = (), **o: Any
) -> Reply:
    """An answer of these statements; without any, an abstention."""
    marked = (s.text + "".join(f" [{n}]" for n in s.citations) for s in statements)
    given = {
        "reason": None if statements else "Looked at 3 passages.",
        "confidence": 0.9 if statements else 0.1,
        "first_token_ms": 500.0 if statements else 0.0,
        "total_ms": 1000.0,
        "prompt_tokens": 400,
        "answer_tokens": 10 * len(statements),
    } | o
    return Reply(
        text=" ".join(marked) or REFUSAL,
        abstained=not statements,
        statements=statements or (Statement(REFUSAL, (), 0.0),),
        quotes=tuple(quotes),
        passages=tuple(passages),
        **given,
    )


def an_outcome(
    case: Case, *, right: bool, said: str | None = None, hallucinated: bool = False, **fields: Any
) -> Outcome:
    """An answer in one sentence that cites one quote; an abstention where nothing is said."""
    quote = Quote(1, "bridge.md", "The bridge", 0, 4, "It i")
    reply = fields.pop("reply", None) or (
        a_reply() if said is None else a_reply(Statement(said, (1,), 0.9), quotes=[quote])
    )
    held = not hallucinated
    judged = SentenceJudgement(said or "", float(held), hallucinated, "read", held, (held,))
    given = {
        "why": "read",
        "agreement": None,
        "exact_match": 0.0,
        "token_f1": 0.5,
        "string_recall": right and said is not None,
        "sentences": () if reply.abstained else (judged,),
        "quotes_exact": len(reply.quotes),
        "found_rank": None,
        "all_sources_rank": None,
    } | fields
    return Outcome(case=case, reply=reply, right=right, hallucinated=hallucinated, **given)


def a_run(id: str, *outcomes: Outcome, **settings: Any) -> Run:
    return Run(
        id=id,
        name=f"run {id}",
        made_by={
            "date": id,
            "model": "small",
            "mode": "closed",
            "settings": {"seed": 0} | settings,
        },
        figures=figures_of(outcomes),
        by_kind=accuracy_by_kind(outcomes),
        risk_coverage=((1.0, 0.5),),
        calibration=((0.5, 0.5, len(outcomes)),),
        judges={},
        outcomes=outcomes,
        notes=("a note",),
    )

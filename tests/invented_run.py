"""A run about invented articles, with every figure, plot and judge, for what shows runs."""

from __future__ import annotations

import dataclasses
import random
import re
from collections import Counter
from typing import Any

from eval.metrics import wilson
from eval.records import (
    Case,
    Figure,
    Outcome,
    Passage,
    Quote,
    Reply,
    Run,
    SentenceJudgement,
    Statement,
)
from eval.report import FIGURES

# Invented articles.
ARTICLES = {
    "harbour-bridge": "The harbour bridge of Lindmouth was opened in 1931. It is 310 metres long "
    "and carries two tram lines. The bridge was painted green until 1968, when the town council "
    "chose white. Repairs cost 2.4 million crowns in 1997, and the towers were then fitted with "
    "lamps.",
    "tide-mill": "The tide mill at Orrin Creek ground barley from 1788 to 1904. Its wheel, 5.2 "
    "metres across, turned for six hours of each tide. A museum of flour opened in the mill in "
    "1972; it is closed on Mondays. Some 14,000 people visit it in a year.",
    "glass-moth": "The glass moth lives on the north slopes of the Verrin hills. It lays 40 to 60 "
    "eggs on heather in June. Its wings have hardly any scales, so that light passes through "
    "them. Numbers have fallen by 35% since the heaths were drained.",
}
TITLES = {
    "harbour-bridge": "The harbour bridge",
    "tide-mill": "The tide mill at Orrin Creek",
    "glass-moth": "The glass moth & its heath",
}
ASKED = [
    ("How long is the harbour bridge?", "harbour-bridge", "310 metres", "number"),
    ("When was the harbour bridge opened?", "harbour-bridge", "1931", "date"),
    ("Which colour did the council choose in 1968?", "harbour-bridge", "white", "name"),
    ("What did the repairs of 1997 cost?", "harbour-bridge", "2.4 million crowns", "number"),
    ("Is the museum of flour open on Mondays?", "tide-mill", "closed on Mondays", "yes_no"),
    ("How many people visit the mill in a year?", "tide-mill", "14,000", "number"),
    ("Why does light pass through the moth's wings?", "glass-moth", "scales", "reason"),
    ("How many eggs does the glass moth lay?", "glass-moth", "40 to 60", "number"),
]
NOT_SAID = [
    ("How long is the railway bridge of Lindmouth?", "near_miss_entity"),
    ("What did the repairs of 1957 cost?", "near_miss_year"),
    ("Who is the world champion of chess?", "off_topic"),
    ("Why was the tide mill burnt down?", "false_premise"),
]


def share(name: str, successes: int, trials: int) -> Figure:
    low, high = wilson(successes, trials)
    return Figure(name, successes / trials if trials else float("nan"), trials, low, high)


def measured(name: str, value: float, unit: Any, n: int = 96) -> Figure:
    return Figure(name, value, n, value * 0.9, value * 1.12, unit, "bootstrap")


def passages(first: str) -> tuple[Passage, ...]:
    """All sentences of the articles in pairs, those of the article `first` before the others."""
    found = []
    for article in sorted(ARTICLES, key=lambda each: each != first):
        text, starts = ARTICLES[article], [0]
        starts += [match.end() for match in re.finditer(r"[.;] ", ARTICLES[article])]
        for start, end in zip(starts[::2], [*starts[2::2], len(text)], strict=True):
            found.append((article, start, end))
    return tuple(
        Passage(article, TITLES[article], start, end, ARTICLES[article][start:end], rank)
        for rank, (article, start, end) in enumerate(found, start=1)
    )


def outcome(place: int, rng: random.Random) -> Outcome:
    """One of many different outcomes, all of them consistent."""
    answerable = rng.random() < 0.65
    if answerable:
        question, article, fact, kind = rng.choice(ASKED)
    else:
        (question, kind), article, fact = rng.choice(NOT_SAID), rng.choice([*ARTICLES]), ""
    abstained = rng.random() < (0.1 if answerable else 0.75)
    case = Case(
        id=f"{kind}-{place:03d}",
        question=question,
        answerable=answerable,
        kind=kind,
        origin="near_miss" if kind.startswith("near") else "written",
        references=(f"It is {fact}, as the article says.",) if fact and place % 3 else (),
        key_facts=((fact, fact.upper()),) if fact else (),
        source_articles=(article,) if answerable else (),
        near="How long is the harbour bridge?" if kind == "near_miss_entity" else None,
    )
    found = passages(article)
    seconds = rng.lognormvariate(1.5, 0.35)
    reply = Reply(
        text="The articles do not answer this question." if abstained else "",
        abstained=abstained,
        reason="The nearest passage names another bridge." if abstained else None,
        statements=(),
        quotes=(),
        passages=found,
        confidence=rng.random() ** (2 if abstained else 0.4),
        first_token_ms=0 if abstained else 1000 * seconds,
        total_ms=400 if abstained else 1000 * (seconds + rng.lognormvariate(0.8, 0.6)),
        prompt_tokens=rng.randrange(380, 830),
        answer_tokens=0 if abstained else rng.randrange(12, 90),
    )
    judged: tuple[SentenceJudgement, ...] = ()
    hallucinated = not abstained and rng.random() < (0.06 if answerable else 0.6)
    if not abstained:
        text = ARTICLES[article]
        first, second = found[0], found[1]
        quotes = tuple(
            Quote(number, article, TITLES[article], p.start, end, text[p.start : end])
            for number, p in enumerate((first, second), start=1)
            for end in [p.end if number == 2 else p.start + p.text.index(" ", 24)]
        )
        said = f"As far as the article says, it is {fact or 'some 310 metres'}."
        extra = "It was the longest of its kind in the north." if hallucinated else second.text
        reply = dataclasses.replace(
            reply,
            text=f"{said} [1][2] {extra} [2]",
            statements=(Statement(said, (1, 2), 0.91), Statement(extra.strip(), (2,), 0.64)),
            quotes=quotes,
        )
        judged = (
            SentenceJudgement(said, 0.94, False, "All numbers stand in it.", True, (True, False)),
            SentenceJudgement(
                extra.strip(),
                0.12 if hallucinated else 0.97,
                hallucinated,
                "“longest” is in no article." if hallucinated else "Word for word.",
                not hallucinated,
                (not hallucinated,),
            ),
        )
    right = abstained != answerable and (abstained or rng.random() < 0.85)
    return Outcome(
        case=case,
        reply=reply,
        right=right,
        why="states 310 metres" if right else "the key fact is missing",
        hallucinated=hallucinated,
        agreement=round(rng.random(), 2) if case.references else None,
        exact_match=0.0,
        token_f1=0.4,
        string_recall=right,
        sentences=judged,
        quotes_exact=len(reply.quotes),
        found_rank=1 if answerable else None,
        all_sources_rank=1 if answerable else None,
    )


def a_run(size: int) -> Run:
    """A run of `size` questions with every figure, plot and judge."""
    rng = random.Random(7)
    outcomes = tuple(outcome(place, rng) for place in range(size))
    figures = {
        name: share(name, round(0.8 * max(size, 5)), max(size, 5))
        for group in FIGURES.values()
        for name in group
    }
    figures |= {
        "accuracy": share("accuracy", 169, 194),
        "answered": share("answered", 187, 300),
        "over_refusal": share("over_refusal", 11, 194),
        "abstention_recall": share("abstention_recall", 79, 106),
        "hallucination_answer": share("hallucination_answer", 14, 187),
        "hallucination_sentence": share("hallucination_sentence", 15, 402),
        "hallucination_unanswerable": share("hallucination_unanswerable", 12, 106),
        "hallucination_answerable": share("hallucination_answerable", 2, 194),
        "citation_recall": share("citation_recall", 371, 402),
        "citation_precision": share("citation_precision", 480, 611),
        "quotes_exact": share("quotes_exact", 611, 611),
        "first_token_p50": measured("first_token_p50", 4.31, "seconds"),
        "first_token_p95": measured("first_token_p95", 8.02, "seconds"),
        "total_p50": measured("total_p50", 6.9, "seconds"),
        "total_p95": measured("total_p95", 13.4, "seconds"),
        "prompt_tokens": measured("prompt_tokens", 604, "tokens"),
        "answer_tokens": measured("answer_tokens", 41, "tokens"),
        "mrr": measured("mrr", 0.81, "score"),
        "token_f1": measured("token_f1", 0.47, "score"),
        "agreement": measured("agreement", 0.79, "score"),
        "aurc": measured("aurc", 0.061, "score"),
    }
    kinds = Counter(each.case.kind for each in outcomes)
    right = Counter(each.case.kind for each in outcomes if each.right)
    ranked = sorted(outcomes, key=lambda each: -each.reply.confidence)
    wrong = [sum(not each.right for each in ranked[: i + 1]) for i in range(size)]
    return Run(
        id="2031-04-02T10-15-00-closed-5f3a",
        name="Lindmouth articles, closed",
        made_by={
            "date": "2031-04-02 10:15",
            "model": "a-small-model-1.5b (Q4_K_M)",
            "articles": "3 articles, 41 chunks",
            "mode": "closed",
            "seed": 7,
            "settings": {"temperature": 0.0, "top_k": 15, "reader": {"budget_tokens": 350}},
            "sha256": {"model": "c" * 64, "index": "1" * 64, "code": "73f4374"},
            "versions": {"python": "3.11.7", "footnote": "0.1.0"},
        },
        figures=figures,
        by_kind={kind: share(kind, right[kind], n) for kind, n in kinds.items()},
        risk_coverage=tuple(((i + 1) / size, wrong[i] / (i + 1)) for i in range(size)),
        calibration=tuple((0.1 + 0.2 * i, 0.15 + 0.19 * i, 12 + 30 * i) for i in range(5)),
        judges={
            "BEGIN (backed or not)": {
                "balanced_accuracy": share("balanced_accuracy", 163, 200),
                "precision": share("precision", 71, 88),
                "recall": share("recall", 71, 92),
                "auroc": measured("auroc", 0.86, "score", 200),
            },
            "own answers, read by people": {
                "balanced_accuracy": share("balanced_accuracy", 77, 84),
                "spearman": measured("spearman", 0.71, "score", 84),
            },
        },
        outcomes=outcomes,
        notes=("2 answers without a question are reported apart: drafted questions are not here.",)
        if size
        else (),
    )

"""From outcomes to figures: every rate with n and its 95% interval.

Drafted questions are never in a figure but their own, "accuracy_drafted". Latency leaves out
the time an abstention takes to its first word, which it has none of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from eval import metrics
from eval.records import Figure, Outcome

RANKS = (1, 5, 10)
# Figures of which less is better, by how their names begin.
MISTAKES = (
    *("hallucination", "over_refusal", "aurc"),
    *("first_token", "total", "prompt_tokens", "answer_tokens"),
)


def figures_of(outcomes: Sequence[Outcome], *, seed: int = 0) -> dict[str, Figure]:
    """The figures of a run, by name; those of which there is nothing to count are left out."""
    counted = [outcome for outcome in outcomes if outcome.case.origin != "drafted"]
    drafted = [outcome for outcome in outcomes if outcome.case.origin == "drafted"]
    found = [
        *_answers(counted),
        _share("accuracy_drafted", [outcome.right for outcome in drafted]),
        *_hallucination(counted),
        *_citations(counted),
        *_overlap(counted, seed=seed),
        *_retrieval(counted, seed=seed),
        *_costs(counted, seed=seed),
    ]
    return {figure.name: figure for figure in found if figure.n}


def accuracy_by_kind(outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    """The share that went right, for each kind of question."""
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for outcome in outcomes:
        kind = "drafted" if outcome.case.origin == "drafted" else outcome.case.kind
        by_kind[kind].append(outcome.right)
    return {kind: _share(kind, rights) for kind, rights in sorted(by_kind.items())}


def _answers(outcomes: Sequence[Outcome]) -> list[Figure]:
    answerable = [o for o in outcomes if o.case.answerable]
    unanswerable = [o for o in outcomes if not o.case.answerable]
    abstained = [o for o in outcomes if o.reply.abstained]
    given = [o for o in answerable if not o.reply.abstained]
    confidences = [o.reply.confidence for o in outcomes]
    # What the answer would have been is unknown where it abstained, and counts as wrong.
    wrongs = [not (o.case.answerable and o.right) for o in outcomes]
    area = metrics.risk_coverage_area(confidences, wrongs)
    return [
        _share("accuracy", [o.right for o in answerable]),
        _share("accuracy_faq", [o.right for o in answerable if o.case.origin == "faq"]),
        _share("accuracy_of_answered", [o.right for o in given]),
        _share("answered", [not o.reply.abstained for o in outcomes]),
        _share("over_refusal", [o.reply.abstained for o in answerable]),
        _share("abstention_recall", [o.reply.abstained for o in unanswerable]),
        _share("abstention_precision", [not o.case.answerable for o in abstained]),
        Figure("aurc", area, len(outcomes), area, area, "score", "none"),
    ]


def _hallucination(outcomes: Sequence[Outcome]) -> list[Figure]:
    given = [o for o in outcomes if not o.reply.abstained]
    sentences = [s for o in given for s in o.sentences]
    return [
        _share("hallucination_answer", [o.hallucinated for o in given]),
        _share("hallucination_sentence", [s.hallucinated for s in sentences]),
        _share("hallucination_answerable", [o.hallucinated for o in outcomes if o.case.answerable]),
        _share(
            "hallucination_unanswerable",
            [o.hallucinated for o in outcomes if not o.case.answerable],
        ),
    ]


def _citations(outcomes: Sequence[Outcome]) -> list[Figure]:
    sentences = [s for o in outcomes for s in o.sentences]
    exact = sum(o.quotes_exact for o in outcomes)
    return [
        _share("citation_recall", [s.recalled for s in sentences]),
        _share("citation_precision", [precise for s in sentences for precise in s.precise]),
        metrics.share("quotes_exact", exact, sum(len(o.reply.quotes) for o in outcomes)),
    ]


def _overlap(outcomes: Sequence[Outcome], *, seed: int) -> list[Figure]:
    compared = [o for o in outcomes if o.case.references or not o.case.answerable]
    answerable = [o for o in compared if o.case.references]
    return [
        metrics.mean("exact_match", [o.exact_match for o in compared], unit="share", seed=seed),
        metrics.mean("token_f1", [o.token_f1 for o in compared], unit="share", seed=seed),
        metrics.mean(
            "token_f1_answerable", [o.token_f1 for o in answerable], unit="share", seed=seed
        ),
        _share("string_recall", [o.string_recall for o in answerable]),
        metrics.mean(
            "agreement",
            [o.agreement for o in answerable if o.agreement is not None],
            unit="share",
            seed=seed,
        ),
    ]


def _retrieval(outcomes: Sequence[Outcome], *, seed: int) -> list[Figure]:
    sought = [
        o
        for o in outcomes
        if o.case.answerable and (o.case.gold or o.case.key_facts or o.case.references)
    ]
    ranks = [o.found_rank for o in sought if o.case.origin in ("written", "dataset")]
    # The body that answers a FAQ's question may be another article's than the FAQ.
    sourced = [o for o in sought if o.case.source_articles and o.case.origin != "faq"]
    sources = [o.all_sources_rank for o in sourced]
    return [
        *(_share(f"recall_at_{k}", [_within(rank, k) for rank in ranks]) for k in RANKS),
        metrics.mean("mrr", [metrics.reciprocal_rank(r) for r in ranks], unit="score", seed=seed),
        _share("all_sources_at_10", [_within(rank, 10) for rank in sources]),
    ]


def _costs(outcomes: Sequence[Outcome], *, seed: int) -> list[Figure]:
    firsts = [o.reply.first_token_ms / 1000 for o in outcomes if o.reply.first_token_ms]
    totals = [o.reply.total_ms / 1000 for o in outcomes]
    read = [float(o.reply.prompt_tokens) for o in outcomes]
    written = [float(o.reply.answer_tokens) for o in outcomes]
    return [
        metrics.quantile("first_token_p50", firsts, 0.5, seed=seed),
        metrics.quantile("first_token_p95", firsts, 0.95, seed=seed),
        metrics.quantile("total_p50", totals, 0.5, seed=seed),
        metrics.quantile("total_p95", totals, 0.95, seed=seed),
        metrics.mean("prompt_tokens", read, unit="tokens", seed=seed),
        metrics.mean("answer_tokens", written, unit="tokens", seed=seed),
    ]


def _within(rank: int | None, k: int) -> bool:
    return rank is not None and rank <= k


def _share(name: str, values: Sequence[bool]) -> Figure:
    return metrics.share(name, sum(values), len(values))


def is_mistake(name: str) -> bool:
    """Whether less of this figure is better."""
    return name.startswith(MISTAKES)


def below_bar(figures: Mapping[str, Figure], bars: Mapping[str, float]) -> list[str]:
    """Which bars the figures miss, in words; of mistakes and costs, no more than the bar.

    A figure of which there was nothing to count misses its bar.
    """
    missed = []
    for name, bar in bars.items():
        if name not in figures:
            missed.append(f"{name} was not measured")
            continue
        value = figures[name].value
        at_most = is_mistake(name)
        if value > bar if at_most else value < bar:
            missed.append(f"{name} is {value:.3f}, {'over' if at_most else 'under'} {bar:g}")
    return missed

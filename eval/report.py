"""A run as one HTML file that needs nothing else: no network, no other file, no script to read it.

In the order a reader wants it: what was measured, the headline figures, the plots, how far to
trust the judges, every question with its evidence in context, and what made the run. The page's
content policy allows only its own style sheet and its own small script, so that nothing an
article or a model wrote can be fetched or run, and all of it is escaped besides.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from eval.outcomes import questions
from eval.plots import Plot, escape, foreign, formatted, interval, interval_strip, plots
from eval.records import Figure, Run
from rag import FootnoteError

# For each figure its name for people and what it counts, in the order of the report.
FIGURES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Answers": {
        "accuracy": ("Answered rightly", "of the questions that the articles answer"),
        "accuracy_faq": ("Answered rightly, FAQ", "of the questions of the articles' own FAQs"),
        "accuracy_of_answered": ("Right when answered", "of those that they answer and it did too"),
        "accuracy_drafted": ("Drafted questions", "answered rightly; in no other figure"),
        "abstention_recall": ("Abstained rightly", "of the questions that they do not answer"),
        "over_refusal": ("Refused needlessly", "of the questions that they answer"),
        "abstention_precision": ("Abstentions that were right", "of all abstentions"),
        "aurc": ("Area under risk and coverage", "the smaller, the better confidence tells"),
        "exact_match": ("Exact match", "answers that are the reference, SQuAD's definition"),
        "token_f1": ("Token F1", "words shared with the reference, SQuAD's definition"),
        "token_f1_answerable": ("Token F1, answerable", "of the questions with a reference"),
        "string_recall": ("String recall", "answers that contain the reference, ALCE's"),
        "agreement": ("Agreement in meaning", "of answer and reference, by the local judge"),
    },
    "Hallucination": {
        "answered": ("Answered at all", "of all questions"),
        "hallucination_answer": ("Hallucination per answer", "answers with anything unbacked"),
        "hallucination_sentence": ("Hallucination per sentence", "sentences that are unbacked"),
        "hallucination_unanswerable": (
            "Hallucination, unanswerable",
            "asserted something where the articles say nothing",
        ),
        "hallucination_answerable": (
            "Hallucination, answerable",
            "said something that the articles do not back",
        ),
    },
    "Citations": {
        "citation_recall": ("Citation recall", "sentences that their quotes back"),
        "citation_precision": ("Citation precision", "citations that are needed"),
        "quotes_exact": ("Quotes exact", "word for word in their article"),
    },
    "Retrieval": {
        "recall_at_1": ("Recall at 1", "the first passage has the answer"),
        "recall_at_5": ("Recall at 5", "one of the first 5 passages has it"),
        "recall_at_10": ("Recall at 10", "one of the first 10 passages has it"),
        "mrr": ("Mean reciprocal rank", "of the first passage that has it"),
        "all_sources_at_10": ("All sources at 10", "every needed article is in the first 10"),
    },
    "Time and tokens": {
        "first_token_p50": ("First word, median", "half of the answers begin by then"),
        "first_token_p95": ("First word, 95%", "19 of 20 answers begin by then"),
        "total_p50": ("Whole answer, median", "half are done by then"),
        "total_p95": ("Whole answer, 95%", "19 of 20 are done by then"),
        "prompt_tokens": ("Tokens read", "a question, on average"),
        "answer_tokens": ("Tokens written", "a question, on average"),
    },
}
HEADLINE: Mapping[str, tuple[str, ...]] = {
    "Answers": ("accuracy", "abstention_recall", "over_refusal"),
    "Hallucination": ("hallucination_answer", "hallucination_sentence", "answered"),
    "Citations": ("citation_recall", "citation_precision", "quotes_exact"),
    "Seconds to the first word": ("first_token_p50", "first_token_p95"),
}
LABELS = {name: label for group in FIGURES.values() for name, label in group.items()}

MODES = {
    "closed": "closed: the articles' own FAQ sections are left out of the index",
    "open": "open: the articles' own FAQ sections are in the index",
}


def write_report(run: Run, path: Path) -> None:
    """Write the report of a run to a file; a `FootnoteError` says why it cannot be written."""
    page = render(run)
    try:
        path.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise FootnoteError(
            f"The report cannot be written to {path}: {error.strerror}.",
            hint="Name a file in a folder that exists with `--report FILE.html`.",
        ) from error


def render(run: Run) -> str:
    """The report of a run as an HTML page."""
    style, script = (
        resources.files("eval").joinpath(name).read_text("utf-8")
        for name in ("report.css", "report.js")
    )
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    sections = (
        _header(run),
        _headline(run.figures),
        _plots(plots(run)),
        _figures_fold(run.figures),
        _judges(run.judges),
        questions(run.outcomes),
        _made_by(run),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(run.name)} · Footnote evaluation</title><style>{style}</style></head>"
        f"<body>{''.join(sections)}<script>{script}</script></body></html>\n"
    )


def _hash(content: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


# What was measured.


def _header(run: Run) -> str:
    answerable = sum(outcome.case.answerable for outcome in run.outcomes)
    mode = _plain(run.made_by.get("mode", ""))
    facts = {
        "Date": _plain(run.made_by.get("date", "")),
        "Model": _plain(run.made_by.get("model", "")),
        "Articles": _plain(run.made_by.get("articles", "")),
        "FAQs": MODES.get(mode, mode),
        "Questions": f"{len(run.outcomes)}: the articles answer {answerable}, "
        f"and not the other {len(run.outcomes) - answerable}",
        "Run": run.id,
    }
    listed = "".join(
        f"<div><dt>{label}</dt><dd>{foreign(fact)}</dd></div>"
        for label, fact in facts.items()
        if fact
    )
    notes = "".join(f"<li>{foreign(note)}</li>" for note in run.notes)
    return (
        '<header><p class="wordmark">Footnote<sup>1</sup> evaluation</p>'
        f'<h1>{foreign(run.name)}</h1><dl class="facts">{listed}</dl>'
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
        + "</header>"
    )


def _headline(figures: Mapping[str, Figure]) -> str:
    groups = []
    for title, names in HEADLINE.items():
        cards = "".join(_card(name, figures[name]) for name in names if name in figures)
        if cards:
            listed = f'<ul class="cards">{cards}</ul>'
            groups.append(f'<div class="group"><h3>{title}</h3>{listed}</div>')
    if not groups:
        return ""
    return (
        f'<section id="headline"><h2>In short</h2><div class="groups">{"".join(groups)}</div>'
        '<p class="caption">n is how many were counted. The interval is where the true value is '
        "likely to be, 95 times of 100: Wilson's for shares, bootstrap for the rest.</p></section>"
    )


def _card(name: str, figure: Figure) -> str:
    label, meaning = LABELS[name]
    spread = interval(figure)
    return (
        f'<li class="card"><p class="name">{label}</p>'
        f'<p class="value">{formatted(figure.value, figure.unit)} <small>n {figure.n}</small></p>'
        f'{interval_strip(figure)}<p class="spread">{spread}</p>'
        f'<p class="meaning">{meaning}</p></li>'
    )


def _plots(drawn: Sequence[Plot]) -> str:
    figures = [
        f'<figure id="{plot.name}"><h3>{plot.title}</h3>{plot.svg}'
        f"<figcaption>{escape(plot.caption)}</figcaption>"
        f"<details><summary>The numbers</summary>{_table(plot.columns, plot.rows)}</details>"
        "</figure>"
        for plot in drawn
    ]
    if not figures:
        return ""
    half = (len(figures) + 1) // 2
    columns = "".join(f"<div>{''.join(part)}</div>" for part in (figures[:half], figures[half:]))
    return f'<section><h2>In pictures</h2><div class="plots">{columns}</div></section>'


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{foreign(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{foreign(row[0])}</th>'
        + "".join(f"<td>{foreign(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table class="numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _figures_fold(figures: Mapping[str, Figure]) -> str:
    if not figures:
        return ""
    ordered = {name: figures[name] for name in LABELS if name in figures} | dict(figures)
    rows = []
    for name, figure in ordered.items():
        label, meaning = LABELS.get(name, (name.replace("_", " "), ""))
        value = formatted(figure.value, figure.unit)
        rows.append((label, value, interval(figure) or "–", str(figure.n), meaning))
    columns = ("Figure", "Value", "95% interval", "n", "What it counts")
    return (
        f'<details class="fold"><summary>All {len(rows)} figures</summary>'
        f"{_table(columns, rows)}</details>"
    )


def _judges(judges: Mapping[str, Mapping[str, Figure]]) -> str:
    if not judges:
        said = (
            "<p>The verdicts below come from a program, and no score of that program on "
            "examples labelled by people is known for this run: read them with care.</p>"
        )
    else:
        measures = list(dict.fromkeys(name for scores in judges.values() for name in scores))
        rows = [
            (name, *(_score(scores.get(measure)) for measure in measures))
            for name, scores in judges.items()
        ]
        columns = ("Labelled examples", *(measure.replace("_", " ") for measure in measures))
        said = (
            "<p>The verdicts below come from a program, not from people. On examples that people "
            "have labelled it scores as follows; guessing has a balanced accuracy of 50% and an "
            f"AUROC of 0.5.</p>{_table(columns, rows)}"
        )
    return f'<section id="judges"><h2>How far to trust these judges</h2>{said}</section>'


def _score(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    spread = interval(figure)
    spread = f" ({spread})" if spread else ""
    return f"{formatted(figure.value, figure.unit)}{spread}, n\u00a0{figure.n}"


# What made the run.


def _made_by(run: Run) -> str:
    rows = [(name, _plain(value)) for name, value in _flat(run.made_by)]
    if not rows:
        return ""
    return (
        '<details class="fold" id="made-by"><summary>What made this run: settings, hashes, '
        f"versions</summary>{_table(('What', 'Value'), rows)}</details>"
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Names and values, those of inner mappings as `outer.inner`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

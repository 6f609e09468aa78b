"""Cases from files: the written question sets, and any outside set in JSON lines.

An outside set has one object a line: `id`, `question`, `answerable`, and for scoring `answers`
(any one of them counts) or `key_facts`, `source_article` or `source_articles`, `kind`, and
`gold_sentences` or `gold_passage`, and `follows`, the id of an earlier line that is the question
before this one in a conversation. Fields that are not named here are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from eval.records import Case, Origin
from rag import UsageError, json_lines

QUICK_CASES = 40
LINE_HINT = 'Each line is {"id": "...", "question": "...", "answerable": true, "answers": ["..."]}.'


def written_cases() -> list[Case]:
    """The project's own questions on the shipped corpus, answerable and not."""
    folder = resources.files("eval") / "questions"
    return [
        _case(json.loads(line), origin="written")
        for name in ("answerable.jsonl", "unanswerable.jsonl")
        for line in (folder / name).read_text("utf-8").splitlines()
    ]


def dialogue_cases() -> list[list[Case]]:
    """The project's own conversations, each turn a case that follows the one before it."""
    lines = (resources.files("eval") / "questions" / "dialogues.jsonl").read_text("utf-8")
    dialogues = []
    for dialogue in map(json.loads, lines.splitlines()):
        cases: list[Case] = []
        for number, turn in enumerate(dialogue["turns"], start=1):
            leans = turn["question"] != turn["standalone"]
            value = turn | {
                "id": f"{dialogue['id']}-{number}",
                "kind": "follow_up" if leans else "new_subject",
                "follows": cases[-1].id if cases else None,
            }
            cases.append(_case(value, origin="written"))
        dialogues.append(cases)
    return dialogues


def dataset_cases(path: Path, *, quick: bool = False) -> list[Case]:
    """The cases of an outside set; with `quick` those that it marks so, or else a spread of 40.

    A quick set has no follow-up questions.

    Raises `UsageError` naming the first line that cannot be used.
    """
    cases: list[Case] = []
    marked: list[Case] = []
    seen: set[str] = set()
    for number, value in enumerate(read_lines(path), start=1):
        problem = _problem(value)
        if not problem and str(value["id"]) in seen:
            problem = f"the id {value['id']!r} stands twice"
        if not problem and value.get("follows") and str(value["follows"]) not in seen:
            problem = f"it follows {value['follows']!r}, which is no earlier line"
        if problem:
            raise UsageError(f"{path}, question {number}: {problem}.", hint=LINE_HINT)
        seen.add(str(value["id"]))
        cases.append(_case(value, origin="dataset"))
        if value.get("quick") and not cases[-1].follows:
            marked.append(cases[-1])
    if not cases:
        raise UsageError(f"{path} holds no questions.", hint=LINE_HINT)
    if not quick:
        return cases
    alone = [case for case in cases if not case.follows]
    return marked or spread(alone, QUICK_CASES)


def spread(cases: list[Case], most: int) -> list[Case]:
    """At most `most` cases, spread evenly over the list, so over its kinds where it is sorted."""
    if len(cases) <= most:
        return cases
    return [cases[i * len(cases) // most] for i in range(most)]


def _case(value: Mapping[str, Any], *, origin: Origin) -> Case:
    key_facts = tuple(tuple(fact) for fact in value.get("key_facts", ()))
    references = [value["reference"]] if "reference" in value else value.get("answers", [])
    # An unanswerable question of ours has no facts; an outside one says what it is.
    answerable = bool(value.get("answerable", bool(key_facts or references)))
    sources = value.get("source_articles") or value.get("source_article") or []
    gold = value.get("gold_sentences") or value.get("gold_passage") or []
    return Case(
        id=str(value["id"]),
        question=value["question"],
        answerable=answerable,
        kind=str(value.get("kind") or ("answerable" if answerable else "unanswerable")),
        origin=origin,
        references=tuple(str(text) for text in references) if answerable else (),
        key_facts=key_facts,
        polarity=value.get("polarity"),
        source_articles=tuple(_texts(sources)) if answerable else (),
        gold=tuple(_texts(gold)) if answerable else (),
        near=value.get("near"),
        follows=str(value["follows"]) if value.get("follows") else None,
    )


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _are_texts(value: object) -> bool:
    """Whether a value is a list of texts, each with something in it."""
    return isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)


def _problem(value: Mapping[str, Any]) -> str:
    """What keeps a line from being a case; "" for nothing."""
    question, polarity = value.get("question"), value.get("polarity")
    facts, answers = value.get("key_facts", []), value.get("answers", [])
    checks = {
        "no id": isinstance(value.get("id"), str | int),
        "no question": isinstance(question, str) and bool(question.strip()),
        "key_facts is not a list of lists of texts": isinstance(facts, list)
        and all(fact and _are_texts(fact) for fact in facts),
        "answers is not a list of texts": _are_texts(answers),
        "reference is not a text": _are_texts([value.get("reference", "none")]),
        f"polarity is {polarity!r}, not yes or no": polarity in (None, "yes", "no"),
        **{
            f"{name} is neither a text nor a list of texts": _are_texts(_texts(value[name]))
            for name in ("source_article", "source_articles", "gold_passage", "gold_sentences")
            if value.get(name)
        },
        "answerable, but without answers or key_facts": not value.get("answerable")
        or bool(answers or facts or "reference" in value),
    }
    return next((problem for problem, is_fine in checks.items() if not is_fine), "")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a JSONL file. Raises `UsageError` naming the first other line."""
    values = []
    for number, value in json_lines(path, hint=LINE_HINT):
        if not isinstance(value, dict):
            raise UsageError(f"{path}, line {number}: not a JSON object.", hint=LINE_HINT)
        values.append(value)
    return values

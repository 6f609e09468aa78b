"""The questions and answers that a web page states in its code, put where its text has them.

Pages fold their FAQ away, build it from buttons, or name it for search engines only
(schema.org's FAQPage, as JSON-LD [1]); the visible text then has answers without questions, or
neither. Everything here works on plain strings: the parts of a page in light Markdown.

[1] https://schema.org/FAQPage
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

_WRAPPING = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?://\s*)?(?:-->|\]\]>)\s*$")
_INLINE_TAG = re.compile(r"</?(?:a|abbr|b|code|em|i|mark|s|small|span|strong|sub|sup|u)\b[^<>]*>")
_TAG = re.compile(r"<[^<>]+>")


@dataclass(frozen=True, slots=True)
class PagePair:
    """A question and its answer, or a term and its meaning, each on one line.

    `asked`: the page says that it is a question, whether or not it ends like one.
    """

    question: str
    answer: str
    asked: bool

    @property
    def is_question(self) -> bool:
        return self.asked or self.question.endswith("?")

    @property
    def text(self) -> str:
        """The pair in light Markdown: a question in bold over its answer, a term in a list."""
        if not self.is_question:
            return f"- {self.question}: {self.answer}"
        letter = "" if self.question.endswith("?") else "Q: "
        return f"**{letter}{self.question}**\n{self.answer}"


def structured_pairs(script: str) -> Iterator[PagePair]:
    """The questions with an accepted answer in a JSON-LD script; none where it is broken."""
    try:
        value = json.loads(_WRAPPING.sub("", script), strict=False)
    except ValueError:
        return  # A page with broken metadata still has its visible text.
    for node in _nodes(value):
        answer = node.get("acceptedAnswer")
        answer = answer[0] if isinstance(answer, list) and answer else answer
        question = node.get("name") or node.get("text")
        text = answer.get("text") if isinstance(answer, dict) else None
        if _is_question(node) and isinstance(question, str) and isinstance(text, str):
            pair = PagePair(without_tags(question), without_tags(text), asked=True)
            if pair.question and pair.answer:
                yield pair


def with_pairs(parts: Sequence[str], pairs: Sequence[PagePair]) -> list[str]:
    """The parts of a page with every pair in them once.

    A question whose answer is there stands over it; pairs that are not there follow at the end,
    questions under a heading of their own.
    """
    texts = list(parts)
    words = [folded(part) for part in parts]
    missing: dict[str, PagePair] = {}
    for pair in pairs:
        question, answer = folded(pair.question), folded(pair.answer)
        run = _run_saying(words, question + answer) or _run_saying(words, answer)
        if run and pair.is_question:
            texts[run] = [pair.text]
            words[run] = [question + answer]
        elif question in words and _stands_in(words, answer) and pair.is_question:
            texts[words.index(question)] = pair.text.partition("\n")[0]
        elif not (_stands_in(words, question) and _stands_in(words, answer)):
            missing.setdefault(question, pair)
    terms = [pair.text for pair in missing.values() if not pair.is_question]
    asked = [pair.text for pair in missing.values() if pair.is_question]
    return [*texts, *terms, *(["## Frequently asked questions"] if asked else []), *asked]


def _run_saying(words: Sequence[str], target: str) -> slice | None:
    """The parts in a row that say `target` and nothing else; both are folded."""
    for start, said in enumerate(words):
        end = start + 1
        while said and end < len(words) and len(said) < len(target) and target.startswith(said):
            said += words[end]
            end += 1
        if said and said == target:
            return slice(start, end)
    return None


def _stands_in(words: Sequence[str], target: str) -> bool:
    """Whether the parts say the beginning of `target`; both are folded."""
    return target[:60] in "".join(words)


def _is_question(node: dict[str, Any]) -> bool:
    kinds = node.get("@type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(kind, str) and kind.split("/")[-1] == "Question" for kind in kinds)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, outermost first."""
    queue = [value]
    while queue:
        node = queue.pop(0)
        if isinstance(node, dict):
            yield node
            queue += node.values()
        elif isinstance(node, list):
            queue += node


def without_tags(markup: str) -> str:
    """What a snippet of HTML says, on one line."""
    text = unescape(_TAG.sub(" ", _INLINE_TAG.sub("", markup)))
    return " ".join(text.split())


def folded(text: str) -> str:
    """Letters and digits only, in lower case: the same words in any layout."""
    return "".join(character for character in text.casefold() if character.isalnum())

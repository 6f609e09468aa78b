"""Which units of a text are questions, and which are their answers: the pairs of a FAQ.

A question counts where something says that it is asked to be answered there: a heading that
opens a FAQ, a number or a letter before it, bold type, or markup. A question in running prose
does not. A false pair would be an article's own text taken for its FAQ, so doubt is a no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest

from rag.sentences import list_marker_length, sentence_spans
from rag.units import BOLD_LEVEL, QUESTION_MARK, Unit, label

_FAQ_HEADING = re.compile(
    r"\bFAQs?\b|frequently asked|people also ask|(?:common|popular|top|reader) questions|"
    r"questions? (?:and|&) answers?|questions answered|^questions$|\bQ ?& ?A\b",
    re.IGNORECASE,
)
_ONLY_FAQ = re.compile(
    r"(?:[\w&'’-]+ ){0,4}?(?:FAQs?|frequently asked questions)(?: \(FAQs?\))?:?"
    r"(?: (?:about|on|for|regarding)\b.*)?",
    re.IGNORECASE,
)
_LETTER = r"(?:#{1,6}[ \t]+)?(?:\*\*|__)?%s[ \t]*\d*[ \t]*[.:)](?:\*\*|__)?[ \t]"
_ASKED = re.compile(_LETTER % "Q(?:uestion)?", re.IGNORECASE)
_ANSWERED = re.compile(r"(?:\*\*|__)?(?:A|Answer)[ \t]*\d*:(?:\*\*|__)?[ \t]|:[ \t]", re.IGNORECASE)
_INLINE_ANSWER = re.compile(
    r"\*\*(?:(?!\*\*)[^\n])+[?？]\*\*[ \t]+(?=\S)|__(?:(?!__)[^\n])+[?？]__[ \t]+(?=\S)"
    rf"|{_ASKED.pattern}[^?\n]+\?(?:\*\*|__)?[ \t]+(?={_LETTER % 'A(?:nswer)?'})"
)
_ASKING_WORD = re.compile(
    r"(?:\d+[.)] )?(?:how|what|when|where|which|who|whose|why|can|could|do|does|is|are|should|"
    r"will|would)\b",
    re.IGNORECASE,
)
_YES_OR_NO = re.compile(r"(?:Yes|No)(?:[.,;:!]|[ \t]?[–—-][ \t]?\w)")

_LONGEST_PAIR = 1500  # characters; of a pair whose answer no "#" heading closes
_FEWEST_ANSWERS = 3
_PLAIN, _MARKED = 1, 2  # how a FAQ shows what is a question


def opens_faq(heading: str) -> bool:
    """Whether a heading says that questions and answers follow."""
    return _FAQ_HEADING.search(label(heading)) is not None


def paired(units: Sequence[Unit]) -> list[Unit]:
    """The units with each question and its answer joined into one of kind "faq"."""
    for unit in units:
        inline = _INLINE_ANSWER.match(unit.text, list_marker_length(unit.text))
        if inline and unit.kind not in ("table_row", "faq"):
            unit.kind, unit.answer_start = "faq", unit.start + inline.end()
    asks = _questions(units)
    result: list[Unit] = []
    longest_answer = 1
    index = 0
    while index < len(units):
        unit = units[index]
        index += 1
        if asks[index - 1]:
            end = _answer_end(units, asks, index, at_most=longest_answer)
            length = units[end - 1].end - unit.start
            if index < end and (length <= _LONGEST_PAIR or unit.text.startswith("#")):
                longest_answer = max(longest_answer, end - index)
                unit.kind, unit.answer_start = "faq", units[index].start
                unit.end, index = units[end - 1].end, end
        result.append(unit)
    return result


def _answer_end(units: Sequence[Unit], asks: Sequence[bool], start: int, *, at_most: int) -> int:
    """The index after the last unit of the answer that begins with units[start]."""
    end = start
    while end < len(units) and not asks[end] and units[end].kind not in ("heading", "faq"):
        end += 1
    by_heading = 0 < units[start - 1].level < BOLD_LEVEL
    by_question = end < len(units) and (asks[end] or units[end].kind == "faq")
    if by_heading or by_question:
        return end
    # Nothing says where the last answer ends, so it is taken to be like the others.
    last, end = end, min(end, start + at_most)
    while end < last and units[end].kind == "list_item":
        if units[end].gap and not units[end - 1].text.endswith(":"):
            break
        end += 1
    return end


def _questions(units: Sequence[Unit]) -> list[bool]:
    """For each unit, whether it is a question that the units after it answer.

    Units that hold both question and answer are marked as "faq" on the way.
    """
    asks, inline = [], []
    faq_level = inner_level = 0  # of the heading that opened the FAQ, and of those inside it
    style = 0  # how this FAQ shows what is a question; what shows it less is part of an answer
    for unit, after in zip_longest(units, units[1:]):
        strength = _strength(unit, after, faq_level=faq_level, inner_level=inner_level)
        asks.append(0 < strength >= style)
        inline.append(0 if asks[-1] or style == _MARKED else _inline_answer(unit, faq_level > 0))
        if asks[-1]:
            style = strength if faq_level else 0
        elif unit.kind == "heading" and opens_faq(unit.text):
            faq_level, inner_level, style = unit.level, unit.level + 1, 0
            if after is not None and QUESTION_MARK.search(after.text):
                inner_level = min(inner_level, after.level or inner_level)
        elif unit.kind == "heading" and unit.level <= faq_level:
            faq_level = style = 0
    _mark_inline(units, inline)
    # Questions in a row, as in a table of contents, are answered elsewhere.
    around = zip([False, *asks], asks, [*asks[1:], False], strict=False)
    return [ask and not before and not after for before, ask, after in around]


def _strength(unit: Unit, after: Unit | None, *, faq_level: int, inner_level: int) -> int:
    """How plainly a unit shows that it is a question which the next one answers; 0 for not."""
    if unit.kind in ("table_row", "faq") or after is None:
        return 0
    asks = QUESTION_MARK.search(unit.text) is not None
    letter = _ASKED.match(unit.text)
    answered = _ANSWERED.match(after.text) is not None
    if unit.kind == "heading":
        inside = faq_level > 0 and unit.level >= inner_level
        below = inside and unit.level > faq_level and after.kind != "heading"
        marked = asks and (inside or letter is not None or unit.level == BOLD_LEVEL)
        worded = below and _ASKING_WORD.match(label(unit.text)) is not None
        # "Q3." alone may be a quarter of a year.
        lettered = letter is not None and (answered or not re.search(r"\d", letter.group()))
        return _MARKED if marked or worded or lettered else 0
    numbered = unit.kind == "list_item" and unit.text.lstrip("(")[:1].isdigit()
    if (letter and answered) or (asks and (letter or answered or numbered)):
        return _MARKED
    return _PLAIN if asks and faq_level and len(sentence_spans(unit.text)) <= 2 else 0


def _inline_answer(unit: Unit, in_faq: bool) -> int:
    """Where the answer begins in a unit that opens with a question; 0 where none does."""
    first, _, rest = unit.text.partition("\n")
    is_item = unit.kind == "list_item"
    if is_item and rest and QUESTION_MARK.search(first) and (in_faq or first[:1].isdigit()):
        return len(unit.text) - len(rest.lstrip())
    if in_faq and unit.kind in ("list_item", "paragraph"):
        spans = sentence_spans(unit.text)
        if len(spans) > 1 and QUESTION_MARK.search(unit.text[slice(*spans[0])]):
            return spans[1][0]
    return 0


def _mark_inline(units: Sequence[Unit], answers: Sequence[int]) -> None:
    """One question with its answer may be a turn of phrase; two of them in a row are a FAQ."""
    found = set()
    for (one, here), (other, there) in pairwise(zip(units, answers, strict=True)):
        if here and there and one.kind == other.kind:
            found |= {(one.start, here), (other.start, there)}
    answer_starts = dict(found)
    for unit in units:
        if unit.start in answer_starts:
            unit.kind, unit.answer_start = "faq", unit.start + answer_starts[unit.start]


def mark_lost_questions(units: Sequence[Unit], *, by_gap: bool) -> None:
    """Marks as "faq" the answers of a FAQ whose questions are not in the text.

    Where scraping drops the buttons of a folded FAQ, its answers are left: paragraphs under a
    FAQ heading with no question among them or, where headings are lost too (`by_gap`), a group
    of paragraphs of which some begin by saying yes or no to something.
    """
    runs = list(_runs(units, by_gap=by_gap))
    for run, following in pairwise([*runs, []]):
        headings = [unit for unit in run if unit.kind == "heading"]
        answers = run[len(headings) :]
        alike = all(unit.kind == "paragraph" and unit.text[-1] not in "?:" for unit in answers)
        if len(answers) < _FEWEST_ANSWERS or not alike:
            continue
        in_faq = any(_ONLY_FAQ.fullmatch(label(unit.text)) for unit in headings)
        goes_on = bool(following and headings and following[0].level > headings[-1].level)
        said = sum(_YES_OR_NO.match(unit.text) is not None for unit in answers)
        if (in_faq and not goes_on) or (by_gap and said > 1):
            for unit in answers:
                unit.kind, unit.answer_start = "faq", unit.start


def _runs(units: Sequence[Unit], *, by_gap: bool) -> Iterator[list[Unit]]:
    """Headings with what follows them; groups between blank lines where these part sections."""
    run: list[Unit] = []
    for unit in units:
        opens = unit.kind == "heading" or (by_gap and unit.gap)
        if opens and any(one.kind != "heading" for one in run):
            yield run
            run = []
        run.append(unit)
    yield run

"""From a case and a reply to an Outcome: right or not, and what in it nobody wrote.

Right, on a question the articles answer: the reply states every key fact, or where there are
none, a short reference stands in it or a long one agrees with it in meaning; and it contradicts
nothing: not the yes or no, not the figure asked for. On any other question: it abstains.

Hallucinated: on a question the articles do not answer, anything but an abstention; else, a
sentence that the meter does not find in the passages it cites, a figure or name from neither
the passages nor the reference, or a contradiction of the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eval.agreement import AgreementJudge
from eval.facts import contradicts, foreign_facts, quantities, same_quantity
from eval.meter import Meter
from eval.metrics import exact_match, has_all_facts, string_recall, token_f1
from eval.records import Case, Outcome, Passage, Quote, Reply, SentenceJudgement, Statement

SHORT_REFERENCE = 8  # words: up to there a reference is looked for as it is
AROUND = 200  # characters of a passage on either side of a quote
GOLD_WORDS = 0.8  # share of a gold sentence's words that a passage must hold to be it


@dataclass(frozen=True, slots=True)
class Judges:
    """Who judges: `text_of` gives the text of an article by its id, to check quotes by."""

    meter: Meter
    agreement: AgreementJudge
    text_of: Callable[[str], str]


def outcome(case: Case, reply: Reply, *, judges: Judges) -> Outcome:
    """Every judgement on one reply."""
    said = "" if reply.abstained else reply.plain
    agreement = agrees = None
    if case.references and said:
        agreement, agrees = judges.agreement.judge(said, case.references)
    contradiction = contradiction_of(case, said)
    right, why = _verdict(case, reply, stated=states_answer(case, said, agrees=agrees))
    sentences = () if reply.abstained else _sentences(case, reply, judges=judges)
    hallucinated = not reply.abstained and (
        not case.answerable or bool(contradiction) or any(s.hallucinated for s in sentences)
    )
    return Outcome(
        case=case,
        reply=reply,
        right=right,
        why=why,
        hallucinated=hallucinated,
        agreement=agreement,
        exact_match=exact_match(case.references if case.answerable else (), said),
        token_f1=token_f1(case.references if case.answerable else (), said),
        string_recall=bool(said) and string_recall(case.references, said),
        sentences=sentences,
        quotes_exact=sum(_is_exact(quote, judges.text_of) for quote in reply.quotes),
        found_rank=found_rank(case, reply.passages),
        all_sources_rank=all_sources_rank(case, reply.passages),
    )


def _verdict(case: Case, reply: Reply, *, stated: tuple[bool, str]) -> tuple[bool, str]:
    """(right or not, why); `stated` is what `states_answer` says of the reply."""
    if reply.abstained:
        says = "though the articles say" if case.answerable else "and the articles do not say"
        return not case.answerable, f"abstained, {says}"
    if not case.answerable:
        return False, "answered what the articles do not say"
    return stated


def states_answer(case: Case, said: str, *, agrees: bool | None) -> tuple[bool, str]:
    """(whether a text answers an answerable case rightly, why).

    `agrees` is the agreement judge's word on the text and the references, None without any.
    """
    if contradiction := contradiction_of(case, said):
        return False, contradiction
    if case.key_facts:
        missing = [f[0] for f in case.key_facts if not has_all_facts([f], said)]
        return not missing, f"lacks {'; '.join(missing)}" if missing else "states every key fact"
    if short := short_references(case):
        states = states_one(short, said)
        return states, "states the reference" if states else "does not state the reference"
    does = "agrees with" if agrees else "does not say the same as"
    return bool(agrees), f"{does} the reference"


def contradiction_of(case: Case, said: str) -> str:
    """Why a reply contradicts every reference; "" if it does not, or there is none."""
    if not said or not case.references:
        return ""
    # "Yes" before a reference says what it means where the words alone do not.
    opening = f"{case.polarity.capitalize()}. " if case.polarity else ""
    found = [contradicts(said, opening + text, case.question) for text in case.references]
    return found[0] if all(found) else ""


def short_references(case: Case) -> list[str]:
    """The references that are looked for in a text as they are."""
    return [text for text in case.references if len(text.split()) <= SHORT_REFERENCE]


def states_one(short: Sequence[str], text: str) -> bool:
    """Whether one of these stands in a text, a figure written in whatever way."""
    return string_recall(short, text) or _states_quantity(short, text)


def _states_quantity(references: Iterable[str], said: str) -> bool:
    """Whether a reference that is one figure is said, written in whatever way."""
    wanted = [
        found[0]
        for text in references
        if len(found := quantities(text)) == 1
        and found[0].end - found[0].start >= len(text.strip(" .")) - 1
    ]
    stated = quantities(said)
    return any(same_quantity(figure, other) for figure in wanted for other in stated)


def _sentences(case: Case, reply: Reply, *, judges: Judges) -> tuple[SentenceJudgement, ...]:
    quotes = {quote.number: quote for quote in reply.quotes}
    everything = [f"{passage.title}\n{passage.text}" for passage in reply.passages]
    known = [*everything, *case.references]
    return tuple(
        _sentence(
            statement,
            [surrounding(quotes[number], reply.passages) for number in statement.citations],
            known=known,
            judges=judges,
        )
        for statement in reply.statements
    )


def _sentence(
    statement: Statement, cited: Sequence[str], *, known: Sequence[str], judges: Judges
) -> SentenceJudgement:
    """ALCE's recall and precision [1], with the meter as the one who decides what backs what.

    [1] T. Gao et al.: Enabling Large Language Models to Generate Text with Citations. 2023.
    """
    foreign = foreign_facts(statement.text, *known)
    invented, is_invented = judges.meter.judge(statement.text, cited) if cited else (1.0, True)
    if foreign:
        why = f"nowhere in the passages: {', '.join(foreign)}"
    elif is_invented:
        why = "the cited passages do not hold it" if cited else "it cites nothing"
    else:
        why = "the cited passages hold it"
    return SentenceJudgement(
        text=statement.text,
        backed=1.0 - invented,
        hallucinated=is_invented or bool(foreign),
        why=why,
        recalled=not is_invented,
        precise=_precise(statement.text, cited, recalled=not is_invented, judges=judges),
    )


def _precise(
    text: str, cited: Sequence[str], *, recalled: bool, judges: Judges
) -> tuple[bool, ...]:
    """For each citation, whether it backs the sentence alone or the others do not without it."""
    if not recalled or len(cited) == 1:
        return (recalled,) * len(cited)
    precise = []
    for number, passage in enumerate(cited):
        alone = not judges.meter.judge(text, [passage])[1]
        others = [*cited[:number], *cited[number + 1 :]]
        precise.append(alone or judges.meter.judge(text, others)[1])
    return tuple(precise)


def surrounding(quote: Quote, passages: Sequence[Passage]) -> str:
    """A quote in its passage, as a reader who follows the citation sees it, under its title.

    Cut to `AROUND` characters on either side, at spaces; the quote alone where no passage has it.
    """
    for passage in passages:
        start, end = quote.start - passage.start, quote.end - passage.start
        if passage.article == quote.article and start >= 0 and end <= len(passage.text):
            before, after = passage.text[:start], passage.text[end:]
            if len(before) > AROUND:
                before = before[-AROUND:].partition(" ")[2]
            if len(after) > AROUND:
                after = after[:AROUND].rpartition(" ")[0]
            return f"{passage.title}\n{before}{quote.quote}{after}"
    return f"{quote.title}\n{quote.quote}"


def _is_exact(quote: Quote, text_of: Callable[[str], str]) -> bool:
    return text_of(quote.article)[quote.start : quote.end] == quote.quote


def found_rank(case: Case, passages: Sequence[Passage]) -> int | None:
    """The rank of the first passage with the answer: a gold sentence, the facts, or a reference."""
    for passage in passages:
        if case.gold:
            held = any(_holds(passage.text, gold) for gold in case.gold)
        elif case.key_facts:
            held = any(has_all_facts([fact], passage.text) for fact in case.key_facts)
        else:
            held = string_recall(case.references, passage.text)
        if held:
            return passage.rank
    return None


def all_sources_rank(case: Case, passages: Sequence[Passage]) -> int | None:
    """The rank by which every source article has been seen; None if one never is."""
    missing = set(case.source_articles)
    for passage in passages:
        missing.discard(passage.article)
        if not missing and case.source_articles:
            return passage.rank
    return None


def _holds(passage: str, gold: str) -> bool:
    """Whether a passage is, or has most of, a gold sentence or passage, whichever is shorter."""
    words, wanted = set(passage.lower().split()), set(gold.lower().split())
    return len(words & wanted) >= GOLD_WORDS * min(len(words), len(wanted))

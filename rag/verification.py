"""Does an article say this? The check that every drafted sentence passes or is withdrawn.

A draft sentence is compared with the evidence. The few pieces that together hold its numbers,
names and words best become its citations, so a citation is an exact place in an article from
the start and cannot be invented. A sentence is kept only if

* every number in it is, by value, in what it cites, and there belongs to the same words: where
  an article says "$1 per image, $5 per clip", a clip does not cost $1, and a sum told of no
  one is not told of Acme, nor the price of a video clip of an audio clip; of a range both ends
  are told, or it is said that one is a limit,
* every name in it is in what it cites, or in the passage, heading or title round it; a name of
  the question, in a sentence without figures, may be in another passage of the same article,
* the names of one clause stand together in one passage, or in two that a name links which the
  answer brings, or a title: where one article has an English Mark and another an American Nick,
  there is no American Mark,
* most of what it tells of a name is told of that name, and not of things of a kind, each in a
  list as the others are,
* most of what it tells beside names is told in the passages, and what it gives a reason for,
* it compares only as its evidence does, and what it calls the first is called so there,
* it denies only what its evidence denies, and asserts nothing that is denied there,
* it tells of all, any or every only what its evidence does: where an article says "between
  languages", nobody translates between any languages,
* enough of its content words and of its meaning (cosine of sentence embeddings) are there.

The question lends nothing: a name that only the question has is no evidence. Everything here is
comparison of text; no language model judges itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.amounts import figures, numbers
from rag.comparison_faults import comparison_fault
from rag.evidence import Evidence, EvidenceSet
from rag.name_faults import (
    borrowed_fault,
    linked_passages,
    list_fault,
    membership_fault,
    name_fault,
    stitching_fault,
    subject_fault,
)
from rag.number_faults import number_fault, range_fault, share_fault
from rag.page_pairs import folded
from rag.terms import (
    clauses,
    content_words,
    contrasted,
    coverage,
    denials,
    denied,
    fold_name,
    name_is_in,
    names,
    words,
)

MOST_CITATIONS = 4  # to one sentence
MOST_LIST_CITATIONS = 8  # where it tells a list
LEAST_GAIN = 0.2  # of a sentence's words or numbers that a further citation must bring
MOST_OF_CLAUSE = 0.6  # of a clause's words that a further citation for its name must have
LEAST_WORDS = 2  # that a further item of a cited list must bring: a long list has many small ones
# Of the mean of coverage and cosine. Low, since a sentence may lend many words from its question:
# what is above is left to the judgement on the whole draft. The figures are in eval/LOG.md.
SUPPORT_FLOOR = 0.4
MOSTLY = 0.5  # of what a clause tells or denies; the rest may be where or for whom
CAUSE = re.compile(r"\b(?:because|due to)\b", re.IGNORECASE)
UNIVERSAL = re.compile(r"\b(?:all|any|every|everyone|everything|always)\b", re.IGNORECASE)
OF_ALL = re.compile(r"\b(?:all|every|each|any) (.*\w)", re.IGNORECASE)
OWN_WORDS = "in its own words"  # why an article's words that nobody drafted are said
ALIKE = re.compile(r"\b(?:both|same|alike|equally)\b", re.IGNORECASE)  # asks if two are
YES_OR_NO = re.compile(r"(?:yes|no), +", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check found on one draft sentence; `evidence` is empty where it is not kept."""

    text: str
    evidence: tuple[Evidence, ...]
    support: float
    why: str

    @property
    def kept(self) -> bool:
        """Whether the sentence may be said."""
        return bool(self.evidence)


def check(sentence: str, evidence: EvidenceSet) -> Finding:
    """Find the words that back `sentence`, or why none do."""
    sentence = _without_yes(sentence, evidence.question)
    if not evidence.pieces:
        return Finding(sentence, (), 0.0, "no passage was found")
    similarities = evidence.similarities(sentence)
    chosen = _choose(sentence, evidence, similarities)
    cited = tuple(evidence.pieces[i] for i in chosen)
    held_words = frozenset().union(*(evidence.words[i] for i in chosen))
    covered = coverage(content_words(sentence), held_words)
    support = (covered + max(similarities[i] for i in chosen)) / 2
    fault = fault_of(sentence, cited, evidence)
    if not fault and support < SUPPORT_FLOOR:
        fault = f"the passages hold {covered:.0%} of its words"
    if fault:
        return Finding(sentence, (), support, fault)
    quoted = " + ".join(f"“{item.text[:60]}”" for item in cited)
    return Finding(sentence, cited, min(max(support, 0.0), 1.0), f"backed by {quoted}")


def _without_yes(sentence: str, question: str) -> str:
    """A sentence without the "yes" or "no" before it, if that does not answer what was asked.

    "Yes, Midjourney makes images" is no yes to "Is Midjourney an LLM?", nor is "Yes, most tools
    need no skills" to "Do you need skills?", nor what sets two apart to "Are both ...?", nor "No, a
    tool need not be an LLM" to "Is every LLM a tool?".
    """
    answer = YES_OR_NO.match(sentence)
    if not answer:
        return sentence
    asked = content_words(question)
    contradicts = answer[0].lower().startswith("yes") and (
        (not denials(question) and bool(denied(sentence) & asked))
        or bool(ALIKE.search(question) and len(contrasted(sentence)) > 1)
    )
    repeats = len(content_words(sentence) & asked) > MOSTLY * len(asked)
    about_it = repeats or all(name_is_in(name, sentence) for name in names(question))
    rest = sentence[answer.end() :]
    if about_it and not contradicts and not _is_converse(rest, question):
        return sentence
    return f"{rest[:1].upper()}{rest[1:]}"


def _is_converse(sentence: str, question: str) -> bool:
    """Whether a sentence tells the other way round what a question asks of every one of a kind."""
    of_all = OF_ALL.search(question)
    asked = [word for word in map(content_words, words(of_all[1] if of_all else "")) if word]
    told = [word for word in map(content_words, words(sentence)) if word in asked]
    return bool(asked) and asked[0] in told and told[0] != asked[0]


def fault_of(sentence: str, cited: Sequence[Evidence], evidence: EvidenceSet) -> str:
    """What in a sentence is not as the cited words have it; "" if nothing is."""
    if any(_is_part_of(sentence, item.text) for item in cited):
        # What is cut out may have lost the end of a range, or "it is not true that".
        return range_fault(sentence, evidence.question, cited) or _denial_fault(
            sentence, evidence.question, cited
        )
    named = _names_said(sentence, evidence)
    # Who asks in a hurry writes no capitals.
    brought = frozenset(name for name in named if not name_is_in(name, evidence.question))
    linked = linked_passages(brought, cited, question=evidence.question)
    return (
        name_fault(sentence, named, brought, cited, evidence)
        or subject_fault(sentence, named, cited)
        or membership_fault(sentence, named, cited)
        or stitching_fault(sentence, named, linked)
        or number_fault(sentence, named, linked, evidence.question)
        or range_fault(sentence, evidence.question, cited)
        or share_fault(sentence, cited)
        or list_fault(sentence, evidence)
        or borrowed_fault(sentence, brought, cited, evidence)
        or _told_fault(sentence, named, cited)
        or comparison_fault(sentence, named, cited)
        or _universal_fault(sentence, evidence.question, cited)
        or _denial_fault(sentence, evidence.question, cited)
    )


def _is_part_of(sentence: str, text: str) -> bool:
    """Whether a text has the words of a sentence in one piece, and its numbers uncut."""
    return folded(sentence) in folded(text) and numbers(sentence) <= numbers(text)


def _names_said(sentence: str, evidence: EvidenceSet) -> frozenset[str]:
    """The names in a sentence, its first word too if the question prints it as a name.

    Every sentence begins with a capital, so by itself "Acme pays $5" need not name anyone, nor
    does "Current LLMs" where the evidence has that word in lower case, or a question that begins
    with a capital.
    """
    question = evidence.question
    asked = {name for name in names(question) if name_is_in(name, sentence)}
    plain = evidence.printed_plain
    if question[:1].isupper():
        plain |= {word for word in words(question) if word.islower()}
    no_name = {fold_name(word) for word in words(sentence)[:1] if word.lower() in plain}
    return names(sentence) - no_name | asked


def nearest(sentence: str, evidence: EvidenceSet) -> Finding:
    """The nearest piece, kept whatever it says: what the check is measured against."""
    finding = check(sentence, evidence)
    if finding.kept or not evidence.pieces:
        return finding
    similarities = evidence.similarities(sentence)
    best = max(range(len(similarities)), key=lambda i: similarities[i])
    return Finding(sentence, (evidence.pieces[best],), finding.support, finding.why)


def _choose(sentence: str, evidence: EvidenceSet, similarities: Sequence[float]) -> list[int]:
    """Indices of the pieces that together hold most of a sentence, best first.

    Greedy cover: the first is the best by itself, one that has the sentence word for word before
    all others; another joins only if it brings numbers or words that the ones before it lack. One
    word of the question that is no name is not enough, as it stands in many a passage. A list is
    told item by item, so of a list that is cited the other items join more easily; and of whom only
    a clause tells, what has that clause.
    """
    first, _, rest = evidence.question.partition(" ")  # the first may be a name, who can tell
    anywhere = content_words(rest) - content_words(" ".join([first, *names(rest)]))
    wanted_words, wanted_figures = content_words(sentence), figures(sentence)
    if wanted_words:
        for i, piece in enumerate(evidence.pieces):
            if _is_part_of(sentence, piece.text):
                return [i]
    missing_words, missing_figures = set(wanted_words), set(wanted_figures)
    chosen: list[int] = []
    groups: set[tuple[str, int]] = set()
    while len(chosen) < MOST_LIST_CITATIONS:
        brought = [missing_words & words for words in evidence.words]
        if chosen:
            brought = [set() if len(b) == 1 and b <= anywhere else b for b in brought]
        gains = [
            2.0 * len(missing_figures & evidence.figures[i]) / max(len(wanted_figures), 1)
            + len(brought[i]) / max(len(wanted_words), 1)
            for i in range(len(evidence.pieces))
        ]
        best = max(range(len(gains)), key=lambda i: (gains[i] + similarities[i], -i))
        piece = evidence.pieces[best]
        listed = piece.group in groups and len(brought[best]) >= LEAST_WORDS
        enough = len(chosen) >= MOST_CITATIONS or gains[best] < LEAST_GAIN
        if chosen and (best in chosen or (enough and not listed)):
            break
        chosen.append(best)
        groups.add(piece.group)
        missing_words -= evidence.words[best]
        missing_figures -= evidence.figures[best]
        if not missing_words and not missing_figures:
            break
    return chosen + _of_further_names(sentence, chosen, evidence)


def _of_further_names(sentence: str, chosen: Sequence[int], evidence: EvidenceSet) -> list[int]:
    """Pieces that have most of a clause whose name no chosen passage has, one for each.

    "Ada Blom is a poet, and Bo Carlsen is a poet" adds few words with its second clause.
    """
    found: list[int] = []
    passages = "\n".join(evidence.pieces[i].passage for i in chosen)
    absent = {name for name in names(sentence) if not name_is_in(name, passages)}
    for clause in clauses(sentence) if absent else []:
        named = [name for name in absent if name_is_in(name, clause)]
        told = content_words(clause)
        near = [
            i
            for i, words_held in enumerate(evidence.words)
            if named
            and len(told & words_held) >= max(LEAST_WORDS, MOST_OF_CLAUSE * len(told))
            and all(name_is_in(name, evidence.pieces[i].headed_reading) for name in named)
        ]
        if near:
            found.append(max(near, key=lambda i: len(told & evidence.words[i])))
    return [i for i in dict.fromkeys(found) if i not in chosen]


def _told_fault(sentence: str, named: frozenset[str], cited: Sequence[Evidence]) -> str:
    """Whether most of what a sentence tells stands nowhere in its passages; "" if not.

    Names do not count, as they lend themselves to anything; nor does one word alone, which may be
    another one for the same. But what is explained is told: "Why did Acme shut its mill?" is
    answered with a reason, shut or not.
    """
    held = frozenset().union(*(content_words(item.passage) for item in cited))
    because = CAUSE.search(sentence)
    parts = [(sentence, 1), *([(sentence[: because.start()], 0)] if because else [])]
    for part, another in parts:
        told = content_words(part) - content_words(" ".join(named))
        untold = told - held
        if len(untold) > max(another, (1 - MOSTLY) * len(told)):
            return "most of what it tells is not in the passages"
    return ""


def _universal_fault(sentence: str, question: str, cited: Sequence[Evidence]) -> str:
    """What is told of all where neither the question nor a cited piece does; "" if nothing is."""
    said = UNIVERSAL.search(sentence)
    held = "\n".join([question, *(item.reading for item in cited)])
    if said and not UNIVERSAL.search(held):
        return f"no passage says {said[0].lower()}"
    return ""


def _denial_fault(sentence: str, question: str, cited: Sequence[Evidence]) -> str:
    """Why a sentence and its evidence are not of one mind.

    What the question itself denies, as in "Why is a whale not a fish?", the answer repeats.
    """
    here = denied(sentence)
    there = denied("\n".join(item.reading for item in cited))
    around = denied("\n".join(item.chunk.text for item in cited))
    if here and not here & (there | around | denied(question)):
        return "it denies what the passage does not deny"
    said = content_words(sentence) - here
    for item in cited:
        for denial in denials(item.reading):
            if denial and len(denial & said) >= MOSTLY * len(denial):
                return "it says what the passage denies"
    return ""

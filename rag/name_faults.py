"""Are the names of a sentence those of the article? Part of the check of a drafted sentence.

A name has to stand in the evidence, and with those that the sentence joins it to: where one article
has an English Mark and another an American Nick, there is no American Mark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rag.amounts import numbers
from rag.evidence import Evidence, EvidenceSet
from rag.terms import (
    WORD,
    clauses,
    content_words,
    is_function_word,
    is_named,
    name_is_in,
    names,
    stem,
    words,
)

ORDINAL = re.compile(  # those with digits are numbers, which are compared as such
    r"\b(first|second|third|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf)th)"
    r"[\s-]+(?!of\b|and\b|or\b|to\b|in\b)([a-z]+)",
    re.IGNORECASE,
)
# Before things of a kind; what stands behind "the" or "its" may be what was named before.
ANY = re.compile(r"an?|each|every|some|many|most", re.IGNORECASE)
LONGEST_SUBJECT = 3  # content words
IS_ONE_OF = re.compile(r"\b(?:is|are|was|were) one of (?:the |its |their )?(?P<of>[^,;.]+)")
JOINS = re.compile(r"\b(?:is|are|was|were|called|named|as)\b|[,:(\u2013\u2014]")  # one to a name
SHORTEST_LIST = 3
MOSTLY = 0.5  # of the words that a sentence tells of a name


def name_fault(
    sentence: str,
    named: frozenset[str],
    brought: frozenset[str],
    cited: Sequence[Evidence],
    evidence: EvidenceSet,
) -> str:
    """Which names the evidence lacks.

    A name that the question brings may stand further off, in what else was found of the same
    article: an answer repeats whom it is about where the article says "it". A figure may not: one
    article gives the figures of several companies. Nor may it stand for another name: where
    DATAPAC was a joint venture, TRANSPAC was none, even in the same passage.
    """
    passages = "\n".join(item.chunk.embedded_text for item in cited)
    absent = {name for name in named if not name_is_in(name, passages)}
    asked = named - brought
    if any(begins_with_another(item, sentence) for item in cited):
        told = "\n".join(item.headed_reading for item in cited)
        absent |= {name for name in asked if not name_is_in(name, told)}
    elif asked & absent and not numbers(sentence):
        articles = {item.chunk.article_id for item in cited}
        found = "\n".join(
            {
                piece.chunk.id: piece.chunk.embedded_text
                for piece in evidence.pieces
                if piece.chunk.article_id in articles
            }.values()
        )
        absent -= {name for name in asked if name_is_in(name, found)}
    if not absent and (other := _other_ordinal(sentence, cited)):
        return other
    return f"the passage does not name {', '.join(sorted(absent))}" if absent else ""


def _other_ordinal(sentence: str, cited: Sequence[Evidence]) -> str:
    """Which other of the things that a sentence counts is told of; "" if it is that one, or none.

    What is told of Newton's second law is not told of his third.
    """
    text = "\n".join(item.headed_reading for item in cited)
    for match in ORDINAL.finditer(sentence):
        same = {m[1].lower() for m in ORDINAL.finditer(text) if stem(m[2]) == stem(match[2])}
        if same and match[1].lower() not in same:
            return f"the passage tells of the {min(same)} {match[2]}"
    return ""


def begins_with_another(item: Evidence, sentence: str) -> bool:
    """Whether the first word of a piece is surely a name, and one that the sentence lacks.

    It is one if it is printed so elsewhere in the piece, or twice in the passage, which has no
    such word in lower case.
    """
    first = item.text.partition(" ")[0]
    if name_is_in(first, sentence):
        return False
    if any(name_is_in(name, first) for name in names(item.text)):
        return True
    printed = words(item.chunk.text)
    return (
        first.isalpha()
        and not first.islower()
        and not is_function_word(first)
        and printed.count(first) > 1
        and stem(first) not in {stem(word) for word in printed if word.islower()}
    )


def subject_fault(sentence: str, named: frozenset[str], cited: Sequence[Evidence]) -> str:
    """What of any kind a sentence's words are told of, if not of its subject; "" if of that.

    "A diffusion model starts from noise" says nothing of a GAN, though its passage names one;
    "The network starts from noise" may. What stands before the first word that both have is taken
    for their subjects.
    """
    told = content_words(sentence)
    item = max(cited, key=lambda item: len(told & content_words(item.reading)))
    first = item.text.partition(" ")[0]
    if is_function_word(first) and not ANY.fullmatch(first):
        return ""
    shared = told & content_words(item.text)
    subject, other = _words_before(shared, sentence), _words_before(shared, item.text)
    of = [name for name in named if name_is_in(name, subject)]
    held = content_words(item.headed_reading)
    alone = not content_words(subject) & held and not any(
        is_named(name, piece.reading) for name in of for piece in cited
    )
    if of and alone and 0 < len(content_words(other)) <= LONGEST_SUBJECT:
        return f"the passage tells this of {other.strip()}"
    return ""


def membership_fault(sentence: str, named: frozenset[str], cited: Sequence[Evidence]) -> str:
    """Of what a sentence makes someone one, where one of them only tells of him; "" if of nothing.

    "One of two guides names Acme" makes Acme no guide; "one of two firms, Acme," makes it a firm.
    """
    said = IS_ONE_OF.search(sentence)
    if not said:
        return ""
    subject = [name for name in named if name_is_in(name, sentence[: said.start()])]
    for item in cited:
        before, one_of, after = item.text.partition("one of ")
        behind = [
            word.start()
            for word in WORD.finditer(after)
            if any(name_is_in(name, word[0]) for name in subject)
        ]
        if one_of and behind and not any(name_is_in(name, before) for name in subject):
            between = after[: behind[0]]
            if not JOINS.search(between) and content_words(said["of"]) & content_words(between):
                return f"the passage does not call it one of {said['of']}"
    return ""


def _words_before(shared: frozenset[str], text: str) -> str:
    """The beginning of a text, up to the first of some content words."""
    for word in WORD.finditer(text):
        if content_words(word[0]) & shared:
            return text[: word.start()]
    return text


def stitching_fault(sentence: str, named: frozenset[str], linked: Mapping[Evidence, str]) -> str:
    """Which names one clause joins that no passage has together; "" if none."""
    passages = linked.values()
    cited_names = {n for n in named if any(is_named(n, text) for text in passages)}
    for clause in clauses(sentence):
        joined = sorted(name for name in cited_names if name_is_in(name, clause))
        together = any(all(is_named(name, text) for name in joined) for text in passages)
        if len(joined) > 1 and not together:
            return f"no passage names {', '.join(joined)} together"
    return ""


def list_fault(sentence: str, evidence: EvidenceSet) -> str:
    """What of a list is not as the rest of it; "" if nothing is.

    Of "ElevenLabs, Suno and Runway make audio", the last stands nowhere beside the word that the
    evidence has beside each of the others.
    """
    # In a list the first word of a sentence is a name as the others are.
    brought = {name for name in names(f"of {sentence}") if not name_is_in(name, evidence.question)}
    items: list[set[str]] = []
    mixed = 0  # clauses that hold more than a name
    for clause in clauses(sentence):
        item = {name for name in brought if name_is_in(name, clause)}
        if item:
            items.append(item)
            mixed += bool(content_words(clause) - content_words(" ".join(item)))
    if len(items) < SHORTEST_LIST or mixed > 1:
        return ""
    told = content_words(sentence) - content_words(" ".join(brought))
    beside = [
        frozenset().union(
            *(
                told & content_words(piece.headed_reading)
                for piece in evidence.pieces
                if all(is_named(name, piece.reading) for name in item)
            )
        )
        for item in items
    ]
    for number, item in enumerate(items):
        others = beside[:number] + beside[number + 1 :]
        if frozenset.intersection(*others) - beside[number]:
            return f"{', '.join(sorted(item))} is not told of as the rest of the list is"
    return ""


def borrowed_fault(
    sentence: str, brought: frozenset[str], cited: Sequence[Evidence], evidence: EvidenceSet
) -> str:
    """Whether most of what a sentence tells of a name is told of something else; "" if not.

    Where one line says what Midjourney makes and another what other models make, the second says
    nothing of Midjourney, unless it goes on about it: in the same list, or as "they".
    """
    if not brought:
        return ""
    groups = {
        item.group
        for item in cited
        for piece in evidence.with_antecedents([item])
        if any(is_named(name, piece.headed_reading) for name in brought)
    }
    told = content_words(sentence) - content_words(" ".join([*brought, evidence.question]))
    told &= _words(cited)
    of = [item for item in cited if item.group in groups]
    if len(told & _words(of)) < MOSTLY * len(told):
        return f"most of it is not told of {', '.join(sorted(brought))}"
    return ""


def _words(pieces: Sequence[Evidence]) -> frozenset[str]:
    return frozenset().union(*(content_words(piece.headed_reading) for piece in pieces))


def linked_passages(
    brought: frozenset[str], cited: Sequence[Evidence], *, question: str
) -> dict[Evidence, str]:
    """The passage of each piece with those that tell on from it, or that it tells on from.

    "Clonbrook is in Guyana, which joined in 1973" needs two passages, and Guyana is in both: they
    share a name that the answer has `brought`, or one has the title of the other. What the
    question names links nothing, as what is asked about stands beside much that is not of it.
    """
    return {
        item: "\n".join(
            other.passage
            for other in cited
            if other is item
            or any(
                is_named(name, item.passage) and is_named(name, other.passage) for name in brought
            )
            or _tells_of(item, other, question)
            or _tells_of(other, item, question)
        )
        for item in cited
    }


def _tells_of(item: Evidence, other: Evidence, question: str) -> bool:
    """Whether a passage names what another article is about, as printed, and the question not."""
    if item.chunk.article_id == other.chunk.article_id:
        return False
    title = other.chunk.title.partition(" (")[0]  # as in "Mercury (planet)"
    printed = re.search(rf"(?<!\w){re.escape(title)}(?!\w)", item.passage)
    return bool(printed) and title != title.lower() and not name_is_in(title, question)

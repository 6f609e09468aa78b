"""As much English as it takes to ask about a statement: sentences, verb forms, fit phrases."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Verbs: base, past and participle where irregular; then regular ones.
_IRREGULAR = """
bear bore born|become became become|begin began begun|break broke broken|build built built
buy bought bought
choose chose chosen|cut cut cut|fall fell fallen|fight fought fought|find found found
give gave given|grow grew grown|have had had|hold held held|lead led led
leave left left|lose lost lost|make made made|meet met met|overthrow overthrew overthrown
pay paid paid|rise rose risen|run ran run|say said said|sell sold sold|send sent sent|set set set
show showed shown|speak spoke spoken|spend spent spent|take took taken|teach taught taught
think thought thought|win won won|write wrote written|drop dropped dropped|ban banned banned
""".replace("\n", "|")
_REGULAR = """
air compile crown debut direct fire graduate hire nominate ordain premiere retire star
abandon abolish absorb accelerate accept accuse achieve acquire add adopt annex announce appoint
approve arrest arrive assassinate attack attend award call capture carry celebrate change claim
close collapse commission compare complete compose comprise conquer consider construct contain
contribute convert cost cover create cross damage declare decline decorate decrease dedicate
defeat deliver demolish deploy design destroy develop die discover dissolve divide earn elect
employ enact end enlarge enter establish estimate exceed expand expel experience experiment
express fail finance finish forecast form found gain generate grant handle hallucinate help
identify implement import improve inaugurate include increase inhabit introduce invade invent
invest isolate issue join kill land launch license live lower marry merge modernize move name
need observe occupy offer open order organize outlaw own paint pass patent perform play
proclaim produce prohibit project promote propose prove publish raise ratify reach receive
recognize record reduce reform regard reject release remain remove rename renovate replace report
represent require restore reveal rule save scale separate serve settle sign solve speed start suffer
support surrender test total train transfer transform translate use visit vote want work yield
"""
AGENTIVE = frozenset(
    "abolish acquire annex assassinate build capture commission compose conquer construct create "
    "defeat demolish design destroy develop direct discover establish fire found hire inaugurate "
    "invade invent "
    "introduce issue launch name outlaw overthrow paint patent propose publish rename sign "
    "win write".split()
)
INTRANSITIVE = frozenset(
    "air begin close collapse debut die end fall open premiere resign retire start "
    "surrender".split()
)


def _verbs() -> tuple[dict[str, str], dict[str, str], dict[str, str], frozenset[str]]:
    """Base forms by past form, pasts by base, pasts by participle, and third persons by base."""
    triples = [tuple(line.split()) for line in _IRREGULAR.strip("|").split("|")]
    for base in _REGULAR.split():
        past = base + "d" if base[-1] == "e" else re.sub(r"(?<=[^aeou])y$", "i", base) + "ed"
        triples.append((base, past, past))
    bases = {past: base for base, past, _ in triples}
    pasts = {base: past for base, past, _ in triples}
    participles = {participle: past for _, past, participle in triples}
    return bases, pasts, participles, frozenset(pasts)


BASE_OF, PAST_OF, PAST_OF_PARTICIPLE, BASES = _verbs()


def third_person(base: str) -> str:
    """The form of a verb that goes with he, she or it."""
    if base == "have":
        return "has"
    if re.search(r"(?:[sxz]|ch|sh|o)$", base):
        return base + "es"
    return re.sub(r"(?<=[^aeou])y$", "ie", base) + "s"


BASE_OF_THIRD = {third_person(base): base for base in BASES}


def either(words: Iterable[str]) -> str:
    """A pattern for any one of some words."""
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"


# What makes a phrase unfit to stand in a question by itself.
_POINTS_ELSEWHERE = re.compile(
    r"(?i)\b(?:it|its|itself|he|she|his|him|her|hers|they|them|their|theirs|this|these|that|those|"
    r"which|who|whom|whose|where|when|while|because|although|though|there|here|former|latter|"
    r"then|such|both|another|other|others|same|if|as|we|our|us|you|your|i|my|what|how|so|thus|"
    r"not|no|also|each|either|neither|yet|however|even|unless|whereas|whether|initially|instead|"
    r"again|alone|never|rarely|hardly|ever|later|subsequently|following|mostly|so-called|too)\b|"
    r"['’]$|\[|/|\s&\s?$"
)
_FINITE = re.compile(r"\b(?:is|are|was|were|has|had|have|does|did|do|will|would|could|can|may)\b")
_OPENS_LATE = re.compile(
    r"(?i)(?:by|in|at|on|from|to|with|for|of|until|after|before|between|into|during|over|under|"
    r"about|through|against|and|or|but|than|out|off|up|down|back|away|only|within|one)\b(?! of)"
)
_ENDS_OPEN = re.compile(
    r"(?i)\b(?:a|an|the|of|in|on|at|to|by|for|with|and|or|from|as|than|into|around|about|over|"
    r"after|before|until|since|between|during|very|more|most|dating|late|early|mid|only|circa|"
    r"called|named|including|like|just|some|up|out|near|under|stating|saying|claiming|making|St|Dr|Mr|Mrs|vs|[A-Z])$"
)
_SECOND_CLAUSE = re.compile(
    rf" and (?:[a-z]+ly )?(?:{either(BASE_OF)}|{either(BASE_OF_THIRD)})\b| and (?:a|the|an) .* "
    rf"(?:{either(BASE_OF)})\b"
)
_BOUND = re.compile(r"\b(?:(?<=say )|(?<=think )|(?<=believe )|(?<=agree ))that\b|\b(?:as|their)\b")


def fits(phrase: str, *, at_most: int = 12) -> bool:
    """Whether a phrase can stand in a question by itself, in place of a noun."""
    return follows(phrase, at_most=at_most) and not _OPENS_LATE.match(phrase)


def follows(phrase: str, *, at_most: int = 12) -> bool:
    """Whether a phrase can stand in a question by itself, after a verb."""
    unfit = (_POINTS_ELSEWHERE, _FINITE, _ENDS_OPEN, _SECOND_CLAUSE)
    return len(phrase.split()) <= at_most and not any(mark.search(phrase) for mark in unfit)


def is_said(phrase: str) -> bool:
    """The same for what a group says, does or has, which may point back to the group."""
    said = re.sub(r"(?<=\bthat )(.*?)\b(?:is|are|can be|will be)\b", r"\1", phrase)
    return follows(_BOUND.sub("", said), at_most=18) and not re.search(r"(?:that|as)$", phrase)


def sentences(text: str) -> list[str]:
    """The sentences of a block, without list marks and emphasis, on one line each."""
    bare = re.sub(r"^\s*(?:[-*+•✓]|\d{1,2}[.)])\s+|\*\*|__|`|\u200b", "", text)
    cut = r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b(?:Dr|Mr|St|vs|ca)\.)(?<!Mrs\.)\s+(?=[A-Z\"“])"
    return [part.strip() for part in re.split(cut, " ".join(bare.split())) if part.strip()]


def without_asides(sentence: str) -> str:
    """A sentence without what stands in brackets."""
    return re.sub(r"\s*\[[^\]]{1,40}\]|\s*\([^()]*\)", "", sentence)


def plural(phrase: str) -> bool:
    """Whether a phrase ends in a plural noun, by its ending."""
    return bool(re.search(r"(?:[^su]s|people|men|children)$", phrase))


def in_the_past(verb: str) -> str:
    """The past tense of a verb in the present; any other word as it is."""
    fixed = {"is": "was", "are": "were", "has": "had", "does": "did", "do": "did"}
    return fixed.get(verb) or PAST_OF.get(BASE_OF_THIRD.get(verb, verb), verb)


def auxiliary_and_base(verb: str) -> tuple[str, str]:
    """What asks in the tense and number of a verb form, and the base form that goes with it.

    >>> auxiliary_and_base("took"), auxiliary_and_base("has")
    (('did', 'take'), ('does', 'have'))
    """
    if verb in BASE_OF_THIRD:
        return "does", BASE_OF_THIRD[verb]
    return ("did", BASE_OF[verb]) if verb in BASE_OF else ("do", verb)

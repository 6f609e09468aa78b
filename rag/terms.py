"""What a text asserts, as sets that can be compared: its names, its content words, its denials.

Names are what English prints with a capital or a digit inside. Content words are stemmed, with
function words left out; numbers are told in `rag.amounts`. All of it is plain text work of
microseconds, so it can run on every sentence of every answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise, zip_longest

WORD = re.compile(r"[^\W_]+(?:['\u2019\-./&+][^\W_]+)*\+{0,2}")
CONTRAST = re.compile(r"\bwhile\b|\bwhereas\b|\bcompared (?:to|with)\b|\bversus\b")
CLAUSE = re.compile(rf",(?!\d)|[;:()|•✓\n]|\band\b|{CONTRAST.pattern}")
CLAUSE_END = re.compile(r"[,;:.!?\n\u2014|]|\b(?:but|because|although|while)\b")
# A number, a range or a multiple as one word: "3-5x", "200k", "85+".
# "3rd", "5x", "70's" or "700-megawatt", and not "7-Eleven".
COUNT = re.compile(
    r"[\d.,\-]+(?:st|nd|rd|th|x|['\u2019]?s|[kmbt]n?)?\+*(?-i:(?<=[\d.,]-)[a-z]{3,}(?:-[a-z]+)*)?",
    re.IGNORECASE,
)
DEMONYM = re.compile(r"(?:ia|a)n?$")  # what tells "African" from "Africa"
# What has several names of its own; the abbreviations are no words.
COUNTRIES = (
    (
        frozenset("us u.s usa u.s.a america american states united".split()),
        re.compile(r"\b(?:U\.?S\.?(?:A\b)?|United States|American?)(?![a-z])"),
    ),
    (
        frozenset("uk u.k britain british kingdom united".split()),
        re.compile(r"\b(?:U\.?K|United Kingdom|Britain|British)(?![a-z])"),
    ),
)
SHORTEST_ROOT = 5  # "Canad-ian"; "Ital-ian" would be taken for too much
SCALES = {
    "k": 10**3,
    "thousand": 10**3,
    "m": 10**6,
    "mn": 10**6,
    "million": 10**6,
    "b": 10**9,
    "bn": 10**9,
    "billion": 10**9,
    "t": 10**12,
    "tn": 10**12,
    "trillion": 10**12,
}
NUMBER_WORDS = {
    word: Decimal(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
} | {
    word: Decimal(value)
    for value, word in zip(
        range(30, 100, 10), "thirty forty fifty sixty seventy eighty ninety".split(), strict=True
    )
}
# "one" is a pronoun more often than a count, so the word alone asserts nothing.
NUMBER_WORDS.pop("one")

FUNCTION_WORDS = frozenset(
    """
    a about above across after again against all almost also although always am among an and any
    are around as at be because been before being below between both but by can cannot could did
    do does doing done down during each either else enough etc even ever every few for from further
    had has have having he her here hers herself him himself his how however i if in into is it its
    itself just least less let like made make makes many may me might mine more most much must my
    myself near neither no nor not now of off often on once one only onto or other others our ours
    out over own per quite rather really same say says shall she should since so some still such
    than that the their theirs them themselves then there therefore these they this those though
    through thus to together too toward towards under until up upon us use used uses using very via
    was we were what whatever when where whereas whether which while who whom whose why will with
    within without won't would yes yet you your yours
    arent cant couldnt didnt doesnt dont hasnt havent hows im isnt ive shouldnt wasnt werent whats
    wheres whos wouldnt
    article articles text passage passages source sources according mention mentions mentioned
    state states stated question answer tell give given name describe explain list
    """.split()
)
# What is joined to a function word: "what's", "isn't", "can't", "I'm".
CONTRACTION = re.compile(r"(?:(?<!ca)n't|'(?:t|s|m|re|ve|ll|d))$")
# They open a question and name nothing, though a name follows: "Compare GPT-4 and Claude".
OPENERS = frozenset(
    "besides compare consider contrast define despite discuss identify outline please regarding "
    "show summarise summarize unlike".split()
)
# What a number is written with; `rag.amounts` reads these.
CURRENCIES = frozenset({"usd", "eur", "gbp"})
COUNTING_WORDS = (
    frozenset(NUMBER_WORDS) | frozenset(SCALES) | CURRENCIES | {"percent", "percentage"}
)
# "not as cheap as" compares, and "not until 1798", "not only cheap", "no fewer than" deny nothing.
NO_DENIAL = re.compile(
    r"\bnot (?=(?:as|so) [a-z-]+ (?:[^,;.]* )?as\b|(?:until|only|just|merely|least)\b)"
    r"|\bno (?=(?:more|less|fewer|later|earlier|longer) than\b)",
    re.IGNORECASE,
)
QUOTED_TITLE = re.compile(r'["\u201c](?P<title>[A-Z][^"\u201d\n]*)["\u201d]')
NEGATIONS = frozenset(
    "no not never none neither nor nobody nothing nowhere cannot without n't isn't aren't doesn't "
    "don't can't won't wasn't weren't didn't hasn't haven't".split()
)


@lru_cache(maxsize=1)
def _stemmer():  # type: ignore[no-untyped-def]
    import snowballstemmer

    return snowballstemmer.stemmer("english")


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The stem of one word, lower-case: "generating" and "Generates", "LLMs" and "LLM"."""
    folded = fold_name(word)
    return str(_stemmer().stemWord(folded))


def words(text: str) -> list[str]:
    """The words of a text as printed, hyphenated compounds and "Q&A" whole."""
    return WORD.findall(text)


def content_words(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning; compounds count by their parts too."""
    found: set[str] = set()
    for word in words(text):
        parts = re.split(r"[-/]", word)
        for part in {word, *parts} if len(parts) > 1 else parts:
            if carries_meaning(part) and len(part) > 1:
                found.add(stem(part))
    return frozenset(found)


def word_pairs(text: str) -> frozenset[tuple[str, str]]:
    """Stems of content words that follow each other: "an audio clip" has (audio, clip).

    >>> sorted(word_pairs("one audio clip costs $5"))
    [('audio', 'clip'), ('clip', 'cost')]
    """
    spelled = words(text)
    return frozenset(
        (stem(first), stem(second))
        for first, second in pairwise(spelled)
        if carries_meaning(first) and carries_meaning(second)
    )


def carries_meaning(word: str) -> bool:
    """Whether a word is neither a function word nor a part of a number."""
    counts = word.lower() in COUNTING_WORDS or word[:1].isdigit()
    return not is_function_word(word) and not counts


@lru_cache(maxsize=65_536)
def is_function_word(word: str) -> bool:
    """Whether a word only joins others, alone or with what is contracted to it: "what's"."""
    folded = word.lower().replace("\u2019", "'")
    return folded in FUNCTION_WORDS or CONTRACTION.sub("", folded) in FUNCTION_WORDS


def names(text: str) -> frozenset[str]:
    """Lower-case words that are printed as names: a capital or a digit inside a word.

    The first word of a sentence begins with a capital anyway, so it counts only if it has
    another one, a possessive, or a capitalised word after it. In A Title Written Like This no
    plain capital makes a name.
    """
    found: set[str] = set()
    title_case = _is_title_case(text)
    sentence_start = True
    end = 0
    matches = list(WORD.finditer(text))
    for match, following in zip_longest(matches, matches[1:]):
        between = text[end : match.start()]
        if re.search(r"[.!?:\n|•✓]", between):
            sentence_start = True
        word = match.group()
        capital_inside = any(letter.isupper() for letter in word[1:])
        digit_and_letter = any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
        plain_capital = word[0].isupper() and (
            not sentence_start
            or word.endswith(("'s", "\u2019s"))
            or (
                following is not None
                and following.group()[0].isupper()
                and text[match.end() : following.start()] == " "
            )
        )
        if (
            (capital_inside or digit_and_letter or (plain_capital and not title_case))
            and not is_function_word(word)
            and word.lower() not in CURRENCIES
            and not (sentence_start and word.lower() in OPENERS)
            and not COUNT.fullmatch(name := named_part(word))
        ):
            found.add(fold_name(name))
        sentence_start = False
        end = match.end()
    return frozenset(found)


def _is_title(quoted: str) -> bool:
    """Whether what stands in quotation marks is a title: all of its content words have capitals."""
    telling = [word for word in words(quoted) if not is_function_word(word)]
    return bool(telling) and all(not word[0].islower() for word in telling)


def _is_title_case(text: str) -> bool:
    """Whether a text is written Like This: function words have capitals too, not names alone."""
    first, *rest = words(text) or [""]
    function = [word for word in rest if is_function_word(word)]
    return any(word[0].isupper() for word in function) and all(
        word[0].isupper() for word in (first, *rest) if word and not is_function_word(word)
    )


def named_part(word: str) -> str:
    """What of a compound is the name: "AI" of "AI-made", all of "GPT-4o" and of "Wi-Fi"."""
    parts = word.split("-")
    plain = [part for part in parts if part.islower() and part.isalpha() and len(part) > 2]
    named = "-".join(part for part in parts if part not in plain)
    return named if len(named) > 1 else word


def fold_name(word: str) -> str:
    """A name without case, possessive or plural, so that "LLMs" and "LLM's" are "llm"."""
    folded = word.replace("\u2019", "'")
    folded = folded.removesuffix("'s").removesuffix("'")
    if folded.endswith("s") and len(folded) > 2 and folded[-2].isupper():
        folded = folded[:-1]
    return folded.lower()


def name_is_in(name: str, text: str) -> bool:
    """Whether a folded name stands in a text as a word, in any case, or as part of a compound.

    "African" is in a text that has "Africa", and the other way round; so is "Britain" where the
    text has "UK".
    """
    if any(name in called and country.search(text) for called, country in COUNTRIES):
        return True
    spelled = re.escape(name)
    root = DEMONYM.sub("", name)
    if root != name and len(root) >= SHORTEST_ROOT:
        spelled = rf"{re.escape(root)}(?:ia|a)n?"
    pattern = rf"(?<![^\W_]){spelled}(?:s|'s|\u2019s)?(?![^\W_])"
    return re.search(pattern, text, re.IGNORECASE) is not None


def is_named(name: str, text: str) -> bool:
    """Whether a name, or a part of a compound such as "AI-generated", stands in a text."""
    return name_is_in(name, text) or any(
        name_is_in(part, text) for part in re.split("[-/]", name)[:-1] if part
    )


def clauses(text: str) -> list[str]:
    """The parts of a text between commas, brackets and bars; a comma in a number is no comma.

    >>> clauses("1,000 images, or (at night) 5 clips")
    ['1,000 images', ' or ', 'at night', ' 5 clips']
    """
    return [part for part in CLAUSE.split(text) if part.strip()]


def contrasted(text: str) -> list[str]:
    """What a text sets against each other.

    >>> contrasted("Acme pays $1, while a clip costs $5")
    ['Acme pays $1, ', ' a clip costs $5']
    """
    return CONTRAST.split(text)


def denied(text: str) -> frozenset[str]:
    """Stems of the content words that a text denies: those after "not", up to the clause's end.

    >>> sorted(denied("They are rivals, but they do not replace people, who pay."))
    ['peopl', 'replac']
    """
    return frozenset().union(*denials(text))


def denials(text: str) -> list[frozenset[str]]:
    """What each denying clause of a text denies, as stems of its content words.

    A title in quotation marks denies nothing, whatever it says.
    """
    found: list[frozenset[str]] = []
    untitled = QUOTED_TITLE.sub(lambda quote: "" if _is_title(quote["title"]) else quote[0], text)
    for clause in CLAUSE_END.split(NO_DENIAL.sub("", untitled.replace("\u2019", "'"))):
        folded = [word.lower() for word in words(clause)]
        for at, word in enumerate(folded):
            if word in NEGATIONS or word.endswith("n't"):
                found.append(content_words(" ".join(folded[at + 1 :])))
                break
    return found


def coverage(wanted: Iterable[str], held: Iterable[str]) -> float:
    """The share of `wanted` that is in `held`; 1.0 when nothing is wanted."""
    wanted_set, held_set = set(wanted), set(held)
    return len(wanted_set & held_set) / len(wanted_set) if wanted_set else 1.0

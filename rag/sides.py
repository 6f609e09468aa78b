"""What a question compares: the two sides of "A or B?", "A versus B" or "both A and B".

What the articles tell of each side often stands far apart, and among ten other lines a small model
takes the figure of one for the other's. So where its answer to all of them does not hold, the line
nearest to the question is read for each side, and nothing else (`EvidenceSet.of_sides`).
"""

from __future__ import annotations

import re

from rag.terms import content_words

_AUXILIARY = r"(?:are|were|do|does|did|is|was|have|has|had|can|will)"
_CAPITAL = r"(?:the )?[A-Z]"
_ASKS = r"(?:What|Which|Who|Whose|How|When|Where|Why|Are|Were|Do|Does|Did|Is|Was|Have|Has|Had)\b"
FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?i)\bbetween (?P<one>[^,;?]+?) and (?P<other>[^,;?]+)",
        r"(?i)(?:^|[:,] )(?P<one>[^,:;?]+?),? (?:vs\b\.?|versus|as (?:against|opposed to)"
        r"|compared (?:to|with)) (?P<other>[^,;?]+)",
        r"(?i)\bcompare (?P<one>[^;?]+?) (?:with|and|to) (?P<other>[^,;?]+)",
        rf"(?i)\bboth(?: [\w ]+,)? (?P<one>[^,;?]+?) and (?P<other>[^,;?]+?)"
        rf"(?=,| {_AUXILIARY}\b|\?|$)",
        # "Are Ada Blom and Bo Carlsen in the same band?", "Acme and Bolt were founded in ..."
        rf"(?:^(?!{_ASKS})|\b(?i:{_AUXILIARY}) )(?P<one>{_CAPITAL}[^,;?]*?)"
        rf" and (?P<other>{_CAPITAL}[\w.’'-]*(?: [A-Z(][\w.’')-]*)*)",
        rf"(?i)\b{_AUXILIARY} (?P<one>[^,;?]+?) and (?P<other>[^,;?]+?)"
        r" (?:differ|share|have|use|need)\b",
        rf"(?i)\b{_AUXILIARY} (?P<one>[^,;?]+?) differ(?:ent)? (?:from|to|than) (?P<other>[^,;?]+)",
        rf"(?i)\b{_AUXILIARY} (?P<one>[^,;?]+?) (?:compare (?:to|with)|(?:have|share) [^,;?]*?\b"
        r"with) (?P<other>[^,;?]+)",
        rf"(?i)\b{_AUXILIARY} (?P<one>[^,;?]+?) (?:(?:more|less|fewer) [^,;?]*?|[a-z]{{3,}}er )"
        r"than (?P<other>[^,;?]+)",
        rf"(?i)(?:[,:] ?|\b(?:{_AUXILIARY}|than) )(?P<one>[^,:;?]+?),? or (?P<other>[^,;?]+)",
    )
)


def sides_of(question: str) -> list[frozenset[str]]:
    """The content words of the two things that a question compares, as stems, less shared ones.

    It is empty where no form shows any.

    >>> [sorted(side) for side in sides_of("Which takes longer, a still picture or a moving one?")]
    [['pictur', 'still'], ['move']]
    """
    for form in FORMS:
        match = form.search(question)
        if match:
            one, other = (content_words(match[side]) for side in ("one", "other"))
            if one - other and other - one:
                return [one - other, other - one]
    return []

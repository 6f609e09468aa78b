"""Things are compared as the article compares them, and called first only where it says so."""

from __future__ import annotations

import pytest

from tests.passages import found

CODE = "LLMs are good at writing code, but models built only for programming are more accurate."
PATENTS = (
    "Ada Blom obtained the first patent for a loom in 1606.\n\n"
    "Carl Dahl received a patent for a loom in 1763."
)


@pytest.mark.parametrize(
    ("text", "sentence", "kept"),
    [
        (CODE, "Models for programming are more accurate at writing code than LLMs.", True),
        (CODE, "LLMs are not as accurate at writing code as models for programming.", True),
        (CODE, "LLMs are less accurate at writing code than models for programming.", True),
        (CODE, "LLMs are more accurate at writing code than models for programming.", False),
        (CODE, "Models for programming are not as accurate at writing code as LLMs.", False),
        (CODE, "LLMs are as accurate at writing code as models for programming.", False),
        (CODE, "LLMs are faster at writing code than models for programming.", False),
        (
            "Films take more stage craft, and clips are made with less craft.",
            "Clips take less stage craft than films.",
            True,
        ),
        (
            "Films take sound, which clips lack.",
            "Clips take less stage craft than films.",
            False,
        ),
        ("A film takes days, no longer weeks.", "A film is quicker than before, days.", True),
        (
            "The market of films and clips is larger than $9 billion. Films have a market.",
            "The market of films is larger than that of clips, with films and clips $9 billion.",
            True,
        ),
        ("Clips are cheaper than films.", "Films are cheaper than clips.", False),
        ("Clips are cheaper than films.", "Clips are cheaper than films are.", True),
        ("Use films, and avoid clips.", "Use films rather than clips, other than avoid.", True),
        ("A film costs more than $9 as of 2020.", "A film costs more than $9.", True),
        (PATENTS, "Ada Blom received the first patent for a loom.", True),
        (PATENTS, "Carl Dahl received the very first patent for a loom.", False),
        (PATENTS, "Carl Dahl received a patent for a loom.", True),
        (PATENTS, "The first patent for a loom was received in 1606.", True),
        ("Layer two has Frame Relay.", "X.25 has layer one, whereas Frame Relay has two.", False),
        (
            "Frame Relay uses a layer that X.25 lacks.\n\nX.25 uses the network layer.",
            "X.25 uses the network layer, whereas Frame Relay uses a layer.",
            True,
        ),
    ],
)
def test_a_comparison_is_that_of_the_article(text: str, sentence: str, kept: bool) -> None:
    finding = found(sentence, text, "How do they compare?")
    assert finding.kept is kept, finding.why

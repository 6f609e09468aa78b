"""Where articles agree, both are cited; where they do not, both figures are given."""

from __future__ import annotations

import pytest

from rag.disagreement import compare_articles
from rag.evidence import EvidenceSet
from rag.records import Chunk, Hit
from rag.verification import Finding, check
from tests.fakes import WordEmbedder

SAID = "Acme's suite has 900 users in its offices."


def compared(*others: str) -> list[Finding]:
    """What becomes of `SAID`, which the first article says, beside the others."""
    hits = [
        Hit(Chunk(f"c{n}", f"{n}.md", f"Article {n}", f"{n}.md", "", 0, len(text), text), 1.0, n)
        for n, text in enumerate((SAID, *others), start=1)
    ]
    evidence = EvidenceSet("How many users has it?", hits, embedder=WordEmbedder())
    return compare_articles([check(SAID, evidence)], evidence)


def test_what_a_second_article_says_too_is_cited_from_both() -> None:
    (finding,) = compared("Acme's suite has 900 users in all its offices.")
    assert [item.chunk.article_id for item in finding.evidence] == ["1.md", "2.md"]


def test_another_figure_for_the_same_thing_is_given_with_its_source() -> None:
    finding, other = compared("Acme's suite has 700 users in its offices.")
    assert [item.chunk.article_id for item in finding.evidence] == ["1.md"]
    assert other.text == (
        "“Article 2” gives another figure: Acme's suite has 700 users in its offices."
    )
    assert [item.chunk.article_id for item in other.evidence] == ["2.md"]


@pytest.mark.parametrize(
    ("other", "figures"),
    [
        ("A picture of the suite takes 2-5 seconds, and took 15-30 seconds before.", 2),
        ("A picture of the suite takes 5-30 seconds at night.", 1),
        ("A picture of the suite takes 30 seconds.", 1),
    ],
)
def test_ranges_that_share_an_end_are_different_figures(other: str, figures: int) -> None:
    text = "A picture of the suite takes 5-30 seconds."
    articles = [
        Hit(Chunk(f"c{n}", f"{n}.md", f"Article {n}", f"{n}.md", "", 0, len(said), said), 1.0, n)
        for n, said in enumerate((text, other), start=1)
    ]
    evidence = EvidenceSet("What does a picture take?", articles, embedder=WordEmbedder())
    assert len(compare_articles([check(text, evidence)], evidence)) == figures


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("Zenith's suite has 700 users in its offices.", id="of another company"),
        pytest.param("Acme's suite costs $700 for users in its offices.", id="of another kind"),
        pytest.param("Acme has 12 dogs.", id="of another thing"),
        pytest.param("Acme's suite has few users in its offices.", id="no figure"),
    ],
)
def test_a_figure_of_something_else_is_no_disagreement(other: str) -> None:
    (finding,) = compared(other)
    assert [item.chunk.article_id for item in finding.evidence] == ["1.md"]


def test_what_is_withdrawn_is_compared_with_nothing() -> None:
    withdrawn = Finding(SAID, (), 0.1, "not held")
    evidence = EvidenceSet("How many?", [], embedder=WordEmbedder())
    assert compare_articles([withdrawn], evidence) == [withdrawn]

"""Passages made up for a test, and what the check finds on a sentence with them."""

from __future__ import annotations

from dataclasses import replace

from rag.evidence import EvidenceSet
from rag.records import Chunk, Hit
from rag.verification import Finding, check
from tests.fakes import WordEmbedder


def hit(text: str, *, start: int = 40) -> Hit:
    chunk = Chunk(
        id="a.md#1",
        article_id="a.md",
        title="Costs of generative AI",
        source="a.md",
        heading="Figures",
        start=start,
        end=start + len(text),
        text=text,
    )
    return Hit(chunk=chunk, score=1.0, rank=1)


def found(sentence: str, text: str, asked: str) -> Finding:
    """What the check finds on a sentence, with one passage to back it."""
    return check(sentence, EvidenceSet(asked, [hit(text)], embedder=WordEmbedder()))


def two_articles(first: str, second: str, question: str, *, title: str = "Another") -> EvidenceSet:
    hits = [hit(first), hit(second)]
    other = replace(hits[1].chunk, id="b.md#1", article_id="b.md", title=title, source="b.md")
    hits[1] = replace(hits[1], chunk=other, rank=2)
    return EvidenceSet(question, hits, embedder=WordEmbedder())

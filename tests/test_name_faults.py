"""A sentence names whom its article names, and joins only those that it joins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.evidence import EvidenceSet
from rag.verification import check
from tests.fakes import WordEmbedder
from tests.passages import found, hit, two_articles


@pytest.mark.parametrize(
    "asked", ["Whom does Goldman Sachs serve?", "whom does goldman sachs serve"]
)
@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("The suite of Goldman Sachs serves users in its offices.", True),
        ("The suite of Goldman Sachs serves 900 users in its offices.", False),
        ("The suite of Lehman serves users in its offices.", False),
    ],
)
def test_a_name_of_the_question_may_stand_elsewhere_in_the_article_but_for_a_figure(
    asked: str, sentence: str, kept: bool
) -> None:
    passages = ["The suite serves 900 users in its offices.", "Goldman Sachs opened a branch."]
    hits = [hit(text, start=1000 * n) for n, text in enumerate(passages)]
    hits[1] = replace(hits[1], chunk=replace(hits[1].chunk, id="a.md#2"), rank=2)
    evidence = EvidenceSet(asked, hits, embedder=WordEmbedder())
    assert check(sentence, evidence).kept is kept, check(sentence, evidence).why


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("DATAPAC was a joint venture of Bly and Orr.", False),
        ("It was a joint venture of Bly and Orr.", True),
        ("The network was a joint venture of Bly and Orr.", True),
    ],
)
def test_a_name_of_the_question_does_not_take_the_place_of_another(line: str, kept: bool) -> None:
    hits = [hit(line), hit("TRANSPAC opened in France.", start=1000)]
    hits[1] = replace(hits[1], chunk=replace(hits[1].chunk, id="a.md#2"), rank=2)
    evidence = EvidenceSet("Whose was TRANSPAC?", hits, embedder=WordEmbedder())
    finding = check("TRANSPAC was a joint venture of Bly and Orr.", evidence)
    assert finding.kept is kept, finding.why


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("TRANSPAC opened in France. DATAPAC was a joint venture of Bly and Orr.", False),
        ("TRANSPAC opened in France. It was a joint venture of Bly and Orr.", True),
        ("DATAPAC failed. TRANSPAC, as DATAPAC, was a joint venture of Bly and Orr.", True),
    ],
)
def test_nor_does_it_in_the_same_passage(text: str, kept: bool) -> None:
    evidence = EvidenceSet("Whose was TRANSPAC?", [hit(text)], embedder=WordEmbedder())
    finding = check("TRANSPAC was a joint venture of Bly and Orr.", evidence)
    assert finding.kept is kept, finding.why


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("A diffusion model starts from random noise and refines it.", False),
        ("Diffusion models start from random noise and refine it.", False),
        ("A diffusion model, unlike a GAN, starts from random noise and refines it.", True),
        ("A GAN starts from random noise and refines it.", True),
        ("It starts from random noise and refines it.", True),
        ("The network starts from random noise and refines it.", True),
    ],
)
def test_nor_of_things_of_any_kind_that_the_passage_tells_of(line: str, kept: bool) -> None:
    text = f"A GAN pits two networks against each other. {line}"
    evidence = EvidenceSet("How does a GAN start?", [hit(text)], embedder=WordEmbedder())
    finding = check("GANs start from random noise and refine it.", evidence)
    assert finding.kept is kept, finding.why
    assert kept or "diffusion" in finding.why.lower()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("For video, one of the two source guides names Acme's Sora.", False),
        ("One of the two source guides for video is Acme's Sora.", True),
        ("Written in May, one of the two source guides, Acme's Sora, tells of video.", True),
        ("Acme's Sora is among the best; it is one of the two source guides for video.", True),
    ],
)
def test_whom_one_of_several_names_is_none_of_them(text: str, kept: bool) -> None:
    finding = found("Acme's Sora is one of the two source guides.", text, "What is Acme's Sora?")
    assert finding.kept is kept, finding.why


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("The third law says that force changes motion.", False),
        ("The second law says that force changes motion.", True),
        ("A third reader says that force changes motion.", True),
    ],
)
def test_what_is_told_of_the_second_is_not_told_of_the_third(sentence: str, kept: bool) -> None:
    text = "The second law says that force changes motion, a reader says."
    evidence = EvidenceSet("What is said of force?", [hit(text)], embedder=WordEmbedder())
    finding = check(sentence, evidence)
    assert finding.kept is kept, finding.why
    assert kept or "second law" in finding.why


def test_the_first_word_of_a_sentence_is_a_name_where_the_question_says_so() -> None:
    text = "JPMorgan pays $5 for a clip. Intercom handles 60% of its queries with LLMs."
    asked = "What part of its queries does Salesforce handle with LLMs?"
    evidence = EvidenceSet(asked, [hit(text)], embedder=WordEmbedder())
    finding = check("Salesforce handles 60% of its queries with LLMs.", evidence)
    assert not finding.kept and "salesforce" in finding.why
    assert check("Intercom handles 60% of its queries with LLMs.", evidence).kept


def test_a_first_word_is_no_name_where_the_article_prints_it_in_lower_case() -> None:
    text = "Late LLMs hold 200,000 tokens, far beyond what the current needs of most readers are."
    assert found("Current LLMs hold 200,000 tokens.", text, "How much do they hold?").kept
    text = "Our LLMs hold 200,000 tokens, far beyond what the needs of most readers are."
    assert found("Current LLMs hold 200,000 tokens.", text, "What do current LLMs hold?").kept
    assert not found("Acme LLMs hold 200,000 tokens.", text, "how much do acme LLMs hold").kept
    assert not found("Acme LLMs hold 200,000 tokens.", text, "How much do they hold?").kept


def test_a_clause_about_someone_else_is_cited_from_where_he_is_named() -> None:
    evidence = two_articles(
        "Dan Mast is an American poet born in Tarn in 1934 to a family of seven bakers.",
        "Eve B. White was an American writer.\n\nWhite wrote letters.",
        "What do Eve B. White and Dan Mast have in common?",
    )
    both = (
        "Dan Mast is an American poet born in Tarn to a family of seven bakers, and Eve B. White"
        " was an American writer."
    )
    assert len(check(both, evidence).evidence) == 2
    other = both.replace("was an American writer", "was born in Tarn to bakers")
    assert not check(other, evidence).kept


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Mark King is an American musician.", False),
        ("Mark King is an English musician.", True),
        ("Mark King is an English musician and Nick Hexum is an American musician.", True),
    ],
)
def test_two_passages_are_not_stitched_to_one_claim(sentence: str, kept: bool) -> None:
    evidence = two_articles(
        "Our Mark King is an English musician.",
        "Our Nick Hexum is an American musician.",
        "Which musician is American?",
    )
    finding = check(sentence, evidence)
    assert finding.kept == kept, finding.why
    assert kept or "together" in finding.why


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Alto, Bravo, and Canto are music tools.", True),
        ("Alto, Bravo, and Delta are music tools.", False),
        ("The tools named are Alto, Bravo, Canto and Delta.", True),
        ("Alto makes songs, and Delta, which sells, makes films.", True),
    ],
)
def test_what_is_in_a_list_is_told_of_as_the_rest_of_it(sentence: str, kept: bool) -> None:
    text = (
        "Tools named for music: our Alto, our Bravo and our Canto, which makes songs.\n\n"
        "Tools named for films: our Delta, which sells and makes films."
    )
    finding = found(sentence, text, "Which tools are there?")
    assert finding.kept is kept, finding.why


@pytest.mark.parametrize(
    ("then", "kept"),
    [
        ("Other models make solid shapes for games and worlds.", False),
        ("They make solid shapes for games and worlds.", True),
        ("Bravo makes solid shapes for games and worlds.", True),
    ],
)
def test_what_is_told_of_others_is_not_told_of_a_name(then: str, kept: bool) -> None:
    said = "Models such as Bravo make solid shapes for games and worlds."
    text = f"Models such as Bravo make pictures. {then}"
    finding = found(said, text, "Which models make shapes?")
    assert finding.kept is kept, finding.why


def test_a_name_that_the_answer_brings_links_two_passages() -> None:
    evidence = two_articles(
        "The village of Clonbrook lies on the coast of Guyana.",
        "Its neighbour Guyana became a member of Caricom in 1973.",
        "When did the country where Clonbrook lies become a member of Caricom?",
    )
    said = "The country where Clonbrook lies, Guyana, became a member of Caricom in 1973."
    finding = check(said, evidence)
    assert finding.kept, finding.why
    assert len(finding.evidence) == 2


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("When was the company that owns the plant at Tarn founded?", True),
        ("When was Bly Works, which owns the plant at Tarn, founded?", False),
    ],
)
def test_a_title_in_a_passage_links_it_to_that_article(asked: str, kept: bool) -> None:
    evidence = two_articles(
        "The plant at Tarn is owned by Bly Works.",
        "The company was founded in Ulm in 1973.",
        asked,
        title="Bly Works (company)",
    )
    finding = check("The company that owns the plant at Tarn was founded in 1973.", evidence)
    assert finding.kept == kept, finding.why

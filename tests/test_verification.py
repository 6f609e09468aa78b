"""A sentence that an article does not say is not kept, however fluent it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import EvidenceSet, evidence_of
from rag.verification import check
from tests.fakes import WordEmbedder
from tests.passages import found, hit

TEXT = (
    "JPMorgan's LLM Suite scaled to over 200,000 employees in 2025. "
    "One generated video clip costs $0.50 to $5. "
    "LLMs do not replace image generators. "
    "Of the Fortune 500, 80% use chatbots, and software teams report 25-40% more output. "
    "Does a clip cost more than an image?"
)


@pytest.fixture
def evidence() -> EvidenceSet:
    return EvidenceSet("What does it cost?", [hit(TEXT)], embedder=WordEmbedder())


@pytest.mark.parametrize(
    "sentence",
    [
        "JPMorgan's LLM Suite scaled to over 200,000 employees.",
        "The LLM Suite of JPMorgan scaled to 200k employees.",
        "A generated video clip costs between $0.50 and $5.",
        "LLMs do not replace image generators.",
        "80 percent of the Fortune 500 use chatbots.",
    ],
)
def test_what_an_article_says_is_kept(evidence: EvidenceSet, sentence: str) -> None:
    finding = check(sentence, evidence)
    assert finding.kept, finding.why
    assert 0.5 < finding.support <= 1.0


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("JPMorgan's LLM Suite scaled to over 300,000 employees.", "300000"),
        ("Goldman's LLM Suite scaled to over 200,000 employees.", "goldman"),
        ("The LLM Suite of JPMorgan scaled to 200,000 employees in 2026.", "2026"),
        ("Of the Fortune 500, 40% use chatbots.", "belongs to something else"),
        ("A generated video clip does not cost $0.50 to $5.", "denies"),
        ("LLMs replace image generators.", "denies"),
        ("Paris is the capital of France.", ""),
        ("Employees everywhere adore their wonderful cheerful new robots.", ""),
    ],
)
def test_what_no_article_says_is_withdrawn(evidence: EvidenceSet, sentence: str, why: str) -> None:
    finding = check(sentence, evidence)
    assert not finding.kept
    assert why in finding.why


def test_what_the_question_denies_may_be_repeated() -> None:
    text = "A whale breathes air with lungs and feeds its calves milk, as mammals do."
    sentence = "A whale is not a fish because it breathes air with lungs and feeds calves milk."
    asked = EvidenceSet("Why is a whale not a fish?", [hit(text)], embedder=WordEmbedder())
    assert check(sentence, asked).kept, check(sentence, asked).why
    unasked = EvidenceSet("What is a whale?", [hit(text)], embedder=WordEmbedder())
    assert "denies" in check(sentence, unasked).why


def test_a_question_in_an_article_is_no_evidence() -> None:
    assert all(not item.text.endswith("?") for item in evidence_of([hit(TEXT)]))


def test_two_facts_of_two_sentences_cite_both(evidence: EvidenceSet) -> None:
    finding = check(
        "JPMorgan's LLM Suite scaled to 200,000 employees, and one video clip costs $0.50 to $5.",
        evidence,
    )
    assert len(finding.evidence) == 2


def test_a_sentence_may_not_say_most_of_what_is_denied() -> None:
    text = "Most LLM tools need no technical skills for business applications."
    evidence = EvidenceSet("Do LLM tools take skills?", [hit(text)], embedder=WordEmbedder())
    finding = check("Yes, LLM tools take technical skills.", evidence)
    assert "denies" in finding.why
    assert check("No, LLM tools need no technical skills.", evidence).kept


def test_what_is_better_must_be_called_so_itself() -> None:
    text = (
        "- The core difference between oaks and pines\n"
        "- How the right choice of oaks drives better garden outcomes\n\n"
        "Pines are worse for birds than oaks."
    )
    evidence = EvidenceSet("Are oaks better or pines?", [hit(text)], embedder=WordEmbedder())
    assert "calls it better" in check("Oaks are better than pines.", evidence).why
    assert check("Pines are worse for birds than oaks.", evidence).kept
    assert check("For birds, pines are worse.", evidence).kept


def test_every_item_of_a_list_that_is_told_is_cited() -> None:
    items = (
        "read charts and graphs, parse crumpled documents, judge spatial relations, "
        "turn mockups into code, interpret medical pictures, sort holiday photographs"
    ).split(", ")
    text = "Modern models can:\n\n" + "\n".join(f"- {item}" for item in items)
    evidence = EvidenceSet("What can they do?", [hit(text)], embedder=WordEmbedder())
    finding = check(f"Modern models can {', '.join(items)}.", evidence)
    assert {item.text for item in finding.evidence} == set(items)


def test_a_sentence_of_the_article_is_cited_where_it_stands() -> None:
    text = (
        "Business teams adopt applications for most of their work, and most is done there. "
        "Do I need technical skills?\nNot for most business applications."
    )
    evidence = EvidenceSet("Are skills needed?", [hit(text)], embedder=WordEmbedder())
    finding = check("Not for most business applications.", evidence)
    assert [item.text for item in finding.evidence] == ["Not for most business applications."]


def test_a_number_cut_out_of_a_longer_one_is_cited_where_it_stands_whole() -> None:
    text = "The first lamp costs 200 dollars. Another, which is old, costs 20 dollars."
    asked = EvidenceSet("What do lamps cost?", [hit(text)], embedder=WordEmbedder())
    finding = check("costs 20", asked)
    assert [item.text for item in finding.evidence] == ["Another, which is old, costs 20 dollars."]


def test_one_word_of_the_question_brings_no_citation_but_a_name_does() -> None:
    text = "The mill grew to 200 workers. Few hikers reach the coast. Montpellier was a safe town."
    asked = "How many workers did the mill in Montpellier reach?"
    evidence = EvidenceSet(asked, [hit(text)], embedder=WordEmbedder())
    cited = check("The mill reached 200 workers.", evidence).evidence
    assert [item.text for item in cited] == ["The mill grew to 200 workers."]
    cited = check("The mill in Montpellier had 200 workers.", evidence).evidence
    assert len(cited) == 2


def test_no_passages_back_nothing() -> None:
    assert not check("Anything.", EvidenceSet("What?", [], embedder=WordEmbedder())).kept


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Acme was shut because orders were falling and wages rising.", False),
        ("Acme was shut due to orders falling and wages rising.", False),
        ("The wages of Acme rose because orders were rising in the mill.", True),
    ],
)
def test_no_reason_is_given_for_what_is_not_told(sentence: str, kept: bool) -> None:
    text = "Wages at Acme rose. Orders were rising in the mill, and in the end orders were falling."
    finding = found(sentence, text, "Why did Acme do so?")
    assert finding.kept is kept, finding.why


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("Acme closed its ailing Suite in 2025.", False),
        ("Acme parted with its Suite in 2025.", True),
        ("Acme sold its Suite in 2025.", True),
        ("Acme sold its Suite in 2025 to please a worried board of directors.", False),
        ("Bly bought Acme's Suite for its pictures.", True),
    ],
)
def test_most_of_what_is_told_stands_in_the_passage(sentence: str, kept: bool) -> None:
    text = "Acme sold its Suite in 2025. Bly bought it for the pictures that it makes."
    finding = found(sentence, text, "When did Acme close down its Suite?")
    assert finding.kept is kept, finding.why


@pytest.mark.parametrize(
    ("asked", "sentence", "kept"),
    [
        ("What can models do?", "Models can translate between any languages.", False),
        ("What can models do?", "Models can translate between languages.", True),
        ("Can all models do so?", "Yes, all models can translate between languages.", True),
        ("Which paint?", "All models paint on any paper.", True),
        ("Which paint?", "Every model paints on paper.", True),
    ],
)
def test_of_all_is_told_only_what_is_told_of_all(asked: str, sentence: str, kept: bool) -> None:
    text = "Models can translate between languages. All of the models paint on paper."
    finding = found(sentence, text, asked)
    assert finding.kept is kept, finding.why


@pytest.mark.parametrize(
    ("asked", "draft", "said"),
    [
        ("Is Bly an LLM?", "Yes, Bly is a tool for pictures.", "Bly is a tool for pictures."),
        ("Is Bly an LLM?", "No, Bly is a tool for pictures.", "Bly is a tool for pictures."),
        ("Is Bly an LLM?", "Yes, Bly is an LLM.", "Yes, Bly is an LLM."),
        ("Does Bly need skills?", "Yes, Bly needs no skills.", "Bly needs no skills."),
        ("Are both Bly and Ann LLMs?", "Yes, Bly and Ann are LLMs.", "Yes, Bly and Ann are LLMs."),
        (
            "Are both Bly and Ann LLMs?",
            "Yes, Bly is an LLM, while Ann is a tool.",
            "Bly is an LLM, while Ann is a tool.",
        ),
        ("Is every LLM a tool?", "No, a tool need not be an LLM.", "A tool need not be an LLM."),
        ("Is Bly all of it?", "Yes, Bly is all of it.", "Yes, Bly is all of it."),
        ("Is every tool an LLM?", "No, tools may be no LLM.", "No, tools may be no LLM."),
        ("Is every LLM a tool?", "No, not all LLMs are tools.", "No, not all LLMs are tools."),
        ("Does Bly need no skills?", "Yes, Bly needs no skills.", "Yes, Bly needs no skills."),
        ("Is Bly an LLM?", "No company sells Bly.", "No company sells Bly."),
        ("Can it be used to draw?", "Yes, for pictures it is.", "Yes, for pictures it is."),
    ],
)
def test_a_yes_stands_only_before_what_was_asked(asked: str, draft: str, said: str) -> None:
    text = "Bly is a tool for pictures and an LLM. No company sells Bly."
    assert found(draft, text, asked).text == said


@given(
    st.lists(st.sampled_from([*TEXT.split(), "\n", "- ", "| x |", "é🙂"]), max_size=60),
    st.integers(min_value=0, max_value=1000),
)
def test_evidence_stands_where_it_says(words: list[str], start: int) -> None:
    passage = hit(" ".join(words), start=start)
    article_text = " " * start + passage.chunk.text
    for item in evidence_of([passage]):
        assert article_text[item.start : item.end] == item.text


@given(st.text(max_size=200))
def test_any_draft_gets_a_finding(sentence: str) -> None:
    finding = check(sentence, EvidenceSet("What?", [hit(TEXT)], embedder=WordEmbedder()))
    assert finding.kept == bool(finding.evidence)


@pytest.mark.parametrize(
    ("text", "sentence", "kept"),
    [
        ("The suite costs 200 dollars.", "The suite costs 20.", False),
        ("The suite costs 200 dollars.", "The suite costs 200.", True),
        ("It is not true that Acme sold ink.", "Acme sold ink.", False),
        ("Nobody thinks that Acme sold ink.", "Acme sold ink.", False),
        ("Acme does not sell ink, but paper.", "Acme does not sell ink.", True),
    ],
)
def test_words_cut_out_of_a_sentence_are_not_the_sentence(
    text: str, sentence: str, kept: bool
) -> None:
    finding = found(sentence, text, "What of it?")
    assert finding.kept is kept, finding.why

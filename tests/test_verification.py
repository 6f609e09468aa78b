"""A sentence that an article does not say is not kept, however fluent it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import EvidenceSet, evidence_of
from rag.records import Chunk, Hit
from rag.verification import Finding, check
from tests.fakes import WordEmbedder

TEXT = (
    "JPMorgan's LLM Suite scaled to over 200,000 employees in 2025. "
    "One generated video clip costs $0.50 to $5. "
    "LLMs do not replace image generators. "
    "Of the Fortune 500, 80% use chatbots, and software teams report 25-40% more output. "
    "Does a clip cost more than an image?"
)


def hit(text: str = TEXT, *, start: int = 40) -> Hit:
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


@pytest.fixture
def evidence() -> EvidenceSet:
    return EvidenceSet("What does it cost?", [hit()], embedder=WordEmbedder())


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


@pytest.mark.parametrize(
    ("text", "sentence", "kept"),
    [
        (  # a year beside it is no rival of a number of people
            "Suites are named Innovation of the Year in 2025, like JPMorgan's LLM Suite, which "
            "scaled to over 200,000 employees.",
            "JPMorgan's LLM Suite scaled to over 200,000 employees.",
            True,
        ),
        (
            "From 1947 to 1967, the price of oil had risen by less than two percent per year.",
            "The price of oil had risen by less than two percent per year from 1947 to 1967.",
            True,
        ),
        (
            "One generated video clip costs $0.50 to $5.",
            "One generated audio clip costs $0.50 to $5.",
            False,
        ),
        (
            "Acme obtains five times the revenue growth and three times the cost savings.",
            "Acme obtains three times the revenue growth.",
            False,
        ),
        (
            "Acme obtains five times the revenue growth and three times the cost savings.",
            "Acme obtains five times the revenue growth.",
            True,
        ),
        (
            "In Europe 40% of companies pay, in America 60% of companies do.",
            "In America 60% of companies pay.",
            True,
        ),
        (
            "One generated video clip costs $0.50 to $5.",
            "A generated clip costs $0.50 to $5.",
            True,
        ),
        (
            "The market is worth more than $200 billion. Acme has an LLM suite.",
            "Acme has an LLM suite worth more than $200 billion.",
            False,
        ),
        (
            "Acme has an LLM suite. It is worth more than $200 billion.",
            "Acme has an LLM suite worth more than $200 billion.",
            True,
        ),
        (
            "Generation costs $1 per image, $5 per video clip.",
            "A video clip costs $1.",
            False,
        ),
        (
            "Acme's suite has 900 users. Zenith's suite has 70 users.",
            "Zenith's suite has 900 users.",
            False,
        ),
        (
            "The LLM market grows 33% (its CAGR).\n\nThe LLM market reaches $36 billion in 2030.",
            "The LLM market reaches $36 billion in 2030, growing 33% (its CAGR).",
            True,
        ),
        (
            "Generation with AI tools costs $1-$2 per image, $2-$5 per video clip.\n\n"
            "An LLM costs $3 per query.",
            "An LLM costs $3 per query, while a video clip costs $2-$5.",
            True,
        ),
        (
            "Acme lowered its production costs by 70% and raised the volume of its output.",
            "The output volume of Acme rose by 70%.",
            False,
        ),
        (
            "Acme lowered its production costs by 70% and raised the volume of its output.",
            "The production costs of Acme fell by 70%.",
            True,
        ),
        (
            "Latency of image generation is 2-5 seconds; clips are generated too.",
            "Latency of video generation is 2-5 seconds.",
            False,
        ),
        (
            "He fled in 1368 after the approach of the men of the Bly dynasty (1370-1644).",
            "The Bly dynasty was in power from 1370 to 1644.",
            True,
        ),
        (
            "The market of Acme grows.\n\nThe LLM market reaches $36 billion in 2030.",
            "At $36 billion in 2030, the market of Acme grows.",
            False,
        ),
    ],
)
def test_a_number_is_told_of_what_it_is_a_number_of(text: str, sentence: str, kept: bool) -> None:
    finding = found(sentence, text, "How many?")
    assert finding.kept is kept, finding.why


def test_what_the_question_denies_may_be_repeated() -> None:
    text = "A whale breathes air with lungs and feeds its calves milk, as mammals do."
    sentence = "A whale is not a fish because it breathes air with lungs and feeds calves milk."
    asked = EvidenceSet("Why is a whale not a fish?", [hit(text)], embedder=WordEmbedder())
    assert check(sentence, asked).kept, check(sentence, asked).why
    unasked = EvidenceSet("What is a whale?", [hit(text)], embedder=WordEmbedder())
    assert "denies" in check(sentence, unasked).why


def test_a_question_in_an_article_is_no_evidence() -> None:
    assert all(not item.text.endswith("?") for item in evidence_of([hit()]))


def test_two_facts_of_two_sentences_cite_both(evidence: EvidenceSet) -> None:
    finding = check(
        "JPMorgan's LLM Suite scaled to 200,000 employees, and one video clip costs $0.50 to $5.",
        evidence,
    )
    assert len(finding.evidence) == 2


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


def test_the_first_word_of_a_sentence_is_a_name_where_the_question_says_so() -> None:
    text = "JPMorgan pays $5 for a clip. Intercom handles 60% of its queries with LLMs."
    asked = "What part of its queries does Salesforce handle with LLMs?"
    evidence = EvidenceSet(asked, [hit(text)], embedder=WordEmbedder())
    finding = check("Salesforce handles 60% of its queries with LLMs.", evidence)
    assert not finding.kept and "salesforce" in finding.why
    assert check("Intercom handles 60% of its queries with LLMs.", evidence).kept


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


def test_the_title_says_who_he_is() -> None:
    text = (
        "He came back to Lahore in 1908. "
        "Sir Muhammad Iqbal was elected for the session in Lahore in 1932."
    )
    iqbal = hit(text)
    iqbal = replace(iqbal, chunk=replace(iqbal.chunk, title="Muhammad Iqbal"))
    evidence = EvidenceSet("When did Iqbal return?", [iqbal], embedder=WordEmbedder())
    finding = check("Iqbal returned to Lahore in 1908.", evidence)
    assert finding.kept, finding.why


def test_the_words_of_an_article_hold_however_its_numbers_stand() -> None:
    said = "After Medway (45.604 N 68.531 W; 68.531), it flows 109 miles south, past Bangor."
    text = f"{said} From 45 to 68 miles on, it flows past Medway and Bangor."
    evidence = EvidenceSet("Where does it flow?", [hit(text)], embedder=WordEmbedder())
    assert check(said, evidence).kept


def two_articles(first: str, second: str, question: str, *, title: str = "Another") -> EvidenceSet:
    hits = [hit(first), hit(second)]
    other = replace(hits[1].chunk, id="b.md#1", article_id="b.md", title=title, source="b.md")
    hits[1] = replace(hits[1], chunk=other, rank=2)
    return EvidenceSet(question, hits, embedder=WordEmbedder())


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


def test_no_passages_back_nothing() -> None:
    assert not check("Anything.", EvidenceSet("What?", [], embedder=WordEmbedder())).kept


@pytest.mark.parametrize(
    ("asked", "kept"),
    [("Who were the interns in season 9 of Bly?", True), ("Who were the interns of Bly?", False)],
)
def test_a_number_that_was_asked_about_may_stand_in_the_title(asked: str, kept: bool) -> None:
    interns = hit("In August the interns were Ann Hall and Joe Wood.")
    interns = replace(interns, chunk=replace(interns.chunk, title="Bly (season 9)"))
    evidence = EvidenceSet(asked, [interns], embedder=WordEmbedder())
    finding = check("The interns in season 9 of Bly were Ann Hall and Joe Wood.", evidence)
    assert finding.kept is kept, finding.why


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


@pytest.mark.parametrize(
    ("asked", "draft", "said"),
    [
        ("Is Bly an LLM?", "Yes, Bly is a tool for pictures.", "Bly is a tool for pictures."),
        ("Is Bly an LLM?", "No, Bly is a tool for pictures.", "Bly is a tool for pictures."),
        ("Is Bly an LLM?", "Yes, Bly is an LLM.", "Yes, Bly is an LLM."),
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
    finding = check(sentence, EvidenceSet("What?", [hit()], embedder=WordEmbedder()))
    assert finding.kept == bool(finding.evidence)


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


def test_a_number_may_stand_by_its_names_in_two_passages() -> None:
    evidence = two_articles(
        "The plant at Tarn burned down in 1973.",
        "The mill of Ulm burned down in 1973.",
        "What burned down?",
    )
    said = "The plant at Tarn, and the mill of Ulm too, burned down in 1973."
    finding = check(said, evidence)
    assert finding.kept, finding.why

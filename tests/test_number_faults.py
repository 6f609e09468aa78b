"""A number is told of what an article tells it of, and of nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.evidence import EvidenceSet
from rag.verification import check
from tests.fakes import WordEmbedder
from tests.passages import found, hit, two_articles


@pytest.mark.parametrize(
    ("text", "sentence", "kept"),
    [
        *(
            ("By 2030 the combined market of Acme and of Zenith is worth $5.", sentence, kept)
            for sentence, kept in (
                ("The market of Acme is worth $5 by 2030.", False),
                ("The market of Acme and of Zenith is worth $5 by 2030.", True),
                ("By 2030 the combined market of Acme is worth $5.", True),
            )
        ),
        *(  # 2 and 5 stand in the one, 2-5 in the other
            (
                "In all: 5-30 seconds a picture, 2-10 minutes a clip.\n\nA picture: 2-5 seconds.",
                sentence,
                kept,
            )
            for sentence, kept in (
                ("A picture takes 2-5 seconds, while a clip takes 2-10 minutes.", True),
                ("A picture takes 2-10 seconds.", False),
            )
        ),
        *(
            ("Of the clips that are made, 20% falter. Painters like clips.", sentence, kept)
            for sentence, kept in (
                ("20% of the clips falter.", True),
                ("20% of these films falter.", True),  # another word for it
                ("20% of music tracks falter.", False),
            )
        ),
        *(  # the new AI in ads is in both clauses, but "tool" in one of them
            ("While 78% use new AI in ads as a tool, 15% call new AI in ads ripe.", sentence, kept)
            for sentence, kept in (
                ("15% use new AI in ads as a tool.", False),
                ("78% use new AI in ads as a tool.", True),
                ("15% call new AI in ads a ripe tool.", True),
            )
        ),
        ("Acme sells five times as much ink.", "Acme sold ink five years ago.", False),
        *(  # which park it is, its name tells; that another is for dogs is beside the point
            (
                "Woodward Park is large. Its theatre seats 2,500 people, and a dog park is near.",
                f"The theatre at {park} Park seats 2,500 people.",
                park == "Woodward",
            )
            for park in ("Woodward", "Roeding")
        ),
        ("Acme sells 3x to 5x as much ink.", "Acme sells between 3 and 5 times as much.", True),
        ("Five years ago Acme sold ink.", "Acme sold ink five years ago.", True),
        ("Combined with ink, Acme sells paper for $5.", "Acme sells paper for $5.", True),
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
            "Generation costs $1 per image.\n\nIt takes ten minutes to make audio.",
            "A minute of generated audio costs $1.",
            False,
        ),
        (
            "Generation costs $1 per image.\n\nIt takes ten minutes to make audio.",
            "Generation costs $1 per image, and audio takes ten minutes to make.",
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


@pytest.mark.parametrize(
    ("text", "sentence", "kept"),
    [
        ("A clip costs $0.50-$5.", "A clip costs $0.50.", False),
        ("A clip costs $0.50-$5.", "A clip costs $5.", False),
        ("A clip costs $0.50-$5.", "A clip costs $0.50 to $5.", True),
        ("A clip costs $0.50-$5.", "A clip costs at least $0.50.", True),
        ("A clip costs $0.50-$5.", "A clip costs up to $5.", True),
        ("A clip costs $0.50-$5. A short clip costs $0.50.", "A short clip costs $0.50.", True),
        ("A clip takes between two and ten minutes.", "A clip takes ten minutes.", False),
        ("Costs of clips fell by 20 to 30 percent.", "Costs of clips fell by 30%.", False),
        ("Prices of clips rose from $5 to $10.", "Prices of clips rose to $10.", True),
        ("Clips were sold from 1947 to 1967.", "Clips were sold in 1947.", True),
        ("Acme beat Zenith, 24 to 10.", "Acme beat Zenith with 24 goals.", True),
    ],
)
def test_one_end_of_a_range_is_not_told_as_the_whole(text: str, sentence: str, kept: bool) -> None:
    finding = found(sentence, text, "What of clips and Zenith?")
    assert finding.kept is kept, finding.why


def test_the_end_of_a_range_that_was_asked_for_may_stand_alone() -> None:
    text = "A clip costs $0.50-$5."
    assert found("A clip costs $5.", text, "What does a clip cost at most?").kept
    assert found("Yes, a clip costs $5.", text, "Can a clip cost $5?").kept


@pytest.mark.parametrize(("name", "kept"), [("Tymnet", False), ("Telenet", True)])
def test_a_year_is_not_told_of_another_than_its_sentence_begins_with(name: str, kept: bool) -> None:
    text = (
        "Telenet was a data network. Telenet was founded in 1973 and began in 1975. "
        "Tymnet was a data network in San Jose."
    )
    finding = found(f"{name} was founded in 1973.", text, f"When was {name} founded?")
    assert finding.kept is kept, finding.why


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("The two networks inside a GAN are the generator and the discriminator.", True),
        ("The two networks inside a GAN are the generator.", False),
        ("The three networks inside a GAN are a generator and a discriminator.", False),
    ],
)
def test_a_count_that_was_asked_for_is_met_by_as_many_things(sentence: str, kept: bool) -> None:
    text = "A GAN has a generator and a discriminator, networks inside that compete."
    finding = found(sentence, text, "Which two networks are inside a GAN?")
    assert finding.kept is kept, finding.why


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


def test_a_share_that_was_asked_about_may_stand_in_the_title() -> None:
    plan = hit("The plan of Acme sells ink.")
    plan = replace(plan, chunk=replace(plan.chunk, title="The 5% plan of Acme"))
    evidence = EvidenceSet("What does the 5% plan sell?", [plan], embedder=WordEmbedder())
    finding = check("The 5% plan of Acme sells ink.", evidence)
    assert finding.kept, finding.why


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


def test_a_number_may_stand_by_its_names_in_two_passages() -> None:
    evidence = two_articles(
        "The plant at Tarn burned down in 1973.",
        "The mill of Ulm burned down in 1973.",
        "What burned down?",
    )
    said = "The plant at Tarn, and the mill of Ulm too, burned down in 1973."
    finding = check(said, evidence)
    assert finding.kept, finding.why

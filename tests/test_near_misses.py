"""Near misses read as real questions, and nothing in the articles answers them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from eval.english import auxiliary_and_base, third_person
from eval.fact_questions import fact_questions
from eval.near_misses import KINDS, near_misses
from eval.records import Case
from rag import Article
from rag.articles import read_article

ROOT = Path(__file__).parent.parent

ACME = """
# Acme

Acme's new plant employs 300 workers. Acme lowered its energy costs by 30%.
In 2015, Richard Stone patented a solar pump.

Companies such as Acme and Bolt sell pumps.
"""
BOLT = """
# Bolt

Bolt has offices in three towns. James Field joined Bolt as an engineer, and Mary Hill left it.
"""


def read(folder: Path, **texts: str) -> list[Article]:
    articles = []
    for name, text in texts.items():
        path = folder / f"{name}.md"
        path.write_text(text.strip() + "\n", "utf-8")
        articles.append(read_article(path, article_id=name))
    return articles


def questions(cases: tuple[Case, ...]) -> list[str]:
    return [case.question for case in cases]


@pytest.fixture(scope="module")
def corpus() -> list[Article]:
    paths = sorted((ROOT / "corpus").glob("*.md"))
    return [read_article(p, article_id=p.stem) for p in paths if p.name != "README.md"]


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("In 1846, Acme became the seat of the court.", "In what year did Acme become the seat of"),
        ("The Acme Tower was built in 1951.", "In what year was the Acme Tower built?"),
        ("In 1825 George Stone built the Rocket.", "Who built the Rocket in 1825?"),
        ("The Rocket was designed by George Stone.", "Who designed the Rocket?"),
        ("80% of large firms use chatbots.", "What percentage of large firms use chatbots?"),
        ("Over 300 people use Acme.", "How many people use Acme?"),
        ("Acme has more than 18 districts.", "How many districts does Acme have?"),
        ("Acme handles 70-80% of all queries.", "What percentage of all queries does Acme handle?"),
        ("Acme lowered its costs by 70%.", "By what percentage did Acme lower its costs?"),
        ("The population of Acme is 3 million.", "What is the population of Acme?"),
        ("In 2010, Acme had a population of 5,000.", "What was the population of Acme in 2010?"),
        ("Acme costs $3 to $5 a month.", "What does Acme cost?"),
        ("Acme takes 5-30 seconds.", "How long does Acme take?"),
        (
            "Acme is projected to reach $5 billion by 2030.",
            "How much is Acme projected to be worth",
        ),
        ("According to Bolt, Acme has 18 districts.", "According to Bolt, how many districts does"),
    ],
)
def test_a_fact_becomes_a_question(sentence: str, question: str) -> None:
    known = "We like Acme and Bolt. The large firms are like Acme, and so is Acme or George Stone."
    asked = [formed.question for formed in fact_questions(sentence, known=known)]
    assert any(one.startswith(question) for one in asked), asked


@pytest.mark.parametrize(
    "sentence",
    [
        "It was founded in 1846.",
        "They have 300 employees.",
        "In 1846 he moved to Paris.",
        "The factory was sold in 2005.",
        "This was a 30% improvement.",
        "Acme did not close in 1990.",
    ],
)
def test_what_only_its_surroundings_explain_is_not_asked(sentence: str) -> None:
    assert list(fact_questions(sentence, known="We like Acme.")) == []


@pytest.mark.parametrize(
    ("verb", "auxiliary", "base"),
    [
        ("took", "did", "take"),
        ("has", "does", "have"),
        ("carries", "does", "carry"),
        ("use", "do", "use"),
        ("cut", "did", "cut"),
    ],
)
def test_a_verb_is_asked_in_its_tense(verb: str, auxiliary: str, base: str) -> None:
    assert auxiliary_and_base(verb) == (auxiliary, base)
    assert (third_person(base) == verb) == (auxiliary == "does")


def test_one_slot_of_a_real_fact_is_swapped(tmp_path: Path) -> None:
    cases = near_misses(read(tmp_path, acme=ACME, bolt=BOLT), most=20)
    by_kind = {case.kind: case for case in cases}
    assert "lower its energy costs" in " ".join(questions(cases))
    assert any("Bolt" in case.question for case in cases if case.kind == "near_miss_company")
    year = by_kind["near_miss_year"]
    assert year.question.startswith("Who patented a solar pump in ")
    assert "2015" not in year.question
    assert year.near == "In 2015, Richard Stone patented a solar pump."


def test_what_another_article_answers_is_not_asked(tmp_path: Path) -> None:
    told = BOLT + "\n\nThe energy costs of Bolt were lowered by a tenth of what they had been.\n"
    cases = near_misses(read(tmp_path, acme=ACME, bolt=told), most=20)
    assert not [q for q in questions(cases) if "energy costs" in q and "Bolt" in q]


def test_a_year_within_a_stated_period_is_not_asked(tmp_path: Path) -> None:
    told = ACME + "\n\nFrom 1995 to 2014 nobody else patented a solar pump.\n"
    before = near_misses(read(tmp_path, acme=ACME), most=20)
    after = near_misses(read(tmp_path, acme=told), most=20)
    assert [q for q in questions(before) if q.startswith("Who patented")]
    assert not [q for q in questions(after) if q.startswith("Who patented")]


def test_the_name_over_a_fact_is_no_swap(tmp_path: Path) -> None:
    text = ACME.replace("# Acme", "# Acme, the makers of Bolt")
    cases = near_misses(read(tmp_path, acme=text, bolt=BOLT), most=20)
    assert not [q for q in questions(cases) if "energy costs" in q and "Bolt" in q]


def test_nothing_to_swap_gives_nothing(tmp_path: Path) -> None:
    assert near_misses([], most=5) == ()
    assert near_misses(read(tmp_path, dull="# Dull\n\nNothing happens here, ever.\n"), most=5) == ()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cases_are_the_same_for_a_seed_whatever_the_order(corpus: list[Article], seed: int) -> None:
    cases = near_misses(corpus, most=30, seed=seed)
    shuffled = random.Random(seed).sample(corpus, len(corpus))
    assert near_misses(shuffled, most=30, seed=seed) == cases


def test_at_most_as_many_as_asked_for_and_the_kinds_in_turn(corpus: list[Article]) -> None:
    assert near_misses(corpus, most=0) == ()
    few = near_misses(corpus, most=3)
    assert len(few) == 3
    assert len({case.kind for case in few}) == 3


def test_the_shipped_corpus_gives_questions_that_read_as_such(corpus: list[Article]) -> None:
    cases = near_misses(corpus, most=40)
    assert len(cases) >= 15
    assert len({case.id for case in cases}) == len(set(questions(cases))) == len(cases)
    text = " ".join(" ".join(article.text.replace("**", "").split()) for article in corpus)
    written = (ROOT / "eval/questions/answerable.jsonl").read_text("utf-8").splitlines()
    answerable = {json.loads(line)["question"].lower() for line in written}
    for case in cases:
        assert not case.answerable
        assert case.origin == "near_miss"
        assert case.kind in KINDS
        assert case.question[0].isupper()
        assert case.question.endswith("?")
        assert not case.question.endswith(" ?")
        assert 4 < len(case.question.split()) < 30
        assert case.question.lower() not in answerable
        assert case.near
        assert case.near in text
        assert not case.references
        assert not case.key_facts

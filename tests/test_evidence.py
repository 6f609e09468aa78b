"""Evidence is verbatim, carries its context, and the best of it fits the budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import NEAR, NEAR_IF_JUDGED, Evidence, EvidenceSet, evidence_of, own_words
from rag.records import Chunk, Hit
from tests.fakes import WordEmbedder


def hit(text: str, *, heading: str = "", start: int = 7, rank: int = 1) -> Hit:
    chunk = Chunk(
        id=f"a.md#{start}-{start + len(text)}",
        article_id="a.md",
        title="Title",
        source="a.md",
        heading=heading,
        start=start,
        end=start + len(text),
        text=text,
    )
    return Hit(chunk=chunk, score=1.0 / rank, rank=rank)


def pieces(text: str, *, heading: str = "") -> list[tuple[str, str]]:
    return [(piece.context, piece.text) for piece in evidence_of([hit(text, heading=heading)])]


def test_a_list_item_carries_the_line_that_leads_in() -> None:
    found = pieces("Choose an LLM to:\n- Draft text\n- Translate\n\nNothing else counts.")
    assert found == [
        ("Choose an LLM to:", "Draft text"),
        ("Choose an LLM to:", "Translate"),
        ("", "Nothing else counts."),
    ]


def test_a_list_is_read_whole() -> None:
    found = evidence_of([hit("It can:\n- Draft text\n- Translate\n\nIt is quick.")])
    assert found[0].group == found[1].group != found[2].group


def test_a_cell_carries_its_row_and_column() -> None:
    found = pieces("| Aspect | LLM | Image |\n| Cost | $1 a query | $2 a picture |")
    assert found == [("Cost of LLM:", "$1 a query"), ("Cost of Image:", "$2 a picture")]


def test_an_empty_cell_keeps_its_column() -> None:
    found = pieces("| Aspect | LLM | Image |\n| Cost |  | $2 a picture |\n|  | Fast | Slow |")
    assert found == [("Cost of Image:", "$2 a picture"), ("LLM:", "Fast"), ("Image:", "Slow")]


def test_a_second_table_has_columns_of_its_own() -> None:
    found = pieces("| Item | Price |\n| Pen | $1 |\n\n| Town | People |\n| Ulm | 128,000 |")
    assert found == [("Pen of Price:", "$1"), ("Ulm of People:", "128,000")]


@pytest.mark.parametrize("heading", ["Table\nAspect | LLM | Image", "Aspect | LLM | Image"])
def test_a_header_from_before_the_passage_names_the_columns(heading: str) -> None:
    found = pieces("Cost | $1 a query. | $2 a picture.", heading=heading)
    assert found == [("Cost of LLM:", "$1 a query."), ("Cost of Image:", "$2 a picture.")]


def test_an_answer_carries_its_question_and_the_question_is_no_evidence() -> None:
    found = pieces("Is it an LLM?\nYes, it is one.")
    assert found == [("Is it an LLM?", "Yes, it is one.")]


TEXT = st.lists(
    st.sampled_from(
        ["word", "Sentence ends.", "\n", "\n\n", "- item", "| a | b |", "What?", "é🙂", "List:"]
    ),
    max_size=40,
).map(" ".join)


@given(TEXT, st.integers(0, 99))
def test_evidence_stands_where_it_says(text: str, start: int) -> None:
    article = " " * start + text
    for piece in evidence_of([hit(text, start=start)]):
        assert article[piece.start : piece.end] == piece.text
        assert piece.text.strip()


@given(TEXT, st.integers(1, 60))
def test_what_is_read_fits_the_budget_and_stands_in_order(text: str, budget: int) -> None:
    embedder = WordEmbedder()
    evidence = EvidenceSet("Which word?", [hit(text)], embedder=embedder)
    read = evidence.select(budget, count_tokens=embedder.count_tokens)
    costs = [embedder.count_tokens(piece.reading) for piece in read]
    assert sum(costs) <= budget or len(read) == 1
    assert [piece.start for piece in read] == sorted(piece.start for piece in read)
    assert bool(read) == bool(evidence.pieces)


@given(TEXT, st.integers(1, 60))
def test_reading_on_brings_what_was_not_read_yet(text: str, budget: int) -> None:
    embedder = WordEmbedder()
    evidence = EvidenceSet("Which word?", [hit(text)], embedder=embedder)
    readings = list(evidence.readings(budget, count_tokens=embedder.count_tokens, most=50))
    assert readings[0] == evidence.select(budget, count_tokens=embedder.count_tokens)
    read: set[Evidence] = set()
    for pieces in readings:
        assert set(pieces) - read or not evidence.pieces
        read |= set(pieces)
    assert read == set(evidence.pieces)


def test_what_answers_is_read_first() -> None:
    embedder = WordEmbedder()
    filler = " ".join(f"Filler number {n} speaks of weather." for n in range(30))
    passage = hit(f"{filler} A video clip costs five dollars.")
    evidence = EvidenceSet("What does a video clip cost?", [passage], embedder=embedder)
    read = evidence.select(12, count_tokens=embedder.count_tokens)
    assert [piece.text for piece in read if "video" in piece.text]


def read_of(question: str, *passages: str, budget: int) -> list[str]:
    embedder = WordEmbedder()
    hits = [hit(text, start=1000 * rank, rank=rank) for rank, text in enumerate(passages, start=1)]
    evidence = EvidenceSet(question, hits, embedder=embedder)
    return [piece.text for piece in evidence.select(budget, count_tokens=embedder.count_tokens)]


def test_the_passage_that_answers_best_stands_next_to_the_question() -> None:
    passages = ["A video clip costs five dollars.", "A video needs power.", "Rain is wet."]
    read = read_of("What does a video clip cost?", *passages, budget=60)
    assert read == [*reversed(passages[1:]), passages[0]]


def test_what_is_read_comes_with_what_it_refers_to() -> None:
    text = "Models invent plausible statements. This fault is named hallucination. Rain is wet."
    read = read_of("What is hallucination named?", text, budget=10)
    assert read == ["Models invent plausible statements.", "This fault is named hallucination."]


@pytest.mark.parametrize(
    ("said", "refers_back"),
    [
        ("This fault is named hallucination.", True),
        ("Yet this fault is named hallucination.", True),
        ("However, they name it hallucination.", True),
        ("But the same fault is named hallucination.", True),
        ("Yet hallucination is what people name this.", False),
        ("Italy named it hallucination.", False),
    ],
)
def test_what_refers_back_needs_the_sentence_before(said: str, refers_back: bool) -> None:
    before = "Models invent plausible statements."
    evidence = EvidenceSet("Why?", [hit(f"{before} {said}")], embedder=WordEmbedder())
    read = evidence.with_antecedents(evidence.pieces[1:])
    assert [piece.text for piece in read] == ([before, said] if refers_back else [said])


def test_one_piece_is_read_even_if_what_it_refers_to_is_too_long() -> None:
    text = "Models invent many plausible statements. This is hallucination."
    assert read_of("What is hallucination?", text, budget=3) == ["This is hallucination."]


def test_one_place_is_one_piece_however_often_it_was_retrieved() -> None:
    again: list[Evidence] = list(
        evidence_of([hit("It costs much."), hit("It costs much.", rank=2)])
    )
    assert len(again) == 1


def test_a_question_is_read_without_its_number_and_with_the_remark_behind_it() -> None:
    asked = "## 2. What are LLMs? (The specialists)\n\nModels of language."
    assert pieces(asked) == [("What are LLMs? (The specialists)", "Models of language.")]


def test_nearest_is_what_the_question_means_or_nothing() -> None:
    text = "A clip costs $5. Rain fell all night."
    near = EvidenceSet("What does a clip cost?", [hit(text)], embedder=WordEmbedder()).nearest()
    assert [piece.text for piece in near] == ["A clip costs $5."]
    assert not EvidenceSet("Who sings?", [hit(text)], embedder=WordEmbedder()).nearest()
    assert not EvidenceSet("Who sings?", [hit("## Rain")], embedder=WordEmbedder()).nearest()


def test_the_likeliest_words_are_each_told_once_with_what_they_refer_back_to() -> None:
    text = "A clip costs $5. It costs a reel $9. Rain fell all night. A reel of rain is long."
    evidence = EvidenceSet("What does a reel cost?", [hit(text)], embedder=WordEmbedder())
    clip, reel, _, long = evidence.pieces
    evidence.scores = [2.0, 4.0, 3.0, 1.0]
    assert evidence.likeliest(1) == [[clip, reel]]
    assert evidence.likeliest(2) == [[clip, reel]]  # rain is too far in meaning
    assert evidence.likeliest(3) == [[clip, reel], [long]]


@pytest.mark.parametrize("asked", ['"large"', "'large'", "“Large?”", "large"])
def test_what_a_question_quotes_is_what_it_asks_about(asked: str) -> None:
    text = (
        "A large language model reads books. "
        "The “large” refers to parameters of the model. It isn't large, the users' large one."
    )
    question = f"What does {asked} stand for in large language model?"
    evidence = EvidenceSet(question, [hit(text)], embedder=WordEmbedder())
    first, second, third = evidence.scores
    assert (second > first) is (asked != "large")
    assert third < min(first, second)


def test_what_is_judged_need_not_be_very_near_in_meaning() -> None:
    text = "The cost of reels and posters is told below. Rain fell."
    evidence = EvidenceSet("What does a clip cost?", [hit(text)], embedder=WordEmbedder())
    assert NEAR_IF_JUDGED < evidence.cosines[0] < NEAR
    assert evidence.likeliest(9) == [[evidence.pieces[0]]]
    assert evidence.nearest() == []


def test_a_chapter_under_a_question_is_not_one_answer() -> None:
    towns = ("Aachen", "Bonn", "Celle", "Dresden", "Essen", "Fulda", "Gotha")
    chapter = " ".join(f"The town of {town} has trams." for town in towns)
    question = "Has the town of Celle trams?"
    evidence = EvidenceSet(
        question, [hit(f"## Who has trams?\n\n{chapter}")], embedder=WordEmbedder()
    )
    assert [piece.text for piece in evidence.nearest()] == ["The town of Celle has trams."]


def test_a_bare_cell_is_not_shown_as_the_nearest_words() -> None:
    told = "The new episodes came out."
    evidence = EvidenceSet("When?", [hit(f"March 27, 2016.\n\n{told}")], embedder=WordEmbedder())
    evidence.cosines = [0.9, 0.8]
    assert [piece.text for piece in evidence.nearest()] == [told]


@pytest.mark.parametrize(
    ("announced", "tells"),
    [
        ("Here’s a closer look at what oaks and pines cost;", False),
        ("This guide explores what oaks and pines cost.", False),
        ("In this section, we compare what oaks and pines cost.", False),
        ("Let's look at what oaks and pines cost.", False),
        ("This section applies to oaks and pines.", True),
        ("Here oaks and pines cost $10.", True),
        ("Let's Encrypt signs for oaks and pines.", True),
    ],
)
def test_what_only_announces_is_no_evidence(announced: str, tells: bool) -> None:
    found = pieces(f"{announced}\n\nAn oak costs $5.")
    assert found == [("", announced)] * tells + [("", "An oak costs $5.")]


@pytest.mark.parametrize(
    "heading", ["# Decade (album)", "Decade (album)", "**Cost of use**", "## Well said.", "Costs"]
)
def test_a_heading_is_no_evidence(heading: str) -> None:
    assert pieces(f"{heading}\n\nIt came out in 1977.") == [("", "It came out in 1977.")]


def test_what_is_quoted_ends_with_one_stop() -> None:
    text = "- He wants “better.”\n- She left;\n- Doors of “oak”"
    said = ["He wants “better.”", "She left.", "Doors of “oak”."]
    assert own_words(evidence_of([hit(text)])) == said

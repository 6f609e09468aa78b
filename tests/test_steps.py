"""What is only described is looked up first; every step is checked and cited by itself."""

from __future__ import annotations

import io
from collections.abc import Generator, Mapping
from dataclasses import replace

import pytest
from rich.console import Console

from rag.descriptions import Steps, describes
from rag.prompts import ABSTENTION
from rag.records import Answer, AnswerUpdate, Citation, Hit, Sentence, Timings, Verdict
from rag.steps import answer_in_steps, joined, split
from rag.terminal import show_answer
from tests.chat_fakes import make_hit
from tests.fakes import ScriptedChat

QUESTION = "Which river flows through the city where Ada Blom was born?"
FIRST = "In which city was Ada Blom born?"
THEN = "Which river flows through Tarn?"
# No form shows where its description ends, so the model is asked for the steps.
HARD = "Which river did the city where Ada Blom was born give its name to?"
SPLIT = f"First: {FIRST}\nThen: Which river did #1 give its name to?"


def answered(question: str, *said: str) -> Answer:
    """An answer of these sentences, each with a citation of its own; abstains if there is none."""
    return Answer(
        question=question,
        sentences=tuple(Sentence(text, (n,), 0.9) for n, text in enumerate(said, 1))
        or (Sentence(ABSTENTION, (), 0.0),),
        citations=tuple(
            Citation(n, f"{text}.md", "T", "s", 0, len(text), text)
            for n, text in enumerate(said, 1)
        ),
        hits=(make_hit(1, title=question),),
        abstained=not said,
        reason=None if said else "Looked at 1 passage.",
        timings=Timings(),
        model="scripted",
    )


def in_steps(
    question: str, known: Mapping[str, Answer], replies: Mapping[str, str]
) -> tuple[Answer, list[str]]:
    """(the answer to a question in steps, what was asked for it); unknown steps are abstained."""
    asked: list[str] = []

    def ask(step: str) -> Generator[AnswerUpdate, None, Answer]:
        asked.append(step)
        yield AnswerUpdate(stage="reading")
        return known.get(step, answered(step))

    model = ScriptedChat(reply=lambda prompt: replies.get(prompt, "no idea"), prompts=[])
    steps = answer_in_steps(question, ask=ask, model=model)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value, asked


BORN = answered(FIRST, "Ada Blom was born in Tarn.", "Tarn is old.")
FLOWS = answered(THEN, "The Lier flows through Tarn.")
REPLIES = {f"{FIRST}\nAda Blom was born in Tarn.": "Tarn"}


def test_what_is_described_is_looked_up_first() -> None:
    answer, asked = in_steps(QUESTION, {FIRST: BORN, THEN: FLOWS}, REPLIES)
    assert asked == [QUESTION, FIRST, THEN]
    assert answer.question == QUESTION
    assert answer.understood == f"{FIRST} {THEN}"
    assert answer.text == "Ada Blom was born in Tarn. [1] The Lier flows through Tarn. [2]"
    assert not answer.abstained


def test_a_reader_of_the_terminal_sees_what_was_asked_instead() -> None:
    answer, _ = in_steps(QUESTION, {FIRST: BORN, THEN: FLOWS}, REPLIES)
    out = Console(file=io.StringIO(), width=120)
    show_answer(answer, out=out)
    assert f"Understood as: {FIRST} {THEN}" in out.file.getvalue()  # type: ignore[attr-defined]


def test_an_answer_in_one_step_is_left_alone() -> None:
    whole = answered(QUESTION, "The Lier does.")
    assert in_steps(QUESTION, {QUESTION: whole}, {}) == (whole, [QUESTION])


@pytest.mark.parametrize("known", [{}, {FIRST: BORN}, {THEN: FLOWS}])
def test_with_a_step_unanswered_the_question_is(known: dict[str, Answer]) -> None:
    answer, _ = in_steps(QUESTION, known, REPLIES)
    assert answer == answered(QUESTION)


@pytest.mark.parametrize(
    "name", ["Oslo", "Ada Blom", "", "Tarn is the city where Ada Blom was born"]
)
def test_only_a_new_name_of_the_answer_takes_the_place_of_the_description(name: str) -> None:
    replies = REPLIES | {f"{FIRST}\nAda Blom was born in Tarn.": name}
    oslo = "Which river flows through Oslo?"
    known = {FIRST: BORN, THEN: FLOWS, oslo: answered(oslo, "The Akerselva.")}
    answer, asked = in_steps(QUESTION, known, replies)
    assert answer.abstained
    assert asked == [QUESTION, FIRST]


def test_a_second_description_takes_a_third_step() -> None:
    question = "Which river flows through the birthplace of the author of Winter Light?"
    wrote, where = "Who is the author of Winter Light?", "Where was Ada Blom born?"
    known = {
        wrote: answered(wrote, "Ada Blom is the author of Winter Light."),
        where: answered(where, "Ada Blom was born in Tarn."),
        THEN: FLOWS,
    }
    replies = {
        f"{wrote}\nAda Blom is the author of Winter Light.": "Ada Blom",
        f"{where}\nAda Blom was born in Tarn.": "Tarn",
    }
    answer, asked = in_steps(question, known, replies)
    assert asked[1::2] == [wrote, where]
    assert [sentence.citations for sentence in answer.sentences] == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    "question",
    [
        "What does a video clip cost?",
        "Which company had its LLM Suite honoured in 2025?",
        "How many employees did JPMorgan's LLM Suite reach?",
        "hallucination rate by model",
        "In which year did JPMorgan start building its LLM Suite?",
        "What is the capital of France?",
        "Where is the head office of Midjourney?",
    ],
)
def test_a_question_that_names_what_it_is_about_has_one_step(question: str) -> None:
    assert not describes(question)
    assert in_steps(question, {}, {})[1] == [question]


def test_where_no_form_shows_the_steps_the_model_is_asked_for_them() -> None:
    steps = split(HARD, model=ScriptedChat(reply=lambda prompt: SPLIT))
    assert steps == Steps(FIRST, "Which river did #1 give its name to?")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        f"First: {HARD}\nThen: Is it #1?",
        f"First: {FIRST}\nThen: Which river did it give its name to?",
        "First: Who is Ada Blom?\nThen: What is #1?",
        f"First: {FIRST}\nThen: Name #1, the city that gave its name to a river.",
        f"First: {FIRST}\nThen: What is #1, the city that gave its name to a river?",
        "First: What is the longest river of Norway?\nThen: Which river did #1 give its name to?",
    ],
)
def test_steps_that_do_not_add_up_to_the_question_are_not_taken(reply: str) -> None:
    assert split(HARD, model=ScriptedChat(reply=lambda prompt: reply)) is None


def likely(answer: Answer, support: float) -> Answer:
    """The same answer, that likely one to its question."""
    return replace(answer, gate=Verdict("Does it?", True, support, "so likely"))


@pytest.mark.parametrize(
    ("of_question", "of_steps", "in_two"), [(0.4, 0.9, 1), (0.6, 0.9, 0), (0.4, 0.3, 0)]
)
def test_an_unsure_answer_gives_way_to_surer_steps(
    of_question: float, of_steps: float, in_two: bool
) -> None:
    whole = likely(answered(QUESTION, "Ada Blom was born in Tarn."), of_question)
    known = {QUESTION: whole, FIRST: BORN, THEN: likely(FLOWS, of_steps)}
    answer, _ = in_steps(QUESTION, known, REPLIES)
    assert (len(answer.sentences) == 2) == in_two
    assert in_two or answer == whole


def test_every_mark_of_a_joined_answer_leads_to_the_words_that_it_led_to() -> None:
    same = answered(THEN, "The Lier flows through Tarn.", "Ada Blom was born in Tarn.")
    answer = joined([replace(BORN, sentences=BORN.sentences[:1]), same])
    quotes = {citation.number: citation.quote for citation in answer.citations}
    assert sorted(quotes) == [1, 2]
    for sentence in answer.sentences:
        assert [quotes[n] for n in sentence.citations] == [sentence.text]
    assert [hit.rank for hit in answer.hits] == list(range(1, len(answer.hits) + 1))


def test_what_every_step_found_best_comes_first() -> None:
    def found_for(subject: str) -> tuple[Hit, ...]:
        hits = (make_hit(rank, title=f"{subject} {rank}") for rank in (1, 2))
        return tuple(replace(h, chunk=replace(h.chunk, id=h.chunk.title)) for h in hits)

    first, then = replace(BORN, hits=found_for("Blom")), replace(FLOWS, hits=found_for("Tarn"))
    found = [hit.chunk.title for hit in joined([first, then]).hits]
    assert found == ["Blom 1", "Tarn 1", "Blom 2", "Tarn 2"]

"""From a question to a checked, cited answer, with any retriever and any chat model."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from rag.drafting import withdraw_lead_ins
from rag.errors import UsageError
from rag.evidence import evidence_of
from rag.pipeline import Assistant
from rag.prompts import ABSTENTION
from rag.records import Answer
from rag.retrieval import HybridRetriever
from rag.settings import Settings
from rag.verification import Finding
from tests.fakes import PointingChat, ScriptedChat, WordEmbedder
from tests.library import Library, prose
from tests.passages import hit

ARTICLE = (
    "JPMorgan's LLM Suite scaled to over 200,000 employees. "
    "One generated video clip costs $0.50 to $5. "
    "A generated image costs $0.01 to $0.50."
)


class OneArticle(BaseRetriever):
    """Finds the same article whatever is asked; nothing if it is empty."""

    text: str = ARTICLE

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        metadata = {"article_id": "a.md", "title": "Costs", "source": "a.md", "start": 0}
        return [Document(page_content=self.text, metadata=metadata)] if self.text else []


def assistant(
    reply: str | Callable[[str], str],
    *,
    belief: float | None = 9.0,
    answering: str = "",
    text: str = ARTICLE,
    **settings: Any,
) -> Assistant:
    """Its model says this and believes that passages hold it; without belief it cannot point."""
    speak = reply if callable(reply) else lambda prompt: reply
    return Assistant(
        retriever=OneArticle(text=text),
        model=ScriptedChat(reply=speak)
        if belief is None
        else PointingChat(reply=speak, belief=belief, answering=answering),
        embedder=WordEmbedder(),
        settings=Settings(**settings),
        model_name="scripted",
    )


def check_laws(answer: Answer, text: str = ARTICLE) -> None:
    """What holds for every answer, whatever the model says."""
    numbers = [citation.number for citation in answer.citations]
    assert numbers == list(range(1, len(numbers) + 1))
    for citation in answer.citations:
        assert text[citation.start : citation.end] == citation.quote
    if answer.abstained:
        assert answer.text == ABSTENTION
        assert answer.reason
        assert not answer.citations
    else:
        for sentence in answer.sentences:
            assert sentence.citations
            assert set(sentence.citations) <= set(numbers)
            assert 0 < sentence.support <= 1


def test_an_answer_cites_the_sentence_that_backs_it() -> None:
    answer = assistant("A generated video clip costs $0.50 to $5.").invoke(
        "What does a generated video clip cost?"
    )
    check_laws(answer)
    assert answer.text == "A generated video clip costs $0.50 to $5. [1]"
    assert answer.citations[0].quote == "One generated video clip costs $0.50 to $5."


def test_what_the_model_makes_up_is_withdrawn_and_the_rest_stays() -> None:
    answer = assistant(
        "A generated video clip costs $0.50 to $5. Goldman Sachs pays $9 for each clip."
    ).invoke("What does a generated video clip cost?")
    check_laws(answer)
    assert "Goldman" not in answer.text
    assert [verdict.kept for verdict in answer.trace[-2:]] == [True, False]


def test_with_nothing_left_it_abstains() -> None:
    made = assistant("The capital of France is Paris.", belief=0.0)
    answer = made.invoke("What does a video clip cost?")
    check_laws(answer)
    assert answer.abstained


def test_where_the_draft_does_not_hold_the_article_answers_in_its_own_words() -> None:
    made = assistant("A video clip costs $7.", answering="video clip")
    answer = made.invoke("What does a generated video clip cost?")
    check_laws(answer)
    assert [sentence.text for sentence in answer.sentences] == [
        "One generated video clip costs $0.50 to $5."
    ]
    assert [(verdict.text, verdict.kept) for verdict in answer.trace] == [
        ("A video clip costs $7.", False),
        ("One generated video clip costs $0.50 to $5.", True),
    ]


@pytest.mark.parametrize(
    ("answering", "said"),
    [
        ("generated image", "A generated image costs $0.01 to $0.50."),
        ("video clip", "One generated video clip costs $0.50 to $5."),
    ],
)
def test_a_draft_whose_words_are_no_answer_alone_gives_way_to_words_that_are(
    answering: str, said: str
) -> None:
    draft = "A generated image costs $0.01 to $0.50."
    made = assistant(draft, belief=1.0, answering=answering)
    answer = made.invoke("What does a generated one cost?")
    check_laws(answer)
    assert [sentence.text for sentence in answer.sentences] == [said]


@pytest.mark.parametrize(
    "reply", ["A generated video clip costs $0.50 to $5.", "A video clip costs $7."]
)
def test_words_that_are_no_answer_when_read_alone_are_not_said(reply: str) -> None:
    made = assistant(reply, answering="no such words")
    answer = made.invoke("What does a generated video clip cost?")
    check_laws(answer)
    assert answer.abstained


def test_where_the_likeliest_words_are_no_answer_the_next_are_said() -> None:
    made = assistant("A clip costs $7.", answering="generated image")
    answer = made.invoke("What does a generated one cost?")
    check_laws(answer)
    assert [sentence.text for sentence in answer.sentences] == [
        "A generated image costs $0.01 to $0.50."
    ]


def test_what_is_only_near_the_question_is_no_answer() -> None:
    asked = "How many employees has the LLM Suite of Goldman?"  # JPMorgan's is near
    answer = assistant("Goldman's LLM Suite has 200,000 employees.").invoke(asked)
    check_laws(answer)
    assert answer.abstained


def test_it_does_not_even_write_where_the_passages_hold_no_answer() -> None:
    made = assistant(lambda prompt: pytest.fail("wrote"), belief=-9.0)
    answer = made.invoke("What does a generated video clip cost?")
    check_laws(answer)
    assert answer.abstained
    assert answer.timings.answer_tokens == 0


def test_a_model_that_cannot_point_still_answers() -> None:
    answer = assistant("A generated video clip costs $0.50 to $5.", belief=None).invoke(
        "What does one generated video clip cost?"
    )
    assert not answer.abstained


def test_a_model_that_may_not_point_is_asked_plainly() -> None:
    one = assistant("One generated video clip costs $0.50 to $5.", belief=-9.0, pointing=False)
    assert not one.invoke("What does one generated video clip cost?").abstained


def test_the_lines_that_a_model_points_at_are_not_part_of_its_answer() -> None:
    made = assistant("1, 2: A generated video clip costs $0.50 to $5.")
    updates = list(made.stream("What does one generated video clip cost?"))
    drafts = [update.draft for update in updates if update.draft]
    assert drafts[0] == "A "
    assert updates[-1].answer is not None
    assert updates[-1].answer.text == "A generated video clip costs $0.50 to $5. [1]"


def test_an_abstention_names_what_the_articles_lack() -> None:
    answer = assistant("", belief=-9.0).invoke("How many employees does Goldman Sachs have?")
    assert "goldman" in (answer.reason or "").lower()


def test_no_passage_is_an_abstention() -> None:
    check_laws(assistant("Anything.", text="").invoke("What does a clip cost?"), "")


def test_marks_that_the_model_invents_are_dropped() -> None:
    answer = assistant("A generated video clip costs $0.50 to $5 [7].").invoke(
        "What does a generated video clip cost?"
    )
    assert answer.text == "A generated video clip costs $0.50 to $5. [1]"


def test_the_items_of_a_list_are_checked_without_their_numbers() -> None:
    answer = assistant(
        "It costs:\n1. A generated video clip costs $0.50 to $5.\n2) A generated image costs $9.\n"
        "3. A generated image costs $0.01 to $0.50."
    ).invoke("What do a generated video clip and image cost?")
    check_laws(answer)
    assert [sentence.text for sentence in answer.sentences[-2:]] == [
        "A generated video clip costs $0.50 to $5.",
        "A generated image costs $0.01 to $0.50.",
    ]


def test_a_name_is_asked_about_as_the_article_spells_it() -> None:
    said = "JPMorgan's LLM Suite scaled to over 200,000 employees."
    answer = assistant(said).invoke("How many employees has JP Morgan's LLM Suite?")
    check_laws(answer)
    assert [sentence.text for sentence in answer.sentences] == [said]
    assert answer.understood == "How many employees has JPMorgan's LLM Suite?"


def test_what_is_typed_in_haste_is_searched_for_as_it_is_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched: list[str] = []

    def found(self: OneArticle, query: str, *, run_manager: Any) -> list[Document]:
        searched.append(query)
        text = ARTICLE if "video" in query else "A generated image or video is a file."
        return [Document(page_content=text)]

    monkeypatch.setattr(OneArticle, "_get_relevant_documents", found)
    monkeypatch.setattr(WordEmbedder, "count_tokens", lambda self, text: len(text) // 2)
    said = "One generated video clip costs $0.50 to $5."
    answer = assistant(said).invoke("What does a generated vdieo clip cost?")
    assert searched == [answer.question, "What does a generated video clip cost?"]
    assert [sentence.text for sentence in answer.sentences] == [said]
    assert answer.understood == searched[1]


def test_a_line_that_leads_in_to_nothing_is_not_said() -> None:
    lead_in = "A generated video clip and a generated image cost:"
    assert withdraw_lead_ins(findings := [finding(lead_in), finding("An image.")]) == findings
    for rest in ([], [finding("An image.", kept=False)], [finding(lead_in), finding("A clip.")]):
        first, *others = withdraw_lead_ins([finding(lead_in), *rest])
        assert not first.kept
        assert others == rest


def finding(text: str, *, kept: bool = True) -> Finding:
    (item,) = evidence_of([hit(ARTICLE)])[:1]
    return Finding(text, (item,) if kept else (), 0.9, "as if it had been checked")


@given(st.text(max_size=300), st.sampled_from([None, -9.0, 0.0, 9.0]))
def test_the_laws_hold_whatever_the_model_says(reply: str, belief: float | None) -> None:
    check_laws(assistant(reply or " ", belief=belief).invoke("What does a video clip cost?"))


def test_the_same_question_has_the_same_answer() -> None:
    made = assistant("A generated video clip costs $0.50 to $5.")
    first, second = made.batch(["What does a video clip cost?"] * 2)
    assert (first.text, first.citations) == (second.text, second.citations)


def test_the_draft_streams_before_the_answer() -> None:
    updates = list(
        assistant("A generated video clip costs $0.50 to $5.").stream("What does a clip cost?")
    )
    stages = [update.stage for update in updates]
    assert stages[0] == "searching"
    assert stages[-1] == "done"
    drafts = [update.draft for update in updates if update.stage == "writing"]
    assert len(drafts) > 1
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(drafts))
    assert [update.answer is not None for update in updates] == [False] * (len(updates) - 1) + [
        True
    ]


def test_a_stream_can_be_stopped() -> None:
    stream = assistant("A generated video clip costs $0.50 to $5.").stream("What is the cost?")
    next(stream)
    stream.close()
    assert list(stream) == []


def test_a_follow_up_is_looked_up_by_what_it_means() -> None:
    def reply(prompt: str) -> str:
        if "Follow-up" in prompt:
            return "What does one generated video clip cost?"
        return "A generated video clip costs $0.50 to $5."

    history = [
        {"role": "user", "content": "What does a generated image cost?"},
        {"role": "assistant", "content": "It costs $0.01 to $0.50."},
    ]
    answer = assistant(reply).invoke({"question": "and for video?", "history": history})
    assert answer.question == "and for video?"
    assert answer.understood == "What does one generated video clip cost?"
    assert not answer.abstained


@pytest.mark.parametrize(
    ("rewrite", "is_answered"),
    [
        ("Which scenes suffer most from faults of generated video?", True),
        ("Which scenes suffer most?", False),
        ("What does a generated image cost?", False),
    ],
)
def test_what_is_not_found_for_a_question_alone_is_looked_up_in_the_conversation(
    rewrite: str, is_answered: bool
) -> None:
    told = "Of generated video, scenes with much motion suffer most from faults."

    def reply(prompt: str) -> str:
        if "Follow-up" in prompt:
            return rewrite
        return told if f"Question: {rewrite}" in prompt and is_answered else "Nobody can say."

    history = [
        {"role": "user", "content": "How often has generated video faults?"},
        {"role": "assistant", "content": "Generated video has faults in 20% of cases."},
    ]
    asked = {"question": "Which scenes suffer most?", "history": history}
    answer = assistant(reply, belief=None, text=told).invoke(asked)
    assert answer.abstained is not is_answered
    assert answer.question == asked["question"]
    assert answer.understood == (rewrite if is_answered else None)


def test_what_a_question_describes_is_looked_up_first_and_both_are_cited() -> None:
    question = "Which river flows through the city where Ada Blom was born?"
    first = "In which city was Ada Blom born?"
    born, flows = "Ada Blom was born in Tarn.", "The Lier flows through Tarn."
    replies = {
        f"Question: {question}": "Ada Blom was born in 1950.",
        f"Question: {first}": born,
        "Question: Which river flows through Tarn?": flows,
        f"{first}\n{born}": "Tarn",
        question: f"First: {first}\nThen: Which river flows through #1?",
    }

    def reply(prompt: str) -> str:
        return next(said for asked, said in replies.items() if asked in prompt)

    answer = assistant(reply, belief=None, text=f"{born} {flows}").invoke(question)
    assert answer.text == f"{born} [1] {flows} [2]"
    assert answer.question == question
    assert answer.understood == f"{first} Which river flows through Tarn?"


@pytest.mark.parametrize("question", ["", "   ", "\x00", "x" * 5000])
def test_an_unusable_question_is_refused_in_words(question: str) -> None:
    with pytest.raises(UsageError):
        assistant("x").invoke(question)


def test_the_json_form_is_the_contract() -> None:
    value = (
        assistant("A generated video clip costs $0.50 to $5.")
        .invoke("What does a generated video clip cost?")
        .to_json()
    )
    assert set(value) == {
        "question",
        "answer",
        "abstained",
        "reason",
        "sentences",
        "citations",
        "hits",
        "model",
        "timings",
    }
    assert set(value["sentences"][0]) == {"text", "citations", "support"}
    assert set(value["citations"][0]) == {
        "n",
        "article",
        "title",
        "source",
        "start",
        "end",
        "quote",
    }
    assert set(value["hits"][0]) == {"rank", "score", "article", "title", "start", "end", "text"}
    assert set(value["timings"]) == {
        "retrieve_ms",
        "first_token_ms",
        "total_ms",
        "prompt_tokens",
        "answer_tokens",
    }


def test_an_open_assistant_answers_from_articles_that_came_later(library: Library) -> None:
    """As a running chat does: it is opened once, and the index changes under it."""
    question = "What does one generated video clip cost?"

    def reply(prompt: str) -> str:
        library.write("later.md", prose("violin"))  # and it may change while it answers
        library.sync()
        return "One generated video clip costs $0.50 to $5."

    opened = assistant(reply, answering="clip")
    opened.retriever = HybridRetriever(
        index=library.open(), embedder=library.embedder, settings=library.settings
    )
    assert opened.invoke(question).abstained
    library.write("costs.md", ARTICLE)
    library.sync()
    answer = opened.invoke(question)
    check_laws(answer)
    assert [citation.article_id for citation in answer.citations] == ["costs.md"]
    assert (library.articles / "later.md").exists()
    library.write("costs.md", "One video clip of another kind costs nothing at all.")
    library.sync()
    answer = opened.invoke(question)
    assert "costs nothing" in answer.text
    assert "$5" not in answer.text

"""FAQs become cases: each pair once, cleaned, with an id that stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.faq import (
    FaqAnswer,
    Harvest,
    clean_answer,
    clean_question,
    draft_question,
    harvest,
    polarity_of,
)
from eval.records import Case
from rag import Article, ModelError, read_articles
from tests.conftest import ROOT
from tests.fakes import ScriptedChat

SHARED_ARTICLES = ROOT.parent / "shared" / "articles"
PROSE = "The model writes text. It was trained on a great many books, and it answers questions."
PAIRS = "## FAQ\n\n### 1. Is it **free**?\n\nYes, for ever. [3]\n\n### Is it fast?\n\nIt is slow.\n"


@pytest.fixture
def read(tmp_path: Path):
    def read_all(**texts: str) -> list[Article]:
        for name, text in texts.items():
            (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
        articles, failed = read_articles([tmp_path])
        assert not failed
        return articles

    return read_all


def asked(found: Harvest) -> dict[str, str]:
    return {case.question: case.references[0] for case in found.pairs}


def test_a_pair_is_a_case_with_its_reference(read) -> None:
    (article,) = read(guide=f"# Guide\n\n{PROSE}\n\n{PAIRS}")
    first, second = harvest([article]).pairs
    assert first == Case(
        id=first.id,
        question="Is it free?",
        answerable=True,
        kind="faq",
        origin="faq",
        references=("Yes, for ever.",),
        polarity="yes",
        source_articles=("guide.md",),
    )
    assert (second.question, second.polarity) == ("Is it fast?", None)
    assert first.id.startswith("guide.md#faq-") and first.id != second.id


def test_an_id_depends_on_the_words_and_not_on_where_they_stand(read) -> None:
    before = {case.question: case.id for case in harvest(read(guide=PAIRS)).pairs}
    moved = PAIRS.replace("## FAQ", f"# Guide\n\n{PROSE}\n\n## FAQ\n\n### New?\n\nNo.")
    after = {case.question: case.id for case in harvest(read(guide=moved)).pairs}
    assert before.items() < after.items()
    changed = harvest(read(guide=PAIRS.replace("slow", "quick"))).pairs
    assert [case.id in before.values() for case in changed] == [True, False]


def test_the_same_pair_counts_once_wherever_it_stands(read) -> None:
    again = "**Is it free?** Yes, for ever.\n"
    found = harvest(read(a=f"{PAIRS}\n## End\n\n{again}", b=f"{PROSE}\n\n{again}"))
    assert asked(found) == {"Is it free?": "Yes, for ever.", "Is it fast?": "It is slow."}
    assert {case.source_articles for case in found.pairs} == {("a.md",)}


def test_one_question_with_two_answers_in_two_articles_is_two_cases(read) -> None:
    found = harvest(read(a="**Is it free?** Yes.", b="**Is it free?** No."))
    assert [(case.polarity, case.source_articles) for case in found.pairs] == [
        ("yes", ("a.md",)),
        ("no", ("b.md",)),
    ]


def test_answers_without_a_question_are_kept_apart(read) -> None:
    answers = ["Yes. It is free for ever.", "It runs on any laptop.", "No, it asks nobody."]
    text = "\n\n".join(["# Guide", PROSE, "## FAQs", *answers])
    (article,) = read(guide=text)
    found = harvest([article])
    assert found.pairs == ()
    assert [orphan.text for orphan in found.orphans] == answers
    for orphan in found.orphans:
        assert article.text[orphan.start : orphan.end] == orphan.text
    known = read(guide=text, other=f"**Is it free?** {answers[0]}")
    assert [orphan.text for orphan in harvest(known).orphans] == answers[1:]


@pytest.mark.parametrize(
    ("printed", "question"),
    [
        ("1. Is it free?\n", "Is it free?"),
        ("### **Q12. Is it free?**\n\n", "Is it free?"),
        ("**Q:** Is it free?", "Is it free?"),
        ("- **[Is it](x) `free`?** ", "Is it free?"),
        ("<details>\n<summary><b>Is it</b> free &amp; fast?</summary>\n", "Is it free & fast?"),
        ("**Q: Prices**", "Prices"),
        ("Q&A or quiz?", "Q&A or quiz?"),
    ],
)
def test_a_question_is_cleaned_of_what_stands_around_it(printed: str, question: str) -> None:
    assert clean_question(printed) == question


@pytest.mark.parametrize(
    ("printed", "answer"),
    [
        ("It grows by 33.2%.. It ends [1][2, 3].", "It grows by 33.2%. It ends."),
        ("**A:** One\n  line.", "One line."),
        ("A1. One.", "One."),
        ("A model is one.", "A model is one."),
        (": One.", "One."),
        ("It can:\n\n- read\n- write.\n\nWell…", "It can: read; write. Well…"),
        ("<dd>One &lt; <b>two</b>.</dd>\n</dl>", "One < two ."),
        ("Wait... for [it](x).", "Wait... for it."),
    ],
)
def test_an_answer_is_cleaned_of_marks_and_citations(printed: str, answer: str) -> None:
    assert clean_answer(printed) == answer


@pytest.mark.parametrize(
    ("answer", "polarity"),
    [
        ("Yes", "yes"),
        ("No. It is not.", "no"),
        ("yes – mostly", "yes"),
        ("No single model can.", None),
        ("Yesterday.", None),
        ("Not for most.", None),
    ],
)
def test_polarity_is_what_an_answer_opens_with(answer: str, polarity: str | None) -> None:
    assert polarity_of(answer) == polarity


ANSWER = FaqAnswer("guide.md", "Yes, it is free.", 0, 16)


@pytest.mark.parametrize(
    "reply",
    [
        "Is it free?",
        'Question:\n"Is it free?"\n',
        "1. Is it free? It is.",
        "**Is it free?**",
        "Is it free",
    ],
)
def test_a_drafted_question_is_marked_as_such(reply: str) -> None:
    model = ScriptedChat(reply=lambda prompt: reply)
    case = draft_question(ANSWER, model=model)
    assert (case.question, case.origin, case.references) == (
        "Is it free?",
        "drafted",
        ("Yes, it is free.",),
    )
    assert (case.polarity, case.source_articles, case.answerable) == ("yes", ("guide.md",), True)
    assert case.id == draft_question(ANSWER, model=model).id
    assert ANSWER.text in model.prompts[0]


def test_a_drafted_question_that_asks_what_is_not_answered_by_yes() -> None:
    case = draft_question(ANSWER, model=ScriptedChat(reply=lambda prompt: "What is free?"))
    assert case.polarity is None


def test_a_model_that_drafts_nothing_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"no question for an answer of guide\.md"):
        draft_question(ANSWER, model=ScriptedChat(reply=lambda prompt: "..."))


@pytest.mark.skipif(not SHARED_ARTICLES.is_dir(), reason="the scraped articles are not here")
def test_the_scraped_articles_hold_six_pairs_and_nine_answers_without_a_question() -> None:
    articles, failed = read_articles([SHARED_ARTICLES])
    found = harvest(articles)
    assert not failed
    assert {case.source_articles for case in found.pairs} == {("llms-vs-generative-ai.txt",)}
    assert [case.question for case in found.pairs] == [
        "Is ChatGPT a Generative AI or an LLM?",
        "Can LLMs generate images?",
        "Is LLM better or Generative AI?",
        "Is Gemini an LLM or Generative AI?",
        "Do I need technical skills to use these tools?",
        "Are these tools safe for enterprise use?",
    ]
    assert [orphan.article_id for orphan in found.orphans] == ["generative-ai-vs-llm.txt"] * 9
    assert found.orphans[0].text.startswith("Generative AI creates new content across")
    assert found.orphans[-1].text.endswith("the combined market exceeding $200B by 2030.")


def test_the_shipped_corpus_holds_its_two_faqs_and_nothing_else() -> None:
    articles, _ = read_articles([ROOT / "corpus"])
    found = harvest(articles)
    sources = [case.source_articles[0] for case in found.pairs]
    assert sources.count("faq-generative-ai-and-llms.md") == 9
    assert sources.count("faq-llms-and-generative-ai.md") == 6
    assert (len(sources), found.orphans) == (15, ())

from __future__ import annotations

from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from chat_fakes import ABSTENTION, ANSWER, DRAFT, ENGINE_FAILURE, QUOTE, make_hit
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag import Answer, Citation, FootnoteError, Sentence, Timings, Verdict
from ui import render

TAGS = set("a article blockquote code details div h2 h3 li ol p span strong sup summary".split())
HOSTILE = [
    "<script>alert(1)</script>",
    "</details></article><img src=x onerror=alert(1)>",
    "\"><a href='javascript:alert(1)'>",
    "'\" onclick=alert(1) x='",
    "&lt;script&gt; &amp; <!-- ]]> ${value} {{value}} `",
    "half a pair: \ud800",
]


class Page(HTMLParser):
    """What a browser would make of it: the elements, and the text that a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.unbalanced: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def with_class(self, name: str) -> list[dict[str, str]]:
        return [a for _, a in self.elements if name in a.get("class", "").split()]

    @property
    def ids(self) -> list[str]:
        return [a["id"] for _, a in self.elements if "id" in a]


quick = settings(max_examples=60)
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))
numbers = st.integers(1, 5)
shares = st.floats(0, 1)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    known = draw(st.lists(numbers, unique=True, max_size=4))
    citations = [
        Citation(n, draw(texts), draw(texts), draw(texts), 3, 9, draw(texts)) for n in known
    ]
    cited = st.lists(numbers, unique=True, max_size=3).map(tuple)
    sentences = draw(st.lists(st.builds(Sentence, texts, cited, shares), max_size=3))
    hits = [make_hit(1, title=draw(texts), heading=draw(texts))]
    trace = draw(st.lists(st.builds(Verdict, texts, st.booleans(), shares, texts), max_size=2))
    return Answer(
        question=draw(texts),
        sentences=tuple(sentences),
        citations=tuple(citations),
        hits=tuple(hits),
        abstained=draw(st.booleans()),
        reason=draw(st.none() | texts),
        timings=Timings(),
        model=draw(texts),
        gate=draw(st.none() | st.builds(Verdict, texts, st.booleans(), shares, texts)),
        trace=tuple(trace),
        understood=draw(st.none() | texts),
    )


def as_shown(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def assert_only_our_markup(html: str) -> Page:
    page = Page(html)
    assert not page.unbalanced
    assert {tag for tag, _ in page.elements} <= TAGS
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "#").startswith(("#turn-", "#", "http://", "https://"))
    html.encode("utf-8")
    return page


def test_a_reader_sees_what_a_follow_up_was_taken_for() -> None:
    taken = replace(ANSWER, understood="How long is the bridge?")
    assert (
        "Understood as: How long is the bridge?" in Page(render.render_answer(taken, turn=1)).text
    )
    assert "Understood as" not in render.render_answer(ANSWER, turn=1)


@quick
@given(answers())
@example(replace(ANSWER, model=HOSTILE[0]))
def test_no_text_of_an_answer_becomes_markup(answer: Answer) -> None:
    page = assert_only_our_markup(render.render_answer(answer, turn=1))
    for sentence in answer.sentences:
        assert as_shown(sentence.text) in page.text


@quick
@given(texts, texts, texts)
def test_no_text_on_the_way_becomes_markup(first: str, second: str, third: str) -> None:
    error = FootnoteError(first, hint=second)
    for html in (
        render.render_turn(first, render.render_progress(second, third), turn=1),
        render.render_turn(first, render.render_stopped(second), turn=1),
        render.render_turn(third, render.render_error(error), turn=1),
        render.render_ready(first, second),
        render.render_load_failure(error),
    ):
        assert_only_our_markup(html)


@quick
@given(st.text())
def test_escaping_loses_nothing(text: str) -> None:
    assert unescape(render.escape(text)) == as_shown(text)


@quick
@given(answers())
def test_every_mark_opens_a_source_that_is_there(answer: Answer) -> None:
    page = Page(render.render_answer(answer, turn=7))
    targets = [mark["href"] for mark in page.with_class("mark")]
    assert set(targets) <= {f"#{anchor}" for anchor in page.ids}
    known = {citation.number for citation in answer.citations}
    expected = [
        f"#turn-7-source-{number}"
        for sentence in answer.sentences
        for number in sentence.citations
        if number in known and not answer.abstained
    ]
    assert targets == expected


def test_two_turns_share_no_anchor() -> None:
    first, second = (Page(render.render_answer(ANSWER, turn=turn)).ids for turn in (1, 2))
    assert len(set(first + second)) == len(first) + len(second)


def test_a_source_card_says_what_is_quoted_from_where_and_how_well_it_backs() -> None:
    page = Page(render.render_answer(ANSWER, turn=1))
    for shown in ("The old bridge", QUOTE, "bridge.md · characters 40–93", "backed 0.93"):
        assert shown in page.text
    backs = [link["href"] for link in page.with_class("back")]
    assert backs == ["#turn-1-sentence-1", "#turn-1-sentence-2", "#turn-1-sentence-2"]


@pytest.mark.parametrize(
    ("source", "linked"),
    [
        ("https://example.org/a?b=1&c=2", True),
        ("notes/bridge.md", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
    ],
)
def test_only_a_web_address_is_a_link(source: str, linked: bool) -> None:
    citation = replace(ANSWER.citations[0], source=source)
    page = Page(render.render_answer(replace(ANSWER, citations=(citation,)), turn=1))
    assert (source in [a.get("href") for _, a in page.elements]) == linked
    assert source in page.text


def test_an_abstention_gives_its_reason_and_each_place_it_looked_at_once() -> None:
    page = Page(render.render_answer(ABSTENTION, turn=1))
    assert page.with_class("abstained")
    assert not page.with_class("mark")
    assert "The articles do not say." in page.text
    assert str(ABSTENTION.reason) in page.text
    assert "What was looked at (2)" in page.text
    assert page.text.count("Upkeep") == 1


def test_the_fold_tells_which_sentences_were_withdrawn_and_why() -> None:
    page = Page(render.render_answer(ANSWER, turn=1))
    assert "Why · 1 of 2 drafted sentences kept" in page.text
    assert "Withdrawn 0.04 It was painted green.no passage names a colour" in page.text


def test_a_draft_is_marked_as_unchecked_until_the_answer_replaces_it() -> None:
    pending = Page(render.render_progress("writing", DRAFT))
    assert pending.with_class("pending")[0]["aria-busy"] == "true"
    assert pending.with_class("draft")
    assert "not checked yet" in pending.text
    done = Page(render.render_answer(ANSWER, turn=1))
    assert not done.with_class("pending")
    assert not done.with_class("draft")


def test_a_failure_is_told_with_what_to_do() -> None:
    page = Page(render.render_error(ENGINE_FAILURE))
    assert "The engine stopped." in page.text
    assert "Try rag doctor." in page.text
    assert ("code", {}) in page.elements

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from chat_fakes import DRAFT, ENGINE_FAILURE, ScriptedAssistant, six_articles

from rag import MOST_BYTES, ModelMissing, UsageError
from ui.app import Assistant, Chat, Conversation, build_app, start
from ui.library import Library

STYLE = Path(__file__).parents[1] / "ui" / "style.css"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_chat(load: Callable[[], Assistant]) -> Chat:
    return Chat(load, corpus_note=lambda: "6 articles")


@pytest.fixture
def assistant() -> ScriptedAssistant:
    return ScriptedAssistant()


@pytest.fixture
def chat(assistant: ScriptedAssistant) -> Chat:
    return make_chat(lambda: assistant)


def ask(chat: Chat, question: str, conversation: Conversation) -> list[str]:
    assert chat.ask(question, conversation) is not None
    return list(chat.answer(conversation))


class SlowLoad:
    """Loads only once it may, so that a test can look at the page before."""

    def __init__(self, assistant: ScriptedAssistant, *, error: Exception | None = None) -> None:
        self.assistant, self.error, self.may_end = assistant, error, threading.Event()

    def __call__(self) -> ScriptedAssistant:
        self.may_end.wait()
        if self.error is not None:
            raise self.error
        return self.assistant


def test_the_status_counts_while_loading_and_then_names_the_model_and_the_corpus(
    assistant: ScriptedAssistant,
) -> None:
    load = SlowLoad(assistant)
    status = make_chat(load).status()
    assert "Loading the language model" in next(status)
    load.may_end.set()
    assert "Ready · a-small-model · 6 articles" in list(status)[-1]


def test_a_failed_load_is_told_in_words_in_the_status_and_to_the_question(
    assistant: ScriptedAssistant,
) -> None:
    load = SlowLoad(assistant, error=ModelMissing("No file.", hint="Run `rag models pull`."))
    load.may_end.set()
    chat = make_chat(load)
    last = ask(chat, "How long is it?", Conversation())[-1]
    for shown in (list(chat.status())[-1], last):
        assert "No file." in shown
        assert "<code>rag models pull</code>" in shown
        assert "Traceback" not in shown


def test_an_unforeseen_fault_while_loading_ends_the_wait_and_reaches_the_terminal(
    assistant: ScriptedAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.append(args.exc_type))
    load = SlowLoad(assistant, error=ZeroDivisionError())
    load.may_end.set()
    assert "did not expect" in list(make_chat(load).status())[-1]
    for thread in threading.enumerate():
        if thread.name == "load-assistant":
            thread.join()
    assert reported == [ZeroDivisionError]


def test_a_question_asked_before_the_model_is_there_waits_visibly_and_is_answered(
    assistant: ScriptedAssistant,
) -> None:
    load = SlowLoad(assistant)
    chat, conversation = make_chat(load), Conversation()
    chat.ask("How long is it?", conversation)
    answer = chat.answer(conversation)
    assert "answered as soon as the language model is loaded" in next(answer)
    load.may_end.set()
    assert "310 metres" in list(answer)[-1]


def test_the_draft_is_shown_while_it_is_written_and_then_replaced(chat: Chat) -> None:
    shown = ask(chat, "How long is it?", Conversation())
    assert any(DRAFT in html and "not checked yet" in html for html in shown[:-1])
    assert 'class="mark"' in shown[-1]
    assert 'class="draft"' not in shown[-1]


def test_stopping_closes_the_assistant_and_the_next_question_is_answered(
    chat: Chat, assistant: ScriptedAssistant
) -> None:
    conversation = Conversation()
    chat.ask("Go on forever", conversation)
    answer = chat.answer(conversation)
    while DRAFT not in next(answer):
        pass
    assert conversation.pending is not None
    conversation.pending.stop.set()
    last = list(answer)[-1]
    assert "Stopped." in last
    assert "was not checked" in last
    assert assistant.closed_early == 1
    assert "310 metres" in ask(chat, "How long is it?", conversation)[-1]


def test_stopping_a_question_that_still_waits_never_asks_it(assistant: ScriptedAssistant) -> None:
    load = SlowLoad(assistant)
    chat, conversation = make_chat(load), Conversation()
    chat.ask("How long is it?", conversation)
    assert conversation.pending is not None
    conversation.pending.stop.set()
    assert "Stopped." in list(chat.answer(conversation))[-1]
    load.may_end.set()
    assert assistant.asked == []


def test_leaving_the_page_closes_the_assistant(chat: Chat, assistant: ScriptedAssistant) -> None:
    conversation = Conversation()
    chat.ask("Go on forever", conversation)
    answer = chat.answer(conversation)
    while DRAFT not in next(answer):
        pass
    answer.close()  # type: ignore[attr-defined]
    assert assistant.closed_early == 1


def test_the_conversation_is_passed_on_as_plain_text_of_what_was_answered(
    chat: Chat, assistant: ScriptedAssistant
) -> None:
    conversation = Conversation()
    for question in ("How long is <it>?", "Let it fail", "Who painted it?", "And its colour?"):
        ask(chat, question, conversation)
    assert assistant.asked[-1] == {
        "question": "And its colour?",
        "history": [
            {"role": "user", "content": "How long is <it>?"},
            {
                "role": "assistant",
                "content": "The bridge is 310 metres long. It was the longest of its day.",
            },
            {"role": "user", "content": "Who painted it?"},
            {"role": "assistant", "content": "The articles do not say."},
        ],
    }


def test_an_error_is_told_in_words_and_the_chat_goes_on(chat: Chat) -> None:
    conversation = Conversation()
    last = ask(chat, "Let it fail", conversation)[-1]
    assert ENGINE_FAILURE.message in last
    assert "<code>rag doctor</code>" in last
    assert "310 metres" in ask(chat, "How long is it?", conversation)[-1]


def test_a_fault_of_ours_is_not_swallowed_and_the_chat_goes_on(chat: Chat) -> None:
    conversation = Conversation()
    with pytest.raises(ZeroDivisionError):
        ask(chat, "Let it crash", conversation)
    assert "did not expect" in chat.give_up(conversation)
    assert "310 metres" in ask(chat, "How long is it?", conversation)[-1]


def test_an_empty_question_and_one_too_many_are_not_taken_in(chat: Chat) -> None:
    conversation = Conversation()
    assert chat.ask(" \n ", conversation) is None
    assert chat.ask("How long is it?", conversation) is not None
    assert chat.ask("How long is it?", conversation) is None


def test_the_next_question_is_taken_in_as_soon_as_the_answer_is_shown(chat: Chat) -> None:
    conversation = Conversation()
    chat.ask("How long is it?", conversation)
    answer = chat.answer(conversation)
    while "backed" not in next(answer):
        pass
    assert chat.ask("Who painted it?", conversation) is not None


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return six_articles(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def url(library: Library) -> Iterator[str]:
    app = build_app(ScriptedAssistant, examples=["How long is it?"], library=library)
    yield start(app, host="127.0.0.1", port=free_port())
    app.close()


def test_the_page_names_no_other_host_and_forbids_asking_one(url: str) -> None:
    response = httpx.get(url)
    here = httpx.URL(url)
    named = {httpx.URL(found) for found in re.findall(r"https?://[^\s\"'<>\\]+", response.text)}
    assert {(other.host, other.port) for other in named} <= {(here.host, here.port)}
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy
    assert not re.search(r"@font-face|https?://(?!www\.w3\.org)", httpx.get(f"{url}theme.css").text)


def test_another_name_for_this_address_is_refused(url: str) -> None:
    assert httpx.get(url, headers={"Host": "elsewhere.example"}).status_code == 400
    assert httpx.get(url, headers={"Host": "localhost"}).status_code == 200


@pytest.mark.parametrize("path", ["openapi.json", "docs", "gradio_api/runs", "monitoring/summary"])
def test_what_the_chat_does_not_need_is_not_served(url: str, path: str) -> None:
    assert httpx.get(url + path).status_code >= 400


def upload(url: str, content: bytes, **headers: str) -> int:
    files = {"files": ("a.txt", content)}
    return httpx.post(f"{url}gradio_api/upload", files=files, headers=headers).status_code


def test_a_file_that_could_be_no_article_for_its_size_is_refused(url: str) -> None:
    assert upload(url, b"x" * 5000) == 200
    assert upload(url, b"x" * (MOST_BYTES + 1)) == 413


@pytest.mark.parametrize("origin", ["cross-site", "same-site"])
def test_a_page_of_another_origin_can_send_nothing(url: str, origin: str) -> None:
    assert upload(url, b"x", **{"Sec-Fetch-Site": origin}) == 403
    assert upload(url, b"x", **{"Sec-Fetch-Site": "same-origin"}) == 200
    assert httpx.get(url, headers={"Sec-Fetch-Site": origin}).status_code == 200  # a link


def test_a_port_in_use_is_one_line_that_names_it_and_the_flag(url: str, library: Library) -> None:
    app = build_app(ScriptedAssistant, examples=[], library=library)
    with pytest.raises(UsageError) as caught:
        start(app, host="127.0.0.1", port=httpx.URL(url).port or 0)
    assert f"Port {httpx.URL(url).port} on 127.0.0.1 is in use." in str(caught.value)
    assert "--port" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_that_is_not_ours_is_told_as_such(library: Library) -> None:
    app = build_app(ScriptedAssistant, examples=[], library=library)
    with pytest.raises(UsageError, match=r"192\.0\.2\.1, port \d+: .*--host"):
        start(app, host="192.0.2.1", port=free_port())


def test_gradio_and_the_hub_report_nothing_to_their_makers(url: str) -> None:
    from gradio.analytics import analytics_enabled
    from huggingface_hub.constants import HF_HUB_DISABLE_TELEMETRY

    assert not analytics_enabled()
    assert HF_HUB_DISABLE_TELEMETRY


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it, of "#rrggbb"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(palette: int) -> None:
    blocks = re.findall(r"\{([^}]*--paper: #[^}]*)\}", STYLE.read_text(encoding="utf-8"))
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[palette]))
    pairs = [
        *((text, ground) for text in ("ink", "subdued", "accent") for ground in ("paper", "card")),
        *((text, "paper") for text in ("good", "calm", "alarm")),
        ("ink", "calm-ground"),
        ("ink", "alarm-ground"),
        ("alarm", "alarm-ground"),
        ("alarm", "card"),
        ("accent", "accent-ground"),
        ("on-accent", "accent"),
    ]
    for text, ground in pairs:
        darker, lighter = sorted((luminance(colours[text]), luminance(colours[ground])))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, f"{text} on {ground}"

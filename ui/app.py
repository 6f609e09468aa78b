"""The chat page: what happens on each click, and the server that shows it.

The page opens at once; the assistant is loaded by a thread of its own, and a question asked
before it is ready waits, visibly. One question is answered at a time, whoever asks.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rag import MOST_BYTES, AnswerUpdate, FootnoteError, UsageError
from ui import render
from ui.library import Library, build_tab
from ui.page import ICON, SCRIPT, STYLES, LocalPage, make_theme

if TYPE_CHECKING:
    import gradio as gr

INTRODUCTION = (
    "Ask about your articles. Every sentence of an answer points at the words that back it, and "
    "where the articles do not say, the answer says so."
)

WAIT_SECONDS = 0.5
STATUS_SECONDS = 1.0


class Assistant(Protocol):
    """What the chat needs of the assembled assistant; `model_name` is for the status line."""

    model_name: str

    def stream(self, question: Any, /) -> Iterator[AnswerUpdate]:
        """Answer {"question": str, "history": [{"role": str, "content": str}, ...]}.

        Yields updates, the last with the answer. Closing the iterator stops the work. Raises
        `FootnoteError` for what a user can mend.
        """


class Loading:
    """The assistant on its way: loaded once, by a thread that starts here."""

    def __init__(self, load_assistant: Callable[[], Assistant]) -> None:
        self._load = load_assistant
        self._assistant: Assistant | None = None
        self._error = render.UNEXPECTED
        self._finished = threading.Event()
        self._started_at = time.monotonic()
        threading.Thread(target=self._run, name="load-assistant", daemon=True).start()

    def _run(self) -> None:
        try:
            self._assistant = self._load()
        except FootnoteError as error:
            self._error = error
        finally:
            # Any other exception goes on to the terminal, with its traceback.
            self._finished.set()

    @property
    def seconds(self) -> float:
        """How long it has been loading."""
        return time.monotonic() - self._started_at

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`; whether loading is over, well or badly."""
        return self._finished.wait(seconds)

    def result(self) -> Assistant:
        """The assistant, once `wait` said that loading is over. Raises `FootnoteError`."""
        if self._assistant is None:
            raise self._error
        return self._assistant


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what became of it, as shown; `reply` is the answer's text if there is one."""

    number: int
    question: str
    body: str
    reply: str | None = None

    @property
    def html(self) -> str:
        return render.render_turn(self.question, self.body, turn=self.number)


@dataclass(frozen=True, slots=True)
class Pending:
    """A question that is being answered, and the reader's wish to stop it."""

    question: str
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Conversation:
    """What one open page has asked so far. It lives as long as the page."""

    turns: list[Turn] = field(default_factory=list)
    pending: Pending | None = None

    @property
    def html(self) -> str:
        return "".join(turn.html for turn in self.turns)

    @property
    def history(self) -> list[dict[str, str]]:
        """The answered turns as plain messages: no markup, no marks, nothing unchecked."""
        return [
            message
            for turn in self.turns
            if turn.reply is not None
            for message in (
                {"role": "user", "content": turn.question},
                {"role": "assistant", "content": turn.reply},
            )
        ]


class Chat:
    """What each event of the page does. Knows the records and their HTML, not the page's parts."""

    def __init__(
        self, load_assistant: Callable[[], Assistant], *, corpus_note: Callable[[], str]
    ) -> None:
        self._corpus_note = corpus_note
        self._loading = Loading(load_assistant)

    def status(self) -> Iterator[str]:
        """The status line, each second until the assistant is ready or has failed to load."""
        while not self._loading.wait(0):
            yield self.describe()
            self._loading.wait(STATUS_SECONDS)
        yield self.describe()

    def describe(self) -> str:
        """The status line as it is now."""
        if not self._loading.wait(0):
            return render.render_loading(self._loading.seconds)
        try:
            return render.render_ready(self._loading.result().model_name, self._corpus_note())
        except FootnoteError as error:
            return render.render_load_failure(error)

    def ask(self, text: str, conversation: Conversation) -> str | None:
        """Take a question in; the HTML of its turn, or None where there is nothing to take in."""
        question = text.strip()
        if not question or conversation.pending is not None:
            return None
        conversation.pending = Pending(question)
        return self._turn(conversation, render.render_progress("queued", "")).html

    def answer(self, conversation: Conversation) -> Iterator[str]:
        """Answer the pending question: the HTML of its turn, each time that it changes."""
        pending = conversation.pending
        if pending is None:
            return
        turn = yield from self._settle(pending, conversation)
        conversation.turns.append(turn)
        conversation.pending = None
        yield turn.html

    def give_up(self, conversation: Conversation) -> str:
        """Settle a question whose answer broke off by a fault of ours."""
        turn = self._turn(conversation, render.render_error(render.UNEXPECTED))
        conversation.turns.append(turn)
        conversation.pending = None
        return turn.html

    def _turn(self, conversation: Conversation, body: str, reply: str | None = None) -> Turn:
        question = conversation.pending.question if conversation.pending else ""
        return Turn(len(conversation.turns) + 1, question, body, reply)

    def _settle(self, pending: Pending, conversation: Conversation) -> Generator[str, None, Turn]:
        """Yield the turn's HTML while it is on its way, and return the turn as it ends."""
        while not self._loading.wait(WAIT_SECONDS) and not pending.stop.is_set():
            waiting = render.render_waiting(self._loading.seconds)
            yield self._turn(conversation, waiting).html
        if pending.stop.is_set():
            return self._turn(conversation, render.render_stopped(""))
        asked = {"question": pending.question, "history": conversation.history}
        try:
            updates = self._loading.result().stream(asked)
            try:
                for update in updates:
                    if update.answer is not None:
                        number = len(conversation.turns) + 1
                        body = render.render_answer(update.answer, turn=number)
                        reply = " ".join(sentence.text for sentence in update.answer.sentences)
                        return self._turn(conversation, body, reply)
                    if pending.stop.is_set():
                        return self._turn(conversation, render.render_stopped(update.draft))
                    progress = render.render_progress(update.stage, update.draft)
                    yield self._turn(conversation, progress).html
            finally:
                # Now, not when it is collected: closing is what stops the language model.
                if isinstance(updates, Generator):
                    updates.close()
        except FootnoteError as error:
            return self._turn(conversation, render.render_error(error))
        return self._turn(conversation, render.render_error(render.UNEXPECTED))


def build_app(
    load_assistant: Callable[[], Assistant], *, examples: Sequence[str], library: Library
) -> gr.Blocks:
    """The chat page. Begins to load the assistant, in a thread of its own.

    `examples` are questions to click on, `library` has the articles that are searched.
    Show it with `launch`.
    """
    import gradio as gr

    chat = Chat(load_assistant, corpus_note=library.note)
    plain: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}
    hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    with gr.Blocks(title="Footnote", analytics_enabled=False) as app:
        conversation = gr.State(Conversation())
        with gr.Row(elem_id="masthead"):
            gr.HTML('<h1 class="wordmark">Footnote<sup aria-hidden="true">1</sup></h1>', **plain)
            status = gr.HTML(render.render_loading(0), **plain)
        with gr.Tabs(elem_id="rooms"):
            with gr.Tab("Chat", elem_id="chat"):
                past = gr.HTML(elem_id="past", **plain)
                current = gr.HTML(elem_id="current", **plain)
                with gr.Column(elem_id="welcome") as welcome:
                    gr.HTML(f'<p class="introduction">{render.escape(INTRODUCTION)}</p>', **plain)
                    example_buttons = [gr.Button(text, elem_classes="example") for text in examples]
                with gr.Row(elem_id="composer"):
                    question = gr.Textbox(
                        label="Your question",
                        placeholder="Ask a question",
                        lines=1,
                        max_lines=6,
                        autofocus=True,
                        elem_id="question",
                    )
                    ask = gr.Button("Ask", variant="primary", elem_id="ask", min_width=88, scale=0)
                    stop = gr.Button("Stop", visible=False, elem_id="stop", min_width=88, scale=0)
                    clear = gr.Button(
                        "Clear", interactive=False, elem_id="clear", min_width=72, scale=0
                    )
            build_tab(app, library, status=status, describe=chat.describe)
        controls = [ask, stop, clear, welcome]

        def show_controls(*, busy: bool, empty: bool = False) -> tuple[Any, ...]:
            return (
                gr.update(visible=not busy),
                gr.update(visible=busy, value="Stop", interactive=True),
                gr.update(interactive=not busy and not empty),
                gr.update(visible=empty),
            )

        def take_in(text: str, state: Conversation) -> Any:
            turn = chat.ask(text, state)
            if turn is None:
                return (gr.skip(),) * (3 + len(controls))
            return "", state.html, turn, *show_controls(busy=True)

        def follow(state: Conversation) -> tuple[Any, ...]:
            # The next question may have been asked since.
            return show_controls(busy=state.pending is not None)

        def give_up(state: Conversation) -> tuple[Any, ...]:
            return chat.give_up(state), *show_controls(busy=False)

        def request_stop(state: Conversation) -> Any:
            if state.pending is not None:
                state.pending.stop.set()
            return gr.update(value="Stopping …", interactive=False)

        def start_over(state: Conversation) -> tuple[Any, ...]:
            if state.pending is not None:
                return (gr.skip(),) * (2 + len(controls))
            state.turns.clear()
            return "", "", *show_controls(busy=False, empty=True)

        sources: list[tuple[Any, Any]] = [(question.submit, question), (ask.click, question)]
        sources += [(button.click, button) for button in example_buttons]
        for trigger, text in sources:
            asked = trigger(
                take_in,
                [text, conversation],
                [question, past, current, *controls],
                queue=False,
                **hidden,
            )
            answered = asked.then(
                chat.answer, conversation, current, concurrency_id="answer", **hidden
            )
            answered.success(follow, conversation, controls, queue=False, **hidden)
            answered.failure(give_up, conversation, [current, *controls], queue=False, **hidden)
        stop.click(request_stop, conversation, stop, queue=False, **hidden)
        clear.click(start_over, conversation, [past, current, *controls], queue=False, **hidden)
        app.load(chat.status, None, status, concurrency_limit=None, **hidden)

    app.queue(default_concurrency_limit=1, api_open=False)
    return app


def start(app: gr.Blocks, *, host: str, port: int) -> str:
    """Serve the page from a thread and return its URL once it answers.

    Raises `UsageError` where the port is in use or the host is not an address of this machine.
    """
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    _require_free(host, port)
    # Gradio asks its own page whether it answers; a proxy of the machine must not come between.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", host)))
    # A page elsewhere could give its own name this address and read the answers, so names are
    # checked; who binds every address wants to be reached by names that are not known here.
    every_address = host in ("0.0.0.0", "::")
    hosts = ["*"] if every_address else ["127.0.0.1", "localhost", host]
    try:
        served: tuple[Any, str, str] = app.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            run_history=False,
            enable_monitoring=False,
            max_file_size=MOST_BYTES,
            footer_links=[],
            favicon_path=ICON,
            theme=make_theme(),
            css_paths=STYLES,
            js=SCRIPT.read_text(encoding="utf-8"),
            app_kwargs={
                "openapi_url": None,
                "middleware": [
                    Middleware(TrustedHostMiddleware, allowed_hosts=hosts),
                    Middleware(LocalPage),
                ],
            },
        )
    except OSError as error:
        raise _unusable(host, port, error) from error
    return served[1]


def launch(
    app: gr.Blocks, *, host: str, port: int, when_open: Callable[[], object] = lambda: None
) -> None:
    """Serve the page, say where, call `when_open`, and return after Ctrl-C.

    Raises `UsageError` as `start` does.
    """
    print(f"Footnote is at {start(app, host=host, port=port)} (Ctrl-C ends it)", flush=True)
    when_open()
    app.block_thread()


def _require_free(host: str, port: int) -> None:
    # Gradio would report any failure here as one about a range of ports, after five seconds.
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise _unusable(host, port, error) from error


def _unusable(host: str, port: int, error: OSError) -> UsageError:
    if error.errno in (errno.EADDRINUSE, None):
        return UsageError(
            f"Port {port} on {host} is in use.", hint=f"Try `rag chat --port {port + 1}`."
        )
    return UsageError(
        f"The chat cannot be served on {host}, port {port}: {error.strerror}.",
        hint="Try `rag chat --host 127.0.0.1 --port 7860`.",
    )

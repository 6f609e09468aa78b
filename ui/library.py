"""The Library tab: the articles of the index, and what a reader can do to them.

Whatever changes the index runs in a thread of its own, to the end, even when the page that asked
for it is closed meanwhile; one change at a time. Answers go on from the index as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag import (
    MOST_BYTES,
    SUFFIXES,
    ArticleList,
    Embedder,
    FootnoteError,
    IndexProgress,
    Settings,
    add_articles,
    list_articles,
    read_generation,
    refresh_articles,
    remove_article,
)
from ui import render_library as render
from ui.render import UNEXPECTED

if TYPE_CHECKING:
    import gradio as gr

FOLLOW_SECONDS = 2.0  # how soon a page shows that the index was changed elsewhere
STEP_SECONDS = 0.3  # how often a page shows how far a change is

# The buttons in the table are markup, so their clicks are told to Gradio here.
TELL_REMOVALS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-article]");
  if (button) trigger("discard", { article: button.dataset.article });
});
"""

Tell = Callable[[IndexProgress], None]


class Change:
    """One change of the library, from a thread that starts here; waits for its turn."""

    def __init__(self, work: Callable[[Tell], str], *, turn: threading.Lock) -> None:
        self.html = render.render_working(None)
        self._work, self._turn = work, turn
        self._finished = threading.Event()
        threading.Thread(target=self._run, name="change-library", daemon=True).start()

    def _run(self) -> None:
        outcome = render.render_failure(UNEXPECTED)
        try:
            with self._turn:
                self._tell(IndexProgress("reading"))
                outcome = self._work(self._tell)
        except FootnoteError as error:
            outcome = render.render_failure(error)
        finally:
            # Any other exception goes on to the terminal, with its traceback.
            self.html = outcome
            self._finished.set()

    def _tell(self, step: IndexProgress) -> None:
        self.html = render.render_working(step)

    @property
    def is_finished(self) -> bool:
        return self._finished.is_set()

    def follow(self) -> Iterator[str]:
        """Its HTML while it is on its way, and last what came of it."""
        while not self._finished.wait(STEP_SECONDS):
            yield self.html
        yield self.html


class Library:
    """What each event of the tab does. Knows the index and its HTML, not the page's parts.

    The embedder is opened by the first change: whoever only reads does not wait for it.
    """

    def __init__(self, settings: Settings, *, open_embedder: Callable[[], Embedder]) -> None:
        self._settings = settings
        self._open_embedder = open_embedder
        self._embedder: Embedder | None = None
        self._turn = threading.Lock()
        self._change: Change | None = None
        self._listed: ArticleList | None = None

    def listed(self) -> ArticleList:
        """The articles that the index has now. Raises `IndexUnavailable`."""
        listed = self._listed
        if listed is None or listed.generation != read_generation(self._settings):
            listed = self._listed = list_articles(self._settings)
        return listed

    def note(self) -> str:
        """How much there is to search, for the status line."""
        try:
            return render.count(len(self.listed().articles), "article")
        except FootnoteError as error:
            return error.message

    def look(self, wanted: str) -> tuple[str, str]:
        """What is shown now, by a name that changes with it, and the table of it."""
        try:
            listed = self.listed()
        except FootnoteError as error:
            return str(error), render.render_unreadable(error)
        return listed.generation, render.render_articles(listed, wanted=wanted)

    def add(self, files: Sequence[Path]) -> Change:
        """Begins to take uploaded files in; their copies on the way are deleted."""

        def work(tell: Tell) -> str:
            try:
                report = add_articles(self._settings, files, embedder=self._loaded(), progress=tell)
            finally:
                for file in files:
                    file.unlink(missing_ok=True)
            return render.render_uploaded(report)

        return self._begin(work)

    def remove(self, article_id: str) -> Change:
        """Begins to remove an uploaded article."""
        return self._begin(
            lambda tell: render.render_removed(
                remove_article(self._settings, article_id, embedder=self._loaded(), progress=tell)
            )
        )

    def refresh(self) -> Change:
        """Begins to bring the index up to date with all its files."""
        return self._begin(
            lambda tell: render.render_refreshed(
                refresh_articles(self._settings, embedder=self._loaded(), progress=tell)
            )
        )

    def underway(self) -> Change | None:
        """The newest change, if it is still on its way."""
        change = self._change
        return change if change and not change.is_finished else None

    def _begin(self, work: Callable[[Tell], str]) -> Change:
        self._change = Change(work, turn=self._turn)
        return self._change

    def _loaded(self) -> Embedder:
        if self._embedder is None:  # by the one change whose turn it is
            self._embedder = self._open_embedder()
        return self._embedder


def build_tab(
    app: gr.Blocks, library: Library, *, status: gr.HTML, describe: Callable[[], str]
) -> None:
    """Adds the tab to the page `app`, which is being built.

    `describe` makes the status line anew, which counts the articles; it is shown in `status`.
    """
    import gradio as gr

    plain: dict[str, Any] = {"apply_default_css": False}
    hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    with gr.Tab("Library", elem_id="library"):
        files = gr.File(
            label="Add articles", show_label=False, file_count="multiple", elem_id="upload"
        )
        # Gradio's own example names another host, and every page would carry it.
        files.example_payload = list
        gr.HTML(
            f'<p class="formats">{", ".join(suffix[1:] for suffix in SUFFIXES)}, up to '
            f"{MOST_BYTES // 1_000_000} MB each</p>",
            js_on_load=None,
            **plain,
        )
        activity = gr.HTML(elem_id="activity", js_on_load=None, **plain)
        with gr.Row(elem_id="shelf"):
            wanted = gr.Textbox(
                value="",
                label="Search the titles and sources",
                placeholder="Search titles and sources",
                lines=1,
                max_lines=1,
                elem_id="wanted",
            )
            refresh = gr.Button("Re-index", elem_id="refresh", min_width=104, scale=0)
        table = gr.HTML(elem_id="articles", js_on_load=TELL_REMOVALS, **plain)
    shown = gr.State("")

    def look(before: str, words: str) -> tuple[Any, ...]:
        now, html = library.look(words)
        return (gr.skip(),) * 3 if now == before else (now, html, describe())

    def follow(change: Change) -> Iterator[tuple[Any, ...]]:
        for html in change.follow():
            yield html, gr.update(interactive=False)
        yield html, gr.update(interactive=True)

    def add(paths: list[str]) -> Iterator[tuple[Any, ...]]:
        for update in follow(library.add([Path(path) for path in paths])):
            yield *update, None  # the field is free for the next files

    def remove(event: Any) -> Iterator[tuple[Any, ...]]:
        yield from follow(library.remove(str(event.article)))

    # Gradio looks for this very class, and it must not be imported with the module.
    remove.__annotations__["event"] = gr.EventData

    def bring_up_to_date() -> Iterator[tuple[Any, ...]]:
        yield from follow(library.refresh())

    def catch_up() -> Iterator[tuple[Any, ...]]:
        yield gr.skip(), gr.skip()
        if change := library.underway():
            yield from follow(change)

    latest: dict[str, Any] = {"inputs": [shown, wanted], "outputs": [shown, table, status]}
    unqueued: dict[str, Any] = {"queue": False, **hidden}
    own_turn: dict[str, Any] = {"concurrency_limit": None, **hidden}
    told = [activity, refresh]
    gr.on([app.load, gr.Timer(FOLLOW_SECONDS).tick], look, **latest, **unqueued)
    wanted.input(
        lambda words: library.look(words)[1],
        wanted,
        table,
        trigger_mode="always_last",
        **unqueued,
    )
    for change in (
        files.upload(add, files, [*told, files], **own_turn),
        table.discard(remove, None, told, **own_turn),
        refresh.click(bring_up_to_date, None, told, **own_turn),
        app.load(catch_up, None, told, **own_turn),
    ):
        change.then(look, **latest, **unqueued)

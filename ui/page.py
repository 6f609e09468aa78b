"""The page around the chat: its theme, and the guard that keeps it local.

Gradio's own page names other hosts: preview pictures and links for social networks in its head,
links in its footer, and fonts from Google in those themes whose fonts it does not bring along.
Here the theme uses the reader's own fonts, `LocalPage` takes the tags out, and a
Content-Security-Policy makes the browser itself refuse whatever would ask another host.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

STYLES = [Path(__file__).with_name(name) for name in ("style.css", "library.css")]
SCRIPT = Path(__file__).with_name("page.js")
ICON = Path(__file__).with_name("footnote.svg")

# Gradio builds its components with inline scripts and Function(), hence the two 'unsafe-' words;
# what it may load, and where it may send anything, is this server and nothing else.
_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
_HEADERS = [
    (b"content-security-policy", "; ".join(f"{k} {v}" for k, v in _POLICY.items()).encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]

_PREVIEW_TAG = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class LocalPage:
    """ASGI middleware: every response gets the policy, and HTML loses its references outside.

    What pages of other origins send is refused.
    """

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _is_sent_from_elsewhere(scope):
            await send({"type": "http.response.start", "status": 403, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": b"Only Footnote's own page may."})
            return
        start: Message = {}
        body = bytearray()

        async def send_local(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
                if _is_html(message["headers"]):
                    # Held back until the whole page is here: its length changes.
                    start.update(message)
                    return
            elif start:
                body.extend(message.get("body", b""))
                if message.get("more_body", False):
                    return
                page = _PREVIEW_TAG.sub(b"", bytes(body))
                length = [(b"content-length", str(len(page)).encode())]
                others = [h for h in start["headers"] if h[0].lower() != b"content-length"]
                await send({**start, "headers": others + length})
                message = {"type": "http.response.body", "body": page}
            await send(message)

        await self.app(scope, receive, send_local)


def _is_sent_from_elsewhere(scope: Any) -> bool:
    """Whether a page of another origin has the reader's browser change something here.

    It could not read the answer, but it could send a file. Browsers themselves tell.
    """
    told = dict(scope["headers"]).get(b"sec-fetch-site", b"none")
    return scope["method"] not in {"GET", "HEAD"} and told not in {b"none", b"same-origin"}


def _is_html(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html")
        for name, value in headers
    )


def make_theme() -> gr.themes.Base:
    """The colours of paper and ink, light and dark, and no font that is not on the machine.

    The same values are the variables of `style.css`, which with `library.css` draws everything
    but Gradio's own fields and buttons.
    """
    import gradio as gr

    return gr.themes.Base(font="sans-serif", font_mono="monospace").set(
        body_background_fill="#faf8f4",
        body_background_fill_dark="#16181c",
        body_text_color="#22252a",
        body_text_color_dark="#e6e4df",
    )

"""Model files from the Hugging Face Hub, or from what HF_ENDPOINT names instead."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rag.errors import ModelCorrupt, ModelMissing
from rag.transfers import Job, Part

if TYPE_CHECKING:
    import httpx

HUB = "Hugging Face Hub"

# Short, so that a machine without a network hears so at once.
CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
SHORT_PATIENCE_SECONDS = 3.0
FRUITLESS_TRIES = 3


def fetch_from_hub(job: Job) -> None:
    """Download the unfinished files of `job`, each resumed where it was cut, and finish them.

    Raises `ModelMissing` when the host does not answer or gives up, and `ModelCorrupt` when the
    bytes there are not the published ones.
    """
    import httpx
    from huggingface_hub import hf_hub_url

    # Given here because huggingface_hub reads the variable once, at its import.
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    try:
        client = httpx.Client(timeout=timeout, follow_redirects=True)
    except (ValueError, ImportError) as error:
        raise ModelMissing(f"the proxy in the environment cannot be used: {error}") from error
    try:
        with client:
            for number, part in enumerate(job.unfinished):
                url = hf_hub_url(
                    job.spec.hub_repository,
                    part.file.hub_path,
                    revision=job.spec.hub_revision,
                    endpoint=endpoint,
                )
                job.report(HUB, f"asking for {part.file.hub_path}")
                if number == 0:
                    _require_answer(url, job)
                _download(client, url, part, job)
                job.report(HUB, f"checking {part.file.hub_path}")
                part.finish()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ModelMissing(str(error) or type(error).__name__) from error


def _require_answer(url: str, job: Job) -> None:
    """Raise `ModelMissing` unless the host takes a connection within CONNECT_SECONDS.

    In a thread, because looking a name up cannot be given a time limit, and takes most of a
    minute on some networks that lead nowhere. Behind a proxy the host need not be reachable.
    """
    address = urlsplit(url)
    host = address.hostname or ""
    if address.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return
    port = address.port or (443 if address.scheme == "https" else 80)
    outcome: queue.SimpleQueue[str] = queue.SimpleQueue()

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
        except TimeoutError:
            return
        except OSError as error:
            outcome.put(f"{host} does not answer ({error.strerror or error})")
        else:
            outcome.put("")

    threading.Thread(target=connect, daemon=True).start()
    try:
        problem = outcome.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        job.patience_s = SHORT_PATIENCE_SECONDS
        problem = f"{host} does not answer (waited {CONNECT_SECONDS:g} s)"
    if problem:
        raise ModelMissing(problem)


def _download(client: httpx.Client, url: str, part: Part, job: Job) -> None:
    """Fill `part`, going on after a cut unless FRUITLESS_TRIES in a row brought nothing new.

    A first try that brings nothing is the last: the next source may do better.
    """
    import httpx

    at_first = most = part.size
    fruitless = 0
    while True:
        try:
            return _stream(client, url, part, job)
        except httpx.TransportError as error:
            fruitless = 0 if part.size > most else fruitless + 1
            most = max(most, part.size)
            if most == at_first or fruitless == FRUITLESS_TRIES:
                raise
            job.report(HUB, f"cut off ({error}); going on")
            time.sleep(fruitless)


def _stream(client: httpx.Client, url: str, part: Part, job: Job) -> None:
    """One request, from where `part` ends if the server still has the same file."""
    import httpx

    note = part.note(HUB)
    offset, size = part.size, part.file.size
    if note and offset == size:
        return
    headers = {"Accept-Encoding": "identity"}
    if offset and note.get("etag"):
        headers |= {"Range": f"bytes={offset}-", "If-Range": note["etag"]}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.PARTIAL_CONTENT:
            promised = response.headers.get("Content-Range", "")
            is_expected = promised == f"bytes {offset}-{size - 1}/{size}"
        elif response.status_code == httpx.codes.OK:
            promised = response.headers.get("Content-Length", str(size))
            is_expected, offset = promised == str(size), 0
        elif response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            promised, is_expected = "fewer bytes", False
        else:
            raise ModelMissing(f"HTTP {response.status_code} for {part.file.hub_path}")
        if not is_expected:
            raise ModelCorrupt(f"{part.file.hub_path} is {promised} there instead of {size}")
        etag = response.headers.get("ETag", "")
        with part.open(offset=offset) as stream:
            # A weak ETag does not promise equal bytes, so nothing can be resumed by it.
            part.write_note(HUB, etag="" if etag.startswith("W/") else etag)
            for block in response.iter_raw():
                stream.write(block)
                offset += len(block)
                if offset > size:
                    raise ModelCorrupt(f"{part.file.hub_path} is more than {size} bytes there")
                job.report(HUB, part.file.hub_path)
    if offset < size:
        raise httpx.RemoteProtocolError(f"{size - offset} bytes are missing")

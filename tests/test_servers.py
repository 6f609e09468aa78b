"""The same answers from a model server and a Chroma server, each a real process on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import ARTICLE, need_model, run_rag


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when `url` answers; fail if the process ends first, or after two minutes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text('utf-8')[-2000:]}")
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass  # it is not listening yet
        time.sleep(0.25)
    pytest.fail(f"no answer at {url}")


@contextmanager
def server(command: list[str], url: str, log: Path) -> Iterator[None]:
    """Run a server that writes to `log` until it answers at `url`, and end it afterwards."""
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_for(url, process, log)
            yield
        finally:
            process.terminate()


@pytest.mark.models
def test_answers_from_an_openai_compatible_server(small_index: Path, tmp_path: Path) -> None:
    model = need_model("smollm2-135m-instruct")
    port = free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", "2048"]
    command += ["--logits_all", "true", "--model_alias", "small"]
    url = f"http://127.0.0.1:{port}/v1"
    with server(command, f"{url}/models", tmp_path / "log"):
        environment = {**os.environ, "RAG_LLM_URL": url, "RAG_MODEL": "small"}
        run = run_rag(
            "ask",
            "When was the observatory opened?",
            "--index",
            small_index,
            "--json",
            env=environment,
        )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert answer["model"] == "small"
    for citation in answer["citations"]:
        assert ARTICLE[citation["start"] : citation["end"]] == citation["quote"]


def test_a_model_server_that_is_not_there_is_one_line(small_index: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    run = run_rag(
        "ask",
        "When was the observatory opened?",
        "--index",
        small_index,
        env={**os.environ, "RAG_LLM_URL": url},
    )
    assert run.returncode == 1
    assert url in "".join(run.stderr.split())
    assert "Traceback" not in run.stderr


@pytest.mark.models
def test_search_through_a_chroma_server(tmp_path: Path) -> None:
    need_model("all-MiniLM-L6-v2")
    (tmp_path / "a.md").write_text(ARTICLE, encoding="utf-8")
    port = free_port()
    chroma = Path(sys.executable).with_name("chroma")
    command = [str(chroma), "run", "--path", str(tmp_path / "server"), "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with server(command, f"{url}/api/v2/heartbeat", tmp_path / "log"):
        environment = {**os.environ, "RAG_CHROMA_URL": url}
        made = run_rag(
            "index", tmp_path / "a.md", "--index", tmp_path / "i", "--json", env=environment
        )
        assert made.returncode == 0, made.stderr
        found = run_rag(
            "search", "price of a visit", "--index", tmp_path / "i", "--json", env=environment
        )
    assert "12 euros" in json.loads(found.stdout)["hits"][0]["text"]

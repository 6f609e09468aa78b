"""Nothing leaves the machine: telemetry is off, and the work is done where there is no network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ARTICLE, ROOT, need_model


def test_telemetry_is_off_before_any_library_is_imported() -> None:
    code = (
        "import os\n"
        "os.environ['LANGSMITH_TRACING'] = 'true'\n"
        "os.environ['GRADIO_ANALYTICS_ENABLED'] = 'True'\n"
        "import rag\n"
        "import chromadb.config, huggingface_hub.constants, langsmith.utils\n"
        "print(chromadb.config.Settings().anonymized_telemetry,"
        " huggingface_hub.constants.HF_HUB_OFFLINE,"
        " huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY,"
        " langsmith.utils.tracing_is_enabled(),"
        " os.environ['GRADIO_ANALYTICS_ENABLED'])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert run.stdout.split() == ["False", "True", "True", "False", "False"]


# Run in a network namespace that has only loopback. Every attempt to resolve a name or to reach
# another address is written down by an audit hook, in the child and whatever it imports.
PROBE = """
import json, sys
attempts = []
HERE = (None, "127.0.0.1", "localhost", "::1")
def hook(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in HERE:
        attempts.append([event, str(arguments[0])])
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1")):
            attempts.append([event, str(address)])
sys.addaudithook(hook)

from pathlib import Path
from rag.pipeline import open_assistant, open_embedder
from rag.settings import load_settings
from rag.updating import sync

folder = Path(sys.argv[1])
settings = load_settings(index=folder / "index", model="smollm2-135m-instruct")
report = sync(settings, [folder / "a.md"], embedder=open_embedder(settings))
assistant = open_assistant(settings)
answer = assistant.invoke("When was the Larkspur Observatory opened?")

from ui.app import Chat, Conversation
chat = Chat(lambda: assistant, corpus_note="1 article")
conversation = Conversation()
chat.ask("Who opened the observatory?", conversation)
pages = list(chat.answer(conversation))
result = {"added": report.added, "said": answer.text, "page": pages[-1]}
print(json.dumps({**result, "attempts": attempts}))
"""


@pytest.mark.models
def test_index_ask_and_chat_work_and_reach_for_nothing(tmp_path: Path) -> None:
    need_model("all-MiniLM-L6-v2")
    need_model("smollm2-135m-instruct")
    unshare = shutil.which("unshare")
    if not unshare:
        pytest.skip("there is no unshare command on this system")
    alone = [unshare, "--net", "--map-root-user"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces are not allowed here")
    (tmp_path / "a.md").write_text(ARTICLE, encoding="utf-8")
    setup = 'ip link set lo up 2>/dev/null; exec "$@"'
    run = subprocess.run(
        [*alone, "sh", "-c", setup, "sh", sys.executable, "-c", PROBE, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["attempts"] == []
    assert result["added"] == 1
    assert result["said"]
    assert "observatory" in result["page"]


def test_the_probe_would_notice(tmp_path: Path) -> None:
    hook = PROBE.split("from pathlib", maxsplit=1)[0]
    code = hook + (
        "import socket\n"
        "try:\n    socket.create_connection(('example.invalid', 80), timeout=1)\n"
        "except OSError:\n    pass\n"
        "print(json.dumps(attempts))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [["socket.getaddrinfo", "example.invalid"]]

"""An old index, a new one, and writers between the two that are killed, starved and cut off.

Whatever happens to a writer, the index must open at once as the old one or the new one, down to
the last character, and the next run must finish the work and leave nothing behind.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.conftest import ROOT
from tests.library import TOPICS, prose

Scenario = Literal["edits", "rebuild", "first", "mend"]
MOST_SECONDS = 300  # after which a writer hangs
Served = Literal["old", "new", "lost", "wrong"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one failure left, and whether the next run finished the work; `note` is what is bad."""

    kind: str
    served: Served
    finished: bool
    note: str = ""

    @property
    def is_fine(self) -> bool:
        return self.served in {"old", "new"} and self.finished and not self.note


def write_articles(folder: Path, *, edited: bool) -> None:
    """Twelve articles, or what edits, renames, removals and additions make of them."""
    for number in range(12):
        name, topic = f"{number:02}.md", f"{TOPICS[number % len(TOPICS)]} {number}"
        text = prose(topic, paragraphs=4)
        if edited and number in {1, 4}:
            text += "\n\nIn the end nobody had foreseen what became of it."
        if edited and number in {5, 6}:
            name = f"moved/{name}"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (edited and number in {2, 9}):
            path.write_text(text, encoding="utf-8")
    for number in range(3 if edited else 0):
        path = folder / f"new {number}.txt"
        path.write_text(prose(f"lighthouse {number}", paragraphs=3), encoding="utf-8")


class CrashHarness:
    """A folder where one way from an old index to a new one is gone again and again.

    "edits" changes the articles, "rebuild" makes all anew at the same time, "first" begins
    without an index, and "mend" opens an index whose vectors are gone. The index lies in the
    folder `disk`, on which a small file system may be mounted.
    """

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self.scenario = scenario
        self.disk = folder / "disk"
        self.index = self.disk / "index"
        self._folder = folder
        self._articles = folder / "articles"
        self._kept = folder / "kept"
        self._clean = folder / "clean"
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.crash_child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr.txt").open("w"),
            text=True,
        )
        self.disk.mkdir()
        write_articles(self._articles, edited=False)
        if scenario != "first":
            self.work(do="sync", index=self._kept)
        if scenario == "mend":
            for vectors in self._kept.rglob("chroma"):
                shutil.rmtree(vectors)
        else:
            shutil.rmtree(self._articles)
            write_articles(self._articles, edited=True)
        self.work(do="sync", index=self._clean)
        self.old = None if scenario == "first" else self.look(self._copy(self._kept, "look"))
        self.new = self.look(self._clean)
        self.restore()
        whole = self.work()  # a run without a failure, to know how much may go wrong in it
        self.seconds: float = whole["seconds"]
        self.changes: int = whole["changes"]

    def __enter__(self) -> CrashHarness:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._child.stdin and self._child.stdout
        self._child.stdin.close()
        self._child.wait()
        self._child.stdout.close()

    def restore(self) -> None:
        """The old index, as it was made."""
        shutil.rmtree(self.index, ignore_errors=True)
        if self._kept.exists():
            shutil.copytree(self._kept, self.index)

    def work(
        self,
        *,
        kill_after: float | None = None,
        trace: tuple[str, ...] = (),
        do: str = "",
        **job: Any,
    ) -> dict[str, Any]:
        """Goes the way once; what the writer found, or {} where it was killed.

        It is killed after some seconds, runs under strace with these options, or fails as the
        job tells it (`tests.crash_child`).
        """
        assert self._child.stdin and self._child.stdout
        result = self._folder / "result.json"
        result.unlink(missing_ok=True)
        begin = self._folder / "begin"
        begin.unlink(missing_ok=True)
        if trace:
            job["begin"] = begin
        job = {
            "do": do or ("look" if self.scenario == "mend" else "sync"),
            "index": str(self.index),
            "articles": str(self._articles),
            "result": str(result),
            "rebuild": self.scenario == "rebuild",
        } | {name: str(value) if isinstance(value, Path) else value for name, value in job.items()}
        self._child.stdin.write(json.dumps(job) + "\n")
        self._child.stdin.flush()
        process = int(self._child.stdout.readline())
        watchdog = threading.Timer(MOST_SECONDS, os.kill, (process, signal.SIGABRT))
        watchdog.start()
        tracer = _traced(process, trace, begin=begin) if trace else None
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):  # it was quicker
                os.kill(process, signal.SIGKILL)
        status = int(self._child.stdout.readline())
        watchdog.cancel()
        if tracer:
            tracer.communicate()
        if os.WIFSIGNALED(status):
            return {} if os.WTERMSIG(status) == signal.SIGKILL else {"traceback": str(status)}
        return dict(json.loads(result.read_text(encoding="utf-8")))

    def look(self, index: Path) -> str | None:
        """A hash of all that an index says; None where there is none; else what went wrong."""
        found = self.work(do="look", index=index)
        if "state" in found:
            return str(found["state"])
        error = str(found.get("error", ""))
        # A first generation may be whole before it is read: then `rag doctor` finds it.
        unread = self.scenario == "first" and error.endswith("is gone. Run: rag doctor")
        if error.startswith("There is no index") or unread:
            return None
        return f"lost: {found}"

    def served(self, index: Path) -> tuple[Served, str]:
        """Which index is opened and asked now, and what is to be said of it."""
        seen = self.look(index)
        if seen in {self.old, self.new}:
            return ("old" if seen == self.old else "new"), ""
        return ("lost" if str(seen).startswith("lost") else "wrong"), str(seen)

    def judge(
        self,
        kind: str,
        found: dict[str, Any],
        *,
        index: Path | None = None,
        served: tuple[Served, str] | None = None,
    ) -> Outcome:
        """Opens and asks what a failure left, runs the writer once more, and compares.

        `found` is what the writer found that failed; `served` what was served right after that,
        if it has been asked already.
        """
        index = index or self.index
        name, note = served or self.served(index)
        report = self.work(do="sync", index=index, rebuild=False)
        left = leftovers(index)
        finished = "report" in report and self.look(index) == self.new and not left
        if not finished:
            note += f" then: {report}, left {left}"
        if "traceback" in found or "\n" in str(found.get("error", "")):
            note += f" said: {found}"
        return Outcome(kind, name, finished, note.strip())

    def _copy(self, index: Path, name: str) -> Path:
        shutil.copytree(index, self._folder / name)
        return self._folder / name


def leftovers(index: Path) -> list[str]:
    """What a finished run should not leave: all but two generations, the pointer and the lock."""
    entries = {path.name for path in index.iterdir()}
    generations = sorted(path.name for path in index.glob("generations/*"))
    return sorted(entries - {"current.json", "generations", "write.lock"}) + generations[2:]


def _traced(process: int, options: tuple[str, ...], *, begin: Path) -> subprocess.Popen[str]:
    """Puts a waiting process under strace and lets it begin."""
    tracer = subprocess.Popen(
        ["strace", "-f", *options, "-p", str(process)], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr
    while "attached" not in tracer.stderr.readline():
        assert tracer.poll() is None
    begin.touch()
    return tracer

"""The process that dies: runs a writer or a reader of an index, and fails where it is told to.

    python -m tests.crash_child       one job a line on stdin, as JSON; two lines on stdout for each

The slow imports are made once; every job has a forked process of its own. The first line says
its process id, the second its wait status once it has ended. What it found it writes to the file
`result` of the job. A job is a dict:

    do              "sync", or "look": opens the index and asks it all there is to ask
    index, articles, result, rebuild
    begin           a file whose appearance it waits for
    at, then        at the `at`th change of files: "kill", or the name of an errno; `stays` for
                    all that follow too
    largest_file    a real limit on the bytes of a file
    lose_power      a folder for what a loss of power would have left, with `seed` and `losses`
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import chromadb  # noqa: F401  here, so that no job waits for it

from rag.errors import FootnoteError
from rag.index import Index
from rag.settings import Settings
from rag.updating import sync
from rag.vectors import answer_parent
from tests.library import TOPICS, CountingEmbedder
from tests.power_loss import LosablePower

# What Python tells an audit hook of before it is done; a deleted file is told by its name alone.
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
OTHER_STEPS = {"sqlite3.connect", "shutil.copyfile", "shutil.copytree"}


def watch_changes(index: Path, seen: Callable[[str], None]) -> None:
    """Calls `seen` before each step of this process that may change the index, by its name."""
    fsync = os.fsync
    busy = False

    def tell(name: str) -> None:
        nonlocal busy
        if not busy:
            busy = True
            try:
                seen(name)
            finally:
                busy = False

    def audited(event: str, values: tuple[Any, ...]) -> None:
        if event in CHANGES or event in OTHER_STEPS:
            tell(event)
        elif event == "open" and not isinstance(values[0], int):
            opened = Path(os.fsdecode(values[0]))
            if opened.is_relative_to(index):
                tell(event)

    def told_fsync(descriptor: int) -> None:
        tell("fsync")
        fsync(descriptor)
        tell(f"synced {os.fstat(descriptor).st_ino}")

    os.fsync = told_fsync  # type: ignore[assignment]
    sys.addaudithook(audited)


def fail_at(job: dict[str, Any]) -> Callable[[str], None]:
    """What kills this process, or raises, at the change that the job names; counts all."""
    count = 0

    def seen(name: str) -> None:
        nonlocal count
        if name.startswith("synced"):
            return
        then = job.get("then")
        if then not in {None, "kill"} and name in OTHER_STEPS:
            return  # no system call of ours that could fail so
        count += 1
        job["changes"] = count
        if then is None or not (count == job["at"] or (job.get("stays") and count > job["at"])):
            return
        if then == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, then)
        raise OSError(number, os.strerror(number))

    return seen


def run_sync(job: dict[str, Any]) -> dict[str, Any]:
    embedder = CountingEmbedder()
    report = sync(
        Settings(index=Path(job["index"]), chunk_tokens=48),
        [Path(job["articles"])],
        embedder=embedder,
        rebuild=job.get("rebuild", False),
    )
    return {"report": report.to_json(), "embedded": len(embedder.embedded)}


def look(job: dict[str, Any]) -> dict[str, Any]:
    """A hash of all that the index says: articles, chunks, and what both searches find."""
    embedder = CountingEmbedder()
    with closing(Index.open(Path(job["index"]), embedder_name=embedder.name)) as index:
        summaries = index.articles()
        everything = sum(summary.chunks for summary in summaries)
        found = [
            [(name, round(score, 4)) for name, score in hits]
            for topic in TOPICS
            for hits in (
                index.search_vectors(embedder.embed([topic])[0], limit=everything),
                index.search_words(topic, limit=everything),
            )
        ]
        ids = sorted(name for name, _ in found[0])
        assert len(ids) == everything
        state = [
            [asdict(index.article(summary.id)) for summary in summaries],
            [asdict(chunk) for chunk in index.chunks(ids)],
            found,
        ]
    said = json.dumps(state, sort_keys=True)
    return {"state": hashlib.sha256(said.encode()).hexdigest()}


def run_job(job: dict[str, Any]) -> None:
    while "begin" in job and not os.path.exists(job["begin"]):
        time.sleep(0.01)
    index = Path(job["index"])
    if "lose_power" in job:
        seen = LosablePower(index, Path(job["lose_power"]), job["seed"], job["losses"]).seen
    else:
        seen = fail_at(job)
    watch_changes(index, seen)
    if "largest_file" in job:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest_file"], -1))
    started = time.monotonic()
    try:
        result = {"sync": run_sync, "look": look}[job["do"]](job)
    except FootnoteError as error:
        result = {"error": str(error), "hint": error.hint}
    except BaseException:  # whatever it is, the runner has to see it
        result = {"traceback": traceback.format_exc()}
    job["then"] = None  # no failure any more, so that the result can be written
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    result |= {"seconds": time.monotonic() - started, "changes": job.get("changes", 0)}
    Path(job["result"]).write_text(json.dumps(result), encoding="utf-8")


class Checker:
    """Answers what is asked of a store from forks of this process, which is quicker than a new one.

    An interpreter that imports Chroma for every check would be most of the work of these runs.
    """

    def __init__(self) -> None:
        asked, self._ask = os.pipe()
        self._answers, answered = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(self._ask)
            os.close(self._answers)
            with (
                suppress(BrokenPipeError),  # who asked was killed
                open(asked, "rb") as questions,
                open(answered, "wb", buffering=0) as answers,
            ):
                while size := questions.read(8):
                    answer = _forked_check(questions.read(int.from_bytes(size)))
                    answers.write(len(answer).to_bytes(8) + answer)
            os._exit(0)
        os.close(asked)
        os.close(answered)

    def run(self, command: Any, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Takes the place of `subprocess.run` in the process that is to fail."""
        question = options["input"]
        with open(self._ask, "wb", closefd=False) as asking:
            asking.write(len(question).to_bytes(8) + question)
        with open(self._answers, "rb", buffering=0, closefd=False) as answering:
            said = answering.read(int.from_bytes(answering.read(8)))
        return subprocess.CompletedProcess(command, 0 if said else 1, said)

    def close(self) -> None:
        os.close(self._ask)
        os.close(self._answers)
        os.waitpid(self.process, 0)


def _forked_check(question: bytes) -> bytes:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        sys.stdin = io.TextIOWrapper(io.BytesIO(question))
        sys.stdout = io.StringIO()
        try:
            answer_parent()
            os.write(theirs, sys.stdout.getvalue().encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as said:
        answer = said.read()
    os.waitpid(child, 0)
    return answer


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        checker = Checker()
        child = os.fork()
        if child == 0:
            subprocess.run = checker.run  # type: ignore[assignment]
            run_job(job)
            os._exit(0)
        print(child, flush=True)
        status = os.waitpid(child, 0)[1]
        checker.close()
        print(status, flush=True)


if __name__ == "__main__":
    main()

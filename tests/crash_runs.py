"""Crashes by the hundred: `python -m tests.crash_runs --kills 300 --write-errors 50 --seed 1`.

Prints a Markdown table of what was served after each kind of failure. Kills and errors at
single system calls need strace, and a small full disk needs the right to mount one; without
them the other kinds take their share, and the table shows which were run. Like every run of
`rag index`, it may be interrupted: nothing of it lies outside of its folder.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from tests.crashes import CrashHarness, Outcome, Scenario

# System calls that change files, and with which nothing but a file is changed in these runs.
CALLS = (
    "write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir,fallocate,copy_file_range,sendfile"
)
SHARES = {"edits": 0.4, "rebuild": 0.2, "first": 0.25, "mend": 0.15}
KILL = "signal=KILL"
SMALL_DISK = 24_000_000  # bytes
MOST_TRIES = 8  # to hit a writer that ends at another time in each run


@dataclass(frozen=True, slots=True)
class Attempt:
    """One failure: what the writer found, {} where it was killed; None where nothing hit it."""

    kind: str
    found: dict[str, Any] | None


class Failures:
    """Ways to fail, each by the chance of the seed."""

    def __init__(self, harness: CrashHarness, folder: Path, seed: int) -> None:
        self.harness = harness
        self.chance = random.Random(f"{harness.scenario} {seed}")
        self._log = folder / "calls.txt"
        self.calls: list[tuple[str, int]] = []
        if shutil.which("strace"):
            harness.restore()
            harness.work(trace=("-e", f"trace={CALLS}", "-o", str(self._log)))
            self.calls = _numbered_calls(self._log.read_text("utf-8", "replace"))

    def kill_by_time(self) -> Attempt:
        after = self.chance.uniform(0, self.harness.seconds)
        found = self.harness.work(kill_after=after)
        return Attempt("killed at a random time", None if found else found)

    def kill_at_change(self) -> Attempt:
        at = self.chance.randint(1, self.harness.changes)
        found = self.harness.work(at=at, then="kill")
        return Attempt("killed before a change of files", None if found else found)

    def kill_at_call(self) -> Attempt:
        found, _ = self._at_call(KILL, "")
        return Attempt("killed at a system call", None if found else found)

    def error_at_change(self) -> Attempt:
        error, stays = self.chance.choice(["ENOSPC", "EIO"]), self.chance.random() < 0.5
        at = self.chance.randint(1, self.harness.changes)
        found = self.harness.work(at=at, then=error, stays=stays)
        return Attempt(f"{error} before a change of files", found if _is_hit(found, at) else None)

    def error_at_call(self) -> Attempt:
        error = self.chance.choice(["ENOSPC", "EIO"])
        found, is_hit = self._at_call(f"error={error}", self.chance.choice(["", "+"]))
        return Attempt(f"{error} of a system call", found if is_hit else None)

    def small_files(self) -> Attempt:
        found = self.harness.work(largest_file=int(10 ** self.chance.uniform(2, 6)))
        return Attempt("EFBIG by a limit", None if "report" in found or "state" in found else found)

    def _at_call(self, what: str, repeated: str) -> tuple[dict[str, Any], bool]:
        # Threads wake each other by `write`, which in that case never fails in earnest.
        calls = [one for one in self.calls if what == KILL or one[0] != "write"]
        name, number = self.chance.choice(calls)
        inject = f"inject={name}:{what}:when={number}{repeated}"
        options = ("-e", f"trace={name}", "-e", inject, "-o", str(self._log))
        found = self.harness.work(trace=options)
        return found, "(INJECTED)" in self._log.read_text("utf-8", "replace")


def _is_hit(found: dict[str, Any], at: int) -> bool:
    return int(found.get("changes", at)) >= at


def _numbered_calls(log: str) -> list[tuple[str, int]]:
    """Every call of a log of strace as its name and its number among its thread's of that name."""
    seen: Counter[tuple[str, str]] = Counter()
    numbered = []
    for thread, name in re.findall(r"^(\d+) +(\w+)\(", log, re.MULTILINE):
        seen[thread, name] += 1
        numbered.append((name, seen[thread, name]))
    return numbered


def until_hit(failures: Failures, way: Callable[[], Attempt]) -> Iterator[Attempt]:
    """The attempt that hit the writer, from the old index; nothing where none of some did."""
    for _ in range(MOST_TRIES):
        failures.harness.restore()
        attempt = way()
        if attempt.found is not None:
            yield attempt
            return


def kills(failures: Failures, count: int) -> Iterator[Outcome]:
    ways = [failures.kill_by_time, failures.kill_at_change]
    ways += [failures.kill_at_call] if failures.calls else []
    for number in range(count):
        for attempt in until_hit(failures, ways[number % len(ways)]):
            assert attempt.found is not None
            yield failures.harness.judge(attempt.kind, attempt.found)


def write_errors(failures: Failures, count: int) -> Iterator[Outcome]:
    ways = [failures.error_at_change, failures.small_files]
    ways += [failures.error_at_call] * 2 if failures.calls else []
    for number in range(count // 2):
        for attempt in until_hit(failures, ways[number % len(ways)]):
            assert attempt.found is not None
            yield failures.harness.judge(attempt.kind, attempt.found)
    with small_disk(failures.harness.disk) as is_mounted:
        for number in range(count - count // 2):
            if not is_mounted:
                yield from write_errors(failures, 2)
            elif number % 5 == 4:
                yield read_only(failures.harness)
            else:
                yield from full_disk(failures)


def full_disk(failures: Failures) -> Iterator[Outcome]:
    """A real full disk; the index is asked before anything is freed."""
    harness = failures.harness
    ballast = harness.disk / "ballast"

    def way() -> Attempt:
        state = os.statvfs(harness.disk)
        left = failures.chance.randrange(0, 2_000_000)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, state.f_bavail * state.f_frsize - left))
        found = harness.work()
        if "report" in found or "state" in found:
            ballast.unlink()
            return Attempt("", None)
        return Attempt("ENOSPC of a small full disk", found)

    for attempt in until_hit(failures, way):
        assert attempt.found is not None
        for size in (65536, 4096, 1):  # not a byte is left for who reads now
            with suppress(OSError), ballast.open("ab", buffering=0) as file:
                while file.write(bytes(size)):
                    pass
        served = harness.served(harness.index) if harness.scenario != "mend" else None
        ballast.unlink()
        yield harness.judge(attempt.kind, attempt.found, served=served)


def read_only(harness: CrashHarness) -> Outcome:
    """A disk that takes no write at all, for writers and readers."""
    harness.restore()
    subprocess.run(["mount", "-o", "remount,ro", harness.disk], check=True)
    try:
        found = harness.work()
        served = harness.served(harness.index) if harness.scenario != "mend" else None
    finally:
        subprocess.run(["mount", "-o", "remount,rw", harness.disk], check=True)
    return harness.judge("EROFS of a read-only disk", found, served=served)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mounts a small file system of its own on a folder; False where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)


def power_losses(harness: CrashHarness, folder: Path, seed: int, count: int) -> Iterator[Outcome]:
    """Whatever a loss of power between two writes may leave, by `tests.power_loss`."""
    harness.restore()
    harness.index.mkdir(exist_ok=True)
    found = harness.work(lose_power=folder / "losses", seed=seed, losses=count)
    for index in sorted((folder / "losses").iterdir()):
        yield harness.judge("power lost between two writes", found, index=index)
        shutil.rmtree(index)


def table(outcomes: list[Outcome]) -> str:
    lines = [
        "| failure | runs | old served | new served | lost | wrong | next run finished |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in (*sorted({outcome.kind for outcome in outcomes}), "all"):
        some = [outcome for outcome in outcomes if kind in {"all", outcome.kind}]
        served = Counter(outcome.served for outcome in some)
        counts = [len(some), *(served[name] for name in ("old", "new", "lost", "wrong"))]
        counts.append(sum(outcome.finished for outcome in some))
        lines.append(f"| {kind} | " + " | ".join(map(str, counts)) + " |")
    notes = [f"- {outcome.kind}: {outcome.note}" for outcome in outcomes if not outcome.is_fine]
    return "\n".join([*lines, "", *(notes or ["Nothing lost, nothing wrong, all finished."])])


def run(
    scenario: Scenario,
    arguments: argparse.Namespace,
    folder: Path,
    tell: Callable[[Outcome], None],
) -> None:
    share = SHARES[scenario]
    with CrashHarness(folder, scenario) as harness:
        failures = Failures(harness, folder, arguments.seed)
        for some in (
            power_losses(harness, folder, arguments.seed, round(share * arguments.power_losses)),
            write_errors(failures, round(share * arguments.write_errors)),
            kills(failures, round(share * arguments.kills)),
        ):
            for outcome in some:
                tell(replace(outcome, kind=f"{scenario}: {outcome.kind}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--write-errors", type=int, default=50)
    parser.add_argument("--power-losses", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a file for the table")
    arguments = parser.parse_args()
    made = f"--kills {arguments.kills} --write-errors {arguments.write_errors}"
    made += f" --power-losses {arguments.power_losses} --seed {arguments.seed}"
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        print(len(outcomes), outcome, flush=True)
        if arguments.out:  # at any time a table of what was done so far
            shown = f"`python -m tests.crash_runs {made}`\n\n{table(outcomes)}\n"
            arguments.out.write_text(shown, encoding="utf-8")

    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor() as threads:
        running = []
        for scenario in get_args(Scenario):
            folder = Path(place) / scenario
            folder.mkdir()
            running.append(threads.submit(run, scenario, arguments, folder, tell))
        for one in running:
            one.result()
    print(table(outcomes))


if __name__ == "__main__":
    main()

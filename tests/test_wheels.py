"""How far a download is can be seen while the one who downloads moves its files about."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from rag.wheels import largest_file


def test_the_largest_file_below_counts_and_a_missing_folder_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "unpack").mkdir()
    (tmp_path / "unpack" / "a.whl").write_bytes(b"x" * 300)
    (tmp_path / "b").write_bytes(b"x" * 20)
    assert largest_file(tmp_path) == 300
    assert largest_file(tmp_path / "gone", tmp_path) == 300
    assert largest_file(tmp_path / "gone") == 0


def test_folders_may_come_and_go_while_they_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "stays").write_bytes(b"x")
    finished = threading.Event()

    def unpack_and_clear_up() -> None:
        for number in range(400):
            for name in ("one", "two", "three"):
                (tmp_path / f"{name}-{number}" / "deep").mkdir(parents=True)
            for name in ("one", "two", "three"):
                shutil.rmtree(tmp_path / f"{name}-{number}")
        finished.set()

    pip = threading.Thread(target=unpack_and_clear_up)
    pip.start()
    while not finished.is_set():
        assert largest_file(tmp_path) == 1
    pip.join()

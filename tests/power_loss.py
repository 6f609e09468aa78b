"""What a loss of power leaves on a disk that promises no more than fsync does.

A file system may keep any part of what was not synced, in any order: a name without its bytes,
bytes without a name, a removal that never happened. So at each change the files of the index
are compared with what is certainly on the disk, and trees are made of which every difference
was decided by chance, or by one of the two fates that are worst for most mistakes.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

BLOCK = 4096  # bytes that a disk keeps or loses together
FATES = ("all lost", "names kept", "by chance", "by chance")


class LosablePower:
    """Follows the writes of this process, and keeps trees that a loss of power could leave.

    The folder is on the disk as it is when this is made. `seen` is told of each change before it
    is done, and of each sync, by "synced INODE", after it: every change may be the moment at
    which the power goes. Of all those moments chance picks `losses`: KEPT/NUMBER is the tree.
    """

    def __init__(self, folder: Path, kept: Path, seed: int, losses: int) -> None:
        self._folder = folder
        self._kept = kept
        self._chance = random.Random(seed)
        self._losses = losses
        self._moments = 0
        self._names: dict[int, dict[str, tuple[int, bool]]] = {}  # of a synced folder
        self._bytes: dict[int, bytes] = {}  # of a synced file
        self._held: list[int] = []  # open files, so that no number of an inode is given twice
        for inode, path in self._tree().items():
            self._sync(inode, path)

    def seen(self, change: str) -> None:
        tree = self._tree()
        if change.startswith("synced "):
            inode = int(change.removeprefix("synced "))
            if inode in tree:
                self._sync(inode, tree[inode])
            return
        slot = self._moments
        self._moments += 1
        if slot >= self._losses:  # each moment so far is kept with the same chance
            slot = self._chance.randrange(self._moments)
        if slot < self._losses:
            target = self._kept / str(slot)
            shutil.rmtree(target, ignore_errors=True)
            self._make(target, tree, self._chance.choice(FATES))

    def _tree(self) -> dict[int, Path]:
        """Every folder and file by its inode."""
        paths = [self._folder]
        for parent, folders, files in os.walk(self._folder):
            paths += [Path(parent) / name for name in (*folders, *files)]
        return {path.stat().st_ino: path for path in paths}

    def _sync(self, inode: int, path: Path) -> None:
        self._held.append(os.open(path, os.O_RDONLY))
        if path.is_dir():
            self._names[inode] = _names(path)
        else:
            self._bytes[inode] = path.read_bytes()

    def _make(self, target: Path, tree: dict[int, Path], fate: str) -> None:
        pending = [(self._folder.stat().st_ino, True, target)]
        while pending:
            inode, is_folder, place = pending.pop()
            path = tree.get(inode)
            if not is_folder:
                place.write_bytes(self._bytes_left(inode, path, fate))
                continue
            place.mkdir(parents=True)
            synced = self._names.get(inode, {})
            now = _names(path) if path else synced
            for name in sorted(synced.keys() | now.keys()):
                is_kept = fate == "names kept"
                is_kept |= fate == "by chance" and self._chance.random() < 0.5
                if entry := (now if is_kept else synced).get(name):
                    pending.append((*entry, place / name))

    def _bytes_left(self, inode: int, path: Path | None, fate: str) -> bytes:
        synced = self._bytes.get(inode, b"")
        now = path.read_bytes() if path else synced
        if now == synced or fate != "by chance":
            return synced
        blocks = [now[start : start + BLOCK] for start in range(0, len(now), BLOCK)]
        some = b"".join(b if self._chance.random() < 0.5 else bytes(len(b)) for b in blocks)
        return self._chance.choice([synced, now, bytes(len(now)), some, some[: len(some) // 2]])


def _names(folder: Path) -> dict[str, tuple[int, bool]]:
    """Of every entry of a folder the inode, and whether it is a folder."""
    return {entry.name: (entry.inode(), entry.is_dir()) for entry in os.scandir(folder)}

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.errors import IndexUnavailable, UsageError
from rag.vectors import (
    VectorFaults,
    VectorStore,
    checksums,
    copy_folder,
    delete_collection,
    folder_faults,
    folder_holds,
)

COUNT = 60


def unit_vectors(count: int, *, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


IDS = [f"article é.md#{n}" for n in range(COUNT)]
VECTORS = unit_vectors(COUNT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors") / "store"
    with closing(VectorStore(folder, create=True)) as store:
        store.put(IDS, VECTORS)
    return folder


def exact(query: NDArray[np.float32], *, limit: int) -> list[tuple[str, float]]:
    cosines = VECTORS @ query
    return [(IDS[n], float(cosines[n])) for n in np.argsort(-cosines)[:limit]]


def assert_same(found: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert [name for name, _ in found] == [name for name, _ in expected]
    assert np.allclose([c for _, c in found], [c for _, c in expected], atol=1e-5)


def test_a_search_gives_the_true_neighbours_with_their_cosines(folder: Path) -> None:
    with closing(VectorStore(folder)) as store:
        for query in unit_vectors(10, seed=1):
            assert_same(store.search(query, limit=7), exact(query, limit=7))
        assert len(store.search(VECTORS[0], limit=500)) == COUNT
        assert store.holds(IDS, VECTORS)
        assert not store.holds(["missing"], unit_vectors(1, seed=2))


def test_many_like_vectors_are_held_though_a_search_reaches_not_all(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(2001, 384))
    like = noise[0] + 0.1 * noise[1:]
    like = (like / np.linalg.norm(like, axis=1, keepdims=True)).astype(np.float32)
    ids = [f"row {n}" for n in range(2000)]
    with closing(VectorStore(tmp_path / "store", create=True)) as store:
        store.put(ids, like)
        assert store.holds(ids, like)
        store.remove(ids[:200])
        assert not store.holds(ids[100:200], like[100:200])


def test_equal_vectors_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    with closing(VectorStore(tmp_path, create=True)) as store:
        store.put(["c", "a", "b"], np.repeat(VECTORS[:1], 3, axis=0))
        assert [name for name, _ in store.search(VECTORS[0], limit=3)] == ["a", "b", "c"]
        assert store.holds(["a", "b", "c"], np.repeat(VECTORS[:1], 3, axis=0))


def test_an_empty_store_answers_nothing(tmp_path: Path) -> None:
    with closing(VectorStore(tmp_path, create=True)) as store:
        assert store.search(VECTORS[0], limit=3) == []
        store.remove([])


def test_vectors_are_replaced_and_removed(tmp_path: Path) -> None:
    with closing(VectorStore(tmp_path, create=True)) as store:
        store.put(IDS, VECTORS)
        store.put(IDS[:1], -VECTORS[:1])
        store.remove(IDS[10:])
    with closing(VectorStore(tmp_path)) as store:
        assert len(store.search(VECTORS[0], limit=COUNT)) == 10
        assert store.holds(IDS[:1], -VECTORS[:1])
        assert not store.holds(IDS[10:11], VECTORS[10:11])


def test_threads_may_share_a_store(folder: Path) -> None:
    with closing(VectorStore(folder)) as store, ThreadPoolExecutor(8) as pool:
        queries = list(unit_vectors(100, seed=3))
        for query, found in zip(
            queries, pool.map(lambda query: store.search(query, limit=3), queries), strict=True
        ):
            assert_same(found, exact(query, limit=3))


def test_reading_leaves_the_checksums_as_they_are(folder: Path) -> None:
    before = checksums(folder)
    with closing(VectorStore(folder)) as store:
        store.search(VECTORS[0], limit=3)
        assert checksums(folder) == before
    assert checksums(folder) == before


def test_a_child_process_counts_what_is_missing_and_what_is_too_many(
    folder: Path, tmp_path: Path
) -> None:
    assert folder_faults(folder, IDS, VECTORS) == VectorFaults()
    assert folder_faults(folder, IDS[2:], VECTORS[2:]) == VectorFaults(extra=2)
    copy_folder(folder, tmp_path / "copy")
    with closing(VectorStore(tmp_path / "copy")) as store:
        store.remove(IDS[:3])
        store.put(["another"], unit_vectors(1, seed=1))
        store.put(IDS[5:6], unit_vectors(1, seed=2))
    assert folder_faults(tmp_path / "copy", IDS, VECTORS) == VectorFaults(missing=4, extra=1)
    assert folder_faults(tmp_path / "not there", IDS, VECTORS) is None


def test_a_copy_is_independent_even_while_the_original_is_read(
    folder: Path, tmp_path: Path
) -> None:
    with closing(VectorStore(folder)) as reader:
        copy_folder(folder, tmp_path / "copy")
        with closing(VectorStore(tmp_path / "copy")) as store:
            store.remove(IDS[1:])
        assert len(reader.search(VECTORS[0], limit=COUNT)) == COUNT
    assert folder_holds(tmp_path / "copy", IDS[:1], VECTORS[:1])
    assert not folder_holds(tmp_path / "copy", IDS, VECTORS)


def test_a_child_process_sees_that_a_folder_is_whole(folder: Path, tmp_path: Path) -> None:
    assert folder_holds(folder, IDS, VECTORS)
    assert not folder_holds(tmp_path / "not there", IDS, VECTORS)


def break_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"garbage" * 1000)


def lose_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").unlink()


def cut_graph(folder: Path) -> None:
    for file in folder.rglob("data_level0.bin"):
        os.truncate(file, 1000)


def lose_graph(folder: Path) -> None:
    for file in folder.rglob("*.bin"):
        file.unlink()


@pytest.mark.parametrize("damage", [break_database, lose_database, cut_graph, lose_graph])
def test_damage_is_seen_by_a_child_process(folder: Path, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    shutil.copytree(folder, tmp_path / "damaged")
    damage(tmp_path / "damaged")
    assert not folder_holds(tmp_path / "damaged", IDS, VECTORS)


def test_a_broken_folder_is_our_error_and_may_be_made_anew(tmp_path: Path) -> None:
    database = tmp_path / "chroma.sqlite3"
    database.write_bytes(b"garbage" * 1000)
    for _ in range(2):
        with pytest.raises(IndexUnavailable) as caught:
            VectorStore(tmp_path)
        assert "\n" not in caught.value.message
    database.unlink()
    VectorStore(tmp_path, create=True).close()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", "http://x:port"])
def test_a_malformed_address_is_wrong_usage(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="RAG_CHROMA_URL"):
        VectorStore(tmp_path, url=url, collection="c")


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(IndexUnavailable, match=url):
            VectorStore(tmp_path, url=url, collection="c")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from run_chroma_server(tmp_path_factory.mktemp("server"))


def run_chroma_server(folder: Path) -> Generator[str, None, None]:
    """The address of a real Chroma server, for as long as the generator is open."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).with_name("chroma")
    process = subprocess.Popen(
        [command, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.slow
def test_a_server_serves_like_a_folder(server: str, tmp_path: Path) -> None:
    with closing(VectorStore(tmp_path, url=server, collection="one-1", create=True)) as store:
        store.put(IDS, VECTORS)
    with closing(VectorStore(tmp_path, url=server, collection="one-1")) as store:
        query = unit_vectors(1, seed=1)[0]
        assert_same(store.search(query, limit=7), exact(query, limit=7))
        assert store.holds(IDS, VECTORS)
    with pytest.raises(IndexUnavailable):
        VectorStore(tmp_path, url=server, collection="another")
    delete_collection(server, collection="one-1")
    delete_collection(server, collection="one-1")
    with pytest.raises(IndexUnavailable):
        VectorStore(tmp_path, url=server, collection="one-1")
    assert list(tmp_path.iterdir()) == []

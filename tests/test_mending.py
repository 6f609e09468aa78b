"""Damage of any kind to an index: seen, never answered from, and mended without a loss."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rag.errors import FootnoteError, IndexUnavailable
from rag.generations import Place, read_pointer
from rag.mending import mend
from rag.seals import catalogue_is_whole, vectors_are_whole, write_seal
from rag.vectors import VectorStore
from tests.library import Library, assert_whole, prose

Damage = Callable[[Path], None]


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replace_by_garbage(path: Path) -> None:
    path.write_bytes(b"\0garbage" * 1000)


def lose_header(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes(100) + content[100:])


def flip(seed: int, *, bits: int = 1) -> Damage:
    """Flips some bits anywhere."""

    def damage(path: Path) -> None:
        chance = random.Random(seed)
        content = bytearray(path.read_bytes())
        for _ in range(bits):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)

    damage.__name__ = f"flip_{bits}_seed_{seed}"
    return damage


def place_of(library: Library) -> Place:
    pointer = read_pointer(library.settings.index_directory)
    assert pointer is not None
    return Place(library.settings.index_directory, pointer.name)


def heal(library: Library) -> list[str]:
    """What a user does: `rag doctor`, and then the command that it says."""
    try:
        return mend(library.settings.index_directory, chroma_url=None)
    except IndexUnavailable as error:
        assert error.hint == "Run: rag index --rebuild"
        assert "\n" not in error.message
        library.sync(rebuild=True)
        return ["rebuilt"]


def assert_healed(library: Library, contents: object, answers: object) -> None:
    assert library.contents() == contents
    assert library.answers() == answers
    assert_whole(library)
    assert library.counts() == (0, 0, 3, 0, 0)


def test_a_sound_index_is_left_alone(library: Library) -> None:
    before = library.generations()
    assert heal(library) == []
    assert library.generations() == before


VECTOR_FILES = (
    "chroma.sqlite3",
    "data_level0.bin",
    "header.bin",
    "index_metadata.pickle",
    "length.bin",
)


DAMAGES = [remove, empty, cut, replace_by_garbage, lose_header, flip(1), flip(2, bits=50)]


@pytest.mark.parametrize("name", ["catalogue.sqlite", *VECTOR_FILES])
def test_every_damage_to_every_file_breaks_the_seal(library: Library, name: str) -> None:
    place = place_of(library)
    [file] = place.folder.rglob(name)
    content = file.read_bytes()
    for damage in DAMAGES:
        assert catalogue_is_whole(place) and vectors_are_whole(place)
        damage(file)
        whole = catalogue_is_whole(place), vectors_are_whole(place)
        # Bytes of the database that hold nothing count for nothing.
        assert whole == (file != place.catalogue, file == place.catalogue) or (
            name == "chroma.sqlite3" and damage.__name__.startswith("flip")
        )
        file.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"), [*zip(VECTOR_FILES, DAMAGES, strict=False), ("data_level0.bin", flip(3))]
)
def test_damaged_vectors_are_made_again_without_embedding(
    library: Library, name: str, damage: Damage
) -> None:
    contents, answers = library.contents(), library.answers()
    [file] = place_of(library).vectors.rglob(name)
    damage(file)
    [done] = heal(library)
    assert "made again from the catalogue" in done
    library.sync()
    assert library.embedder.embedded == []
    assert_healed(library, contents, answers)


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_bit_anywhere_changes_no_answer(library: Library, seed: int) -> None:
    """Asked at once, without `rag doctor`: the same answer, or a line that says what to do."""
    contents, answers = library.contents(), library.answers()
    files = sorted(file for file in place_of(library).folder.rglob("*") if file.stat().st_size)
    file = random.Random(seed).choice([file for file in files if file.is_file()])
    flip(seed)(file)
    try:
        assert library.answers() == answers
    except IndexUnavailable as error:
        assert error.hint in {"Run: rag doctor", "Run: rag index --rebuild"}
        assert "\n" not in error.message
    heal(library)
    assert_healed(library, contents, answers)


def test_a_vector_folder_that_is_gone_is_made_again(library: Library) -> None:
    contents, answers = library.contents(), library.answers()
    shutil.rmtree(place_of(library).vectors)
    assert len(heal(library)) == 1
    assert_healed(library, contents, answers)


def test_vectors_that_are_missing_or_too_many_are_counted_and_mended(library: Library) -> None:
    contents, answers = library.contents(), library.answers()
    place = place_of(library)
    with closing(VectorStore(place.vectors)) as store:
        store.remove([chunk.id for chunk in contents[0][1][:2]])
        store.put(["stranger.md#0-9"], np.ones((1, 256), dtype=np.float32) / 16)
    write_seal(place)  # as when Chroma lost them without a word
    [done] = heal(library)
    assert "2 missing, 1 extra" in done
    assert_healed(library, contents, answers)


@pytest.mark.parametrize(
    ("damage", "generations"),
    [
        (remove, 1),
        (cut, 1),
        (lose_header, 1),
        (flip(1), 1),
        (flip(2, bits=100), 1),
        (cut, 2),
        (flip(3, bits=20), 2),
    ],
)
def test_a_damaged_catalogue_is_made_again_from_the_files_and_kept(
    library: Library, damage: Damage, generations: int
) -> None:
    if generations == 2:
        text = (library.articles / "glacier.md").read_text()
        library.write("glacier.md", prose("comet"))
        library.sync()
        library.write("glacier.md", text)
        library.sync()
    contents, answers = library.contents(), library.answers()
    catalogue = place_of(library).catalogue
    damage(catalogue)
    damaged = catalogue.read_bytes() if catalogue.exists() else None
    for attempt in (library.open, library.sync):
        with pytest.raises(IndexUnavailable, match="rag index --rebuild"):
            attempt()
    try:
        assert heal(library) == ["rebuilt"]
    except FootnoteError as error:  # nothing is left that says what the index was made of
        assert generations == 1 and error.hint == "Name it: rag index --rebuild PATH"
        library.sync(library.articles, rebuild=True)
    assert_healed(library, contents, answers)
    kept = list(library.settings.index_directory.glob("damaged/*.sqlite"))
    assert [file.read_bytes() for file in kept] == ([damaged] if damaged is not None else [])


@pytest.mark.parametrize("whole_before", [True, False])
def test_articles_whose_files_are_away_are_saved_from_what_is_left(
    library: Library, whole_before: bool
) -> None:
    """As on a disk that is not plugged in while the catalogue is made again."""
    violin = library.articles.parent / "away" / "violin.md"
    violin.parent.mkdir()
    violin.write_text(prose("violin"))
    library.sync(violin.parent)
    contents, answers = library.contents(), library.answers()
    place = place_of(library)
    violin.parent.rename(violin.parent.with_name("unplugged"))
    if not whole_before:
        others = [name for name in library.generations() if name != place.name]
        for name in others:
            shutil.rmtree(place.folder.parent / name)
        content = place.catalogue.read_bytes()
        embedding = content.rindex(b"words")  # the word index lies near the end
        place.catalogue.write_bytes(content[:embedding] + b"w0rds" + content[embedding + 5 :])
    else:
        library.sync(library.articles, rebuild=True)
        place = place_of(library)
        replace_by_garbage(place.catalogue)
    report = library.sync(rebuild=True)
    assert [failure.path for failure in report.failed] == [str(violin.parent)]
    assert library.contents() == contents
    assert library.answers() == answers
    assert_whole(library)


@pytest.mark.parametrize(
    "damage",
    [remove, empty, replace_by_garbage, *(flip(seed) for seed in range(3))],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_pointer_is_written_again(library: Library, damage: Damage) -> None:
    contents, answers = library.contents(), library.answers()
    damage(library.settings.index_directory / "current.json")
    try:
        library.open()
    except IndexUnavailable as error:
        assert error.hint == "Run: rag doctor"
        [done] = heal(library)
        assert "current.json" in done
    assert_healed(library, contents, answers)


def test_indexing_alone_finds_its_way_without_a_pointer(library: Library) -> None:
    contents, answers = library.contents(), library.answers()
    (library.settings.index_directory / "current.json").unlink()
    assert library.counts() == (0, 0, 3, 0, 0)
    assert library.embedder.embedded == []
    assert_healed(library, contents, answers)


def test_where_there_is_no_index_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailable, match="rag index PATH"):
        mend(tmp_path / "nothing", chroma_url=None)
    assert not (tmp_path / "nothing").exists()

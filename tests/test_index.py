from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from rag.errors import IndexUnavailable
from rag.generations import Place, read_pointer
from rag.index import Index
from tests.library import CountingEmbedder, Library, prose


def vectors_folder(library: Library) -> Path:
    index = library.settings.index_directory
    pointer = read_pointer(index)
    assert pointer is not None
    return Place(index, pointer.name).vectors


def test_where_there_is_no_index_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailable, match="rag index PATH"):
        Index.open(tmp_path / "nothing")


def test_an_empty_index_answers_nothing(tmp_path: Path) -> None:
    library = Library(tmp_path)
    assert library.sync(library.articles).chunks == 0
    index = library.open()
    assert index.articles() == []
    assert index.search_words("anything", limit=5) == []
    assert index.search_vectors(library.embedder.embed(["anything"])[0], limit=5) == []


def test_both_searches_lead_to_text_in_an_article(library: Library) -> None:
    index = library.open()
    vector = library.embedder.embed(["telescope parts"])[0]
    for found in (
        index.search_vectors(vector, limit=4),
        index.search_words("telescope parts", limit=4),
    ):
        assert len(found) == 4
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)
        best = index.chunks([name for name, _ in found])[0]
        assert best.article_id == "telescope.md"
        assert index.article(best.article_id).text[best.start : best.end] == best.text
    before, after = index.neighbours(best.id)
    assert before is None or before.end <= best.start
    assert after is None or after.start >= best.end


def test_a_reader_goes_on_with_its_own_generation_until_it_reloads(library: Library) -> None:
    index = library.open()
    assert index.generation == 1
    assert not index.reload_if_changed()
    pinned = index.snapshot()
    for topic in ("comet", "violin"):
        library.write("new.md", prose(topic))
        library.sync()
    assert len(library.generations()) == 3
    for reader in (index, pinned):
        assert len(reader.articles()) == 3
        vector = library.embedder.embed(["embargo"])[0]
        assert reader.chunks([reader.search_vectors(vector, limit=1)[0][0]])
    assert index.reload_if_changed()
    assert (index.generation, pinned.generation) == (3, 1)
    assert (len(index.articles()), len(pinned.articles())) == (4, 3)
    assert index.search_words("violin", limit=1) and not pinned.search_words("violin", limit=1)
    index.close()
    assert len(pinned.articles()) == 3
    with pytest.raises(IndexUnavailable, match="closed"):
        index.articles()
    del pinned, reader
    library.sync()
    assert len(library.generations()) == 2


def test_an_index_made_anew_in_the_same_place_is_noticed(library: Library) -> None:
    index = library.open()
    shutil.rmtree(library.settings.index_directory)
    assert not index.reload_if_changed()
    (library.articles / "embargo.md").unlink()
    library.sync(library.articles)
    assert index.reload_if_changed()
    assert [article.id for article in index.articles()] == ["glacier.md", "telescope.md"]


def test_a_reader_goes_on_where_the_new_generation_is_not_for_it(library: Library) -> None:
    index = Index.open(library.settings.index_directory, embedder_name="words")
    pointer = library.settings.index_directory / "current.json"
    was = pointer.read_text()
    pointer.write_text(was.replace('"name": "1-', '"name": "7-'))
    assert not index.reload_if_changed()
    pointer.write_text(was)
    library.embedder = CountingEmbedder("other words")
    library.sync()
    assert not index.reload_if_changed()
    assert index.generation == 1
    assert len(index.search_vectors(library.embedder.embed(["glacier"])[0], limit=3)) == 3
    library.embedder = CountingEmbedder("words")
    library.sync()
    assert index.reload_if_changed()


def cut_graph(folder: Path) -> None:
    for file in folder.rglob("data_level0.bin"):
        file.write_bytes(file.read_bytes()[:500])


def lose_graph(folder: Path) -> None:
    for file in folder.iterdir():
        if file.is_dir():
            shutil.rmtree(file)


def spoil_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"garbage" * 1000)


@pytest.mark.parametrize("damage", [shutil.rmtree, cut_graph, lose_graph, spoil_database])
def test_damaged_vectors_are_made_again_without_embedding(library: Library, damage: object) -> None:
    assert callable(damage)
    answers = library.answers()
    damage(vectors_folder(library))
    assert library.answers() == answers
    library.sync()
    assert library.embedder.embedded == []


def test_readers_in_threads_never_see_half_a_change(library: Library) -> None:
    index = library.open()
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        vector = library.embedder.embed(["telescope embargo facts"])[0]
        while not stop.is_set():
            try:
                index.reload_if_changed()
                view = index.snapshot()
                found = view.search_vectors(vector, limit=5) + view.search_words("fact", limit=5)
                chunks = view.chunks([name for name, _ in found])
                assert len(chunks) == len(found) == 10
                for chunk in chunks:
                    text = view.article(chunk.article_id).text
                    assert text[chunk.start : chunk.end] == chunk.text
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for paragraphs in (4, 2):
        library.write("telescope.md", prose("telescope", paragraphs=paragraphs))
        library.sync()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    index.reload_if_changed()
    assert index.generation == 3

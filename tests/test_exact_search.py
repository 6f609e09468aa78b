"""Vectors that Chroma cannot be trusted with are searched one by one, with the same answers."""

from __future__ import annotations

import numpy as np
import pytest

from rag.doctor import examine
from rag.mending import mend
from rag.vectors import ExactVectors, folder_holds
from tests.library import Library, assert_whole, prose
from tests.test_vectors import IDS, VECTORS, assert_same, exact


@pytest.fixture
def lost(library: Library, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library whose vectors no new store finds again, as with 100,000 that are much alike."""
    monkeypatch.setattr("rag.publishing.folder_holds", lambda *_: False)
    library.sync(rebuild=True)
    return library


def is_exact(library: Library) -> bool:
    index = library.open()
    try:
        return index.searches_exactly
    finally:
        index.close()


def test_an_index_that_chroma_does_not_find_is_made_and_answers_all_the_same(
    library: Library, request: pytest.FixtureRequest
) -> None:
    contents, answers = library.contents(), library.answers()
    assert not is_exact(library)
    lost = request.getfixturevalue("lost")
    assert is_exact(lost)
    assert (lost.contents(), lost.answers()) == (contents, answers)
    assert_whole(lost)


def test_such_an_index_is_sound_and_changes_as_any_other(lost: Library) -> None:
    assert mend(lost.settings.index_directory, chroma_url=None) == []
    without_models = lost.settings.model_copy(update={"home": lost.articles})
    check = next(check for check in examine(without_models) if check.name == "index")
    assert "compared one by one" in check.detail
    before = lost.generations()
    assert lost.counts() == (0, 0, 3, 0, 0)
    assert lost.generations() == before
    lost.write("violin.md", prose("violin", paragraphs=1))
    assert lost.counts() == (1, 0, 3, 0, 0)
    assert is_exact(lost)
    assert_whole(lost)


def test_chroma_is_tried_again_with_each_rebuild(
    lost: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = lost.answers()
    monkeypatch.setattr("rag.publishing.folder_holds", folder_holds)
    lost.sync(rebuild=True)
    assert not is_exact(lost)
    assert lost.answers() == answers


@pytest.mark.parametrize("limit", [1, 3, len(IDS), 1000])
def test_exact_search_gives_the_nearest_by_cosine(limit: int) -> None:
    assert_same(
        ExactVectors(IDS, VECTORS).search(VECTORS[3], limit=limit), exact(VECTORS[3], limit=limit)
    )


def test_equal_vectors_come_in_the_order_of_their_ids_whatever_is_cut_off() -> None:
    alike = ExactVectors(["c", "a", "b"], np.repeat(VECTORS[:1], 3, axis=0))
    assert [name for name, _ in alike.search(VECTORS[0], limit=2)] == ["a", "b"]


def test_no_vectors_answer_nothing() -> None:
    assert ExactVectors([], VECTORS[:0]).search(VECTORS[0], limit=3) == []

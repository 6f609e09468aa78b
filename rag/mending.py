"""Damage to an index: found, and mended where nothing can be lost by it.

The pointer can be written again from the seals of the generations, and the vectors made again
from the catalogue. A catalogue is made again from the articles' files (`rag index --rebuild`);
what those do not give any more is saved from the catalogues that are left, as far as it is
certain: an article counts by its content hash.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from rag.catalogue import Catalogue, readable_roots
from rag.catalogue_writer import CatalogueWriter
from rag.errors import IndexOutdated, IndexUnavailable
from rag.generations import (
    DAMAGED,
    GENERATIONS,
    Place,
    Pointer,
    leftovers,
    number_of,
    read_pointer,
    switch,
    writing,
)
from rag.publishing import collection_name, mend_vectors, no_index, renew
from rag.seals import (
    catalogue_is_whole,
    open_catalogue,
    read_seal,
    searches_exactly,
    vectors_are_whole,
)
from rag.vectors import VectorFaults, VectorStore, folder_faults


def mend(index: Path, *, chroma_url: str | None) -> list[str]:
    """Looks an index through, and mends all that loses nothing; says in words what it mended.

    Raises `IndexUnavailable`, with what to do, where there is no index or files have to be read
    to mend it.
    """
    mended = []
    if _pointer_is_broken(index):
        with writing(index, waiting=lambda: None):
            if restore_pointer(index):
                mended.append("current.json was damaged or gone, and is written again")
    try:
        pointer = read_pointer(index)
    except IndexUnavailable as error:
        raise IndexUnavailable(error.message, hint="Run: rag index --rebuild") from error
    if pointer is None:
        raise no_index(index)
    try:
        fault = _vector_fault(index, pointer, chroma_url)
        done = f"the vectors {fault}, and are made again from the catalogue" if fault else ""
    except IndexOutdated:
        done = "an earlier version of Footnote made the index, and it is brought to this one"
    if done:
        mend_vectors(index, pointer, chroma_url=chroma_url)
        mended.append(done)
    return mended


def restore_pointer(index: Path) -> bool:
    """Has the newest whole generation read where the pointer is damaged, gone or leads nowhere.

    False where nothing was to be done or could be. Only the holder of the write lock may call it.
    """
    if not _pointer_is_broken(index):
        return False
    for place in reversed(leftovers(index, None)):
        if read_seal(place) and catalogue_is_whole(place):
            switch(index, Pointer(number=number_of(place.name), name=place.name))
            return True
    return False


def open_current(index: Path, *, chroma_url: str | None) -> tuple[Pointer, Catalogue] | None:
    """The current generation for the holder of the write lock; None where there is no index.

    A lost pointer is found again, and the index of an earlier version brought to this one.
    """
    restore_pointer(index)
    pointer = read_pointer(index)
    if pointer is None:
        return None
    try:
        return pointer, open_catalogue(Place(index, pointer.name))
    except IndexOutdated:
        renew(index, pointer, chroma_url=chroma_url)
    pointer = read_pointer(index)
    assert pointer is not None
    return pointer, open_catalogue(Place(index, pointer.name))


def _pointer_is_broken(index: Path) -> bool:
    try:
        pointer = read_pointer(index)
    except IndexUnavailable:
        return True
    if pointer is None:
        return (index / GENERATIONS).is_dir()
    return not Place(index, pointer.name).folder.is_dir()


def _vector_fault(index: Path, pointer: Pointer, chroma_url: str | None) -> str:
    """What is wrong with the vectors, in words; "" for nothing."""
    place = Place(index, pointer.name)
    with closing(open_catalogue(place)) as catalogue:
        if chroma_url is None and not vectors_are_whole(place):
            return "were not as they were written"  # and asking them might hang
        if chroma_url is None and searches_exactly(place):
            return ""
        ids, vectors = catalogue.vectors(catalogue.chunk_ids())
        if chroma_url is None:
            faults = folder_faults(place.vectors, ids, vectors)
        else:
            name = collection_name(index, catalogue, place)
            try:
                store = VectorStore(place.vectors, url=chroma_url, collection=name)
                with closing(store):
                    faults = store.faults(ids, vectors)
            except IndexUnavailable:
                faults = None
    if faults is None:
        return "could not be opened"
    if faults != VectorFaults():
        return f"were not those of the catalogue ({faults.missing} missing, {faults.extra} extra)"
    return ""


def keep_damaged(index: Path) -> Path | None:
    """Copies the catalogue that cannot be read to where nothing deletes it; where that is."""
    places = [place for place in leftovers(index, None) if place.catalogue.is_file()]
    try:
        pointer = read_pointer(index)
    except IndexUnavailable:
        pointer = None
    if pointer:  # else the newest that is left
        places = [place for place in places if place.name == pointer.name]
    for place in places[-1:]:
        backup = index / DAMAGED / f"{place.name}.sqlite"
        backup.parent.mkdir(exist_ok=True)
        shutil.copyfile(place.catalogue, backup)
        return backup
    return None


def salvage(index: Path, catalogue: CatalogueWriter) -> list[Path]:
    """Takes over what can be trusted in the catalogues that are left, and gives their roots.

    The newest come first, down to the first that is whole. The articles have no chunks yet. A
    root of a damaged catalogue counts if it is there or holds an article that was saved.
    """
    roots: set[Path] = set()
    likely: set[Path] = set()
    for place in reversed(leftovers(index, None)):
        if place.catalogue == catalogue.path or not place.catalogue.is_file():
            continue
        is_whole = catalogue_is_whole(place)
        catalogue.take_articles(place.catalogue)
        (roots if is_whole else likely).update(readable_roots(place.catalogue))
        if is_whole and roots:
            break
    holding = {place for file in catalogue.files() for place in (file.path, *file.path.parents)}
    return sorted(roots | {root for root in likely if root in holding or root.exists()})

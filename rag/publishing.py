"""From a written catalogue to a generation that is read: its vectors, their check, the switch."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rag.catalogue import Catalogue, VectorChanges, readable_roots
from rag.catalogue_writer import CatalogueWriter
from rag.errors import IndexOutdated, IndexUnavailable
from rag.generations import (
    LOCK_SECONDS,
    POINTER,
    Lease,
    Place,
    Pointer,
    discard,
    empty,
    is_leased,
    leftovers,
    new_place,
    number_of,
    read_pointer,
    switch,
    writing,
)
from rag.seals import (
    catalogue_is_whole,
    open_catalogue,
    read_seal,
    searches_exactly,
    vectors_are_whole,
    write_seal,
)
from rag.vectors import (
    BATCH,
    ExactVectors,
    VectorStore,
    copy_folder,
    delete_collection,
    folder_holds,
)

PublishStage = Literal["storing", "checking", "switching", "cleaning"]

# Known vectors that a new store must find before it is read: half of them the newest.
CHECKED_VECTORS = 200
# A copied store that has seen more changes than this share of its vectors is made anew: the
# graph keeps what was deleted.
MOST_CHANGES = 0.5


class Draft:
    """The next generation of an index, as long as nobody reads it.

    Begins as a copy of the current catalogue, or empty where there is none, and takes over the
    embeddings that earlier writers made before they were stopped. Only the holder of the write
    lock may make one.
    """

    def __init__(self, index: Path, pointer: Pointer | None) -> None:
        self._index = index
        self._pointer = pointer
        self._is_published = False
        unfinished = leftovers(index, pointer)
        earlier = [pointer.name] if pointer else [place.name for place in unfinished]
        self._number = 1 + max(map(number_of, earlier), default=0)
        self.place = new_place(index, number=self._number)
        try:
            self.catalogue = self._begin(unfinished)
        except BaseException:
            discard(self.place)  # it holds nothing yet, and may be what fills the disk
            raise

    def _begin(self, unfinished: Sequence[Place]) -> CatalogueWriter:
        if self._pointer:
            current = Place(self._index, self._pointer.name)
            shutil.copyfile(current.catalogue, self.place.catalogue)
        with ExitStack() as failing:
            catalogue = CatalogueWriter(self.place.catalogue)
            failing.callback(catalogue.close)
            for place in unfinished:
                if place.catalogue.is_file() and (
                    not read_seal(place) or catalogue_is_whole(place)
                ):
                    catalogue.take_embeddings(place.catalogue)
            if catalogue.meta("index_id") is None:
                catalogue.set_meta("index_id", secrets.token_hex(8))
            catalogue.commit()
            failing.pop_all()
        if self._pointer:  # else one of them may be all that is left of the index
            for place in unfinished:
                if not is_leased(place):
                    empty(place)  # so that runs which fail on a full disk do not fill it
        return catalogue

    def publish(
        self,
        *,
        chroma_url: str | None,
        stage: Callable[[PublishStage], None],
        copy_vectors: bool = True,
    ) -> None:
        """Makes the vectors, checks them, and has this generation read from now on.

        Where Chroma does not find them again there is no store, and the vectors of the catalogue
        are searched one by one. Calls `stage` with "storing", "checking", "switching" and
        "cleaning" as it goes. Raises `IndexUnavailable`, and changes nothing that is read, when
        the vectors cannot be written, or a server does not find them.
        """
        stage("storing")
        self.catalogue.drop_unused_embeddings()
        self.catalogue.set_meta("generation", str(self._number))
        changes = self._changes_to_copy() if copy_vectors and not chroma_url else None
        if changes is None:
            self.catalogue.set_meta("vectors_changed", "0")
        self.catalogue.finish()
        with closing(Catalogue(self.place.catalogue)) as catalogue:
            exact = changes is not None and self._current_is_exact()
            if not exact and (changes is None or not self._copies(catalogue, changes, stage)):
                exact = not self._fills(catalogue, chroma_url, stage)
        stage("switching")
        pointer = Pointer(
            number=self._number,
            name=self.place.name,
            previous=self._pointer.name if self._pointer else "",
        )
        write_seal(self.place, exact=exact)
        switch(self._index, pointer)
        self._is_published = True
        stage("cleaning")
        clear_leftovers(self._index, pointer, chroma_url=chroma_url)

    def close(self) -> None:
        """Lets go. Unpublished, only the embeddings stay on the disk, for the next writer."""
        self.catalogue.close()
        if not self._is_published:
            shutil.rmtree(self.place.vectors, ignore_errors=True)

    def _current_is_exact(self) -> bool:
        """Whether the current generation has no store; one for so similar vectors is no better."""
        assert self._pointer is not None
        return searches_exactly(Place(self._index, self._pointer.name))

    def _changes_to_copy(self) -> VectorChanges | None:
        """What to change in a copy of the current vectors; None when new ones are better."""
        if self._pointer is None:
            return None
        current = Place(self._index, self._pointer.name)
        if not vectors_are_whole(current):
            return None
        changes = self.catalogue.vector_changes_since(current.catalogue)
        changed = len(changes.removed) + len(changes.put)
        changed += int(self.catalogue.meta("vectors_changed") or 0)
        if changed > MOST_CHANGES * self.catalogue.chunk_count():
            return None
        self.catalogue.set_meta("vectors_changed", str(changed))
        return changes

    def _copies(
        self, catalogue: Catalogue, changes: VectorChanges, stage: Callable[[PublishStage], None]
    ) -> bool:
        """Whether a changed copy of the current vectors passes the check; else it is gone again."""
        assert self._pointer is not None
        try:
            copy_folder(Place(self._index, self._pointer.name).vectors, self.place.vectors)
            with closing(VectorStore(self.place.vectors)) as store:
                store.remove(changes.removed)
                _put(store, catalogue, changes.put)
            stage("checking")
            if self._is_whole(catalogue, None):
                return True
        except IndexUnavailable:
            pass  # the catalogue holds all that is needed to make new ones
        shutil.rmtree(self.place.vectors, ignore_errors=True)
        return False

    def _fills(
        self, catalogue: Catalogue, chroma_url: str | None, stage: Callable[[PublishStage], None]
    ) -> bool:
        """Whether a new store finds what was put into it; else its folder is gone again."""
        name = collection_name(self._index, catalogue, self.place)
        store = VectorStore(self.place.vectors, url=chroma_url, collection=name, create=True)
        with closing(store):
            _put(store, catalogue, catalogue.chunk_ids())
        stage("checking")
        if self._is_whole(catalogue, chroma_url):
            return True
        if chroma_url:
            raise IndexUnavailable(
                f"The new vectors in {chroma_url} cannot be found again; the index stays as it "
                "was.",
                hint="Run: rag doctor",
            )
        shutil.rmtree(self.place.vectors)
        return False

    def _is_whole(self, catalogue: Catalogue, chroma_url: str | None) -> bool:
        ids = catalogue.chunk_ids()
        half = CHECKED_VECTORS // 2
        sample = dict.fromkeys([*ids[-half:], *ids[:: max(1, len(ids) // half)]])
        kept, vectors = catalogue.vectors(list(sample))
        if len(kept) != len(sample):
            return False
        if chroma_url is None:
            return folder_holds(self.place.vectors, kept, vectors)
        name = collection_name(self._index, catalogue, self.place)
        with closing(VectorStore(self.place.vectors, url=chroma_url, collection=name)) as store:
            return store.holds(kept, vectors)


def _put(store: VectorStore, catalogue: Catalogue, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), BATCH):
        store.put(*catalogue.vectors(ids[start : start + BATCH]))


def open_vectors(
    index: Path, pointer: Pointer, catalogue: Catalogue, *, chroma_url: str | None
) -> VectorStore | ExactVectors:
    """The vectors of the generation that is read, seen to answer one known question.

    Raises `IndexUnavailable` when they do not.
    """
    place = Place(index, pointer.name)
    if chroma_url is None and not vectors_are_whole(place):
        raise IndexUnavailable(
            f"The files in {place.vectors} are not as they were written.", hint="Run: rag doctor"
        )
    if chroma_url is None and searches_exactly(place):
        return ExactVectors(*catalogue.vectors(catalogue.chunk_ids()))
    name = collection_name(index, catalogue, place)
    store = VectorStore(place.vectors, url=chroma_url, collection=name)
    try:
        if not store.holds(*catalogue.vectors(catalogue.chunk_ids()[:1])):
            raise IndexUnavailable(
                f"The vectors in {chroma_url or place.vectors} do not answer.",
                hint="Run: rag doctor",
            )
    except IndexUnavailable:
        store.close()
        raise
    return store


def mend_vectors(index: Path, pointer: Pointer, *, chroma_url: str | None) -> None:
    """Makes the vectors of the current generation again, as a new generation of this schema.

    Does nothing when another process was quicker. Waits for none where a folder is concerned,
    which can be done without.
    """
    patience = LOCK_SECONDS if chroma_url else 0.0
    with writing(index, waiting=lambda: None, patience=patience):
        if read_pointer(index) == pointer:
            renew(index, pointer, chroma_url=chroma_url)


def renew(index: Path, pointer: Pointer, *, chroma_url: str | None) -> None:
    """`mend_vectors`, for the holder of the write lock."""
    with closing(Draft(index, pointer)) as draft:
        draft.publish(chroma_url=chroma_url, stage=lambda _: None, copy_vectors=False)


def vectors_look_whole(
    index: Path, pointer: Pointer, catalogue: Catalogue, *, chroma_url: str | None
) -> bool:
    """Whether the vectors are there, seen from outside: in a folder by its seal."""
    if chroma_url is None:
        return vectors_are_whole(Place(index, pointer.name))
    try:
        open_vectors(index, pointer, catalogue, chroma_url=chroma_url).close()
    except IndexUnavailable:
        return False
    return True


def remembered_roots(index: Path, current: Catalogue | None) -> list[Path]:
    """The roots of the current catalogue, or of the newest other one that still has them."""
    if current is not None:
        return current.roots()
    for place in reversed(leftovers(index, None)):
        if roots := readable_roots(place.catalogue):
            return roots
    return []


def collection_name(index: Path, catalogue: Catalogue, place: Place) -> str:
    """The name of a generation's collection on a Chroma server that other indexes may share."""
    owner = f"{catalogue.meta('index_id')}\0{index.resolve()}"
    return f"footnote-{hashlib.sha256(owner.encode()).hexdigest()[:12]}-{place.name}"


def clear_leftovers(index: Path, pointer: Pointer, *, chroma_url: str | None) -> None:
    """Deletes every generation that nobody reads, but the current one and the one before."""
    outdated = [place for place in leftovers(index, pointer) if not is_leased(place)]
    if not outdated:
        return
    with closing(Catalogue(Place(index, pointer.name).catalogue)) as catalogue:
        names = [collection_name(index, catalogue, place) for place in outdated]
    for place, name in zip(outdated, names, strict=True):
        if chroma_url:
            try:
                delete_collection(chroma_url, collection=name)
            except IndexUnavailable:
                continue  # the next writer tries again, as long as the folder keeps the name
        discard(place)


@dataclass(frozen=True)
class OpenGeneration:
    """An open generation; its files are closed when nobody refers to it any more."""

    pointer: Pointer
    catalogue: Catalogue
    vectors: VectorStore | ExactVectors
    lease: Lease

    def __post_init__(self) -> None:
        weakref.finalize(self, self.lease.close)
        weakref.finalize(self, self.catalogue.close)
        weakref.finalize(self, self.vectors.close)


def no_index(index: Path) -> IndexUnavailable:
    """The error for an index that is not there."""
    if any(read_seal(place) for place in leftovers(index, None)):
        return IndexUnavailable(f"{index / POINTER} is gone.", hint="Run: rag doctor")
    return IndexUnavailable(f"There is no index in {index}.", hint="Make one: rag index PATH")


def open_generation(index: Path, *, chroma_url: str | None) -> OpenGeneration:
    """Opens the generation that is read; vectors that cannot be read are made again first.

    Where that cannot be done now, because the disk takes no more or another process writes, the
    vectors of the catalogue are searched one by one. Raises `IndexUnavailable` where there is
    no index, or none that can be read.
    """
    tried = False  # to make the vectors again
    while True:
        pointer = read_pointer(index)
        if pointer is None:
            raise no_index(index)
        with ExitStack() as unopened:
            try:
                lease = Lease(Place(index, pointer.name))
                unopened.callback(lease.close)
                catalogue = open_catalogue(Place(index, pointer.name))
                unopened.callback(catalogue.close)
            except IndexOutdated:
                if tried:
                    raise
                tried = True
                unopened.close()
                mend_vectors(index, pointer, chroma_url=chroma_url)
                continue
            except IndexUnavailable:
                if read_pointer(index) == pointer:
                    raise  # without a catalogue there is nothing to make vectors from
                continue  # a writer went past and cleared this generation away
            if read_pointer(index) != pointer:
                continue  # it may be cleared away: it was not leased while it was read
            vectors: VectorStore | ExactVectors
            try:
                vectors = open_vectors(index, pointer, catalogue, chroma_url=chroma_url)
            except IndexUnavailable:
                if tried and chroma_url:
                    raise
                if not tried:
                    tried = True
                    unopened.close()
                    with nullcontext() if chroma_url else suppress(IndexUnavailable):
                        mend_vectors(index, pointer, chroma_url=chroma_url)
                    continue
                vectors = ExactVectors(*catalogue.vectors(catalogue.chunk_ids()))
            unopened.pop_all()
            return OpenGeneration(pointer, catalogue, vectors, lease)

"""`sync`: brings an index up to date with the files, by writing its next generation."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from rag.articles import read_article, without_faqs
from rag.catalogue import Catalogue
from rag.catalogue_writer import CatalogueWriter
from rag.chunking import split_article
from rag.duplicates import Duplicate, find_duplicates
from rag.embedding import Embedder
from rag.errors import ArticleError, IndexUnavailable, UsageError
from rag.generations import Place, Pointer, read_pointer, writing
from rag.mending import keep_damaged, open_current, salvage
from rag.publishing import Draft, clear_leftovers, remembered_roots, vectors_look_whole
from rag.records import Article
from rag.reports import IndexProgress, IndexReport
from rag.roots import FailedFile, absolute, article_files, article_ids, shipped_corpus
from rag.settings import Settings

EMBED_BATCH = 64  # chunks between two reports of progress, and the most that a kill can lose


def sync(
    settings: Settings,
    paths: Sequence[Path] = (),
    *,
    embedder: Embedder,
    progress: Callable[[IndexProgress], None] = lambda step: None,
    rebuild: bool = False,
    keep_missing: bool = False,
) -> IndexReport:
    """Brings the index that the settings name up to date with the files under `paths`.

    An index remembers its roots. Naming a path adds or refreshes that root: new files are added,
    changed ones changed, gone ones removed; other roots stay. With no path all are refreshed,
    the shipped corpus at first. Naming a root that is gone removes its articles and forgets it;
    with `keep_missing` it is reported, since it may come back. `rebuild` reads every file again
    and makes everything but the embeddings anew.

    A file or folder that cannot be read is reported, and what it held before stays. Nothing that
    is unchanged is embedded again, and when nothing has changed nothing is written.

    Raises `UsageError` for a path that is not there and never was, `IndexLocked` while another
    process writes, and `IndexUnavailable` when the index cannot be written. Whatever is raised,
    and wherever this is killed, readers keep the index as it was.
    """
    started = time.monotonic()
    index = settings.index_directory
    named = [absolute(path) for path in paths]
    if not keep_missing:
        _check_paths(index, named)
    with writing(index, waiting=lambda: progress(IndexProgress("waiting"))):
        update = _Update(settings, embedder, progress, rebuild=rebuild)
        try:
            update.refresh(named, keep_missing=keep_missing)
            return update.publish(started)
        finally:
            update.close()


class _Update:
    """One run of `sync`, by the holder of the write lock.

    The next generation is begun by the first thing that differs from the current one, so a run
    that finds no difference writes nothing.
    """

    def __init__(
        self,
        settings: Settings,
        embedder: Embedder,
        progress: Callable[[IndexProgress], None],
        *,
        rebuild: bool,
    ) -> None:
        self._index = settings.index_directory
        self._chroma_url = settings.chroma_url
        self._settings = settings
        self._embedder = embedder
        self._made_with = {  # what the chunks of an unchanged article depend on
            "embedder": embedder.name,
            "chunk_tokens": str(settings.chunk_tokens),
            "leave_out_faqs": str(settings.leave_out_faqs),
            "leave_out_duplicates": "True",  # as the first version did not
        }
        self._progress = progress
        self._rebuild = rebuild
        self._draft: Draft | None = None
        self._is_broken = False
        self._backup: Path | None = None
        self._pointer: Pointer | None = None
        self._current: Catalogue | None = None
        try:
            if current := open_current(self._index, chroma_url=self._chroma_url):
                self._pointer, self._current = current
        except IndexUnavailable:
            if not rebuild:
                raise
            self._backup = keep_damaged(self._index)
            self._is_broken = True
            self._roots = set(salvage(self._index, self._next))
        else:
            self._roots = set(remembered_roots(self._index, self._current))
        known = self._current or (self._draft.catalogue if self._draft else None)
        self._known = {file.path: file for file in (known.files() if known else [])}
        self._present, self._fresh = set[Path](), set[Path]()
        self._added = self._changed = self._unchanged = self._removed = 0
        self._failed: list[FailedFile] = []

    @property
    def _next(self) -> CatalogueWriter:
        """The catalogue of the next generation, begun when first asked for."""
        if self._draft is None:
            self._draft = Draft(self._index, self._pointer)
        return self._draft.catalogue

    def refresh(self, named: Sequence[Path], *, keep_missing: bool) -> None:
        """Carries every difference between the files and the current generation to the next."""
        looked_at = self._choose_roots(named, keep_missing=keep_missing)
        passed_over: dict[Path, str] = {}
        found = set[Path]().union(
            *(article_files(root, passed_over=passed_over.setdefault) for root in looked_at)
        )
        self._failed += [FailedFile.of(folder, why) for folder, why in passed_over.items()]
        gone = {
            file
            for file in self._known.keys() - found
            if _is_under(file, looked_at) or not _is_under(file, self._roots)
            if not _is_under(file, passed_over)
        }
        for file in sorted(gone):
            self._next.remove_file(file)
        self._removed = len(gone)
        self._present = self._known.keys() - gone
        ids = article_ids(found | self._present, roots=self._roots)
        self._rename(ids)
        self._read(sorted(found), ids)
        # A file that could not be read has no article: it is no root by itself, and a name that
        # it would have had may now be another's.
        useless = {path for path in named if path.is_file()} - self._present
        self._roots -= useless
        self._rename(article_ids(self._present, roots=self._roots))
        self._split_again_if_settings_changed()

    def publish(self, started: float) -> IndexReport:
        """Embeds what is new and has the next generation read, if there is one."""
        if self._current and self._pointer and self._is_up_to_date():
            clear_leftovers(self._index, self._pointer, chroma_url=self._chroma_url)
            found = self._current.duplicates()
            return self._report(self._current.chunk_count(), started, duplicates=found)
        if self._pointer is None and not self._roots:
            return self._report(0, started)
        catalogue = self._next
        catalogue.set_roots(self._roots)
        for key, value in self._made_with.items():
            catalogue.set_meta(key, value)
        same = find_duplicates(catalogue.sketches(), wording_of=catalogue.wording)
        for article_id in catalogue.set_duplicates(same):
            self._split(catalogue.article(article_id))
        if self._rebuild:
            catalogue.rebuild_words()
        catalogue.commit()
        self._embed(catalogue)
        chunks, duplicates = catalogue.chunk_count(), catalogue.duplicates()
        assert self._draft is not None
        self._draft.publish(
            chroma_url=self._chroma_url,
            stage=lambda stage: self._progress(IndexProgress(stage, chunks, chunks)),
            copy_vectors=not self._rebuild,
        )
        return self._report(chunks, started, duplicates=duplicates)

    def close(self) -> None:
        if self._current:
            self._current.close()
        if self._draft:
            self._draft.close()

    def _choose_roots(self, named: Sequence[Path], *, keep_missing: bool) -> list[Path]:
        """Adds the named roots, forgets those that were deleted, and says which to look at."""
        self._roots |= {path for path in named if path.exists() or not keep_missing}
        if not self._roots and self._is_broken:
            raise UsageError(
                f"The index in {self._index} does not say any more what it was made of.",
                hint="Name it: rag index --rebuild PATH",
            )
        if not self._roots and not named and self._current is None:
            self._roots = {shipped_corpus()}
        targets = self._roots if self._rebuild or not named else named
        looked_at = []
        for root in sorted(self._roots):
            if not _is_under(root, targets):
                continue
            if not root.exists():
                if not self._was_deleted(root, () if keep_missing else named):
                    self._fail(root, f"{root} is gone. To forget its articles: rag index {root}")
                    continue
                self._roots.remove(root)
            looked_at.append(root)
        return looked_at

    def _was_deleted(self, root: Path, named: Sequence[Path]) -> bool:
        """Whether a missing root was deleted; else it may be on a disk that is not here now."""
        if _is_under(root, named) or (root in self._known and root.parent.is_dir()):
            return True
        return any(other.is_dir() and other in root.parents for other in self._roots)

    def _read(self, files: Sequence[Path], ids: Mapping[Path, str]) -> None:
        """Reads the files that may have changed; those that did go into the next catalogue."""
        # What is a FAQ is decided in reading, which may have been by an earlier version.
        anew = self._rebuild or self._differs("leave_out_faqs")
        to_read = [file for file in files if anew or not self._looks_unchanged(file)]
        self._unchanged += len(files) - len(to_read)
        rewritten: list[tuple[Path, os.stat_result]] = []
        for done, file in enumerate(to_read):
            self._progress(IndexProgress("reading", done, len(to_read)))
            known = self._known.get(file)
            try:
                status = file.stat()  # before reading: a later change then shows as one
                article = read_article(file, article_id=ids[file])
            except (ArticleError, OSError) as error:
                if known and not file.exists():
                    self._next.remove_file(file)
                    self._present.discard(file)
                    self._removed += 1
                else:
                    self._fail(file, str(error))
                continue
            if known and known.content_hash == article.content_hash:
                self._unchanged += 1
                if not self._rebuild:
                    rewritten.append((file, status))
                    continue
            elif known:
                self._changed += 1
            else:
                self._added += 1
            self._present.add(file)
            self._fresh.add(file)
            self._next.put_article(
                article, path=file, size=status.st_size, mtime_ns=status.st_mtime_ns
            )
            self._split(article)
        if self._draft:
            for file, status in rewritten:
                self._next.touch_file(file, size=status.st_size, mtime_ns=status.st_mtime_ns)

    def _looks_unchanged(self, file: Path) -> bool:
        known = self._known.get(file)
        with suppress(OSError):
            status = file.stat()
            return known is not None and (
                (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns)
            )
        return False

    def _split(self, article: Article) -> None:
        chunks = split_article(
            without_faqs(article) if self._settings.leave_out_faqs else article,
            max_tokens=self._settings.chunk_tokens,
            count_tokens=self._embedder.count_tokens,
        )
        self._next.put_chunks(article.id, chunks, embedder_name=self._embedder.name)

    def _rename(self, ids: Mapping[Path, str]) -> None:
        """Gives the articles that are in the index the ids that their files have now."""
        files = self._draft.catalogue.files() if self._draft else self._known.values()
        moved = [
            (file.article_id, ids[file.path])
            for file in files
            if ids.get(file.path, file.article_id) != file.article_id
        ]
        # In two steps, because two articles may swap their ids; no file name begins with NUL.
        for old, new in moved:
            self._next.rename_article(old, "\0" + new)
        for _, new in moved:
            self._next.rename_article("\0" + new, new)
            self._split(self._next.article(new))

    def _split_again_if_settings_changed(self) -> None:
        if not (self._is_broken or self._differs(*self._made_with)):
            return
        for file in self._next.files():
            if file.path not in self._fresh:
                self._split(self._next.article(file.article_id))

    def _differs(self, *names: str) -> bool:
        """Whether the current generation was made with another one of these settings."""
        if self._current is None:
            return False
        return any(self._current.meta(name) != self._made_with[name] for name in names)

    def _is_up_to_date(self) -> bool:
        """Whether nothing differs, and what is there can be searched."""
        assert self._current and self._pointer
        if self._draft or self._rebuild or set(self._current.roots()) != self._roots:
            return False
        return vectors_look_whole(
            self._index, self._pointer, self._current, chroma_url=self._chroma_url
        )

    def _embed(self, catalogue: CatalogueWriter) -> None:
        missing = catalogue.missing_embeddings()
        all_letters = sum(letters for _, _, letters in missing)
        letters_done = 0
        began = time.monotonic()
        for start in range(0, len(missing), EMBED_BATCH):
            left = None
            if letters_done:
                seconds = time.monotonic() - began
                left = seconds * (all_letters - letters_done) / letters_done
            self._progress(IndexProgress("embedding", start, len(missing), left))
            batch = missing[start : start + EMBED_BATCH]
            chunks = catalogue.chunks([chunk_id for _, chunk_id, _ in batch])
            vectors = self._embedder.embed([chunk.embedded_text for chunk in chunks])
            catalogue.put_embeddings([key for key, _, _ in batch], vectors)
            letters_done += sum(letters for _, _, letters in batch)
        if missing:
            self._progress(IndexProgress("embedding", len(missing), len(missing), 0.0))

    def _fail(self, path: Path, error: str) -> None:
        self._failed.append(FailedFile.of(path, error))

    def _report(
        self, chunks: int, started: float, *, duplicates: Sequence[Duplicate] = ()
    ) -> IndexReport:
        return IndexReport(
            added=self._added,
            changed=self._changed,
            unchanged=self._unchanged,
            removed=self._removed,
            failed=tuple(self._failed),
            chunks=chunks,
            seconds=time.monotonic() - started,
            duplicates=tuple(duplicates),
            backup=self._backup,
        )


def _is_under(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a path is one of these or lies in one of them."""
    places = {path, *path.parents}
    return any(folder in places for folder in folders)


def _check_paths(index: Path, named: Sequence[Path]) -> None:
    """Raises `UsageError` for a path that is not there and that the index never had."""
    missing = [path for path in named if not path.exists()]
    if not missing:
        return
    known: list[Path] = []
    with suppress(IndexUnavailable):
        if pointer := read_pointer(index):
            with closing(Catalogue(Place(index, pointer.name).catalogue)) as catalogue:
                known = [*catalogue.roots(), *(file.path for file in catalogue.files())]
    for path in missing:
        if not any(_is_under(one, [path]) for one in known):
            raise UsageError(f"There is no file or folder {path}.", hint="Check the path.")

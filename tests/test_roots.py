from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import UsageError
from rag.roots import absolute, article_files, article_ids, read_articles, shipped_corpus


def ids(files: list[str], roots: list[str]) -> dict[str, str]:
    found = article_ids(map(Path, files), roots=map(Path, roots))
    return {path.as_posix(): name for path, name in found.items()}


def test_an_id_is_the_path_below_the_root() -> None:
    assert ids(["/a/x/n.md", "/a/m.txt", "/b/one.pdf"], ["/a", "/b/one.pdf"]) == {
        "/a/x/n.md": "x/n.md",
        "/a/m.txt": "m.txt",
        "/b/one.pdf": "one.pdf",
    }


def test_a_file_belongs_to_the_outermost_root() -> None:
    assert ids(["/a/x/n.md"], ["/a/x/n.md", "/a/x", "/a"]) == {"/a/x/n.md": "x/n.md"}


def test_the_second_root_with_the_same_name_adds_a_hash() -> None:
    found = ids(["/b/n.md", "/a/n.md"], ["/b", "/a"])
    assert found["/a/n.md"] == "n.md"
    assert found["/b/n.md"].startswith("n.md~")


SEGMENT = st.sampled_from(["a", "b", "n.md", "n.md~", "x"])
PATH = st.lists(SEGMENT, min_size=1, max_size=4).map(lambda parts: Path("/", *parts))


@given(st.lists(PATH), st.lists(PATH), st.randoms())
def test_ids_are_unique_and_independent_of_any_order(files, roots, random) -> None:  # type: ignore[no-untyped-def]
    found = article_ids(files, roots=roots)
    assert len(set(found.values())) == len(found)
    under = {f for f in files if any(f == root or root in f.parents for root in roots)}
    assert found.keys() == under
    random.shuffle(files)
    random.shuffle(roots)
    assert article_ids(files, roots=roots) == found


def test_the_readme_of_the_shipped_corpus_only_is_no_article(tmp_path: Path) -> None:
    tmp_path.joinpath("README.md").write_text("# Mine")
    assert article_files(tmp_path) == [tmp_path / "README.md"]
    shipped = article_files(shipped_corpus())
    assert "README.md" not in {file.name for file in shipped}
    assert article_files(tmp_path / "gone") == []


def test_one_place_has_one_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    assert absolute(Path()) == absolute(Path("../x")) == (tmp_path / "x").resolve()
    assert absolute(Path("../gone.md")) == tmp_path.resolve() / "gone.md"
    assert PurePosixPath(absolute(Path("..")).as_posix()).name == tmp_path.name


def test_articles_are_read_as_an_index_names_them_and_bad_files_told(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").write_text("# B\n\nText.")
    (tmp_path / "a.txt").write_text("Text.")
    (tmp_path / "empty.md").touch()
    articles, failed = read_articles([tmp_path, tmp_path / "a.txt"])
    assert [article.id for article in articles] == ["a.txt", "sub/b.md"]
    assert [file.path for file in failed] == [str(tmp_path / "empty.md")]
    assert "is empty" in failed[0].error
    with pytest.raises(UsageError, match="no file or folder"):
        read_articles([tmp_path / "gone"])

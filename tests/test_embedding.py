from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag.embedding import (
    LEAST_COSINE,
    Embedder,
    SentenceTransformerEmbedder,
    load_embedder,
)
from rag.errors import ModelError, ModelMissing
from rag.llm import LlamaChat
from tests.conftest import need_model

NAME = "all-MiniLM-L6-v2"
TEXTS = ["A video clip costs $5.", "Oil prices rose in 1973. " * 20, "Zürich", "", "a"]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    folder = need_model(NAME)
    return load_embedder(folder, name=NAME, directory=folder.parent)


def test_a_folder_without_a_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=f"rag models pull {NAME}"):
        SentenceTransformerEmbedder(tmp_path, name=NAME)


def test_a_damaged_tokenizer_is_one_line(tmp_path: Path) -> None:
    for name in ("modules.json", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}\n")
    with pytest.raises(ModelError, match=r"tokenizer\.json is not a tokenizer"):
        SentenceTransformerEmbedder(tmp_path, name=NAME)


@pytest.mark.models
def test_tokens_are_counted_beyond_what_the_model_reads(embedder: Embedder) -> None:
    assert embedder.count_tokens("") == 0
    assert embedder.count_tokens("language model") == 2
    assert embedder.count_tokens("language model " * 500) == 1000


@pytest.mark.models
@pytest.mark.slow
def test_each_text_gets_a_row_near_the_reference_whatever_stands_beside_it(
    embedder: Embedder,
) -> None:
    reference = SentenceTransformerEmbedder(need_model(NAME), name=NAME)
    assert embedder.name == f"{reference.name} int8"
    assert (embedder.embed(TEXTS) * reference.embed(TEXTS)).sum(axis=1).min() >= LEAST_COSINE
    together = embedder.embed(TEXTS)
    assert together.dtype == np.float32
    assert together.shape == (len(TEXTS), embedder.dimension)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.array_equal(together, alone)
    assert embedder.embed([]).shape == (0, embedder.dimension)


@pytest.mark.models
@pytest.mark.slow
def test_the_same_meaning_in_other_words_is_nearer_than_another_topic(embedder: Embedder) -> None:
    question, near, far = embedder.embed(
        ["What does one clip cost?", "Video generation is $5 per clip.", "Oil embargo of 1973."]
    )
    assert question @ near > question @ far


@pytest.mark.models
@pytest.mark.slow
def test_threads_may_share_an_embedder(embedder: Embedder) -> None:
    expected = embedder.embed(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(embedder.embed, [TEXTS] * 8):
            assert np.array_equal(vectors, expected)


@pytest.mark.models
@pytest.mark.slow
def test_damaged_weights_are_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(
        need_model(NAME), folder, ignore=shutil.ignore_patterns("*.safetensors", "*.bin")
    )
    (folder / "model.safetensors").write_bytes(b"\xff" * 1000)
    embedder = SentenceTransformerEmbedder(folder, name=NAME)
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        embedder.embed(["text"])
    assert "\n" not in caught.value.message


@pytest.mark.models
def test_the_language_model_reads_and_writes_the_same_beside_an_embedder(
    embedder: Embedder,
) -> None:
    """Both may use the matrix unit of a processor, whose state belongs to a thread."""

    def reply() -> str:
        model = LlamaChat(model_path=str(need_model("smollm2-135m-instruct")), context_length=512)
        return model.bind(max_tokens=24).invoke("Name three colours of the rainbow.").text

    expected = reply()
    model = LlamaChat(model_path=str(need_model("smollm2-135m-instruct")), context_length=512)
    assert model.bind(max_tokens=1).invoke("What is a harbour?").text
    embedder.embed(TEXTS[:1])
    embedder.embed(TEXTS)
    written = model.bind(max_tokens=24).invoke("Name three colours of the rainbow.").text
    assert written == expected == reply()

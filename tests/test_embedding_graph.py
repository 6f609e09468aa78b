"""Laws of the graph: near the reference, no neighbours, made once and never trusted blindly.

The model is a tiny BERT with random weights, made here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag.embedding import (
    GRAPH_KEY,
    LEAST_COSINE,
    GraphEmbedder,
    SentenceTransformerEmbedder,
    load_embedder,
)
from rag.embedding_graph import MOST_STEPS, bert_graph, quantise
from rag.errors import ModelError

WORDS = "oil price rose fell car small clip cost video model answer question".split()
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
MOST_TOKENS = 16
TEXTS = ["", "oil price rose", "video clip cost " * 20, "car", "zebra model"]
CONFIG, POOLING = "config.json", "1_Pooling/config.json"
PROMPTS = "config_sentence_transformers.json"

pytestmark = pytest.mark.slow  # torch takes seconds to load


def write_model(folder: Path) -> Path:
    """A sentence-transformers model of 12 words and 2 layers."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=MOST_TOKENS,
        initializer_range=0.5,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    vocabulary = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "1_Pooling").mkdir()
    small_files = {
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": "[PAD]",
        },
        "sentence_bert_config.json": {"max_seq_length": MOST_TOKENS, "do_lower_case": False},
        POOLING: {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True},
        "modules.json": [
            {
                "idx": number,
                "name": str(number),
                "path": path,
                "type": f"sentence_transformers.models.{kind}",
            }
            for number, (kind, path) in enumerate(
                [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
            )
        ],
    }
    for name, content in small_files.items():
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> GraphEmbedder:
    folder = write_model(tmp_path_factory.mktemp("shared") / "tiny")
    embedder = open_graph(folder, folder.parent)
    embedder.embed(["made now"])
    assert kept_graph(folder.parent).is_file()
    return embedder


def open_graph(model: Path, directory: Path) -> GraphEmbedder:
    return GraphEmbedder(SentenceTransformerEmbedder(model, name="tiny"), directory=directory)


def kept_graph(directory: Path) -> Path:
    return directory / "tiny.int8.onnx"


def assert_near(vectors: NDArray[np.float32], reference: NDArray[np.float32]) -> None:
    """Of length 1, and in the direction of the reference but for rounding."""
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert (vectors * reference).sum(axis=1).min() >= LEAST_COSINE


def change_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_graph_gives_nearly_the_vectors_of_the_reference(model: Path, tmp_path: Path) -> None:
    reference = SentenceTransformerEmbedder(model, name="tiny")
    graph = open_graph(model, tmp_path)
    assert (graph.name, graph.fallback) == ("tiny int8", "")
    assert graph.dimension == reference.dimension
    assert graph.count_tokens("oil price") == reference.count_tokens("oil price")
    assert_near(graph.embed(TEXTS), reference.embed(TEXTS))
    assert kept_graph(tmp_path).is_file()
    assert graph.embed([]).shape == (0, reference.dimension)


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join), min_size=1))
@settings(max_examples=30)
def test_a_vector_is_the_same_to_the_bit_whatever_stands_beside_it(
    shared: GraphEmbedder, texts: list[str]
) -> None:
    alone = np.concatenate([shared.embed([text]) for text in texts])
    assert np.array_equal(shared.embed(texts), alone)


def test_threads_get_the_same_vectors_to_the_bit(shared: GraphEmbedder) -> None:
    expected = shared.embed(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(shared.embed, [TEXTS] * 8):
            assert np.array_equal(vectors, expected)


@given(
    st.lists(
        st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3), min_size=1, max_size=8
    )
)
def test_a_weight_is_rounded_by_half_a_step_and_sums_fit_16_bits(rows: list[list[float]]) -> None:
    weights = np.array(rows, dtype=np.float32)
    integers, steps = quantise(weights)
    assert integers.shape == weights.shape and steps.shape == (3,)
    assert np.abs(integers * steps - weights).max() <= steps.max() * 0.5001
    assert np.abs(integers.astype(int)).max() <= MOST_STEPS
    assert 2 * 255 * MOST_STEPS < 1 << 15


def test_once_the_graph_is_there_torch_is_not_loaded(model: Path, tmp_path: Path) -> None:
    expected = load_embedder(model, name="tiny", directory=tmp_path).embed(TEXTS)
    program = (
        "import sys, json; from pathlib import Path; from rag.embedding import load_embedder;"
        "embedder = load_embedder(Path(sys.argv[1]), name='tiny', directory=Path(sys.argv[2]));"
        "vectors = embedder.embed(json.loads(sys.argv[3])).tolist();"
        "print(json.dumps([vectors, 'torch' in sys.modules]))"
    )
    arguments = [sys.executable, "-c", program, str(model), str(tmp_path), json.dumps(TEXTS)]
    child = subprocess.run(arguments, capture_output=True, text=True, check=True)
    vectors, has_torch = json.loads(child.stdout)
    assert not has_torch
    assert np.array_equal(np.array(vectors, dtype=np.float32), expected)


@pytest.mark.parametrize("damage", [b"", b"no graph", None], ids=["empty", "other", "cut short"])
def test_a_damaged_graph_is_made_again(model: Path, tmp_path: Path, damage: bytes | None) -> None:
    expected = open_graph(model, tmp_path).embed(TEXTS)
    whole = kept_graph(tmp_path).read_bytes()
    kept_graph(tmp_path).write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert np.array_equal(open_graph(model, tmp_path).embed(TEXTS), expected)
    assert kept_graph(tmp_path).read_bytes() == whole


def test_a_changed_model_has_its_graph_made_again(model: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    before = open_graph(model, tmp_path).embed(TEXTS)
    weights = load_file(model / "model.safetensors")
    weights["embeddings.word_embeddings.weight"] *= -1
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    os.utime(model / "model.safetensors", ns=(0, 0))
    after = open_graph(model, tmp_path).embed(TEXTS)
    reference = SentenceTransformerEmbedder(model, name="tiny").embed(TEXTS)
    assert_near(after, reference)
    assert (after * before).sum(axis=1).min() < LEAST_COSINE


def test_the_graph_takes_the_place_of_earlier_ones_and_of_what_was_left(
    model: Path, tmp_path: Path
) -> None:
    for name in ("tiny.onnx", "tiny.onnx.4000001.tmp", "tiny.int8.onnx.4000001.tmp"):
        (tmp_path / name).write_bytes(b"left")
    others = ["tiny-2.int8.onnx", "tiny-2.int8.onnx.4000001.tmp"]
    for name in others:
        (tmp_path / name).write_bytes(b"another model's")
    open_graph(model, tmp_path).embed(["car"])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["tiny", *others, "tiny.int8.onnx"]


@pytest.mark.parametrize(
    ("file", "values", "why"),
    [
        (CONFIG, {"hidden_act": "relu"}, "hidden_act is 'relu'"),
        (POOLING, {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, "pooling"),
        (POOLING, {"pooling_mode_max_tokens": True}, "pooling"),
        # Nothing that the graph looks at: only the comparison with the reference can tell.
        (PROMPTS, {"prompts": {"all": "oil price "}, "default_prompt_name": "all"}, "cosine"),
    ],
    ids=["activation", "pooling", "two poolings", "a prompt before each text"],
)
def test_a_model_that_the_graph_cannot_follow_is_left_to_the_reference(
    model: Path, tmp_path: Path, file: str, values: dict[str, object], why: str
) -> None:
    if not (model / file).exists():
        (model / file).write_text("{}")
    change_json(model / file, **values)
    reference = SentenceTransformerEmbedder(model, name="tiny")
    graph = open_graph(model, tmp_path)
    assert graph.name == reference.name
    assert why in graph.fallback
    assert "\n" not in graph.fallback
    assert np.array_equal(graph.embed(TEXTS), reference.embed(TEXTS))
    assert graph.dimension == reference.dimension
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_where_the_graph_cannot_be_kept_name_and_vectors_are_the_same(
    model: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    unkept, kept = open_graph(model, tmp_path / "file"), open_graph(model, tmp_path)
    assert unkept.name == kept.name
    assert np.array_equal(unkept.embed(TEXTS), kept.embed(TEXTS))


def test_a_model_without_weights_is_one_line(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="gives no graph"):
        bert_graph(model, metadata={GRAPH_KEY: ""})
    with pytest.raises(ModelError, match="cannot be loaded"):
        open_graph(model, tmp_path).embed(TEXTS)

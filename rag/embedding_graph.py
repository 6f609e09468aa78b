"""A BERT with mean pooling as an ONNX graph of small integers: the only file that knows onnx.

The graph reads one text and nothing beside it: there is no padding to compute, and a vector
cannot depend on the texts that were embedded with it. Written node by node rather than traced,
because tracing needs torch and a second package for the same few operators.

    token ids [1, n] -> embeddings -> layers of attention and feed-forward -> mean -> length 1

The linear layers, which are most of the work, multiply integers: their weights are rounded here,
what goes into them is rounded text by text [1]. Everything else stays in fp32.

[1] T. Dettmers et al.: LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale. 2022.
A. Vaswani et al.: Attention is all you need. NeurIPS 2017. J. Devlin et al.: BERT. NAACL 2019.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import DependencyError, ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOKENS, VECTOR = "tokens", "vector"  # the graph's input and output
OPSET = 20  # of the ONNX standard: the first with Gelu
IR_VERSION = 10

# A weight is at most 64 steps from 0, which is seven bits of the eight. With all eight, a processor
# with AVX2 and without VNNI cuts sums of two products off at 16 bits, and a text would have other
# vectors on another laptop; 2 * 255 * 64 fits. It is as quick, and about as near to fp32.
MOST_STEPS = 64

# What the graph computes; a model that says otherwise in config.json is not for it.
ARCHITECTURE = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
}
POOLING = ["pooling_mode_mean_tokens"]


def bert_graph(folder: Path, *, metadata: Mapping[str, str]) -> bytes:
    """The serialised graph of the sentence-transformers model in `folder`, with this metadata.

    Its input `tokens` holds the token ids of one text, special ones included: int64 [1, n].
    Its output `vector` is float32 [1, dimension], of length 1.

    Raises `ModelError` for a model of another architecture or with unusable files, and
    `DependencyError` when onnx cannot be loaded.
    """
    try:
        from onnx import TensorProto, helper
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise DependencyError(
            f"onnx cannot be loaded: {error}", hint="Run: make install"
        ) from error
    try:
        config = _read_config(folder)
        graph = _Graph(load_file(folder / "model.safetensors"))
        output = _forward(graph, config)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(f"The model in {folder} gives no graph: {error!r}.") from error
    graph.apply("LpNormalization", output, axis=-1, p=2, name=VECTOR)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "bert",
            [helper.make_tensor_value_info(TOKENS, TensorProto.INT64, [1, "n"])],
            [helper.make_tensor_value_info(VECTOR, TensorProto.FLOAT, [1, config["hidden_size"]])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, dict(metadata))
    serialised: bytes = model.SerializeToString()
    return serialised


def _read_config(folder: Path) -> dict[str, Any]:
    """The model's config.json. Raises `ValueError` where it asks for what the graph is not."""
    config: dict[str, Any] = ARCHITECTURE | json.loads((folder / "config.json").read_bytes())
    for key, value in ARCHITECTURE.items():
        if config[key] != value:
            raise ValueError(f"{key} is {config[key]!r} instead of {value!r}")
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_bytes())
    modes = [key for key, value in pooling.items() if key.startswith("pooling_mode") and value]
    if modes != POOLING:
        raise ValueError(f"the pooling is {modes} instead of {POOLING}")
    return config


class _Graph:
    """Nodes and constants as they are added; `apply` gives the name of a node's output."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def apply(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        import numpy as np
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def linear(self, x: str, name: str) -> str:
        """In integers, with the operators in the order that onnxruntime joins into one."""
        import numpy as np
        from onnx import TensorProto

        weights, scales = quantise(self.weights[f"{name}.weight"].T)
        rounded, scale, zero = self.rounded(x)
        zero_weight = self.constant(np.int8(0))
        sums = self.apply("MatMulInteger", rounded, self.constant(weights), zero, zero_weight)
        sums = self.apply("Cast", sums, to=TensorProto.FLOAT)
        product = self.apply("Mul", sums, self.apply("Mul", scale, self.constant(scales)))
        return self.apply("Add", product, self.constant(self.weights[f"{name}.bias"]))

    def rounded(self, x: str) -> tuple[str, str, str]:
        """`x` as bytes, with the scale and the zero point that this text's values ask for."""
        from onnx import helper

        name = f"DynamicQuantizeLinear_{len(self.nodes)}"
        outputs = name, f"{name}_scale", f"{name}_zero"
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], outputs))
        return outputs

    def layer_norm(self, x: str, name: str, *, epsilon: float) -> str:
        scale, bias = (self.weights[f"{name}.{part}"] for part in ("weight", "bias"))
        return self.apply(
            "LayerNormalization",
            x,
            self.constant(scale),
            self.constant(bias),
            axis=-1,
            epsilon=epsilon,
        )


def quantise(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights [inputs, outputs] as small integers, and the step of each output: float32 [outputs].

    `integers * steps` is the weights but for half a step.
    """
    import numpy as np

    smallest = np.finfo(np.float32).tiny  # so that nothing is divided by 0
    steps = np.maximum(np.abs(weights).max(axis=0) / MOST_STEPS, smallest).astype(np.float32)
    return np.rint(weights / steps).astype(np.int8), steps


def _forward(graph: _Graph, config: Mapping[str, Any]) -> str:
    """From token ids to the mean of the last layer: float32 [1, hidden_size]."""
    epsilon = config["layer_norm_eps"]
    words = graph.constant(graph.weights["embeddings.word_embeddings.weight"])
    # A single text is all of token type 0, so that its embedding is one more constant.
    positions = graph.constant(
        graph.weights["embeddings.position_embeddings.weight"]
        + graph.weights["embeddings.token_type_embeddings.weight"][0]
    )
    count = graph.apply("Shape", TOKENS, start=1, end=2)
    first = graph.apply("Slice", positions, graph.constant([0]), count, graph.constant([0]))
    x = graph.apply("Add", graph.apply("Gather", words, TOKENS), first)
    x = graph.layer_norm(x, "embeddings.LayerNorm", epsilon=epsilon)
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        mixed = _attention(graph, x, f"{layer}.attention.self", config)
        mixed = graph.linear(mixed, f"{layer}.attention.output.dense")
        x = graph.apply("Add", mixed, x)
        x = graph.layer_norm(x, f"{layer}.attention.output.LayerNorm", epsilon=epsilon)
        wide = graph.apply("Gelu", graph.linear(x, f"{layer}.intermediate.dense"))
        x = graph.apply("Add", graph.linear(wide, f"{layer}.output.dense"), x)
        x = graph.layer_norm(x, f"{layer}.output.LayerNorm", epsilon=epsilon)
    return graph.apply("ReduceMean", x, graph.constant([1]), keepdims=0)


def _attention(graph: _Graph, x: str, name: str, config: Mapping[str, Any]) -> str:
    """Multi-head scaled dot-product attention of every token to every token: [1, n, hidden]."""
    import numpy as np

    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    split = graph.constant([1, -1, heads, hidden // heads])
    query, key, value = (
        graph.apply("Reshape", graph.linear(x, f"{name}.{part}"), split)
        for part in ("query", "key", "value")
    )
    query = graph.apply("Transpose", query, perm=[0, 2, 1, 3])  # [1, heads, n, hidden / heads]
    key = graph.apply("Transpose", key, perm=[0, 2, 3, 1])
    value = graph.apply("Transpose", value, perm=[0, 2, 1, 3])
    scale = graph.constant(np.float32(1 / math.sqrt(hidden // heads)))
    scores = graph.apply("Mul", graph.apply("MatMul", query, key), scale)
    mixed = graph.apply("MatMul", graph.apply("Softmax", scores, axis=-1), value)
    joined = graph.apply("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.apply("Reshape", joined, graph.constant([1, -1, hidden]))

"""A low-rank adapter in the form in which llama.cpp computes with it most quickly.

An adapter is two narrow matrices beside each of a model's. It is kept in 16 bits at the rank that
it was learned with, and its products are so narrow that llama.cpp spends as long on each as on a
hundred times the numbers. In 32 bits and with rows of zeros up to 16, which change nothing, its
quick way applies, and reading a prompt takes no longer with the adapter than without.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUICK_RANK = 16
ALPHA = "adapter.lora.alpha"


@contextmanager
def quick_adapter(path: Path) -> Iterator[Path]:
    """A file, for as long as it is needed, with the same adapter in the quick form.

    Raises `ValueError` where the file holds none.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except (IndexError, KeyError, TypeError) as error:  # what it meets in a file that is none
        raise ValueError(f"{path} is no GGUF file") from error
    if ALPHA not in reader.fields or not reader.tensors:
        raise ValueError(f"{path} holds no adapter")
    rank = min(int(size) for tensor in reader.tensors for size in tensor.shape)
    missing = max(0, QUICK_RANK - rank)
    matrices = {}
    for tensor in reader.tensors:
        rows, columns = (missing, 0) if tensor.name.endswith("lora_a") else (0, missing)
        matrix = tensor.data.reshape(tensor.shape[::-1]).astype(np.float32)
        matrices[tensor.name] = np.ascontiguousarray(np.pad(matrix, ((0, rows), (0, columns))))
    with tempfile.TemporaryDirectory() as folder:
        quick = Path(folder) / path.name
        write_adapter(
            quick,
            matrices,
            architecture=reader.fields["general.architecture"].contents(),
            # llama.cpp divides by the rank that it finds.
            alpha=reader.fields[ALPHA].contents() * max(1, QUICK_RANK / rank),
        )
        yield quick


def write_adapter(
    path: Path, matrices: Mapping[str, NDArray[Any]], *, architecture: str, alpha: float
) -> None:
    """Write the matrices of an adapter to a model of this architecture as llama.cpp reads them."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32(ALPHA, alpha)
    for name, matrix in matrices.items():
        writer.add_tensor(name, matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUICK_RANK = 16
ALPHA = "adapter.lora.alpha"


@dataclass(frozen=True, slots=True)
class LowRankAdapter:
    """Matrices by their names, "….lora_a" [rank, wide] and "….lora_b" [high, rank].

    `architecture` is that of the model beside whose matrices they stand.
    """

    matrices: Mapping[str, NDArray[Any]]
    architecture: str
    alpha: float

    @property
    def rank(self) -> int:
        """The narrow side of its matrices."""
        return min(int(size) for matrix in self.matrices.values() for size in matrix.shape)


def read_adapter(path: Path) -> LowRankAdapter:
    """The adapter in a GGUF file; raises `ValueError` where it holds none."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except (IndexError, KeyError, TypeError) as error:  # what it meets in a file that is none
        raise ValueError(f"{path} is no GGUF file") from error
    if ALPHA not in reader.fields or not reader.tensors:
        raise ValueError(f"{path} holds no adapter")
    return LowRankAdapter(
        matrices={
            tensor.name: tensor.data.reshape(tensor.shape[::-1]) for tensor in reader.tensors
        },
        architecture=reader.fields["general.architecture"].contents(),
        alpha=reader.fields[ALPHA].contents(),
    )


@contextmanager
def quick_adapter(path: Path) -> Iterator[Path]:
    """A file, for as long as it is needed, with the same adapter in the quick form.

    Raises `ValueError` where the file holds none.
    """
    adapter = read_adapter(path)
    missing = max(0, QUICK_RANK - adapter.rank)
    matrices = {}
    for name, matrix in adapter.matrices.items():
        rows, columns = (missing, 0) if name.endswith("lora_a") else (0, missing)
        padded = np.pad(matrix.astype(np.float32), ((0, rows), (0, columns)))
        matrices[name] = np.ascontiguousarray(padded)
    # llama.cpp divides by the rank that it finds.
    alpha = adapter.alpha * max(1, QUICK_RANK / adapter.rank)
    with tempfile.TemporaryDirectory() as folder:
        quick = Path(folder) / path.name
        write_adapter(quick, replace(adapter, matrices=matrices, alpha=alpha))
        yield quick


def write_adapter(path: Path, adapter: LowRankAdapter) -> None:
    """Write an adapter as llama.cpp reads it."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, adapter.architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32(ALPHA, adapter.alpha)
    for name, matrix in adapter.matrices.items():
        writer.add_tensor(name, matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

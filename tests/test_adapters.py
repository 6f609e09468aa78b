"""An adapter in the quick form is the same adapter."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gguf import GGUFReader

from eval.adapter import ALPHA, RANK, write
from rag.adapters import QUICK_RANK, quick_adapter


def product(path: Path) -> tuple[np.ndarray, int]:
    """(what an adapter adds to a matrix, its rank), as llama.cpp computes it."""
    reader = GGUFReader(path)
    down, up = (tensor.data.reshape(tensor.shape[::-1]) for tensor in reader.tensors)
    scale = reader.fields["adapter.lora.alpha"].contents() / len(down)
    return np.array(up @ down * scale, dtype=np.float32), len(down)


def test_the_quick_form_adds_what_the_adapter_adds(tmp_path: Path) -> None:
    pair = SimpleNamespace(down=torch.randn(RANK, 64), up=torch.randn(48, RANK))
    path = tmp_path / "noise.gguf"
    write({"blk.0.ffn_up.weight": pair}, path)
    before, rank = product(path)
    with quick_adapter(path) as quick:
        after, quick_rank = product(quick)
    assert (rank, quick_rank) == (RANK, QUICK_RANK)
    np.testing.assert_allclose(after, before, rtol=0.02, atol=0.05)
    learned = pair.up @ pair.down * (ALPHA / RANK)
    np.testing.assert_allclose(after, learned.numpy(), rtol=0.02, atol=0.05)
    assert not quick.exists()


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + bytes(range(256)) * 8, b"noise" * 99])
def test_a_file_that_is_none_is_refused_as_such(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.gguf"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."), quick_adapter(path):
        pass

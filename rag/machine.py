"""What this machine is, for whoever compares two measurements."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rag.engine import physical_cores

LIBRARIES = (
    "footnote",
    "llama-cpp-python",
    "onnxruntime",
    "torch",
    "sentence-transformers",
    "chromadb",
    "langchain-core",
)


def machine_facts() -> dict[str, Any]:
    """Processor, physical cores, memory, system, and versions; None for a library not here."""
    import psutil

    return {
        "processor": _processor(),
        "cores": physical_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    """The name that Linux gives; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

"""Data flows one way: a module imports only what stands above it in the flow."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Top to bottom. Modules on one line are one room, and know only the lines above.
FLOW = """
offline preflight
records errors
settings sentences terms reading
amounts spelling
amounts_asked
normalisation models engine units
questions page_pairs
blocks formats tables web_pages transfers
books messages ignoring
articles hub wheels
chunking downloads embedding_graph duplicates
embedding
catalogue
catalogue_writer
generations vectors
seals
roots
publishing
mending reports
index
updating
watching library
retrieval
sides
evidence
prompts model_server prefixes stopping name_faults
number_faults
comparison_faults
adapters
llm pointing verification answerability conversation descriptions
chat_models
disagreement reasons
confirmation
drafting
answering steps
parts
pipeline
batch terminal doctor rounds machine
bench_parts
bench
cli_models cli_index cli_bench
cli
__main__
"""
ROOMS = {name: depth for depth, line in enumerate(FLOW.split("\n")) for name in line.split()}

# The one module that knows each library; LangChain is the public joint and may be anywhere.
LIBRARIES = {
    "chromadb": {"vectors"},
    "llama_cpp": {"llm", "engine"},
    "sentence_transformers": {"embedding"},
    "onnx": {"embedding_graph"},
    "onnxruntime": {"embedding"},
    "torch": {"embedding"},
    "tokenizers": {"embedding"},
    "gguf": {"adapters"},
    "sqlite3": {"catalogue"},
    "charset_normalizer": {"reading"},
    "trafilatura": {"web_pages"},
    "lxml": {"web_pages"},
    "pypdf": {"formats"},
    "docx": {"formats"},
    "openpyxl": {"tables"},
    "huggingface_hub": {"hub"},
    "langchain_openai": {"model_server"},
    "snowballstemmer": {"terms"},
    "pathspec": {"ignoring"},
    "watchfiles": {"watching"},
}


def imports(path: Path, *, at_import: bool = False) -> set[str]:
    """Dotted names that a file imports; `at_import` leaves out what functions import."""
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        skip = at_import and (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        )
        if not skip:
            pending += ast.iter_child_nodes(node)
    return found


def modules(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py")


def inside(names: set[str], package: str) -> set[str]:
    """The modules of `package` among dotted names."""
    parts = [name.split(".") for name in names]
    return {part[1] for part in parts if part[0] == package and len(part) > 1}


def test_every_module_has_its_place_in_the_flow() -> None:
    assert {path.stem for path in modules("rag")} == set(ROOMS)


@pytest.mark.parametrize("path", modules("rag"), ids=lambda path: path.stem)
def test_a_module_imports_only_from_above(path: Path) -> None:
    below = {
        name
        for name in inside(imports(path), "rag")
        if ROOMS[name] >= ROOMS[path.stem] and name != path.stem
    }
    assert not below, f"{path.name} imports {sorted(below)}, which stand beside or below it"


@pytest.mark.parametrize("folder", ["ui", "eval"])
def test_ui_and_eval_use_only_what_rag_exports(folder: str) -> None:
    import rag

    for path in modules(folder):
        assert inside(imports(path), "rag") <= set(rag.__all__), path


@pytest.mark.parametrize("path", modules("rag") + modules("ui"), ids=lambda path: path.stem)
def test_a_library_lives_in_one_module(path: Path) -> None:
    used = {name.split(".")[0] for name in imports(path)} & set(LIBRARIES)
    assert all(path.stem in LIBRARIES[library] for library in used), used


@pytest.mark.parametrize("path", modules("rag") + modules("ui"), ids=lambda path: path.stem)
def test_heavy_libraries_are_not_imported_with_a_module(path: Path) -> None:
    heavy = set(LIBRARIES) - {"sqlite3", "langchain_openai"} | {"gradio"}
    assert not {name.split(".")[0] for name in imports(path, at_import=True)} & heavy


def test_the_command_starts_without_heavy_libraries() -> None:
    import subprocess

    code = "import rag.cli, sys; print(sorted(set(sys.modules) & {'torch','chromadb','gradio'}))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert run.stdout.strip() == "[]"

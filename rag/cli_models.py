"""`rag models`: list, fetch and find the models."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from rag import terminal
from rag.settings import load_settings
from rag.terminal import JsonOption, err, out, print_json

if TYPE_CHECKING:
    from rag.transfers import PullProgress

models_app = typer.Typer(no_args_is_help=True, help="List, fetch and find the models.")


@models_app.command("list")
def models_list(as_json: JsonOption = False) -> None:
    """List the models that can be fetched, and which are here."""
    from rag.models import is_present, readable_bytes, registry

    settings = load_settings()
    rows: list[dict[str, Any]] = [
        {
            "name": spec.name,
            "bytes": spec.size,
            "licence": spec.licence,
            "present": is_present(spec, directory=settings.models_directory),
            "path": str(spec.location(settings.models_directory)),
        }
        for spec in registry()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("name", "size", "licence", "here", box=None)
    for row in rows:
        here = "[green]yes[/green]" if row["present"] else "no"
        table.add_row(row["name"], readable_bytes(row["bytes"]), row["licence"], here)
    out.print(table)
    out.print(
        f"[dim]In {settings.models_directory}; any other instruct model: --model FILE.gguf[/dim]"
    )


@models_app.command("pull", epilog="Example: rag models pull qwen2.5-coder-1.5b-instruct")
def models_pull(
    name: Annotated[str, typer.Argument(help="A name from `rag models list`.")],
) -> None:
    """Fetch a model, verify every byte, and keep it for offline use. Resumes where it stopped."""
    from rag.downloads import pull
    from rag.models import lookup

    settings = load_settings()
    spec = lookup(name)
    with terminal.downloading(err) as progress:
        task = progress.add_task(name, total=spec.size)

        def show(step: PullProgress) -> None:
            progress.update(
                task,
                description=f"{name} · {step.source} {step.detail}".rstrip(" ·"),
                completed=step.done_bytes,
                total=step.total_bytes,
            )

        path = pull(spec, directory=settings.models_directory, progress=show)
    out.print(f"{name} is ready: {path}")


@models_app.command("path", epilog="Example: rag models path all-MiniLM-L6-v2")
def models_path(
    name: Annotated[str, typer.Argument(help="A name from `rag models list`.")],
) -> None:
    """Print where a model's file is; exit 1 if it is not here."""
    from rag.models import find

    sys.stdout.write(f"{find(name, directory=load_settings().models_directory)}\n")

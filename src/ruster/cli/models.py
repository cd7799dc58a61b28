"""``rusterctl models``: what can answer, and bringing models here and away."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ruster.cli.location import socket_path
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.progress import ProgressLine
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable, visible, write_line
from ruster.client.sync import SyncClient
from ruster.protocol.events import (
    LocalModelSummary,
    ModelCatalogueEvent,
    ModelDownloaded,
    ModelList,
    ModelReport,
    ModelsImported,
    ProgressEvent,
)

__all__ = [
    "list_models",
    "model_rows",
    "pull",
    "remove",
    "show",
    "take_in",
    "verify",
]

_MIB = 1 << 20
_All = Annotated[
    bool, typer.Option("--all", "-a", help="The local models, also those not here yet.")
]
_Model = Annotated[
    str, typer.Argument(help="A name of the list, ORG/REPO, ORG/REPO:QUANT or ORG/REPO:FILE.gguf.")
]
_Quant = Annotated[
    str | None, typer.Option("--quant", "-q", help="The quantization, such as Q4_K_M or Q8_0.")
]
_Path = Annotated[str, typer.Argument(help="A GGUF file, or the models folder with --from.")]
_From = Annotated[
    str | None, typer.Option("--from", help="Whose folder it is: ollama or lmstudio.")
]
_Name = Annotated[str | None, typer.Option("--name", help="What to call the file.")]


def list_models(
    catalogue: _All = False, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """List the models that can answer now, the default one with a star."""
    if catalogue:
        known = request(socket, ModelCatalogueEvent, "model_list", as_json)
        if known is not None:
            print_rows(("Model", "Here", "Kind", "Size"), [_row(model) for model in known.models])
        return
    listed = request(socket, ModelList, "models", as_json)
    if listed is None:
        return
    print_rows(("Model", "", "Window", "Size"), model_rows(listed))
    for provider, reason in listed.unreachable.items():
        print(f"{provider}: {visible(reason)}", file=sys.stderr)


def pull(
    model: _Model, quant: _Quant = None, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Bring a model to this machine. Stopped with Ctrl-C it goes on from there the next time."""
    bar = ProgressLine()
    with SyncClient(socket_path(socket)) as client:
        try:
            for parsed in client.follow("model_download", model=model, quant=quant):
                if as_json:
                    write_line(parsed.line)
                elif isinstance(parsed.event, ProgressEvent):
                    bar.show(parsed.event)
                elif isinstance(parsed.event, ModelDownloaded):
                    bar.close()
                    print(printable(parsed.event.path))
        finally:
            bar.close()


def remove(model: _Model, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Take a model off this machine; files of other programs stay where they are."""
    report = request(socket, ModelReport, "model_remove", as_json, model=model)
    if report is not None:
        print(f"removed {printable(report.model.name)}")


def show(model: _Model, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Tell what is known of a local model."""
    report = request(socket, ModelReport, "model_show", as_json, model=model)
    if report is not None:
        told = report.model.model_dump(exclude_none=True)
        print_rows(("What", "Value"), [(key, str(value)) for key, value in told.items()])


def verify(model: _Model, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Check a model's files against the checksum they came with."""
    report = request(socket, ModelReport, "model_verify", as_json, model=model)
    if report is not None:
        print(f"{printable(report.model.name)} is as it was published")


def take_in(
    path: _Path,
    source: _From = None,
    name: _Name = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in models that lie on this machine already; nothing is copied."""
    taken = request(
        socket,
        ModelsImported,
        "model_import",
        as_json,
        path=str(Path(path).expanduser().absolute()),
        source=source or "file",
        name=name,
    )
    if taken is not None:
        print_rows(("Model", "Here", "Kind", "Size"), [_row(model) for model in taken.models])


def model_rows(listed: ModelList) -> list[tuple[str, str, str, str]]:
    """Word a list: name, star, window in tokens, size."""
    return [
        (
            str(model.get("id", "")),
            "*" if model.get("id") == listed.default else "",
            str(model.get("context_size") or ""),
            _size(model.get("size_bytes")),
        )
        for model in listed.models
    ]


def _row(model: LocalModelSummary) -> tuple[str, str, str, str]:
    kind = "vectors" if model.purpose == "Embedding" else "answers"
    return model.name, "yes" if model.here else "", kind, _size(model.size_bytes)


def _size(size_bytes: int | None) -> str:
    return f"{size_bytes / _MIB:.0f} MiB" if size_bytes else ""

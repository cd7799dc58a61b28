"""``rusterctl models``."""

from __future__ import annotations

import sys

from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import visible
from ruster.protocol.events import ModelList

__all__ = ["model_rows", "models"]

_MIB = 1 << 20


def models(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """List the models that can answer now; the default one has a star."""
    listed = request(socket, ModelList, "models", as_json)
    if listed is None:
        return
    print_rows(("Model", "", "Window", "Size"), model_rows(listed))
    for provider, reason in listed.unreachable.items():
        print(f"{provider}: {visible(reason)}", file=sys.stderr)


def model_rows(listed: ModelList) -> list[tuple[str, str, str, str]]:
    """Word a list: name, star, window in tokens, size."""
    return [
        (
            str(model.get("id", "")),
            "*" if model.get("id") == listed.default else "",
            str(model.get("context_size") or ""),
            f"{size / _MIB:.0f} MiB" if (size := model.get("size_bytes")) else "",
        )
        for model in listed.models
    ]

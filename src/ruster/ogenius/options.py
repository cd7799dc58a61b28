"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "DEFAULT_EMBED_MODEL",
    "DEFAULT_MODEL",
    "DEFAULT_UNLOAD_S",
    "STUB",
    "ContextSizeOption",
    "LoadModelsOption",
    "ModelOption",
    "NoUnloadOption",
    "QuantOption",
    "StubOption",
    "ThinkingOption",
    "UnloadAfterOption",
]

DEFAULT_MODEL = "Qwen/Qwen2.5-1.5B-Instruct"
DEFAULT_EMBED_MODEL = "nomic-embed-text"
DEFAULT_UNLOAD_S = 300.0
STUB = "pinky/tiny-model"
"""The model of ``--stub``."""

_HOW_TO_NAME = "ORG/REPO of the hub, a name of `ogenius models list --all`, or a GGUF file's path."

ModelOption = Annotated[str, typer.Option("--model", "-m", help=_HOW_TO_NAME)]
QuantOption = Annotated[
    str | None,
    typer.Option("--quant", "-q", help="The quantization, such as Q4_K_M, and no other."),
]
ContextSizeOption = Annotated[
    int | None,
    typer.Option("--context-size", min=16, max=1 << 24, help="The largest window, in tokens."),
]
ThinkingOption = Annotated[
    bool,
    typer.Option("--show-thinking/--no-show-thinking", help="Whether thoughts are shown."),
]
LoadModelsOption = Annotated[
    list[str] | None,
    typer.Option("--load-models", help="Another model to fetch first; may be repeated."),
]
UnloadAfterOption = Annotated[
    float,
    typer.Option(
        "--unload-after",
        min=0,
        max=1e9,
        help="Unload a model that nobody used for so many seconds.",
    ),
]
NoUnloadOption = Annotated[bool, typer.Option("--no-unload", help="Keep models loaded.")]
StubOption = Annotated[
    bool, typer.Option("--stub", help="Let the stub answer: no model, no engine, fixed words.")
]

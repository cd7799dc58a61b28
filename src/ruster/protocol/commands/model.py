"""Commands about local models."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase

__all__ = [
    "ImportSource",
    "ModelCancel",
    "ModelCatalogue",
    "ModelCommand",
    "ModelDownload",
    "ModelImport",
    "ModelRemove",
    "ModelShow",
    "ModelVerify",
]


class ImportSource(StrEnum):
    """Whose models are taken in."""

    FILE = "file"
    OLLAMA = "ollama"
    LMSTUDIO = "lmstudio"


class ModelCommand(CommandBase):
    """A command about one local model, for the daemon's own user and root."""

    model: Annotated[str, Field(min_length=1, max_length=1024)]
    """A name of the catalogue, `ORG/REPO`, `ORG/REPO:QUANT`, `ORG/REPO:FILE.gguf`, or a path."""


class ModelCatalogue(CommandBase):
    """List the local models: those of this machine and those the catalogue knows."""

    action: Literal["model_list"] = "model_list"
    here: bool = False
    """Only those of this machine."""


class ModelShow(ModelCommand):
    """Tell what is known of a local model."""

    action: Literal["model_show"] = "model_show"


class ModelDownload(ModelCommand):
    """Bring a model to this machine. `progress` comes until it is here.

    All who want the same file share one download; it stops when the last one closes its connection
    or `model_cancel` ends it, keeps what has come, and goes on from there the next time.
    """

    action: Literal["model_download"] = "model_download"
    quant: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """The quantization, such as `Q8_0`; else the configured one."""


class ModelCancel(ModelCommand):
    """End a model's download for all who wait for it."""

    action: Literal["model_cancel"] = "model_cancel"


class ModelRemove(ModelCommand):
    """Forget a model of this machine; its bytes are deleted if ruster downloaded them."""

    action: Literal["model_remove"] = "model_remove"


class ModelVerify(ModelCommand):
    """Hash a model's files anew and compare with what was published."""

    action: Literal["model_verify"] = "model_verify"


class ModelImport(CommandBase):
    """Take in models that lie on this machine already, without copying them."""

    action: Literal["model_import"] = "model_import"
    path: Annotated[str, Field(min_length=1, max_length=4096)]
    """A GGUF file, or the folder in which Ollama or LM Studio keeps its models."""
    source: Annotated[ImportSource, Field(strict=False)] = ImportSource.FILE
    """What lies there: `file`, `ollama` or `lmstudio`."""
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """What to call the file; else its own name."""

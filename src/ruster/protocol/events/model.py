"""Answers to commands about models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = [
    "LocalModelSummary",
    "ModelCancelled",
    "ModelCatalogueEvent",
    "ModelDownloaded",
    "ModelList",
    "ModelReport",
    "ModelsImported",
]


class ModelList(Reply):
    """Models that can answer now; `unreachable` says which providers could not be asked and why."""

    event: Literal["models"] = "models"
    models: list[dict[str, Any]]
    default: str
    """The model of sessions that name none."""
    unreachable: dict[str, str]
    """Provider to reason."""


class LocalModelSummary(BaseModel):
    """One local model; what is about its file is absent while it is not here."""

    model_config = ConfigDict(frozen=True)

    name: str
    purpose: str
    """`Inference` or `Embedding`."""
    here: bool
    """Whether its file is on this machine."""
    repo: str | None = None
    filename: str | None = None
    quantization: str | None = None
    path: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    """Its checksum; of a file in parts one each, with commas between."""
    origin: str | None = None
    """`hub` for what ruster has downloaded, `found` or `import` for files of others."""


class ModelCatalogueEvent(Reply):
    """The local models."""

    event: Literal["model_list"] = "model_list"
    models: list[LocalModelSummary]


class ModelReport(Reply):
    """One local model; the answer to `model_show`, `model_remove` and `model_verify`."""

    event: Literal["model"] = "model"
    model: LocalModelSummary


class ModelDownloaded(Reply):
    """The model is here and its checksum is right."""

    event: Literal["model_downloaded"] = "model_downloaded"
    model: str
    """As it was asked for."""
    path: str


class ModelCancelled(Reply):
    """What `model_cancel` did."""

    event: Literal["model_cancelled"] = "model_cancelled"
    model: str
    cancelled: bool
    """False if it was not being downloaded."""


class ModelsImported(Reply):
    """The models that were taken in."""

    event: Literal["models_imported"] = "models_imported"
    models: list[LocalModelSummary]

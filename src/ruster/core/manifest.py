"""Model manifests: raw entries as a person or the system wrote them, and what they resolve to.

A manifest file holds ``[[models]]`` tables with ``name``, ``repo``, ``filename``, ``quantization``
and ``purpose``, each optional, and may hold ``[defaults]`` with the same keys. What lies on this
machine is told by ``path``, ``size_bytes``, ``sha256`` (a file in parts has one per part, separated
by commas) and ``origin``. Later files win key by key. Reading the files is not done here: these
classes take plain dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from ruster.core.errors import ConfigError

__all__ = ["ManifestEntry", "ModelSpec", "Purpose", "UserManifest"]


class Purpose(StrEnum):
    """What a model is for."""

    INFERENCE = "Inference"
    EMBEDDING = "Embedding"


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One raw entry; None means "not said here"."""

    name: str | None = None
    repo: str | None = None
    filename: str | None = None
    quantization: str | None = None
    purpose: str | None = None
    path: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    origin: str | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: str) -> ManifestEntry:
        """Read a table; raises ConfigError (``manifest_invalid``) for a wrong key or type."""
        known = {entry.name for entry in fields(cls)}
        for key, value in data.items():
            if key not in known:
                raise _invalid(f"{where} has an unknown key {key!r}; known are {sorted(known)}")
            if not _fits(key, value):
                wanted = "a size in bytes" if key == "size_bytes" else "text"
                raise _invalid(f"{where}: {key} must be {wanted}, not {type(value).__name__}")
        return cls(**data)

    def over(self, base: ManifestEntry) -> ManifestEntry:
        """Return this entry with what it leaves out taken from ``base``."""
        return replace(base, **{key: value for key, value in asdict(self).items() if value})


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A resolved model: where its file comes from and what it is for."""

    name: str
    repo: str
    filename: str
    quantization: str = "Q4_K_M"
    purpose: Purpose = Purpose.INFERENCE


@dataclass(frozen=True, slots=True)
class UserManifest:
    """The raw entries of one manifest, or of several merged, with defaults for all entries."""

    models: tuple[ManifestEntry, ...] = ()
    defaults: ManifestEntry = field(default_factory=ManifestEntry)

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> UserManifest:
        """Read the dictionary of a manifest file; raises ConfigError (``manifest_invalid``)."""
        tables = data.get("models", [])
        if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
            raise _invalid("a manifest's models must be written as [[models]] tables")
        defaults = data.get("defaults", {})
        if not isinstance(defaults, Mapping):
            raise _invalid("a manifest's defaults must be written as a [defaults] table")
        models = tuple(
            ManifestEntry.parse(table, f"model no. {number}")
            for number, table in enumerate(tables, start=1)
        )
        return cls(models, ManifestEntry.parse(defaults, "[defaults]"))

    def merge(self, later: UserManifest) -> UserManifest:
        """Return both as one: entries of the same name are joined and ``later`` wins key by key."""
        return UserManifest(
            tuple(_joined((*self.models, *later.models))), later.defaults.over(self.defaults)
        )

    def find(self, name: str) -> ManifestEntry | None:
        """Return the entry called ``name`` with the defaults filled in, or None."""
        entry = next((model for model in _joined(self.models) if model.name == name), None)
        return entry.over(self.defaults) if entry is not None else None

    def resolve(self, name: str) -> ModelSpec:
        """Return the spec of the model called ``name``.

        Raises ConfigError: ``model_unknown`` when no entry has that name, ``manifest_invalid`` when
        the entry and the defaults together leave out its repo or file.
        """
        full = self.find(name)
        if full is None:
            raise ConfigError(f"Model {name!r} not found in registry", code="model_unknown")
        if not full.repo or not full.filename:
            raise _invalid(f"model {name!r} needs both a repo and a filename")
        optional = {"quantization": full.quantization} if full.quantization else {}
        return ModelSpec(name, full.repo, full.filename, **optional, purpose=_purpose(full))


def _fits(key: str, value: object) -> bool:
    """Whether ``value`` has the type of ``key``; a boolean is no size."""
    if key == "size_bytes":
        return type(value) is int and value >= 0
    return isinstance(value, str)


def _joined(models: Iterable[ManifestEntry]) -> list[ManifestEntry]:
    """Join entries of the same name, later ones over earlier ones; keep the first one's place."""
    named: dict[str, ManifestEntry] = {}
    for number, model in enumerate(models):
        key = model.name or f"\0{number}"
        named[key] = model.over(named[key]) if key in named else model
    return list(named.values())


def _purpose(entry: ManifestEntry) -> Purpose:
    try:
        return Purpose((entry.purpose or Purpose.INFERENCE).capitalize())
    except ValueError:
        raise _invalid(
            f"model {entry.name!r}: purpose must be Inference or Embedding, not {entry.purpose!r}"
        ) from None


def _invalid(message: str) -> ConfigError:
    return ConfigError(message, code="manifest_invalid")

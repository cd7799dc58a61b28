"""A model as the store shows it, and the search among those that are on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ruster.core.manifest import ManifestEntry, Purpose
from ruster.modelstore.names import Asked
from ruster.modelstore.quants import part_names, quant_of, rank

__all__ = ["StoredModel", "find_stored", "parts"]

_SIBLING = "-GGUF"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model: ``path`` (of its first part), size and hashes are None until it is here.

    ``origin`` says whose the file is: ``hub`` (downloaded by the store), ``found`` (had been in the
    hub's cache before) or ``import``. Only the first is ever deleted.
    """

    name: str
    repo: str | None
    filename: str | None
    quantization: str | None
    purpose: Purpose
    path: Path | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    origin: str | None = None

    @classmethod
    def of(cls, name: str, entry: ManifestEntry) -> StoredModel:
        """Show an entry of the catalogue; a file that is gone or of another size is not here."""
        path = Path(entry.path).expanduser() if entry.path else None
        size = _size(path) if path is not None else None
        here = size is not None and entry.size_bytes in (None, size)
        return cls(
            name=name,
            repo=entry.repo,
            filename=entry.filename,
            quantization=entry.quantization or quant_of(entry.filename or ""),
            purpose=_purpose(entry),
            path=path if here else None,
            size_bytes=size if here else None,
            sha256=entry.sha256 if here else None,
            origin=entry.origin if here else None,
        )


def parts(path: Path) -> tuple[Path, ...]:
    """Return the paths of all parts of a model, given that of its first."""
    return tuple(path.with_name(name) for name in part_names(path.name))


def find_stored(models: Iterable[StoredModel], asked: Asked, default: str) -> StoredModel | None:
    """Return the model that is here and fits; of several the preferred quantization."""
    fitting = [model for model in models if model.path is not None and _fits(model, asked)]
    return min(fitting, key=lambda model: _preference(model, default), default=None)


def _size(path: Path) -> int | None:
    try:
        return sum(part.stat().st_size for part in parts(path))
    except OSError:
        return None


def _fits(model: StoredModel, asked: Asked) -> bool:
    return (
        model.repo in (asked.repo, asked.repo + _SIBLING)
        and asked.filename in (None, model.filename)
        and (
            asked.quant is None
            or asked.filename is not None
            or (model.quantization or "").casefold() == asked.quant.casefold()
        )
    )


def _preference(model: StoredModel, default: str) -> tuple[int, str]:
    return rank(model.quantization, default), model.filename or ""


def _purpose(entry: ManifestEntry) -> Purpose:
    try:
        return Purpose((entry.purpose or Purpose.INFERENCE).capitalize())
    except ValueError:
        return Purpose.INFERENCE

"""Model files that a person has put into the models folder by hand. All functions block."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ruster.core.manifest import Purpose
from ruster.modelstore.quants import part_names, quant_of
from ruster.modelstore.stored import StoredModel

__all__ = ["find_loose", "list_loose"]

_EMBEDDERS = ("embed", "bert", "minilm", "bge-")


def list_loose(folder: Path, known: Collection[Path]) -> list[StoredModel]:
    """List the model files below ``folder`` that are none of the ``known`` paths.

    A name is the path below the folder, without its ``.gguf``.
    """
    if not folder.is_dir():
        return []
    found = sorted(path for path in folder.rglob("*.gguf") if path.is_file())
    return [
        _model(path, folder)
        for path in found
        if path not in known and _is_first_part(path) and not path.name.startswith("mmproj")
    ]


def find_loose(folder: Path, name: str) -> Path | None:
    """Return the file that a name below ``folder`` means, with or without its ``.gguf``."""
    if "\0" in name or not name:
        return None
    for candidate in (folder / name, folder / f"{name}.gguf"):
        inside = candidate.absolute().is_relative_to(folder) and ".." not in candidate.parts
        if inside and candidate.is_file():
            return candidate
    return None


def _model(path: Path, folder: Path) -> StoredModel:
    embeds = any(word in path.name.casefold() for word in _EMBEDDERS)
    return StoredModel(
        name=str(path.relative_to(folder).with_suffix("")),
        repo=None,
        filename=path.name,
        quantization=quant_of(path.name),
        purpose=Purpose.EMBEDDING if embeds else Purpose.INFERENCE,
        path=path,
        size_bytes=sum(path.with_name(name).stat().st_size for name in part_names(path.name)),
        origin="found",
    )


def _is_first_part(path: Path) -> bool:
    names = part_names(path.name)
    return names[0] == path.name and all(path.with_name(name).is_file() for name in names)

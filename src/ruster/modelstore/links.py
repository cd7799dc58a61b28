"""The store's own folder: one link per model file, and what lies behind them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ruster.core.errors import ModelError, ProtocolError
from ruster.modelstore.cache import link
from ruster.modelstore.stored import StoredModel, parts
from ruster.storage.disk import storage_error
from ruster.storage.files import contained, make_private_folder

__all__ = ["place", "remove_files"]

_MAX_LINKS = 4


def place(models: Path, repo: str, files: Iterable[tuple[str, Path]]) -> Path:
    """Link files into ``models/ORG/REPO/`` under their names and return the first one's path.

    Where a real file of that name lies, the original path is returned instead. Raises ModelError
    (``invalid_name``) for a name that leads out of the folder, and StorageError.
    """
    placed = [_place(models, f"{repo}/{name}", target) for name, target in files]
    return placed[0]


def _place(models: Path, name: str, target: Path) -> Path:
    make_private_folder(models)
    try:
        path = contained(models, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        contained(models, name)  # once more, now that its folder is there
        if path.exists() and not path.is_symlink():
            return target
        link(path, target.absolute())
    except ProtocolError as error:
        raise ModelError(error.message, code=error.code) from error
    except OSError as error:
        raise storage_error(error, f"link {models / name}") from error
    return path


def remove_files(model: StoredModel, models: Path) -> None:
    """Delete the links of a model, and its bytes if the store itself downloaded them.

    Raises StorageError. Files of others are never touched.
    """
    assert model.path is not None
    for path in parts(model.path):
        try:
            _remove(path, models, with_bytes=model.origin == "hub")
        except OSError as error:
            raise storage_error(error, f"delete {path}") from error


def _remove(path: Path, models: Path, *, with_bytes: bool) -> None:
    chain = [path]
    while chain[-1].is_symlink() and len(chain) <= _MAX_LINKS:
        chain.append(chain[-1].parent / chain[-1].readlink())
    for step in chain:
        is_ours = step.is_symlink() and step.parent.resolve().is_relative_to(models.resolve())
        if with_bytes or is_ours:
            step.unlink(missing_ok=True)
    with suppress(OSError, ValueError):  # folders that are empty now
        for folder in path.relative_to(models).parents[:-1]:
            (models / folder).rmdir()

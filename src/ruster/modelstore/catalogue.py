"""All models that have a name: embedded list, then the user's manifest, then the registry.

Later ones win key by key. The user's file must be right, and an error names its file and line; the
registry is the store's own, so a broken one is set aside with a warning and grows again.
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ruster.core.errors import ConfigError
from ruster.core.manifest import ManifestEntry, UserManifest
from ruster.modelstore.folders import StoreFolders

__all__ = ["built_in", "read_catalogue", "read_manifest", "read_registry"]

_MAX_FILE_BYTES = 4 << 20
_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*[\"']?models[\"']?[ \t]*\]\]", re.MULTILINE)
_log = logging.getLogger("ruster.modelstore")


def read_catalogue(folders: StoreFolders) -> UserManifest:
    """Read and merge all three (blocks); raises ConfigError (``manifest_invalid``)."""
    user = read_manifest(folders.manifest)
    return built_in().merge(user).merge(read_registry(folders.registry))


def built_in() -> UserManifest:
    """Return the embedded list."""
    text = resources.files("ruster.modelstore").joinpath("models.toml").read_text("utf-8")
    return _parse(text, "models.toml")


def read_manifest(path: Path) -> UserManifest:
    """Read a manifest, none if there is no file; raises ConfigError naming file and line."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise _invalid(f"{path} is larger than 4 MiB; that is no list of models")
        return _parse(path.read_text("utf-8"), str(path))
    except FileNotFoundError:
        return UserManifest()
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(f"{path} cannot be read: {error}") from error


def read_registry(path: Path) -> UserManifest:
    """Read the registry, none with a warning if it is broken. Never raises ConfigError."""
    try:
        return read_manifest(path)
    except ConfigError as error:
        _log.warning("the registry of models is broken and not used: %s", error.message)
        return UserManifest()


def _parse(text: str, where: str) -> UserManifest:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(f"{where}: {error}") from error
    tables, defaults = data.get("models", []), data.get("defaults", {})
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        raise _invalid(f"{where}: models must be written as [[models]] tables")
    if not isinstance(defaults, Mapping):
        raise _invalid(f"{where}: defaults must be written as a [defaults] table")
    places = _places(text, where, tables)
    models = [
        ManifestEntry.parse(table, place) for table, place in zip(tables, places, strict=True)
    ]
    return UserManifest(tuple(models), ManifestEntry.parse(defaults, f"{where}: [defaults]"))


def _places(text: str, where: str, tables: list[Mapping[str, Any]]) -> list[str]:
    """Say where each table stands: its line, or its number where it is written inline."""
    lines = [text.count("\n", 0, match.start()) + 1 for match in _TABLE.finditer(text)]
    if len(lines) != len(tables):
        return [f"{where}, model no. {number}" for number in range(1, len(tables) + 1)]
    return [f"{where}, line {line}" for line in lines]


def _invalid(message: str) -> ConfigError:
    return ConfigError(message, code="manifest_invalid")

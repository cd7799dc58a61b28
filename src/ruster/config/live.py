"""The daemon's settings while it runs: read, listed, changed and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tomli_w

from ruster.config.keys import (
    KEYS,
    check_value,
    default_of,
    field_of,
    is_secret,
    nearest,
    similar_to,
)
from ruster.config.loader import Loaded, read_overrides
from ruster.config.paths import Paths
from ruster.core.errors import ConfigError
from ruster.storage.disk import Disk
from ruster.storage.files import write_atomic

__all__ = ["LiveSettings"]

_MASK = "********"

Apply = Callable[[Any], None]


class LiveSettings:
    """Implements ``handlers.config.SettingsView``. ``apply`` says what takes effect at once."""

    def __init__(
        self, loaded: Loaded, paths: Paths, disk: Disk, apply: Mapping[str, Apply]
    ) -> None:
        self._paths = paths
        self._disk = disk
        self._apply = apply
        self._sources = dict(loaded.sources)
        keys = [*KEYS, *(key for key in self._sources if key not in KEYS)]
        self._values = {key: _lookup(loaded.settings, key) for key in keys}

    def read(self, key: str) -> tuple[Any, str]:
        """Return a setting and its source; raises ConfigError (``config_unknown``)."""
        self._check_key(key)
        return self._shown(key), self._sources.get(key, "default")

    def read_all(self) -> dict[str, Any]:
        """Return all settings by dotted key, secrets masked."""
        return {key: self._shown(key) for key in self._values}

    def change(self, key: str, value: Any) -> tuple[Any, bool]:
        """Keep a new value in ``overrides.toml`` (blocks); return it and if a restart is needed.

        Raises ConfigError when the key or type is wrong, or the environment would win over it.
        """
        self._check_key(key)
        source = self._sources.get(key, "default")
        if "environment" in source or source.startswith(str(self._paths.config / ".env")):
            raise ConfigError(f"{key} is set by {source}, which comes first; change it there")
        if is_secret(key):
            raise ConfigError(f"{key} is a secret: put it into the environment, not on the disk")
        checked = check_value(key, value, "config_set")
        kept = read_overrides(self._paths) | {key: value}
        write_atomic(self._paths.overrides_file, tomli_w.dumps(_nested(kept)).encode(), self._disk)
        self._values[key] = checked
        self._sources[key] = str(self._paths.overrides_file)
        apply = self._apply.get(key)
        if apply is not None:
            apply(checked)
        return self._shown(key), apply is None

    def _check_key(self, key: str) -> None:
        if field_of(key) is None:
            raise ConfigError(
                f"there is no setting {key[:80]!r}{nearest(key, similar_to(key))}",
                code="config_unknown",
            )

    def _shown(self, key: str) -> Any:
        value = self._values[key] if key in self._values else default_of(key)
        if is_secret(key):
            return _MASK if value else None
        return _plain(value)


def _lookup(settings: Any, key: str) -> Any:
    for name in key.split("."):
        settings = settings[name] if isinstance(settings, dict) else getattr(settings, name)
    return settings


def _plain(value: Any) -> Any:
    """Turn a setting into what JSON can carry."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return tree

"""Where the store's files lie, and where the hub's cache is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["StoreFolders", "hub_cache"]


@dataclass(frozen=True, slots=True)
class StoreFolders:
    """``config`` holds the user's manifest; ``cache`` the registry and the models.

    ``models/ORG/REPO/FILE.gguf`` is a link to where the bytes are: in the hub's cache, or wherever
    an imported file has been all along.
    """

    config: Path
    cache: Path

    @property
    def manifest(self) -> Path:
        """The user's own list of models."""
        return self.config / "manifest.toml"

    @property
    def registry(self) -> Path:
        """What is on this machine; written by the store."""
        return self.cache / "registry.toml"

    @property
    def models(self) -> Path:
        """One link per model file."""
        return self.cache / "models"

    @property
    def hub(self) -> Path:
        """The hub's cache where none is configured."""
        return self.cache / "hub"


def hub_cache(variables: Callable[[str], str | None], default: Path) -> Path:
    """Return the hub's cache folder: its own variables in its own order, or ``default``."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if named := variables(name):
            return Path(named).expanduser().absolute()
    if home := variables("HF_HOME"):
        return Path(home).expanduser().absolute() / "hub"
    return default

"""The variables of rusty-genius that say where its models are, understood by ``ogenius`` alone.

``GENIUS_HOME`` (or ``RUSTY_GENIUS_CONFIG_DIR``) is the folder of ``manifest.toml``. In
``GENIUS_CACHE`` are ``registry.toml`` and the models; unless set it is ``$GENIUS_HOME/cache``.
Ruster's own variables come before them. Where settings are read stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ruster.config.paths import Paths

__all__ = ["with_homes"]

_ENV_FILES = ("RUSTER_ENV_FILE", "RUSTY_PINCH_ENV_FILE")


def with_homes(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the model store: with the variables of ruster they stand for."""
    home = environment.get("GENIUS_HOME") or environment.get("RUSTY_GENIUS_CONFIG_DIR")
    cache = environment.get("GENIUS_CACHE") or (str(Path(home) / "cache") if home else None)
    found = {"RUSTER_CONFIG_DIR": home, "RUSTER_CACHE_DIR": cache}
    moved = {name: value for name, value in found.items() if value and not environment.get(name)}
    env_file = Paths.of(environment).config / ".env"
    named = any(environment.get(name) for name in _ENV_FILES)
    if "RUSTER_CONFIG_DIR" in moved and not named and env_file.is_file():
        moved["RUSTER_ENV_FILE"] = str(env_file)
    return {**environment, **moved}

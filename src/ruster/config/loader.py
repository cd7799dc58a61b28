"""Settings from their sources, later ones first heard.

defaults < ``config.toml`` < ``overrides.toml`` < ``.env`` < process environment
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ruster.config.keys import (
    NOT_SETTINGS,
    canonical_name,
    check_value,
    environment_keys,
    field_of,
    flatten,
    from_text,
    nearest,
    similar_to,
    table_key,
)
from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.errors import ConfigError

__all__ = ["Loaded", "load", "process_environment", "read_overrides", "variables"]

_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, where each that is not a default came from, and what to warn about."""

    settings: Settings
    sources: Mapping[str, str]
    warnings: tuple[str, ...]


def process_environment() -> dict[str, str]:
    """Return the process's environment; nothing else in ruster reads it."""
    return dict(os.environ)


def load(paths: Paths, environment: Mapping[str, str]) -> Loaded:
    """Read all sources; raises ConfigError naming the source, the key and the expected type."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    warnings: list[str] = []
    for path in (paths.config_file, paths.overrides_file):
        for key, value in _known(flatten(_read_toml(path)), str(path), warnings).items():
            values[key] = check_value(key, value, str(path))
            sources[key] = str(path)
    for where, variables in _environments(paths, environment):
        for key, (name, text) in _settings_in(variables, where, warnings).items():
            value = from_text(key, text)
            values[key] = check_value(key, value, f"{where}: {name}", lax=True)
            sources[key] = f"{where}: {name}"
    return Loaded(_assemble(values, sources), sources, tuple(warnings))


def variables(paths: Paths, environment: Mapping[str, str]) -> Callable[[str], str | None]:
    """Return what looks up a variable when it is needed: the environment first, then ``.env``.

    The file is read each time (blocks), so that a key put there counts at once.
    """

    def look_up(name: str) -> str | None:
        try:
            sources = _environments(paths, environment)
        except ConfigError:
            return environment.get(name)
        return next((said[name] for _, said in reversed(sources) if said.get(name)), None)

    return look_up


def read_overrides(paths: Paths) -> dict[str, Any]:
    """Return what ``config_set`` has kept so far, by dotted key."""
    return flatten(_read_toml(paths.overrides_file))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than 1 MiB; that is no configuration")
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except RecursionError:
        raise ConfigError(f"{path} cannot be read: its values are nested too deeply") from None


def _known(flat: dict[str, Any], where: str, warnings: list[str]) -> dict[str, Any]:
    warnings.extend(
        f"{where}: unknown setting {key!r} ignored{nearest(key, similar_to(key))}"
        for key in flat
        if field_of(key) is None
    )
    return {key: value for key, value in flat.items() if field_of(key) is not None}


def _environments(
    paths: Paths, environment: Mapping[str, str]
) -> list[tuple[str, Mapping[str, str]]]:
    """Return the ``.env`` file's variables and the process's, in order of precedence."""
    named = environment.get("RUSTER_ENV_FILE") or environment.get("RUSTY_PINCH_ENV_FILE")
    path = Path(named).expanduser() if named else paths.config / ".env"
    if named and not path.is_file():
        raise ConfigError(f"RUSTER_ENV_FILE names {path}, which is no file")
    return [(str(path), _read_env_file(path)), ("environment", environment)]


def _read_env_file(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # only when there is such a file

    try:
        return {k: v for k, v in dotenv_values(path, interpolate=False).items() if v is not None}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _settings_in(
    variables: Mapping[str, str], where: str, warnings: list[str]
) -> dict[str, tuple[str, str]]:
    """Pick the variables that are settings: dotted key to (variable's name, text)."""
    known = environment_keys()
    found: dict[str, tuple[str, str]] = {}
    if host := variables.get("OLLAMA_HOST"):
        found["llm.ollama_url"] = ("OLLAMA_HOST", host)
    # The alias prefix first, so that our own wins when both are set.
    for variable in sorted(variables, key=lambda name: name.startswith("RUSTER_")):
        name = canonical_name(variable)
        if name is None or name in NOT_SETTINGS:
            continue
        key = known.get(name) or table_key(name)
        if key is not None and field_of(key) is not None:
            found[key] = (variable, variables[variable])
        else:
            warnings.append(f"{where}: unknown setting {variable!r} ignored{nearest(name, known)}")
    return found


def _assemble(values: Mapping[str, Any], sources: Mapping[str, str]) -> Settings:
    """Put checked values into the tree; raises ConfigError where a section refuses one of them."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, problem["loc"]))
        raise ConfigError(f"{sources.get(key, 'settings')}: {key}: {problem['msg']}") from None

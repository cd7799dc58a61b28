"""The settings tree as flat dotted keys: their types, their environment names, the nearest one."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from ruster.config.settings import Settings
from ruster.core.errors import ConfigError

__all__ = ["KEYS", "check_value", "environment_keys", "flatten", "from_text", "nearest"]


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _fields(section, f"{prefix}{name}.")
        else:
            yield prefix + name, field


KEYS: dict[str, FieldInfo] = dict(_fields(Settings))
"""Every setting by its dotted key, such as ``server.stall_timeout_s``."""

_MAX_NAME = 80
_PREFIXES = ("RUSTER_", "RUSTY_PINCH_")
_ALIASES = {
    "RUSTER_LOG": "log_level",
    "RUSTER_PROXY_URL": "llm.proxy_url",
    "RUSTER_PROXY_AUTH_TOKEN": "llm.proxy_auth_token",
    "RUSTER_FALLBACK_MODELS": "llm.fallback_models",
}
NOT_SETTINGS = frozenset(
    {"RUSTER_CONFIG_DIR", "RUSTER_DATA_DIR", "RUSTER_CACHE_DIR", "RUSTER_ENV_FILE"}
)
"""Variables of our prefix that say where to look, not what to do."""


def environment_keys() -> dict[str, str]:
    """Map each canonical environment name to its dotted key."""
    return {"RUSTER_" + key.upper().replace(".", "_"): key for key in KEYS} | _ALIASES


def canonical_name(variable: str) -> str | None:
    """Return a variable's name under our prefix, or None if it is not one of ours."""
    for prefix in _PREFIXES:
        if variable.startswith(prefix):
            return "RUSTER_" + variable.removeprefix(prefix)
    return None


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested tables into dotted keys."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def check_value(key: str, value: Any, where: str, *, lax: bool = False) -> Any:
    """Return ``value`` as the key's type; raises ConfigError naming file, key and type.

    ``lax`` takes text for numbers and booleans, as the environment has nothing else.
    """
    try:
        return _adapter(key).validate_json(json.dumps(value, default=str), strict=not lax)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        expected = problem[0].lower() + problem[1:]
        shown = "a secret" if is_secret(key) else repr(value)
        raise ConfigError(f"{where}: {key} is {shown}, but {expected}") from None


def from_text(key: str, text: str) -> Any:
    """Turn an environment variable's text into what ``check_value`` takes.

    Lists are written with commas, or as JSON.
    """
    if not _is_list(key):
        return None if text == "" and not _required(key) else text
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [part.strip() for part in text.split(",") if part.strip()]


def is_secret(key: str) -> bool:
    """Whether a setting's value must never be shown."""
    return key in KEYS and "SecretStr" in str(KEYS[key].annotation)


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """Write "; did you mean ...?" for a name that does not exist, or nothing."""
    if len(name) > _MAX_NAME:
        return ""
    close = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


@cache
def _adapter(key: str) -> TypeAdapter[Any]:
    field = KEYS[key]
    kind: Any = field.annotation
    return TypeAdapter(Annotated[kind, *field.metadata] if field.metadata else kind)


def _is_list(key: str) -> bool:
    return get_origin(KEYS[key].annotation) in (tuple, list)


def _required(key: str) -> bool:
    return KEYS[key].default is not None

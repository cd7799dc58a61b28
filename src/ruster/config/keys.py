"""The settings tree as flat dotted keys: their types, their environment names, the nearest one."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from ruster.config.settings import Settings
from ruster.core.errors import ConfigError

__all__ = [
    "KEYS",
    "TABLES",
    "check_value",
    "default_of",
    "environment_keys",
    "field_of",
    "flatten",
    "from_text",
    "nearest",
    "similar_to",
    "table_key",
]


def _table(field: FieldInfo) -> type[BaseModel] | None:
    """Return what a field holds by name (``dict[str, Section]``), or None for any other field."""
    kinds = get_args(field.annotation)
    if get_origin(field.annotation) is not dict or not isinstance(kinds[1], type):
        return None
    return kinds[1] if issubclass(kinds[1], BaseModel) else None


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if _table(field) is not None:
            continue
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _fields(section, f"{prefix}{name}.")
        else:
            yield prefix + name, field


KEYS: dict[str, FieldInfo] = dict(_fields(Settings))
"""Every setting by its dotted key, such as ``server.stall_timeout_s``."""

_MAX_NAME = 80
TABLES: dict[str, Mapping[str, FieldInfo]] = {
    name: table.model_fields
    for name, field in Settings.model_fields.items()
    if (table := _table(field)) is not None
}
"""Sections of which there may be many, each with a name of the user's, by their first part: the
keys are such as ``providers.NAME.base_url``."""

_TABLE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")

_PREFIXES = ("RUSTER_", "RUSTY_PINCH_")
_ALIASES = {
    "RUSTER_LOG": "log_level",
    "RUSTER_PROXY_URL": "llm.proxy_url",
    "RUSTER_PROXY_AUTH_TOKEN": "llm.proxy_auth_token",
    "RUSTER_FALLBACK_MODELS": "llm.fallback_models",
    "RUSTER_TOOL_OUTPUT_LINES": "tools.output_lines",
    "RUSTER_POLICY_PATH": "trust.policy_path",
    "RUSTER_POLICY_JSON": "trust.policy_json",
    "RUSTER_PULSE_AUTO_ALLOW_ACTIONS": "proactive.auto_allow_actions",
}
NOT_SETTINGS = frozenset(
    {"RUSTER_CONFIG_DIR", "RUSTER_DATA_DIR", "RUSTER_CACHE_DIR", "RUSTER_ENV_FILE"}
)
"""Variables of our prefix that say where to look, not what to do."""


def environment_keys() -> dict[str, str]:
    """Map each canonical environment name to its dotted key."""
    return {"RUSTER_" + key.upper().replace(".", "_"): key for key in KEYS} | _ALIASES


def field_of(key: str) -> FieldInfo | None:
    """Return what a dotted key stands for, or None if there is no such setting."""
    if key in KEYS:
        return KEYS[key]
    section, _, rest = key.partition(".")
    name, _, field = rest.partition(".")
    if section not in TABLES or not _TABLE_NAME.fullmatch(name):
        return None
    return TABLES[section].get(field)


def default_of(key: str) -> Any:
    """Return the value a setting has when nobody sets it."""
    return _field(key).get_default(call_default_factory=True)


def similar_to(key: str) -> list[str]:
    """Return the keys a misspelt one may have meant: all, and those of its own table."""
    section, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    return [*KEYS, *(f"{section}.{name}.{field}" for field in TABLES.get(section, {}))]


def table_key(variable: str) -> str | None:
    """Return the key of ``RUSTER_PROVIDERS_NAME_BASE_URL`` and the like; the name is lower case."""
    for section, fields in TABLES.items():
        rest = variable.removeprefix(f"RUSTER_{section.upper()}_")
        for field in sorted(fields, key=len, reverse=True):
            name = rest.removesuffix(f"_{field.upper()}")
            if rest != variable and name not in (rest, ""):
                return f"{section}.{name.lower()}.{field}"
    return None


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
        if isinstance(value, Mapping) and field_of(prefix + name) is None:
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

    Lists are written with commas, or as JSON; tables as JSON.
    """
    kind = _kind(key)
    if kind not in (tuple, list, dict):
        return None if text == "" and not _required(key) else text
    if kind is dict or text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [part.strip() for part in text.split(",") if part.strip()]


def is_secret(key: str) -> bool:
    """Whether a setting's value must never be shown."""
    field = field_of(key)
    return field is not None and "SecretStr" in str(field.annotation)


def nearest(name: str, known: Iterable[str]) -> str:
    """Write "; did you mean ...?" for a name that does not exist, or nothing."""
    if len(name) > _MAX_NAME:
        return ""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


@cache
def _adapter(key: str) -> TypeAdapter[Any]:
    field = _field(key)
    kind: Any = field.annotation
    return TypeAdapter(Annotated[kind, *field.metadata] if field.metadata else kind)


def _field(key: str) -> FieldInfo:
    field = field_of(key)
    assert field is not None, key
    return field


def _kind(key: str) -> object:
    return get_origin(_field(key).annotation)


def _required(key: str) -> bool:
    return _field(key).default is not None

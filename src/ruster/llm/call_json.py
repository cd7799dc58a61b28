"""Reading tool calls out of JSON: names and arguments under the keys that models use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["Call", "argument_value", "arguments_of", "calls_in", "single_call"]

Call = tuple[str, dict[str, Any]]
_NAMES = ("name", "tool_name")
_ARGUMENTS = ("arguments", "parameters", "args")
_BETWEEN = " \t\r\n;,"


def arguments_of(value: object) -> dict[str, Any] | None:
    """Return arguments given as an object, or as an object's JSON; None when they are neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _call_of(data: object) -> Call | None:
    if not isinstance(data, dict):
        return None
    inner = data.get("function")
    call: dict[str, Any] = inner if isinstance(inner, dict) else data
    name = next((call[key] for key in _NAMES if isinstance(call.get(key), str)), "")
    given: object = next((call[key] for key in _ARGUMENTS if key in call), {})
    arguments = arguments_of(given)
    return (name, arguments) if name and arguments is not None else None


def single_call(text: str) -> tuple[list[Call], str] | None:
    """Read one call that is all of ``text``."""
    try:
        call = _call_of(json.loads(text))
    except (ValueError, RecursionError):
        return None
    return None if call is None else ([call], "")


def calls_in(text: str) -> tuple[list[Call], str] | None:
    """Read calls one after another, or in a list; return them and the text that follows."""
    decoder = json.JSONDecoder()
    calls: list[Call] = []
    rest = text.lstrip()
    while rest.startswith(("{", "[")):
        try:
            data, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return None
        found = [_call_of(item) for item in (data if isinstance(data, list) else [data])]
        if not found or None in found:
            return None
        calls += [call for call in found if call is not None]
        rest = rest[end:].lstrip(_BETWEEN)
    return (calls, rest) if calls else None


def argument_value(text: str, schema: Mapping[str, Any], key: str) -> Any:
    """Return an argument written as plain text: as its schema says, else as JSON if it is some."""
    properties = schema.get("properties")
    declared = properties.get(key) if isinstance(properties, dict) else None
    if isinstance(declared, dict) and declared.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

"""JSON Schema cut down to what Gemini understands (a part of OpenAPI 3.0's schema). No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["to_gemini"]

_KEPT = frozenset(
    {
        "title",
        "description",
        "nullable",
        "format",
        "required",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "pattern",
    }
)
_FORMATS = frozenset({"enum", "date-time", "float", "double", "int32", "int64"})
_MAX_DEPTH = 32
_MAX_PARTS = 2000


def to_gemini(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``schema`` without what Gemini refuses; references within the schema are resolved.

    A reference that leads in a circle ends in an object of any shape, and so does what comes after
    the first 2,000 parts.
    """
    return _Translation(schema).of(schema, ())


class _Translation:
    """One schema on its way; ``root`` is what references start from."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._parts = 0

    def of(self, schema: Mapping[str, Any], path: tuple[object, ...]) -> dict[str, Any]:
        """Translate a part; ``path`` has a reference or None for each step that led to it."""
        reference = schema.get("$ref")
        self._parts += 1
        circle = reference is not None and reference in path
        if circle or len(path) > _MAX_DEPTH or self._parts > _MAX_PARTS:
            return {"type": "object"}
        path = (*path, reference)
        schema = self._resolved(schema)
        if "$ref" in schema:  # it leads to another one
            return self.of(schema, path)
        found = {name: value for name, value in schema.items() if name in _KEPT}
        if found.get("format") not in _FORMATS:
            found.pop("format", None)
        found |= _type(schema.get("type"))
        found |= _choices(schema)
        self._nested(schema, found, path)
        return found

    def _nested(
        self, schema: Mapping[str, Any], found: dict[str, Any], path: tuple[object, ...]
    ) -> None:
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            found["properties"] = {
                name: self.of(_mapping(inner), path) for name, inner in properties.items()
            }
        if "items" in schema:
            found["items"] = self.of(_mapping(schema["items"]), path)
        elif found.get("type") == "array":
            found["items"] = {"type": "string"}
        options = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(options, list):
            found["anyOf"] = [self.of(_mapping(option), path) for option in options]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        target: Any = self._root
        for name in reference[2:].split("/"):
            target = _mapping(target).get(name.replace("~1", "/").replace("~0", "~"))
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return {**_mapping(target), **rest}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _type(kind: object) -> dict[str, Any]:
    """Return one type; ``["string", "null"]`` is a string that may be null."""
    if isinstance(kind, str):
        return {"type": kind}
    if not isinstance(kind, list):
        return {}
    kinds = [one for one in kind if one != "null"]
    if len(kinds) != 1:
        return {}
    return {"type": kinds[0]} | ({"nullable": True} if "null" in kind else {})


def _choices(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values allowed; Gemini knows choices between texts only."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return {}
    return {"type": "string", "enum": values}

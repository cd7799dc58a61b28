"""The JSON schema of an answer that is a tool call or a text, made of the tools' own schemas.

Of these only the structure is taken: which arguments there are and of what type. Lengths, patterns
and the like make grammars large, or are understood by few; the tool checks them itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ruster.core.messages import ToolSpec

__all__ = ["call_schema"]

_SCALARS = ("string", "number", "integer", "boolean", "null")
_TYPES = (*_SCALARS, "object", "array")
_MAX_DEPTH = 24
_Schema = dict[str, Any]


def call_schema(tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """Return the schema: ``{"answer": text}``, or one of ``{"tool": name, "arguments": {…}}``.

    Keys come in this order, so that a text can be shown while it is being written, and the tool is
    chosen before its arguments. The result stands for itself: definitions that the tools' schemas
    refer to are taken along under new names.
    """
    translation = _Translation()
    forms = [_closed({"answer": {"type": "string"}})]
    for tool in tools:
        arguments = translation.arguments(tool.parameters)
        forms.append(
            _closed({"tool": {"type": "string", "enum": [tool.name]}, "arguments": arguments})
        )
    schema: _Schema = {"anyOf": forms}
    return schema | {"$defs": translation.definitions} if translation.definitions else schema


class _Translation:
    """Schemas on their way into one; ``definitions`` are those that are referred to."""

    def __init__(self) -> None:
        self.definitions: dict[str, _Schema] = {}
        self._names: dict[str, str] = {}
        self._root: Mapping[str, Any] = {}

    def arguments(self, parameters: Mapping[str, Any]) -> _Schema:
        """Translate the schema of one tool's arguments, which are an object whatever it says."""
        self._root, self._names = parameters, {}
        if "$ref" in parameters or "properties" in parameters:
            return self._of(parameters, 0)
        return {"type": "object"}

    def _of(self, schema: object, depth: int) -> _Schema:
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return _anything()
        if "$ref" in schema:
            return {"$ref": f"#/$defs/{self._definition(str(schema['$ref']), depth)}"}
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(values, list) and values and all(map(_is_plain, values)):
            return {"enum": values} | _only(schema, "type")
        if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
            return self._of(schema["allOf"][0], depth + 1)
        options = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(options, list):
            return {"anyOf": [self._of(option, depth + 1) for option in options]}
        return self._typed(schema, depth)

    def _typed(self, schema: Mapping[str, Any], depth: int) -> _Schema:
        kind = schema.get("type")
        if kind in _SCALARS:
            return {"type": kind}
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, depth)
        if kind == "array" or (kind is None and "items" in schema):
            if isinstance(schema.get("items"), Mapping):
                return {"type": "array", "items": self._of(schema["items"], depth + 1)}
            return {"type": "array"}
        if isinstance(kind, list) and (known := [one for one in kind if one in _TYPES]):
            return {"type": known}
        return _anything()

    def _object(self, schema: Mapping[str, Any], depth: int) -> _Schema:
        properties, more = schema.get("properties"), schema.get("additionalProperties")
        if more is True or isinstance(more, Mapping):
            more = self._of(more, depth + 1)
        if not isinstance(properties, Mapping):
            return {"type": "object"} | ({"additionalProperties": more} if more else {})
        if not all(map(_is_plain, properties)):
            return {"type": "object"}
        required = [name for name in schema.get("required") or () if name in properties]
        inner = {name: self._of(value, depth + 1) for name, value in properties.items()}
        return _closed(inner) | {"required": required, "additionalProperties": more or False}

    def _definition(self, reference: str, depth: int) -> str:
        """Return the name of what a reference leads to; unlike the old ones, no two are alike."""
        if reference not in self._names:
            name = self._names[reference] = f"def{len(self.definitions)}"
            self.definitions[name] = {}  # a place for it: it may refer to itself
            self.definitions[name] = self._of(self._target(reference), depth + 1)
        return self._names[reference]

    def _target(self, reference: str) -> object:
        start, *path = reference.split("/")
        target: object = self._root if start == "#" else None
        for name in path:
            key = name.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        return target


def _closed(properties: Mapping[str, _Schema]) -> _Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _anything() -> _Schema:
    """Return the schema of any value; that of no words means an object to llama.cpp's converter."""
    return {"type": list(_TYPES)}


def _is_plain(value: object) -> bool:
    """Tell whether a value can be a literal of a grammar: that converter escapes no backslash."""
    return isinstance(value, str | int | float | None) and "\\" not in json.dumps(value)


def _only(schema: Mapping[str, Any], key: str) -> _Schema:
    return {key: schema[key]} if isinstance(schema.get(key), str) else {}

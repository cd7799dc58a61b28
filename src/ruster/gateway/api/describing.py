"""Parts of an OpenAPI 3.1 description, written by the modules whose routes they describe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ruster.version import __version__

__all__ = ["Operation", "described", "document", "parameter", "schema_of"]

Shape = dict[str, Any]

_REF = "#/components/schemas/{model}"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request. ``answers`` is the media type of success; ``public`` needs no token."""

    method: str
    path: str
    summary: str
    tag: str
    body: type[BaseModel] | Shape | None = None
    is_body_optional: bool = False
    parameters: tuple[Shape, ...] = ()
    answers: tuple[str, ...] = (_JSON,)
    status: int = 200
    public: bool = False


def parameter(name: str, place: str, schema: Mapping[str, Any], text: str = "") -> Shape:
    """Write a part of a path or query."""
    told: Shape = {"name": name, "in": place, "schema": dict(schema)}
    if place == "path":
        told["required"] = True
    return told | ({"description": text} if text else {})


def schema_of(shape: type[BaseModel]) -> tuple[Shape, Shape]:
    """Return the schema of a shape, and those that it refers to."""
    schema = shape.model_json_schema(ref_template=_REF)
    return schema, schema.pop("$defs", {})


def described(operations: Iterable[Operation]) -> Shape:
    """Write operations as a fragment: ``paths`` and ``components``."""
    paths: Shape = {}
    schemas: Shape = {}
    for it in operations:
        told, referred = _operation(it)
        paths.setdefault(it.path, {})[it.method.lower()] = told
        schemas |= referred
    return {"paths": paths, "components": {"schemas": schemas}}


def document(fragments: Iterable[Mapping[str, Any]]) -> Shape:
    """Put fragments together to one description."""
    paths: Shape = {}
    schemas: Shape = {}
    for fragment in fragments:
        for path, operations in fragment.get("paths", {}).items():
            paths[path] = {**paths.get(path, {}), **operations}
        schemas |= fragment.get("components", {}).get("schemas", {})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ruster",
            "version": __version__,
            "description": "The gateway of a ruster daemon. Tokens: `rusterctl gateway`.",
        },
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(it: Operation) -> tuple[Shape, Shape]:
    content: Shape = {kind: {} for kind in it.answers}
    told: Shape = {
        "operationId": f"{it.method.lower()}{it.path}".translate(_TO_ID).strip("_"),
        "summary": it.summary,
        "tags": [it.tag],
        "responses": {
            str(it.status): {"description": "Done.", "content": content},
            "default": {"description": "An error.", "content": {_JSON: {}}},
        },
    }
    if it.parameters:
        told["parameters"] = list(it.parameters)
    if it.public:
        told["security"] = []
    if it.body is None:
        return told, {}
    schema, referred = (it.body, {}) if isinstance(it.body, dict) else schema_of(it.body)
    body = {"required": not it.is_body_optional, "content": {_JSON: {"schema": schema}}}
    return told | {"requestBody": body}, referred


_TO_ID = str.maketrans(dict.fromkeys("/{}.-", "_"))

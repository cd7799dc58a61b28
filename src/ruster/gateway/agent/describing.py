"""The agent's interface in OpenAPI's words, written from the commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruster.gateway.agent.table import TABLE, Entry
from ruster.gateway.api.describing import Operation, described, parameter, schema_of
from ruster.protocol.commands import COMMANDS

__all__ = ["describe"]

_TAG = "Sessions"
_NOT_FIELDS = ("action", "id", "watch")
_SESSION = {"id": "session_id"}
_STREAM = ("text/event-stream",)
_MESSAGES = Entry("POST", "/v1/sessions/{id}/messages", "send", _SESSION, body=True)
_EVENTS = Entry("GET", "/v1/sessions/{id}/events", "attach", _SESSION)


def describe() -> dict[str, Any]:
    """Return the fragment of these routes."""
    whole = parameter("stream", "query", {"type": "boolean", "default": True})
    last = parameter("Last-Event-ID", "header", {"type": "integer", "minimum": 0})
    operations = [_operation(entry) for entry in TABLE]
    operations += [
        _operation(_MESSAGES, (*_STREAM, "application/json"), whole),
        _operation(_EVENTS, _STREAM, last),
    ]
    parts = [described([operation]) for operation, _ in operations]
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for part, (_, referred) in zip(parts, operations, strict=True):
        for path, told in part["paths"].items():
            paths.setdefault(path, {}).update(told)
        schemas |= referred
    return {"paths": paths, "components": {"schemas": schemas}}


def _operation(
    entry: Entry, answers: tuple[str, ...] = ("application/json",), *more: dict[str, Any]
) -> tuple[Operation, dict[str, Any]]:
    command = COMMANDS[entry.action]
    schema, referred = schema_of(command)
    fields: dict[str, Any] = schema["properties"]
    in_path = {name for name in entry.names if f"{{{name}}}" in entry.path}
    taken = {entry.names[name] for name in in_path} | set(_NOT_FIELDS)
    left = {name: told for name, told in fields.items() if name not in taken}
    required = [name for name in schema.get("required", ()) if name in left]
    parameters = [
        parameter(name, "path", fields[entry.names[name]]) for name in sorted(in_path)
    ] + list(more)
    body = None
    if entry.body:
        body = {
            "type": "object",
            "properties": left,
            "required": required,
            "additionalProperties": False,
        }
    else:
        parameters += _queries(entry, left, required)
    operation = Operation(
        entry.method,
        entry.path,
        (command.__doc__ or entry.action).partition("\n")[0].rstrip("."),
        _TAG,
        body,
        is_body_optional=not required,
        parameters=tuple(parameters),
        answers=answers,
        status=entry.status,
    )
    return operation, referred


def _queries(entry: Entry, fields: Mapping[str, Any], required: list[str]) -> list[dict[str, Any]]:
    short = {field: name for name, field in entry.names.items()}
    return [
        parameter(short.get(name, name), "query", told) | {"required": name in required}
        for name, told in fields.items()
    ]

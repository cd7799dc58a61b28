"""From a request to the fields of its command. What they may be is the command's own rule."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_origin

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from ruster.gateway.api.bodies import read_object
from ruster.gateway.api.failures import InvalidRequest
from ruster.protocol.commands import COMMANDS

__all__ = ["command_of"]

_RESERVED = ("action", "command", "id")
_MAX_PAIRS = 64


async def command_of(
    request: Request,
    action: str,
    names: Mapping[str, str],
    *,
    body: bool = False,
    apart: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the command a request means; raises ``InvalidRequest``.

    ``names`` maps names of the path and the query to fields; names in ``apart`` are no fields.
    """
    fields = await read_object(request, optional=True) if body else {}
    for name in _RESERVED:
        if name in fields:
            raise InvalidRequest(f"{name}: the path says that; leave it out", name)
    pairs = request.query_params.multi_items()
    if len(pairs) > _MAX_PAIRS:
        raise InvalidRequest(f"a query may have {_MAX_PAIRS} parts")
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        if name not in apart:
            given.setdefault(names.get(name, name), []).append(text)
    told = {name: _value(action, name, texts) for name, texts in given.items()}
    path = {names.get(name, name): value for name, value in request.path_params.items()}
    twice = fields.keys() & (told.keys() | path.keys()) | (told.keys() & path.keys())
    for name in (*sorted(twice), *(name for name in _RESERVED if name in told)):
        raise InvalidRequest(f"{name}: it is said twice; say it once", name)
    return {**fields, **told, **path, "action": action}


def _value(action: str, name: str, texts: list[str]) -> Any:
    """Read a part of a query as its field is meant; what does not fit is left for the command."""
    field = COMMANDS[action].model_fields.get(name)
    if field is not None and get_origin(field.annotation) is list:
        return texts
    if len(texts) > 1:
        raise InvalidRequest(f"{name}: it is said twice; say it once", name)
    if field is None:
        return texts[0]
    try:
        return _adapter(action, name).validate_strings(texts[0])
    except ValidationError:
        return texts[0]


@cache
def _adapter(action: str, name: str) -> TypeAdapter[Any]:
    """Return what reads a field from text: there are as many as fields."""
    annotation: Any = COMMANDS[action].model_fields[name].annotation
    return TypeAdapter(annotation)

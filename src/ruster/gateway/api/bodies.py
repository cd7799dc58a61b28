"""The body of a request as JSON, read strictly: no NaN, no halves of characters, nesting bounded.

Whatever is wrong with it is one ``InvalidRequest``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from ruster.core.strict_json import read_json
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.api.parsing import checked

__all__ = ["Shape", "as_shape", "read_object", "read_shape"]

_Shape = TypeVar("_Shape", bound=BaseModel)


class Shape(BaseModel):
    """What a body may be like. Fields we have no use for are let through."""

    model_config = ConfigDict(strict=True, frozen=True)


async def read_object(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """Return the JSON object of a body; one that is ``optional`` may be missing."""
    data = await request.body()
    if optional and not data.strip():
        return {}
    try:
        body = read_json(data)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidRequest('the body must be a JSON object, such as {"model": "…"}')
    return body


async def read_shape(request: Request, shape: type[_Shape]) -> _Shape:
    """Return the body in its shape."""
    return as_shape(await read_object(request), shape)


def as_shape(body: dict[str, Any], shape: type[_Shape]) -> _Shape:
    """Return an object in its shape; the place of what is wrong is told."""
    return checked(shape, body, "")

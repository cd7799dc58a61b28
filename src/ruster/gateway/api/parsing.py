"""Bodies of requests: JSON of a shape, or a sentence that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ruster.core.strict_json import read_json
from ruster.gateway.api.failures import InvalidRequest

__all__ = ["checked", "parse"]

_M = TypeVar("_M", bound=BaseModel)
_NO_FIELDS = ("str", "text", "image_url[...]")


def parse(model: type[_M], data: bytes) -> _M:
    """Read a body; raises ``InvalidRequest`` that names the field.

    What is no JSON, though many readers take it, is refused: NaN, infinite numbers, halves of
    surrogate pairs, text that is not UTF-8, and what is nested without end.
    """
    try:
        read_json(data)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise _named(error) from None


def checked(model: type[_M], value: Mapping[str, Any], where: str) -> _M:
    """Read a part of a body that was only known to be an object; ``where`` is its place."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _named(error, where) from None


def _named(error: ValidationError, place: str = "") -> InvalidRequest:
    problems = error.errors(include_url=False, include_input=False)
    # Of the alternatives that a value is not, the one that came furthest says most.
    problem = max(problems, key=lambda it: len(it["loc"]))
    param = ".".join(it for it in (place, _param(problem["loc"])) if it) or None
    where = f"{param}: " if param else ""
    return InvalidRequest(f"{where}{problem['msg']}", param)


def _param(location: Sequence[int | str]) -> str | None:
    """Write a place as ``messages[0].content``; names of alternatives are left out."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[a-z_]+", part) and part not in _NO_FIELDS:
            text += f".{part}"
    return text.lstrip(".") or None

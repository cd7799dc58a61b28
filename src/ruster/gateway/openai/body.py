"""Bodies of requests: JSON of a shape, or a sentence that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from ruster.gateway.openai.failures import InvalidRequest

__all__ = ["parse"]

_M = TypeVar("_M", bound=BaseModel)
_NO_FIELDS = ("str", "text", "image_url[...]")


def parse(model: type[_M], data: bytes) -> _M:
    """Read a body; raises ``InvalidRequest`` that names the field.

    What is no JSON, though many readers take it, is refused: NaN, infinite numbers, halves of
    surrogate pairs, text that is not UTF-8, and what is nested without end.
    """
    try:
        from_json(data, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        # Of the alternatives that a value is not, the one that came furthest says most.
        problem = max(problems, key=lambda it: len(it["loc"]))
        param = _param(problem["loc"])
        where = f"{param}: " if param else ""
        raise InvalidRequest(f"{where}{problem['msg']}", param) from None


def _param(location: Sequence[int | str]) -> str | None:
    """Write a place as ``messages[0].content``; names of alternatives are left out."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[a-z_]+", part) and part not in _NO_FIELDS:
            text += f".{part}"
    return text.lstrip(".") or None

"""JSON as it may come in from anybody: what many readers let pass is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

__all__ = ["read_json"]


def read_json(data: bytes) -> Any:
    """Read a text of JSON; raises ValueError with what is wrong with it.

    UTF-8 without a mark, nothing behind the value, no NaN, no halves of surrogate pairs, nesting up
    to 200. Numbers beyond a float's range are refused as well: read as infinite, they could not be
    written as JSON again.
    """
    value = from_json(data, allow_inf_nan=False)
    if _has_infinity(value):
        raise ValueError("a number is out of range")
    return value


def _has_infinity(value: Any) -> bool:
    """Look at every number. Level by level: this is run for each line of each client."""
    waiting: list[Any] = [[value]]
    for group in waiting:
        members: Iterable[Any] = group.values() if type(group) is dict else group
        for member in members:
            kind = type(member)
            if kind is list or kind is dict:
                waiting.append(member)
            elif kind is float and math.isinf(member):
                return True
    return False

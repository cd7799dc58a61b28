"""Turning what a model wrote as a tool call into a ``ToolCall``, the same for every provider."""

from __future__ import annotations

import json
import secrets
from typing import Any

from ruster.core.errors import ProviderError
from ruster.core.messages import ToolCall

__all__ = ["tool_call"]


def tool_call(name: str, arguments: object, call_id: str | None = None) -> ToolCall:
    """Build a call from ``arguments``: a JSON object, the same as a string, or nothing.

    A missing id becomes ``call_`` and eight hexadecimal digits. Raises ``ProviderError``
    (``provider_protocol``) for arguments that are no JSON object.
    """
    return ToolCall(call_id or f"call_{secrets.token_hex(4)}", name, _object(name, arguments))


def _object(name: str, arguments: object) -> dict[str, Any]:
    if arguments is None or arguments == "":
        return {}
    try:
        # Written and read again: no NaN, no infinity, no lone surrogate reaches a journal.
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise _malformed(name) from error
    if not isinstance(value, dict):
        raise _malformed(name)
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _malformed(name: str) -> ProviderError:
    return ProviderError(
        f"the model called {name!r} with arguments that are not a JSON object",
        code="provider_protocol",
    )

"""The one fingerprint of a tool call: what an approval is bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ruster.core.errors import ToolError

__all__ = ["canonical", "fingerprint"]


def canonical(value: Any) -> str:
    """Write a value as JSON that is the same for equal values: sorted, ASCII, no spaces.

    Raises ToolError (``approval_impossible``) for what is no strict JSON.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolError(
            f"the arguments are no JSON that could be shown: {error}", code="approval_impossible"
        ) from None


def fingerprint(tool: str, arguments: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a tool call; raises ToolError as ``canonical``."""
    text = canonical({"tool": tool, "arguments": dict(arguments)})
    return hashlib.sha256(text.encode()).hexdigest()

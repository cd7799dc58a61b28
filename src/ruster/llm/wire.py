"""Reading the JSON of providers: strict shapes, unknown fields ignored, one typed error. No I/O."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from ruster.core.errors import ProviderError

__all__ = ["Wire", "error_sentence", "is_json", "parse"]


class Wire(BaseModel):
    """A shape of a provider's; only what ruster uses is named, so that newer fields do no harm."""

    model_config = ConfigDict(frozen=True, extra="ignore")


_W = TypeVar("_W", bound=Wire)


def parse(shape: type[_W], data: bytes, who: str) -> _W:
    """Read one JSON object; raises ``ProviderError`` (``provider_protocol``) for anything else."""
    try:
        return shape.model_validate_json(data)
    except ValidationError as error:
        shown = data[:80].decode("utf-8", "replace")
        raise ProviderError(
            f"{who} sent something that is not its protocol: {shown!r}", code="provider_protocol"
        ) from error


def is_json(data: bytes) -> bool:
    """Tell whether ``data`` is one whole JSON value."""
    try:
        from_json(data)
    except ValueError:
        return False
    return True


def error_sentence(error: str | dict[str, Any] | None) -> str | None:
    """Return the sentence in an ``error`` field: a string, or an object with a ``message``."""
    if isinstance(error, dict):
        message = error.get("message")
        return message if isinstance(message, str) else str(error)
    return error or None

"""The settings of requests to the web."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ruster.core.errors import ToolError
from ruster.sandbox.urls import read_url

__all__ = ["WebSettings"]


class WebSettings(BaseModel):
    """What requests to addresses that others chose may reach, and how much they may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow: tuple[str, ...] = ()
    """Services on this machine or network that may be asked all the same, as `host:port`, such as
    `127.0.0.1:8888` or `[fd00::5]:8080`. The port is never left out."""
    ports: tuple[Annotated[int, Field(gt=0, lt=65536)], ...] = (80, 443, 8080, 8443)
    """Ports that may be asked on public hosts."""
    timeout_s: float = Field(default=10.0, gt=0)
    """Seconds for the whole request: name, connection, redirects and answer."""
    max_body_bytes: int = Field(default=1024 * 1024, gt=0)
    """Longest answer, after decompression."""
    max_redirects: int = Field(default=5, ge=0)
    """How often an answer may point elsewhere."""

    @field_validator("allow")
    @classmethod
    def _entries_can_be_read(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            host, colon, port = entry.rpartition(":")
            if not (colon and host and port.isdigit()):
                raise ValueError(f"{entry!r} is not host:port")
            try:
                read_url(f"http://{entry}")
            except ToolError as error:
                raise ValueError(f"{entry!r}: {error.message}") from None
        return entries

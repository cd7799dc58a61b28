"""Settings of the LLM proxy, ``rusterctl proxy serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["ProxySettings"]

_Seconds = Annotated[float, Field(gt=0)]
_Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]


class ProxySettings(BaseModel):
    """The LLM proxy of `rusterctl proxy serve`. Its token is in the variable `PROXY_AUTH_TOKEN`, in
    a file, or printed by a command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    addr: Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")] = "127.0.0.1:8080"
    """Where the proxy listens, as `host:port`. Beyond this machine only with a token."""
    auth_token_file: Annotated[Path, AfterValidator(Path.expanduser)] | None = None
    """A file that holds the token its clients must send."""
    auth_token_command: tuple[str, ...] = ()
    """A command, as a list of words, that prints this token; run once, at the start."""
    xai_url: _Url = "https://api.x.ai"
    """Where `/xai` leads."""
    gemini_url: _Url = "https://generativelanguage.googleapis.com"
    """Where `/gemini` leads."""
    ollama_url: str | None = None
    """Where `/ollama` leads; `llm.ollama_url` if not set."""
    max_request_bytes: int = Field(default=32 << 20, ge=1024)
    """Largest body of a request. Answers have no limit: they are passed on as they come."""
    max_requests: int = Field(default=64, ge=1)
    """Requests that may be under way at once."""
    connect_timeout_s: _Seconds = 5.0
    """Seconds to wait for a connection to a service."""
    first_byte_timeout_s: _Seconds = 300.0
    """Seconds to wait for the head of an answer once the request is sent."""
    read_timeout_s: _Seconds = 120.0
    """Seconds of silence allowed between two parts of a body, in either direction."""

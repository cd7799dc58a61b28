"""Settings of the LLM proxy, ``rusterctl proxy serve``, and of the daemon's own gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ruster.gateway.guard import is_loopback

__all__ = ["GatewaySettings", "ProxySettings"]

_Seconds = Annotated[float, Field(gt=0)]
_Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]
_Address = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")]
_File = Annotated[Path, AfterValidator(Path.expanduser)]
_HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]


class ProxySettings(BaseModel):
    """The LLM proxy of `rusterctl proxy serve`. Its token is in the variable `PROXY_AUTH_TOKEN`, in
    a file, or printed by a command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    addr: _Address = "127.0.0.1:8080"
    """Where the proxy listens, as `host:port`. Beyond this machine only with a token."""
    auth_token_file: _File | None = None
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


class GatewaySettings(BaseModel):
    """The HTTP and WebSocket gateway of the daemon. Everybody who uses it needs a token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    """Whether the daemon listens on TCP at all."""
    addr: _Address = "127.0.0.1:8080"
    """Where it listens, as `host:port`: the page, the APIs and WebSockets at `/ws`."""
    ws_addr: _Address = "127.0.0.1:8081"
    """Where it listens for WebSockets alone, at `/`."""
    tls_cert: _File | None = None
    """A file with the certificate, and those between it and its root, in PEM."""
    tls_key: _File | None = None
    """A file with the certificate's key, in PEM."""
    allow_insecure_remote: bool = False
    """Whether it may listen beyond this machine without TLS. Whoever can listen in on the network
    then has every token that is used: only behind something that brings TLS itself."""
    allowed_hosts: Annotated[tuple[_HostName, ...], Field(max_length=32)] = ()
    """Names it is asked under beside those of this machine, such as `ruster.example.org`."""
    page: bool = True
    """Whether there is a page at `/`."""
    max_body_bytes: int = Field(default=16 << 20, ge=1024)
    """Largest body of a request."""
    max_head_bytes: int = Field(default=16 << 10, ge=1024, le=1 << 20)
    """Largest head of a request: its address and its headers."""
    max_headers: int = Field(default=100, ge=10, le=1000)
    """Headers a request may have."""
    head_timeout_s: _Seconds = 10.0
    """Seconds in which the head of a request must have come."""
    body_timeout_s: _Seconds = 60.0
    """Seconds in which the body of a request must have come."""
    idle_timeout_s: _Seconds = 30.0
    """Seconds a connection is kept between two requests."""
    stall_timeout_s: _Seconds = 10.0
    """A client that reads nothing for this long while something waits for it is cut off."""
    ping_interval_s: _Seconds = 20.0
    """Seconds between two pings to a WebSocket, and those that its answer may take."""
    max_connections: int = Field(default=512, ge=1)
    """Connections that may be open. Over it, those go that have asked for nothing."""
    max_connections_per_address: int = Field(default=256, ge=1)
    """Connections that may be open from one address."""
    max_streams_per_token: int = Field(default=32, ge=1)
    """Requests and WebSockets that the holder of a token may have under way."""
    max_message_bytes: int = Field(default=1 << 20, ge=1024)
    """Longest message of a WebSocket."""
    max_unread_bytes: int = Field(default=4 << 20, ge=64 * 1024)
    """Bytes that the client of a WebSocket may leave unread."""

    @model_validator(mode="after")
    def _trustworthy(self) -> GatewaySettings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: set both or none")
        if self.enabled and self.tls_cert is None and not self.allow_insecure_remote:
            for name in ("addr", "ws_addr"):
                host = getattr(self, name).rpartition(":")[0]
                if not is_loopback(host):
                    raise ValueError(
                        f"{name} is beyond this machine, where tokens need TLS: set tls_cert and "
                        "tls_key, or listen on 127.0.0.1, or accept the risk with "
                        "allow_insecure_remote = true"
                    )
        return self

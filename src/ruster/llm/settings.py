"""The settings of the model providers; ``config`` fills them from files and environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["LlmSettings", "ModelName", "ProviderSettings", "Timeouts"]

ModelName = Annotated[str, Field(pattern=r"^[^/\s]+/\S.*$")]
"""A model's full name, ``provider/model``."""

_Seconds = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How patient to be with a provider, in seconds: connecting, first part, every further part."""

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    read_s: float = 120.0


class LlmSettings(BaseModel):
    """Which models answer, and how their providers are reached."""

    model_config = ConfigDict(frozen=True)

    fallback_models: tuple[ModelName, ...] = ("llamacpp/default",)
    """Models tried in this order when the chosen one is away, or stays overburdened."""

    ollama_url: str = "http://127.0.0.1:11434"
    """Where Ollama listens; every spelling that `OLLAMA_HOST` knows is taken."""

    proxy_url: str | None = None
    """Base address of an LLM proxy; when set, Ollama, xAI and Gemini are reached through its paths
    `/ollama`, `/xai` and `/gemini`, and it adds their keys."""

    proxy_auth_token: SecretStr | None = None
    """The proxy's token; never sent to a provider itself."""

    proxy_auth_header: Literal["x-proxy-auth", "authorization"] = "x-proxy-auth"
    """How the proxy's token is sent: as `X-Proxy-Auth`, or as `Authorization: Bearer`."""

    ollama_keep_alive: str | None = Field(
        default=None, pattern=r"^-?\d+$|^-?(\d+(\.\d+)?(h|m|s|ms))+$"
    )
    """How long Ollama keeps a model loaded after an answer, such as `10m`; `-1` means for ever."""

    context_size: int = Field(default=8192, ge=512)
    """Largest window in tokens asked of a provider; a model with a smaller one keeps its own."""

    connect_timeout_s: _Seconds = 5.0
    """Seconds to wait for a connection to a provider."""

    first_byte_timeout_s: _Seconds = 300.0
    """Seconds to wait for the first part of an answer: the model may have to be loaded first."""

    read_timeout_s: _Seconds = 120.0
    """Seconds of silence allowed between two parts of an answer."""

    retry_attempts: int = Field(default=3, ge=1, le=10)
    """How often a request is made in all when a provider fails in a way that may pass."""

    retry_delay_s: _Seconds = 0.5
    """Longest wait before the second request; it doubles for each further one."""

    retry_delay_max_s: _Seconds = 30.0
    """Longest wait before any request; a provider that asks for more is not asked again."""

    retry_budget_s: _Seconds = 300.0
    """Seconds after its beginning in which an answer may still be asked for once more."""

    breaker_failures: int = Field(default=5, ge=1)
    """Failures in a row after which a provider is left alone for a while."""

    breaker_rest_s: _Seconds = 30.0
    """Seconds a failing provider is left alone before one request tries it again."""

    @property
    def timeouts(self) -> Timeouts:
        """The time limits in one piece."""
        return Timeouts(self.connect_timeout_s, self.first_byte_timeout_s, self.read_timeout_s)

    @field_validator("proxy_auth_token")
    @classmethod
    def _fit_for_a_header(cls, token: SecretStr | None) -> SecretStr | None:
        """Drop the line end that files and shells leave, refuse what a header cannot carry."""
        text = token.get_secret_value().strip() if token is not None else ""
        if not text.isascii() or not text.isprintable():
            raise ValueError("a token is made of printable ASCII characters")
        return SecretStr(text) if text else None


class ProviderSettings(BaseModel):
    """One provider beyond this machine, by its prefix: the tables `[providers.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["openai_compatible", "gemini"] = "openai_compatible"
    """What the provider speaks."""

    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]")
    """Where it listens, up to and with the version, such as `http://localhost:8000/v1`."""

    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The environment variable that holds its key."""

    api_key_file: Annotated[Path, AfterValidator(Path.expanduser)] | None = None
    """A file that holds its key."""

    api_key_command: tuple[str, ...] = ()
    """A command, as a list of words, that prints its key; run anew for every request."""

    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Further headers to send."""

    context_size: int | None = Field(default=None, ge=512)
    """The window of its models in tokens, where the provider does not tell it."""

    project: str | None = None
    """Gemini: the Google Cloud project; with it, models run in Vertex AI."""

    location: str = "global"
    """Gemini: the region of Vertex AI."""

    connect_timeout_s: _Seconds = 5.0
    """Seconds to wait for a connection."""

    first_byte_timeout_s: _Seconds = 120.0
    """Seconds to wait for the first part of an answer."""

    read_timeout_s: _Seconds = 120.0
    """Seconds of silence allowed between two parts of an answer."""

    @field_validator("headers")
    @classmethod
    def _fit_for_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            text = name + value.get_secret_value()
            if not name or not text.isascii() or not text.isprintable() or ":" in name:
                raise ValueError("headers are made of printable ASCII characters")
        return headers

    @property
    def timeouts(self) -> Timeouts:
        """The time limits in one piece."""
        return Timeouts(self.connect_timeout_s, self.first_byte_timeout_s, self.read_timeout_s)

"""The settings of the model providers; ``config`` fills them from files and environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["LlmSettings", "ModelName"]

ModelName = Annotated[str, Field(pattern=r"^[^/\s]+/\S.*$")]
"""A model's full name, ``provider/model``."""


class LlmSettings(BaseModel):
    """Which models answer, and how their providers are reached."""

    model_config = ConfigDict(frozen=True)

    fallback_models: tuple[ModelName, ...] = ("llamacpp/default",)
    """Models tried in this order when the chosen one cannot be reached at all."""

    ollama_url: str = "http://127.0.0.1:11434"
    """Where Ollama listens; every spelling that `OLLAMA_HOST` knows is taken."""

    proxy_url: str | None = None
    """Base address of an LLM proxy; when set, Ollama is reached through its `/ollama` path."""

    proxy_auth_token: SecretStr | None = None
    """The proxy's token, sent as `X-Proxy-Auth`; never sent to Ollama itself."""

    context_size: int = Field(default=8192, ge=512)
    """Largest window in tokens asked of a provider; a model with a smaller one keeps its own."""

    connect_timeout_s: float = Field(default=5.0, gt=0)
    """Seconds to wait for a connection to a provider."""

    first_byte_timeout_s: float = Field(default=300.0, gt=0)
    """Seconds to wait for the first part of an answer: the model may have to be loaded first."""

    read_timeout_s: float = Field(default=120.0, gt=0)
    """Seconds of silence allowed between two parts of an answer."""

    @field_validator("proxy_auth_token")
    @classmethod
    def _fit_for_a_header(cls, token: SecretStr | None) -> SecretStr | None:
        """Drop the line end that files and shells leave, refuse what a header cannot carry."""
        text = token.get_secret_value().strip() if token is not None else ""
        if not text.isascii() or not text.isprintable():
            raise ValueError("a token is made of printable ASCII characters")
        return SecretStr(text) if text else None

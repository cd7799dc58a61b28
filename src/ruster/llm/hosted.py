"""Providers beyond this machine: the ones everybody knows, and what each is built from.

Nothing here speaks to them; the ``openai_compatible`` and ``gemini`` packages do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ruster.core.errors import ProviderUnreachable
from ruster.llm.access import (
    KeySource,
    Variables,
    proxy_auth,
    proxy_base,
    without_login,
)
from ruster.llm.settings import LlmSettings, ProviderSettings

__all__ = ["HOSTED", "Hosted", "hosted"]

HOSTED: Mapping[str, ProviderSettings] = {
    "gemini": ProviderSettings(
        kind="gemini",
        base_url="https://generativelanguage.googleapis.com",
        api_key_env="GEMINI_API_KEY",
    ),
    "groq": ProviderSettings(base_url="https://api.groq.com/openai/v1", api_key_env="GROQ_API_KEY"),
    "openai": ProviderSettings(base_url="https://api.openai.com/v1", api_key_env="OPENAI_API_KEY"),
    "openrouter": ProviderSettings(
        base_url="https://openrouter.ai/api/v1", api_key_env="OPENROUTER_API_KEY"
    ),
    "xai": ProviderSettings(base_url="https://api.x.ai/v1", api_key_env="XAI_API_KEY"),
}
"""Prefix to what is published about it."""

_PROXIED = frozenset({"gemini", "xai"})


@dataclass(frozen=True, slots=True)
class Hosted:
    """One provider by its prefix. ``own`` are the settings the user gave, None for none."""

    prefix: str
    llm: LlmSettings
    variables: Variables
    own: ProviderSettings | None = None
    settings: ProviderSettings = field(default_factory=ProviderSettings)

    @property
    def proxy(self) -> str | None:
        """The proxy's address for it, or None to go directly, as with an address of the user's."""
        own_address = self.own is not None and self.own.base_url is not None
        if self.prefix not in _PROXIED or own_address or self.settings.project:
            return None
        return proxy_base(self.llm, self.prefix)

    @property
    def shown_url(self) -> str:
        """Where it is reached, fit for messages."""
        address = self.llm.proxy_url if self.proxy else self.settings.base_url
        return without_login((address or "").rstrip("/"))

    @property
    def remedy(self) -> str:
        """What to do when nobody answers."""
        if self.prefix in HOSTED:
            return "check the network"
        return f"start it, or correct base_url in [providers.{self.prefix}]"

    def authorize(
        self, header: Callable[[str | None], Mapping[str, str]]
    ) -> Callable[[], Awaitable[Mapping[str, str]]]:
        """Return a maker of the headers that show who asks; ``header`` wraps a key.

        The proxy adds keys by itself: it gets its own token, no key and no header of the user's.
        """
        if self.proxy:
            return proxy_auth(self.llm)
        source = self._key_source()

        async def headers() -> Mapping[str, str]:
            own = {name: v.get_secret_value() for name, v in self.settings.headers.items()}
            return {**header(await source.key()), **own}

        return headers

    def _key_source(self) -> KeySource:
        settings = self.settings
        names = (settings.api_key_env,) if settings.api_key_env else ()
        given = bool(names or settings.api_key_file or settings.api_key_command)
        return KeySource(
            prefix=self.prefix,
            variables=self.variables,
            names=names,
            file=settings.api_key_file,
            command=settings.api_key_command,
            needed=given,
        )


def hosted(
    prefix: str, llm: LlmSettings, own: ProviderSettings | None, variables: Variables
) -> Hosted:
    """Join what is published about a provider with the user's settings, which come first.

    Raises ``ProviderUnreachable`` (``config_invalid``) when nobody knows its address.
    """
    known = HOSTED.get(prefix)
    if own is None:
        return Hosted(prefix, llm, variables, None, known or ProviderSettings())
    if known is None and own.base_url is None and own.project is None:
        raise ProviderUnreachable(
            f"[providers.{prefix}] has no base_url: add it, such as 'http://localhost:8000/v1'",
            code="config_invalid",
        )
    given = {name: getattr(own, name) for name in own.model_fields_set}
    return Hosted(prefix, llm, variables, own, (known or own).model_copy(update=given))

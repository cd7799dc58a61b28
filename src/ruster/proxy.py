"""The composition root of the LLM proxy: builds it from the settings and serves it.

A process of its own, beside the daemon: it holds the keys of paid services, so that its clients
need none. What it does with a request is ``gateway``'s; the contract is ``proxy.md``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ruster.config.settings import Settings
from ruster.core.clock import SystemClock
from ruster.core.errors import ConfigError, ProviderError
from ruster.gateway.guard import Guard, is_loopback
from ruster.gateway.listening import bind, listening, parse_address
from ruster.gateway.proxy import Proxy
from ruster.gateway.settings import ProxySettings
from ruster.gateway.upstream import Upstream, open_client
from ruster.llm.access import KeySource, Variables, bearer, without_login
from ruster.llm.hosted import hosted
from ruster.llm.ollama.url import base_url
from ruster.llm.settings import LlmSettings

__all__ = ["TOKEN_VARIABLE", "LlmProxy", "read_token", "serving"]

TOKEN_VARIABLE = "PROXY_AUTH_TOKEN"
"""The environment variable with the token that clients must send."""

_CHECK_NETWORK = "check the proxy's network"
_HEADROOM = 64


@dataclass(frozen=True, slots=True)
class LlmProxy:
    """A proxy that listens: at ``url``, leading to ``leads_to`` by the first part of the path."""

    url: str
    leads_to: Mapping[str, str]


async def read_token(settings: ProxySettings, variables: Variables) -> str | None:
    """Return the token clients must send, None for none; raises ConfigError.

    A command comes first, then a file, then the variable.
    """
    source = KeySource(
        prefix="proxy",
        variables=variables,
        names=(TOKEN_VARIABLE,),
        file=settings.auth_token_file,
        command=settings.auth_token_command,
        needed=False,
    )
    try:
        return await source.key()
    except ProviderError as error:
        reason = error.message.partition(":")[0].replace("key", "token")
        raise ConfigError(
            f"{reason}: correct {TOKEN_VARIABLE}, or auth_token_file, or auth_token_command "
            "in [proxy]"
        ) from error


@asynccontextmanager
async def serving(
    settings: Settings, variables: Variables, token: str | None
) -> AsyncIterator[LlmProxy]:
    """Listen while entered; raises ConfigError for an address that needs a token.

    Leaving lets running answers finish for ``shutdown_patience_s``.
    """
    own = settings.proxy
    host, _ = address = parse_address(own.addr)
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"without a token the proxy listens on this machine only, not on {own.addr}: "
            f"set {TOKEN_VARIABLE}, or listen on 127.0.0.1"
        )
    upstreams = _upstreams(settings, variables)
    guard = Guard(token, local=is_loopback(host))
    bound = bind(address)
    host, port = bound.getsockname()[:2]
    async with open_client() as client:
        app = Proxy(upstreams, guard, own, client, SystemClock())
        async with listening(
            app,
            bound,
            max_connections=own.max_requests + _HEADROOM,
            patience_s=settings.shutdown_patience_s,
        ):
            shown = f"[{host}]" if ":" in host else host
            leads_to = {name: without_login(it.url) for name, it in upstreams.items()}
            yield LlmProxy(f"http://{shown}:{port}", leads_to)


def _upstreams(settings: Settings, variables: Variables) -> dict[str, Upstream]:
    own = settings.proxy
    ollama = base_url(own.ollama_url or settings.llm.ollama_url)
    direct = settings.llm.model_copy(update={"proxy_url": None})
    return {
        "xai": _paid("xai", own.xai_url, bearer, _Keys(settings, direct, variables)),
        "gemini": _paid("gemini", own.gemini_url, _google_key, _Keys(settings, direct, variables)),
        "ollama": Upstream("Ollama", ollama, "start it with `ollama serve`", _no_key),
    }


@dataclass(frozen=True, slots=True)
class _Keys:
    """Where keys are looked up, as for the providers themselves."""

    settings: Settings
    direct: LlmSettings
    variables: Variables


def _paid(
    prefix: str, url: str, header: Callable[[str | None], Mapping[str, str]], keys: _Keys
) -> Upstream:
    """Build a service that wants a key; ``header`` wraps it."""
    own = keys.settings.providers.get(prefix)
    if own is not None:
        # Its address and project are for going there directly; keys and headers are for both.
        own = own.model_copy(update={"project": None})
    service = hosted(prefix, keys.direct, own, keys.variables)
    return Upstream(prefix, url.rstrip("/"), _CHECK_NETWORK, service.authorize(header))


def _google_key(key: str | None) -> Mapping[str, str]:
    return {} if key is None else {"x-goog-api-key": key}


async def _no_key() -> Mapping[str, str]:
    return {}

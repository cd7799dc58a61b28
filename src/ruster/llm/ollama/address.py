"""Where Ollama is asked for, and what it is called in errors."""

from __future__ import annotations

from ruster.llm.access import proxy_base, without_login
from ruster.llm.ollama.failures import OllamaPeer
from ruster.llm.ollama.url import base_url
from ruster.llm.settings import LlmSettings

__all__ = ["address"]


def address(settings: LlmSettings) -> tuple[str, OllamaPeer]:
    """Return the base URL of Ollama, or of the proxy's ``/ollama`` when ``proxy_url`` is set."""
    proxy = proxy_base(settings, "ollama")
    base = proxy or base_url(settings.ollama_url)
    shown = (settings.proxy_url or "").rstrip("/") if proxy else base
    return base, OllamaPeer(url=without_login(shown), through_proxy=bool(proxy))

"""Providers beyond this machine, made for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruster.llm.hosted import Hosted, hosted
from ruster.llm.settings import LlmSettings, ProviderSettings

__all__ = ["at"]


def at(
    prefix: str,
    url: str | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    llm: LlmSettings | None = None,
    **settings: Any,
) -> Hosted:
    """Describe the provider ``prefix`` at ``url`` with these settings and environment variables."""
    given = settings | ({"base_url": url} if url else {})
    own = ProviderSettings.model_validate(given) if given else None
    return hosted(prefix, llm or LlmSettings(), own, (variables or {}).get)

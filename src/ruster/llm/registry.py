"""Which provider answers to which prefix. A new one is one line in ``BUILTIN``, a third party's
one entry point; neither is imported before a model of it is asked for.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.core.imports import without
from ruster.core.ports import Provider
from ruster.llm.access import Variables
from ruster.llm.hosted import HOSTED, hosted
from ruster.llm.settings import LlmSettings, ProviderSettings

__all__ = ["BUILTIN", "ENTRY_POINTS", "KINDS", "ProviderFactory", "Registry"]

_log = logging.getLogger("ruster.llm")

ProviderFactory = Callable[[LlmSettings], Provider]
"""What an import string or entry point names: usually the provider's class."""

ENTRY_POINTS = "ruster.providers"
"""The entry point group of third parties' providers; the entry's name is the prefix."""

BUILTIN = {
    "llamacpp": "ruster.llm.llamacpp:LlamaCppProvider",
    "ollama": "ruster.llm.ollama.late:LateOllama",
    "pinky": "ruster.llm.pinky:PinkyProvider",
}
"""Prefix to import string ``module:factory``."""

KINDS = {
    "gemini": "ruster.llm.gemini.provider:GeminiProvider",
    "openai_compatible": "ruster.llm.openai_compatible.provider:OpenAiProvider",
}
"""Kind of a provider beyond this machine to import string; its factory takes a ``Hosted``."""


def _no_variables(_name: str) -> str | None:
    return None


class Registry(Mapping[str, Callable[[], Provider]]):
    """Prefix to a maker of its provider, bound to the settings.

    ``ready`` holds makers that need more than the settings; they come first. ``providers`` are the
    user's tables of providers beyond this machine, whose keys ``variables`` looks up. A third party
    cannot take a prefix of ours. Looking a prefix up imports its module (100 ms for the first that
    speaks HTTP), so do it in a thread; ``KeyError`` means that nobody has the prefix.
    """

    def __init__(
        self,
        settings: LlmSettings,
        ready: Mapping[str, Callable[[], Provider]] | None = None,
        *,
        providers: Mapping[str, ProviderSettings] | None = None,
        variables: Variables = _no_variables,
    ) -> None:
        self._settings = settings
        self._ready = dict(ready or {})
        self._tables = dict(providers or {})
        self._variables = variables
        for prefix in self._tables.keys() & {*BUILTIN, *self._ready}:
            _log.warning("[providers.%s] ignored: that provider is set up elsewhere", prefix)
            del self._tables[prefix]

    def __getitem__(self, prefix: str) -> Callable[[], Provider]:
        if prefix in self._ready:
            return self._ready[prefix]
        if prefix in BUILTIN:
            return partial(_import(prefix, BUILTIN[prefix]), self._settings)
        if prefix in HOSTED or prefix in self._tables:
            own = self._tables.get(prefix)
            made = hosted(prefix, self._settings, own, self._variables)
            return partial(_import(prefix, KINDS[made.settings.kind]), made)
        return partial(_load(self._foreign[prefix]), self._settings)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._ready, *BUILTIN, *HOSTED, *self._tables, *self._foreign}))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @cached_property
    def _foreign(self) -> dict[str, EntryPoint]:
        found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
        for prefix in found.keys() & {*BUILTIN, *HOSTED}:
            _log.warning("provider %r of %s ignored: the prefix is ours", prefix, found[prefix])
            del found[prefix]
        return found


def _import(prefix: str, target: str) -> Callable[..., Provider]:
    module, _, name = target.partition(":")
    try:
        with without("click"):  # httpx has it for a command line of its own, with all of rich
            return cast(Callable[..., Provider], getattr(importlib.import_module(module), name))
    except ImportError as error:
        raise ProviderUnreachable(
            f"the provider {prefix!r} is not installed ({error}): "
            f"install it with `pip install 'ruster[{prefix}]'`",
            code="provider_missing",
        ) from error


def _load(entry: EntryPoint) -> ProviderFactory:
    try:
        return cast(ProviderFactory, entry.load())
    except Exception as error:
        _log.warning("provider %s cannot be loaded", entry, exc_info=error)
        raise ProviderError(
            f"the provider {entry.name!r} of {entry.value} cannot be loaded: {error}",
            code="provider_broken",
        ) from error

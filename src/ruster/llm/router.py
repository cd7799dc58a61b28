"""All models by their full name: find the provider, and fall back when it cannot be reached."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from functools import partial

from ruster.core.errors import ModelError, ProviderError, ProviderUnreachable, RusterError
from ruster.core.inference import InferenceEvent, InferenceRequest, Notice, ProcessStart
from ruster.core.ports import Embedder, ModelInfo, ModelList, Provider, Reranker, Tokenizer
from ruster.llm.retries import BEFORE_ANSWER, Retries

__all__ = ["Models"]

_log = logging.getLogger("ruster.llm")


class Models:
    """Implements ``core.ports.ChatModels`` over makers of providers.

    A provider is made when a model of it is first asked for, and lives until ``aclose``. Looking a
    maker up may import its module and is done in a thread; calling it must be quick.
    """

    def __init__(
        self,
        factories: Mapping[str, Callable[[], Provider]],
        fallback_models: Sequence[str] = (),
        retries: Retries | None = None,
    ) -> None:
        self._factories = factories
        self._fallbacks = tuple(fallback_models)
        self._retries = retries or Retries()
        self._providers: dict[str, Provider] = {}

    async def stream(self, model: str, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        """Answer with ``model``, or with the first fallback that can.

        What may pass is tried again first (see ``Retries``). What leads on is a failure before
        anything of the answer was shown that says that this model cannot answer now; each switch
        is told by a ``Notice`` (``model_fallback``). Raises ``ProviderError``:
        ``unknown_provider`` for a model no provider has, ``no_model`` when none could be reached,
        or what the provider raised.
        """
        failed: list[tuple[str, ProviderError]] = []
        tally = self._retries.tally()
        for name in self._candidates(model):
            shown = False
            try:
                provider, own_name = await self._find(name, fallback=bool(failed))
                if failed:
                    yield Notice("model_fallback", _switch(*failed[-1], name))
                own = dataclasses.replace(request, model=own_name)
                prefix = name.partition("/")[0]
                events = self._retries.stream(prefix, partial(provider.stream, own), tally)
                try:
                    async for event in events:
                        shown = shown or not isinstance(event, BEFORE_ANSWER)
                        if isinstance(event, ProcessStart):
                            event = dataclasses.replace(event, model=name)
                        yield event
                finally:
                    await _close(events)
                return
            except ProviderError as error:
                if shown or not _leads_on(error):
                    raise
                failed.append((name, error))
        raise _nothing_answers(failed)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text, from this very model: vectors have no fallback.

        Raises ``ProviderError``: ``not_an_embedder`` when its provider makes none.
        """
        provider, own_name = await self._find(model)
        if not isinstance(provider, Embedder):
            raise ProviderError(
                f"{model} makes no vectors; choose an embedding model, such as "
                "llamacpp/nomic-embed-text",
                code="not_an_embedder",
            )
        return await provider.embed(own_name, texts)

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> list[float]:
        """Return one score per document, from this very model: the higher, the better it answers.

        Raises ``ProviderError``: ``not_a_reranker`` when its provider rates none.
        """
        provider, own_name = await self._find(model)
        if not isinstance(provider, Reranker):
            raise ProviderError(
                f"{model} rates no documents; choose a reranking model of the provider llamacpp",
                code="not_a_reranker",
            )
        return await provider.rerank(own_name, query, documents)

    async def tokenize(self, model: str, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of ``text`` for this very model, by their ids.

        Raises ``ProviderError``: ``not_supported`` when its provider does not tell them.
        """
        provider, own_name = await self._find(model)
        if not isinstance(provider, Tokenizer):
            raise ProviderError(
                f"the provider of {model} does not tell tokens; choose a model of the provider "
                "llamacpp",
                code="not_supported",
            )
        return await provider.tokenize(own_name, text, special=special)

    async def context_size(self, model: str) -> int | None:
        """Return the window in tokens of the model that would answer, or None when unknown.

        A model that is not there counts as unknown; then its fallbacks are asked in order.
        """
        found = await self._first_at_hand(model)
        return None if found is None else found[1]

    async def answering(self, model: str) -> str | None:
        """Return the model that would answer for ``model`` now: itself, a fallback, or None."""
        found = await self._first_at_hand(model)
        return None if found is None else found[0]

    async def models(self, prefixes: Collection[str] | None = None) -> ModelList:
        """List what every provider has, or only those of ``prefixes``, which alone are made then.

        One that cannot be reached is named, not fatal.
        """
        missing: dict[str, str] = {}
        if prefixes is None:
            prefixes = await asyncio.to_thread(list, self._factories)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._listed(prefix, missing), name=f"models of {prefix}")
                for prefix in prefixes
            ]
        return ModelList(tuple(info for task in tasks for info in task.result()), missing)

    async def aclose(self) -> None:
        """Close every provider that was made; a failing one does not keep the others open."""
        while self._providers:
            prefix, provider = self._providers.popitem()
            try:
                await provider.aclose()
            except Exception:  # noqa: BLE001 - a plugin's failure must not leave the others open
                _log.exception("provider %s could not be closed", prefix)

    async def _first_at_hand(self, model: str) -> tuple[str, int] | None:
        """Find the first candidate that tells its window, which it does only when it is there."""
        for name in self._candidates(model):
            try:
                provider, own_name = await self._find(name)
            except ProviderError:
                continue
            if self._retries.resting(name.partition("/")[0]):
                continue
            if (size := await provider.context_size(own_name)) is not None:
                return name, size
        return None

    def _candidates(self, model: str) -> list[str]:
        return list(dict.fromkeys((model, *self._fallbacks)))

    async def _find(self, name: str, *, fallback: bool = False) -> tuple[Provider, str]:
        prefix, _, own_name = name.partition("/")
        provider = await self._provider(prefix) if own_name else None
        if provider is not None:
            return provider, own_name
        error = await self._unknown(name)
        # A misspelt fallback must not hide why the chosen model cannot answer.
        raise ProviderUnreachable(error.message, code=error.code) if fallback else error

    async def _provider(self, prefix: str) -> Provider | None:
        """Return the provider of ``prefix``, made now if it is new, or None if nobody has it."""
        if prefix not in self._providers:
            factory = await asyncio.to_thread(self._factories.get, prefix)
            if factory is None:
                return None
            if prefix not in self._providers:
                self._providers[prefix] = factory()
        return self._providers[prefix]

    async def _unknown(self, name: str) -> ProviderError:
        known = await asyncio.to_thread(list, self._factories)
        prefix, slash, own_name = name.partition("/")
        near = get_close_matches(prefix.lower(), known, n=1)
        if not slash:
            hint = f"write it as provider/model, such as ollama/{name}"
        elif near:
            hint = f"did you mean {near[0]}/{own_name}?"
        else:
            hint = "choose one of them"
        return ProviderError(
            f"no provider for the model {name!r} (known: {', '.join(sorted(known))}): {hint}",
            code="unknown_provider",
        )

    async def _listed(self, prefix: str, missing: dict[str, str]) -> list[ModelInfo]:
        try:
            provider = await self._provider(prefix)
            return [] if provider is None else await provider.models()
        except RusterError as error:
            missing[prefix] = error.message
            return []


async def _close(events: AsyncIterator[InferenceEvent]) -> None:
    if isinstance(events, AsyncGenerator):
        await events.aclose()


def _leads_on(error: ProviderError) -> bool:
    """Tell whether another model may do what this one cannot: it is away, or overburdened."""
    if isinstance(error, ProviderUnreachable):
        return True
    return error.retryable and not isinstance(error, ModelError)


def _switch(failed: str, error: ProviderError, name: str) -> str:
    """Word a switch. What to do about it, after the colon, is left to the final error."""
    reason = error.message.partition(": ")[0]
    return f"{failed} cannot answer ({reason}); using {name} instead"


def _nothing_answers(failed: Sequence[tuple[str, ProviderError]]) -> ProviderError:
    first = failed[0][1]
    if len(failed) == 1 and not isinstance(first, ProviderUnreachable):
        return first
    reasons = "; ".join(f"{name} ({error.message})" for name, error in failed)
    return ProviderError(f"no model can answer: {reasons}", code="no_model", retryable=True)

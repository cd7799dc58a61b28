"""Asking the model for one step; a model that cannot use tools is asked again without them."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import cast

from ruster.core.errors import ProviderError
from ruster.core.inference import InferenceEvent, InferenceRequest, Notice, ProcessStart, Progress
from ruster.core.ports import ChatModels

__all__ = ["ask"]

_BEFORE_ANSWER = (Notice, ProcessStart, Progress)


async def ask(
    models: ChatModels, request: InferenceRequest, tools_refused: Callable[[], None]
) -> AsyncGenerator[InferenceEvent, None]:
    """Stream one step of ``request.model``.

    When the provider says that the model knows no tools, ``tools_refused`` is called and the step
    is asked once more, without them. Raises what the provider raises.
    """
    shown = False
    try:
        async with _closing(models.stream(request.model, request)) as events:
            async for event in events:
                shown = shown or not isinstance(event, _BEFORE_ANSWER)
                yield event
        return
    except ProviderError as error:
        if error.code != "tools_unsupported" or shown or not request.tools:
            raise
    tools_refused()
    plain = dataclasses.replace(request, tools=())
    async with _closing(models.stream(request.model, plain)) as events:
        async for event in events:
            yield event


def _closing(stream: AsyncIterator[InferenceEvent]) -> aclosing[AsyncGenerator[InferenceEvent]]:
    return aclosing(cast(AsyncGenerator[InferenceEvent], stream))

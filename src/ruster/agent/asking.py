"""Asking the model for one step: with tools in the best way it takes.

Its provider's own tool calls come first. A model that knows none is asked for JSON of a fixed form
(``json_calls``); where it cannot be held to one, it answers without tools.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import cast

from ruster.agent.json_answer import read_calls
from ruster.agent.json_calls import with_json_calls
from ruster.agent.ways import Way, Ways
from ruster.core.errors import ProviderError
from ruster.core.inference import InferenceEvent, InferenceRequest, Notice, ProcessStart, Progress
from ruster.core.ports import ChatModels

__all__ = ["Asking"]

_LEFT_OUT = "[pictures left out: {count}; this model cannot look at them]"
_BEFORE_ANSWER = (Notice, ProcessStart, Progress)
_NO_FORM = frozenset({"schema_unsupported", "grammar_invalid", "tools_unsupported"})
_NO_IMAGES = "images_unsupported"
_UNCLEAR = "provider_rejected"  # may be the form or something else: without it, one will know


class Asking:
    """The steps of one turn; what worked for a step is tried first for the next.

    ``without_tools`` and ``without_images`` are called once, when a step has to do without.
    ``ways`` is what is known of models from other turns.
    """

    def __init__(
        self,
        models: ChatModels,
        without_tools: Callable[[], None],
        ways: Ways | None = None,
        without_images: Callable[[], None] = lambda: None,
    ) -> None:
        self._models = models
        self._without_tools = without_tools
        self._without_images = without_images
        self._ways = Ways() if ways is None else ways
        self._chosen: Way | None = None
        self._left_out = False
        self._blind = False

    @property
    def left_out(self) -> bool:
        """Whether tools had to be left out, so that there is no use in offering them."""
        return self._left_out

    async def stream(self, request: InferenceRequest) -> AsyncGenerator[InferenceEvent, None]:
        """Stream one step of ``request.model``.

        It is asked again, in the next way, when the present one is refused before anything of an
        answer came. Raises what the provider raises, and ``answer_too_large`` for a call in JSON
        that was cut off.
        """
        told: set[Notice] = set()
        if self._blind:
            request = _without_images(request)
        while True:
            way = self._way(request)
            shown = replaced = False
            try:
                async with aclosing(self._asked(request, way)) as events:
                    async for event in events:
                        if isinstance(event, Notice):
                            replaced = replaced or event.code == "model_fallback"
                            if event in told:
                                continue
                            told.add(event)
                        shown = shown or not isinstance(event, _BEFORE_ANSWER)
                        yield event
                return
            except ProviderError as error:
                if not shown and self._goes_blind(request, error):
                    request = _without_images(request)
                    continue
                following = _following(way, error)
                if following is None or shown or not request.tools:
                    raise
                self._chosen = following
                # A fallback's refusal tells nothing about the model that was asked for.
                if not replaced and error.code != _UNCLEAR:
                    self._ways.found(request.model, following)

    def _goes_blind(self, request: InferenceRequest, error: ProviderError) -> bool:
        """Tell whether to ask again without pictures, for the rest of the turn."""
        if self._blind or error.code not in (_NO_IMAGES, _UNCLEAR):
            return False
        self._blind = any(message.images for message in request.messages)
        if self._blind:
            self._without_images()
        return self._blind

    def _way(self, request: InferenceRequest) -> Way:
        way = self._ways.of(request.model) if self._chosen is None else self._chosen
        config = request.config
        formed = config.behaviour.json_schema is not None or config.sampling.grammar is not None
        return Way.NONE if way is Way.JSON and formed else way

    def _asked(self, request: InferenceRequest, way: Way) -> AsyncGenerator[InferenceEvent, None]:
        if way is Way.NATIVE or not request.tools:
            return self._events(request)
        if way is Way.JSON:
            return read_calls(self._events(with_json_calls(request)))
        if not self._left_out:
            self._left_out = True
            self._without_tools()
        return self._events(dataclasses.replace(request, tools=()))

    def _events(self, request: InferenceRequest) -> AsyncGenerator[InferenceEvent, None]:
        stream: AsyncIterator[InferenceEvent] = self._models.stream(request.model, request)
        return cast("AsyncGenerator[InferenceEvent, None]", stream)


def _without_images(request: InferenceRequest) -> InferenceRequest:
    """Put words in the place of pictures."""
    messages = tuple(
        dataclasses.replace(
            message,
            content=f"{message.content}\n{_LEFT_OUT.format(count=len(message.images))}".strip(),
            images=(),
        )
        if message.images
        else message
        for message in request.messages
    )
    return dataclasses.replace(request, messages=messages)


def _following(way: Way, error: ProviderError) -> Way | None:
    """Return what to try when a way was refused, or None when the error is about something else."""
    if way is Way.NATIVE and error.code == "tools_unsupported":
        return Way.JSON
    if way is Way.JSON and (error.code in _NO_FORM or error.code == _UNCLEAR):
        return Way.NONE
    return None

"""One conversation with a model: what was said so far, and the next answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from ruster.core.errors import ModelError
from ruster.core.ids import new_id
from ruster.core.inference import (
    Behaviour,
    Content,
    InferenceConfig,
    InferenceEvent,
    Notice,
)
from ruster.core.messages import Message, Role
from ruster.genius import Genius

__all__ = ["Conversation"]

_FORGOTTEN = Notice(
    "context_trimmed",
    "the conversation is longer than the model's window: its beginning is left out from now on; "
    "a larger --context-size holds more",
)


class Conversation:
    """Keeps the messages, and the place of its session in the engine's memory until ``aclose``."""

    def __init__(self, genius: Genius, *, show_thinking: bool) -> None:
        self._genius = genius
        self._config = InferenceConfig(Behaviour(show_thinking=show_thinking))
        self._session = new_id("ogenius")
        self._messages: list[Message] = []

    async def say(self, text: str) -> AsyncIterator[InferenceEvent]:
        """Yield the answer's events; raises ProviderError and its families.

        What was said until the iterator is closed stays part of the conversation. A message that
        could not be answered at all does not.
        """
        before = len(self._messages)
        self._messages.append(Message(Role.USER, text))
        said: list[str] = []
        try:
            async with aclosing(self._fitting()) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Content):
                        said.append(event.text)
                    yield event
        finally:
            if said:
                self._messages.append(Message(Role.ASSISTANT, "".join(said)))
            else:
                del self._messages[min(before, len(self._messages) - 1) :]

    async def aclose(self) -> None:
        """Have the engine forget it; raises OSError."""
        await self._genius.forget(self._session)

    async def _fitting(self) -> AsyncIterator[InferenceEvent]:
        """Answer; while the window is too small, without the oldest messages."""
        while True:
            begun = False
            stream = self._genius.chat(self._messages, config=self._config, session=self._session)
            try:
                async with aclosing(stream) as events:  # type: ignore[type-var]
                    async for event in events:
                        begun |= isinstance(event, Content)
                        yield event
                return
            except ModelError as error:
                if begun or error.code != "context_overflow" or not self._forget_oldest():
                    raise
                yield _FORGOTTEN

    def _forget_oldest(self) -> bool:
        """Drop the oldest message and its answer; False when only the question is left."""
        later = [n for n, it in enumerate(self._messages) if n and it.role is Role.USER]
        if not later:
            return False
        del self._messages[: later[0]]
        return True

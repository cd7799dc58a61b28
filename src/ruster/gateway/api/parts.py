"""What the HTTP interfaces need of the rest of the house."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ruster.core.clock import Clock
from ruster.core.inference import InferenceEvent
from ruster.core.messages import Message
from ruster.core.ports import ChatModels
from ruster.gateway.settings import GatewaySettings
from ruster.protocol.intake import Dispatch

__all__ = ["AgentTurns", "ApiParts", "EngineControl", "ReadingModels"]


class ReadingModels(Protocol):
    """Models that read a text, as a vector or as tokens, by their full name ``provider/model``."""

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text; raises ``ProviderError``."""
        ...

    async def tokenize(self, model: str, text: str, *, special: bool = False) -> list[int]:
        """Return the ids of a text's tokens; raises ``ProviderError`` (``not_supported``)."""
        ...


class EngineControl(Protocol):
    """What may be told to the embedded engine."""

    async def unload(self) -> str:
        """Give back the memory of all local models, and say in a sentence what was done."""
        ...


class AgentTurns(Protocol):
    """Turns of sessions, with all that the agent has, as events of an inference."""

    def stream(self, uid: int, session_id: str, message: Message) -> AsyncIterator[InferenceEvent]:
        """Have a user's message answered in a session of theirs, made if it is not there.

        Its tool calls are the agent's own and are not told. Closing the iterator ends the turn.
        Raises errors of the tree.
        """
        ...

    async def sessions(self, uid: int) -> Sequence[str]:
        """Return the ids of a user's sessions."""
        ...


async def _nothing_is_here(model: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ApiParts:
    """``agents`` and ``dispatch`` are None where there is no daemon, only models.

    ``default_model`` is the full name of the model that answers when none is named; ``full_name``
    brings a model's name into the form ``provider/model``. ``counts`` are figures for whoever
    watches, by the names they have in ``/metrics``. ``is_here`` says whether a model can answer
    without a download: others than the daemon's own user get no other models.
    """

    settings: GatewaySettings
    models: ChatModels
    reading: ReadingModels
    default_model: Callable[[], str]
    full_name: Callable[[str], str]
    engine: EngineControl
    clock: Clock
    socket_url: str
    counts: Callable[[], Awaitable[dict[str, float]]]
    dispatch: Dispatch[Any] | None = None
    agents: AgentTurns | None = None
    is_here: Callable[[str], Awaitable[bool]] = _nothing_is_here

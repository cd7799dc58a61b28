"""Asking models, and the agent, for whoever holds a token."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from ruster.core.errors import ProviderError
from ruster.core.ids import check_name
from ruster.core.inference import InferenceEvent, InferenceRequest
from ruster.core.messages import Role
from ruster.gateway.api.failures import InvalidRequest
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.permitted import check_permitted
from ruster.gateway.identity import Identity
from ruster.gateway.openai.forcing import forced, read_forced

__all__ = ["AGENT", "DEFAULT", "Asker"]

AGENT = "agent/"
"""What the names of sessions begin with where a model's name is expected."""
DEFAULT = "default"
_UNFORCED = ("provider_rejected", "schema_unsupported", "grammar_invalid")


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks on behalf of a user."""

    parts: ApiParts
    identity: Identity

    async def model(self, name: str | None) -> str:
        """Return a model's full name; raises SessionError (``not_permitted``)."""
        if name is None or name in ("", DEFAULT):
            full = self.parts.default_model()
        elif name.startswith(AGENT):
            return name
        else:
            full = self.parts.full_name(name)
        await check_permitted(full, self.identity, self.parts)
        return full

    def stream(
        self, request: InferenceRequest, *, must_call: bool = False
    ) -> AsyncGenerator[InferenceEvent, None]:
        """Have a request answered by the model of its full name, or by a session's agent."""
        if request.model.startswith(AGENT):
            return _closable(self._agent(request))
        if must_call and (held := forced(request)) is not None:
            return self._forced(request, held)
        return self._plain(request)

    def _agent(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        session_id = check_name(request.model.removeprefix(AGENT), "the session's name")
        agents = self.parts.agents
        if agents is None:
            raise ProviderError(
                f"there are no sessions here, so that {request.model} cannot answer: choose one of "
                "/v1/models",
                code="model_not_found",
            )
        said = next((it for it in reversed(request.messages) if it.role is Role.USER), None)
        if said is None or not said.content.strip():
            raise InvalidRequest("messages: there is none of the user with a text", "messages")
        return agents.stream(self.identity.uid, session_id, said)

    def _plain(self, request: InferenceRequest) -> AsyncGenerator[InferenceEvent, None]:
        return _closable(self.parts.models.stream(request.model, request))

    async def _forced(
        self, request: InferenceRequest, held: InferenceRequest
    ) -> AsyncGenerator[InferenceEvent, None]:
        """Hold the answer to a call; where a provider cannot, the model is left to decide."""
        try:
            async with aclosing(read_forced(self._plain(held), request.tools)) as events:
                async for event in events:
                    yield event
            return
        except ProviderError as error:
            if error.code not in _UNFORCED:
                raise
        async with aclosing(self._plain(request)) as events:
            async for event in events:
                yield event


def _closable(stream: AsyncIterator[InferenceEvent]) -> AsyncGenerator[InferenceEvent, None]:
    return cast("AsyncGenerator[InferenceEvent, None]", stream)

"""The requests that run in the worker: whose outputs go where."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from ruster.core.errors import ModelError, RusterError
from ruster.core.ids import new_id
from ruster.core.inference import Complete, Notice, Progress
from ruster.core.orchestration import (
    AssetComplete,
    AssetFailed,
    AssetProgress,
    AssetStarted,
    EngineBody,
    EngineFailure,
    EngineOutput,
    ModelList,
    ModelReady,
)
from ruster.engine.stream import OutputStream

__all__ = ["Request", "RequestTable"]

_LAST = (Complete, EngineFailure, ModelList)
_BEFORE_WORK = (
    AssetStarted, AssetProgress, AssetComplete, AssetFailed, ModelReady, Notice, Progress,
)  # fmt: skip
_log = logging.getLogger("ruster.engine")


@dataclass(eq=False, slots=True)
class Request:
    """One request: the model it is for, and what came back; ``begun`` once there was any work."""

    model: str | None
    id: str = field(default_factory=lambda: new_id("e"))
    stream: OutputStream = field(default_factory=OutputStream)
    begun: bool = False


class RequestTable:
    """All requests that are being waited for, by id."""

    def __init__(self) -> None:
        self._requests: dict[str, Request] = {}

    def __bool__(self) -> bool:
        return bool(self._requests)

    def open(self, model: str | None) -> Request:
        """Add a request."""
        request = Request(model)
        self._requests[request.id] = request
        return request

    def close(self, request: Request) -> None:
        """Let a request go; what still comes for it is dropped."""
        self._requests.pop(request.id, None)

    def uses(self, model: str) -> bool:
        """Tell whether a request works with a model."""
        return any(it.model == model and it.begun for it in self._requests.values())

    def deliver(self, output: EngineOutput) -> bool:
        """Hand an output to its request; return whether it was the last of one."""
        body = output.body
        is_last = isinstance(body, _LAST)
        request = self._requests.get(output.id or "")
        if request is None:
            if isinstance(body, EngineFailure) and not output.id:
                _log.warning("the engine's worker refused a frame: %s", body.message)
            return is_last
        request.begun |= not isinstance(body, _BEFORE_WORK)
        if isinstance(body, EngineFailure):
            code = body.code or "model_failed"
            request.stream.end(ModelError(body.message, code=code, retryable=body.retryable))
            return True
        request.stream.put(body)
        if is_last:
            request.stream.end()
        return is_last

    def tell_waiting(self, model: str, body: EngineBody) -> None:
        """Hand the same to everyone who waits for a model."""
        for request in self._requests.values():
            if request.model == model and not request.begun:
                request.stream.put(body)

    def fail_all(self, error: RusterError) -> None:
        """End everything with an error."""
        for request in list(self._requests.values()):
            request.stream.end(error)

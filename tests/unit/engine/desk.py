"""A scheduler in the test's own process, stepped by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ruster.core.inference import Behaviour, Complete, Content, InferenceConfig, Sampling, Usage
from ruster.core.orchestration import EngineBody, EngineFailure, Infer
from ruster.engine import native
from ruster.engine.answer import Answer
from ruster.engine.context import Context, Decoded
from ruster.engine.inbox import Inbox, Ticket
from ruster.engine.job import Job
from ruster.engine.model import LoadedModel
from ruster.engine.parking import Parking
from ruster.engine.scheduler import Scheduler
from ruster.engine.settings import EngineSettings

__all__ = ["GREEDY", "Asked", "Desk", "open_desk"]

GREEDY = Sampling(temperature=0, repetition_penalty=1.0)


class _Recorder(Answer):
    """An answer that keeps its tokens and the logits each was drawn from."""

    tokens: list[int]
    logits: list[np.ndarray[Any, np.dtype[np.float32]]]

    def draw(self, context: Context, index: int) -> int:
        self.logits.append(context.logits(index))
        token = super().draw(context, index)
        self.tokens.append(token)
        return token


@dataclass
class Asked:
    """A request and what came of it."""

    job: Job
    outputs: list[EngineBody]
    tokens: list[int] = field(default_factory=list)
    logits: list[np.ndarray[Any, np.dtype[np.float32]]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(body.text for body in self.outputs if isinstance(body, Content))

    @property
    def usage(self) -> Usage:
        (usage,) = (body for body in self.outputs if isinstance(body, Usage))
        return usage

    @property
    def error(self) -> str | None:
        last = self.outputs[-1] if self.outputs else None
        return last.code if isinstance(last, EngineFailure) else None

    @property
    def done(self) -> bool:
        return bool(self.outputs) and isinstance(self.outputs[-1], (Complete, EngineFailure))


class Desk:
    """A context with its scheduler; ``sizes`` are the batch sizes of the steps so far."""

    def __init__(
        self, model: LoadedModel, settings: EngineSettings, cells: int, parking: Parking | None
    ) -> None:
        self.model = model
        self.flag = native.CancelFlag()
        self.inbox = Inbox(100, self.flag)
        self.context = Context(model, cells, settings, self.flag, sequences=settings.max_sequences)
        self.scheduler = Scheduler(
            self.context, self.inbox, prefill_chunk=settings.prefill_chunk, parking=parking
        )
        self.sizes: list[int] = []
        self._decode = self.context.decode
        self.context.decode = self._counted  # type: ignore[method-assign]

    def _counted(self) -> Decoded:
        self.sizes.append(self.context.batch.size)
        return self._decode()

    def ask(
        self,
        tokens: Sequence[int],
        *,
        most: int = 8,
        session: str | None = None,
        sampling: Sampling = GREEDY,
        name: str | None = None,
        window: int | None = None,
        **behaviour: Any,
    ) -> Asked:
        """Submit a prompt."""
        outputs: list[EngineBody] = []
        ticket = Ticket(Infer(), outputs.append, name)
        config = InferenceConfig(Behaviour(max_tokens=most, **behaviour), sampling)
        room = self.context.cells - len(tokens) if window is None else most

        def make() -> Answer:
            answer = _Recorder(self.model, config, room, ticket.send)
            answer.tokens, answer.logits = asked.tokens, asked.logits
            return answer

        job = Job(ticket, list(tokens), make, session=session, window=window, kept=4)
        asked = Asked(job, outputs)
        assert self.inbox.put(ticket)
        self.inbox.collect(0)
        self.scheduler.submit(asked.job)
        return asked

    def run(self, *until: Asked) -> None:
        """Step until the given requests (or all) are done."""
        for _ in range(10_000):
            if all(asked.done for asked in until) if until else not self.scheduler.busy:
                return
            self.scheduler.step()
        raise AssertionError("the scheduler does not come to an end")


@contextmanager
def open_desk(
    model: LoadedModel, *, cells: int = 1024, parking: Parking | None = None, **settings: Any
) -> Iterator[Desk]:
    """Make a desk on one thread; ``settings`` are those of the engine."""
    desk = Desk(model, EngineSettings(threads=1, **settings), cells, parking)
    yield desk
    desk.scheduler.close()

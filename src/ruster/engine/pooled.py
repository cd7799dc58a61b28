"""Requests that read texts and answer with numbers: vectors (``Embed``), scores (``Rerank``).

Compute thread only. Several short texts are read in one step, each in a sequence of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ruster.core.errors import ModelError, RusterError
from ruster.core.inference import Complete, Usage
from ruster.core.orchestration import Embed, Embedding, EngineBody, Rerank, Score
from ruster.engine.context import Context, Decoded
from ruster.engine.estimate import LEAST_POOLED
from ruster.engine.inbox import Inbox, Ticket
from ruster.engine.model import LoadedModel, normalised
from ruster.engine.rerank import pair_tokens

__all__ = ["PooledLane"]


@dataclass(eq=False, slots=True)
class _Running:
    ticket: Ticket
    steps: Iterator[None]


class PooledLane:
    """All such requests of one model, a step of each in turn.

    ``make_context`` makes the context when it is first needed.
    ``dimensions`` is how long vectors are at most.
    """

    def __init__(
        self,
        model: LoadedModel,
        inbox: Inbox,
        make_context: Callable[[], Context],
        dimensions: int,
    ) -> None:
        self._model = model
        self._inbox = inbox
        self._make_context = make_context
        self._dimensions = dimensions
        self._context: Context | None = None
        self._running: deque[_Running] = deque()

    @property
    def busy(self) -> bool:
        """Whether anything runs here."""
        return bool(self._running)

    def add(self, ticket: Ticket, command: Embed | Rerank) -> None:
        """Begin a request; raises ModelError when the model is not for it."""
        scores = isinstance(command, Rerank)
        if scores and not self._model.reranks:
            raise ModelError(
                f"{self._model.path.name} does not rate documents; choose a reranking model",
                code="not_a_reranker",
            )
        if not scores and self._model.reranks:
            raise ModelError(
                f"{self._model.path.name} rates documents and makes no vectors; choose an "
                "embedding model",
                code="not_an_embedder",
            )
        if self._context is None:
            self._context = self._make_context()
        if self._inbox.admit(ticket):
            self._running.append(_Running(ticket, self._work(self._context, command, ticket)))

    def step(self) -> None:
        """Do one step of the request whose turn it is."""
        running = self._running.popleft()
        try:
            if running.ticket.cancelled:
                raise ModelError("the request was cancelled", code="cancelled")
            next(running.steps)
        except StopIteration:
            self._inbox.done(running.ticket)
        except RusterError as error:
            running.ticket.fail(error)
            self._inbox.done(running.ticket)
        else:
            self._running.append(running)

    def fail_all(self, error: RusterError) -> None:
        """End everything with an error."""
        for running in self._running:
            running.ticket.fail(error)
            self._inbox.done(running.ticket)
        self._running.clear()

    def close(self) -> None:
        """Free the context."""
        if self._context is not None:
            self._context.close()
            self._context = None

    def _work(self, context: Context, command: Embed | Rerank, ticket: Ticket) -> Iterator[None]:
        read = 0
        for texts in self._packs(context, command):
            read += sum(map(len, texts))
            context.clear()
            context.batch.clear()
            for sequence, tokens in enumerate(texts):
                context.batch.add_all(tokens, 0, sequence, output=True)
            context.batch.want_all()
            if context.decode() is Decoded.ABORTED:
                raise ModelError("the request was cancelled", code="cancelled")
            for sequence in range(len(texts)):
                ticket.send(self._result(context, command, sequence))
            yield
        ticket.send(Usage(prompt=read))
        ticket.send(Complete())

    def _result(self, context: Context, command: Embed | Rerank, sequence: int) -> EngineBody:
        vector = context.embedding(sequence)
        if isinstance(command, Rerank):
            return Score(vector[0])
        return Embedding(normalised(vector[: self._dimensions]))

    def _packs(self, context: Context, command: Embed | Rerank) -> Iterator[list[list[int]]]:
        """Give the texts' tokens in groups that are read in one step."""
        most = min(LEAST_POOLED, context.cells)  # unless one text is longer
        pack: list[list[int]] = []
        for tokens in self._texts(context, command):
            full = sum(map(len, pack)) + len(tokens) > most
            if pack and (full or len(pack) == context.sequences):
                yield pack
                pack = []
            pack.append(tokens)
        if pack:
            yield pack

    def _texts(self, context: Context, command: Embed | Rerank) -> Iterator[list[int]]:
        if isinstance(command, Rerank):
            for document in command.documents:
                yield pair_tokens(self._model, command.query, document, context.cells)
            return
        for text in command.input:
            tokens = self._model.tokenize(text, special=False, start=True)
            if len(tokens) > context.cells:  # keep the closing token that BERT models end with
                tokens = [*tokens[: context.cells - 1], tokens[-1]]
            yield tokens or [0]

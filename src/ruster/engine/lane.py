"""One loaded model and all that runs on it: chat sequences, embeddings; child process only."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ruster.core.errors import ModelError, RusterError
from ruster.core.inference import Complete, Usage
from ruster.core.messages import Message, Role
from ruster.core.orchestration import Embed, Embedding, Infer, ModelReady
from ruster.engine import native
from ruster.engine.answer import Answer
from ruster.engine.context import Context, Decoded
from ruster.engine.inbox import Inbox, Ticket
from ruster.engine.job import Job
from ruster.engine.model import LoadedModel, normalised
from ruster.engine.native import CancelFlag
from ruster.engine.parking import NoParking, Parking, SnapshotParking
from ruster.engine.scheduler import Scheduler
from ruster.engine.settings import EngineSettings, physical_cores
from ruster.engine.snapshots import SnapshotFolder, model_key
from ruster.engine.threads import ThreadTuner
from ruster.engine.trial import measure_threads

__all__ = ["Lane"]

_log = logging.getLogger("ruster.engine")


@dataclass(eq=False, slots=True)
class _Embedding:
    """A request for vectors that has begun: one text a step."""

    ticket: Ticket
    steps: Iterator[None]


class Lane:
    """A model with its contexts, made when first needed."""

    def __init__(
        self, model: LoadedModel, settings: EngineSettings, inbox: Inbox, flag: CancelFlag
    ) -> None:
        self.model = model
        self.used_at = time.monotonic()
        self._settings = settings
        self._inbox = inbox
        self._flag = flag
        self._chat: Scheduler | None = None
        self._embedder: Context | None = None
        self._threads = measure_threads(model, settings)
        self._tuner = ThreadTuner(
            self._threads.counts, max(1, settings.threads or physical_cores())
        )
        self._embeddings: deque[_Embedding] = deque()

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits here."""
        return bool(self._embeddings) or (self._chat is not None and self._chat.busy)

    @property
    def purpose(self) -> str:
        """What the model is for, as model lists say it."""
        return "Embedding" if self.model.embeds_only else "Inference"

    def ready(self, load_s: float) -> ModelReady:
        """Describe the model."""
        model = self.model
        window = 0 if model.embeds_only else self._window(None)
        return ModelReady(
            str(model.path),
            window,
            model.train_context,
            model.size_bytes,
            load_s,
            self._tuner.counts.decode,
            self._tuner.counts.batch,
            self._threads.step_s,
        )

    def add(self, ticket: Ticket, command: Infer | Embed) -> bool:
        """Take a request; False when it must wait until nothing runs here. Raises ModelError."""
        if isinstance(command, Embed):
            return self._add_embedding(ticket, command)
        return self._add_inference(ticket, command)

    def step(self) -> None:
        """Do one step of everything that runs."""
        self.used_at = time.monotonic()
        if self._embeddings:
            self._step_embedding()
        if self._chat is not None and self._chat.busy:
            self._chat.step()

    def fail_all(self, error: RusterError) -> None:
        """End everything with an error."""
        for embedding in self._embeddings:
            embedding.ticket.fail(error)
            self._inbox.done(embedding.ticket)
        self._embeddings.clear()
        if self._chat is not None:
            self._chat.fail_all(error)

    def close(self) -> None:
        """Free the model; nothing may run."""
        self._close_chat()
        if self._embedder is not None:
            self._embedder.close()
            self._embedder = None
        self.model.close()

    def _close_chat(self) -> None:
        if self._chat is not None:
            self._chat.close()
            self._chat = None

    def _window(self, asked: int | None) -> int:
        largest = self.model.train_context or self._settings.context_size
        return max(16, min(largest, asked or self._settings.context_size))

    def _add_inference(self, ticket: Ticket, command: Infer) -> bool:
        if self.model.embeds_only:
            raise ModelError(
                f"{self.model.path.name} makes embeddings and cannot chat; choose another model",
                code="not_a_chat_model",
            )
        window = self._window(command.config.behaviour.context_size)
        if self._chat is not None and self._chat.context.cells < window:
            if self.busy:
                return False
            self._close_chat()
        if self._chat is None:
            self._chat = self._new_chat(window)
        self._chat.submit(self._job(ticket, command, window))
        return True

    def _new_chat(self, window: int) -> Scheduler:
        settings = self._settings
        cells = max(window, settings.kv_cells or 0)
        context = Context(self.model, cells, settings, self._flag, sequences=settings.max_sequences)
        if settings.threads is None:
            context.tune(self._tuner)
        return Scheduler(
            context, self._inbox, prefill_chunk=settings.prefill_chunk, parking=self._parking()
        )

    def _parking(self) -> Parking:
        settings = self._settings
        if settings.snapshot_folder is None:
            return NoParking()
        try:
            key = model_key(self.model.path, {"library": native.version()})
            folder = SnapshotFolder(settings.snapshot_folder, settings.snapshot_bytes, key)
        except OSError as error:
            _log.warning("no snapshots in %s: %s", settings.snapshot_folder, error)
            return NoParking()
        return SnapshotParking(folder)

    def _job(self, ticket: Ticket, command: Infer, window: int) -> Job:
        messages = command.messages or (Message(Role.USER, command.prompt),)
        prompt = self.model.template.render(messages, command.tools)
        tokens = self.model.prompt_tokens(prompt)
        if not tokens:
            raise ModelError("the prompt is empty", code="prompt_empty")
        if len(tokens) >= window:
            raise ModelError(
                f"the conversation has {len(tokens)} tokens, but the model's window holds "
                f"{window}; start a new session or choose a larger context_size",
                code="context_overflow",
            )
        room = window - len(tokens)
        return Job(
            ticket,
            tokens,
            lambda: Answer(self.model, command.config, room, ticket.send),
            session=command.session,
            opens_thought=prompt.rstrip().endswith("<think>"),
        )

    def _add_embedding(self, ticket: Ticket, command: Embed) -> bool:
        if self._embedder is None:
            self._embedder = Context(
                self.model, self._window(None), self._settings, self._flag, embeddings=True
            )
        if self._inbox.admit(ticket):
            steps = self._embed(self._embedder, command, ticket)
            self._embeddings.append(_Embedding(ticket, steps))
        return True

    def _step_embedding(self) -> None:
        """Do one text of the request whose turn it is."""
        embedding = self._embeddings.popleft()
        try:
            if embedding.ticket.cancelled:
                raise ModelError("the request was cancelled", code="cancelled")
            next(embedding.steps)
        except StopIteration:
            self._inbox.done(embedding.ticket)
        except RusterError as error:
            embedding.ticket.fail(error)
            self._inbox.done(embedding.ticket)
        else:
            self._embeddings.append(embedding)

    def _embed(self, context: Context, command: Embed, ticket: Ticket) -> Iterator[None]:
        read = 0
        for text in command.input:
            tokens = self.model.tokenize(text, special=False, start=True)
            if len(tokens) > context.cells:  # keep the closing token that BERT models end with
                tokens = [*tokens[: context.cells - 1], tokens[-1]]
            read += len(tokens)
            context.clear()
            context.batch.clear()
            context.batch.add_all(tokens or [0], 0, 0, output=True)
            context.batch.want_all()
            if context.decode() is Decoded.ABORTED:
                raise ModelError("the request was cancelled", code="cancelled")
            ticket.send(Embedding(normalised(context.embedding())))
            yield
        ticket.send(Usage(prompt=read))
        ticket.send(Complete())

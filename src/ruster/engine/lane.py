"""One loaded model and all that runs on it: chat, vectors, scores; compute thread only."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ruster.core.errors import ModelError, RusterError
from ruster.core.inference import Complete
from ruster.core.messages import Message, Role, ToolSpec
from ruster.core.orchestration import Embed, Infer, ModelReady, Rerank, Tokenize, Tokens
from ruster.engine import native
from ruster.engine.answer import Answer
from ruster.engine.context import Context
from ruster.engine.estimate import Footprint
from ruster.engine.inbox import Inbox, Ticket
from ruster.engine.job import Job
from ruster.engine.markers import opens_thought
from ruster.engine.model import LoadedModel
from ruster.engine.native import CancelFlag
from ruster.engine.parking import NoParking, Parking, SnapshotParking
from ruster.engine.pooled import PooledLane
from ruster.engine.prefix import common_prefix
from ruster.engine.scheduler import Scheduler
from ruster.engine.settings import EngineSettings, physical_cores
from ruster.engine.snapshots import SnapshotFolder, model_key
from ruster.engine.threads import Measured, ThreadTuner

__all__ = ["Lane"]

_MOST_WINDOWS = 4  # of tokens in an answer that goes on beyond the window
_log = logging.getLogger("ruster.engine")


class Lane:
    """A model with its contexts, made when first needed; ``measured`` has its threads."""

    def __init__(
        self,
        model: LoadedModel,
        footprint: Footprint,
        settings: EngineSettings,
        inbox: Inbox,
        flag: CancelFlag,
        measured: Measured,
    ) -> None:
        self.model = model
        self._footprint = footprint
        self._settings = settings
        self._inbox = inbox
        self._flag = flag
        self._chat: Scheduler | None = None
        self._measured = measured
        self._tuner = ThreadTuner(measured.counts, max(1, settings.threads or physical_cores()))
        self._pooled = PooledLane(model, inbox, self._new_pooled, settings.embedding_dimensions)

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits here."""
        return self._pooled.busy or (self._chat is not None and self._chat.busy)

    @property
    def purpose(self) -> str:
        """What the model is for, as model lists say it."""
        if self.model.reranks:
            return "Rerank"
        return "Embedding" if self.model.embeds_only else "Inference"

    def ready(self, load_s: float) -> ModelReady:
        """Describe the model."""
        model = self.model
        window = 0 if model.embeds_only or model.reranks else self._footprint.window(None)
        return ModelReady(
            str(model.path),
            window,
            model.train_context,
            model.size_bytes,
            load_s,
            self._tuner.counts.decode,
            self._tuner.counts.batch,
            self._measured.step_s,
        )

    def add(self, ticket: Ticket, command: Infer | Embed | Rerank | Tokenize) -> bool:
        """Take a request; False when it must wait until nothing runs here. Raises ModelError."""
        if isinstance(command, Embed | Rerank):
            self._pooled.add(ticket, command)
            return True
        if isinstance(command, Tokenize):
            self._tell_tokens(ticket, command)
            return True
        return self._add_inference(ticket, command)

    def step(self) -> None:
        """Do one step of everything that runs."""
        if self._pooled.busy:
            self._pooled.step()
        if self._chat is not None and self._chat.busy:
            self._chat.step()

    def fail_all(self, error: RusterError) -> None:
        """End everything with an error."""
        self._pooled.fail_all(error)
        if self._chat is not None:
            self._chat.fail_all(error)

    def forget(self, session: str) -> None:
        """Drop a session's cells."""
        if self._chat is not None:
            self._chat.forget(session)

    def close(self) -> None:
        """Free the model; nothing may run."""
        self._close_chat()
        self._pooled.close()
        self.model.close()

    def _close_chat(self) -> None:
        if self._chat is not None:
            self._chat.close()
            self._chat = None

    def _tell_tokens(self, ticket: Ticket, command: Tokenize) -> None:
        """Answer at once: the vocabulary needs no context."""
        ids = self.model.tokenize(command.text, special=False, start=command.special)
        if self._inbox.admit(ticket):
            ticket.send(Tokens(tuple(ids)))
            ticket.send(Complete())
            self._inbox.done(ticket)

    def _add_inference(self, ticket: Ticket, command: Infer) -> bool:
        if self.model.embeds_only or self.model.reranks:
            raise ModelError(
                f"{self.model.path.name} is no chat model; choose another one",
                code="not_a_chat_model",
            )
        window = self._footprint.window(command.config.behaviour.context_size)
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
        cells = self._footprint.cells(window)
        context = Context(self.model, cells, settings, self._flag, sequences=settings.max_sequences)
        if settings.threads is None:
            context.tune(self._tuner)
        return Scheduler(
            context, self._inbox, prefill_chunk=settings.prefill_chunk, parking=self._parking()
        )

    def _parking(self) -> Parking:
        settings = self._settings
        if settings.snapshot_folder is None or not settings.snapshots:
            return NoParking()
        try:
            key = model_key(
                self.model.path, {"library": native.version(), "lora": self.model.adapters.keys()}
            )
            folder = SnapshotFolder(settings.snapshot_folder, settings.snapshot_bytes, key)
        except OSError as error:
            _log.warning("no snapshots in %s: %s", settings.snapshot_folder, error)
            return NoParking()
        return SnapshotParking(folder)

    def _job(self, ticket: Ticket, command: Infer, window: int) -> Job:
        messages = command.messages or (Message(Role.USER, command.prompt),)
        if any(message.images for message in messages):
            raise ModelError(
                f"{self.model.path.name} runs in the embedded engine, which cannot look at images; "
                "leave them out, or choose another provider's model",
                code="images_unsupported",
            )
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
        room, kept = window - len(tokens), 0
        if self._settings.context_shift:
            room = _MOST_WINDOWS * window
            kept = min(self._head_size(messages, command.tools, tokens), window // 2)
        return Job(
            ticket,
            tokens,
            lambda: Answer(self.model, command.config, room, ticket.send),
            session=command.session,
            opens_thought=opens_thought(prompt),
            window=window if self._settings.context_shift else None,
            kept=kept,
        )

    def _head_size(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], tokens: list[int]
    ) -> int:
        """Return how many first tokens of a prompt come from its system message and its form."""
        system = messages[:1] if messages[0].role is Role.SYSTEM else ()
        other = self.model.template.render((*system, Message(Role.USER, "\ufffc")), tools)
        return common_prefix(self.model.prompt_tokens(other), tokens)

    def _new_pooled(self) -> Context:
        sequences = self._settings.max_sequences
        settings, flag = self._settings, self._flag
        window = self._footprint.window(None)
        context = Context(self.model, window, settings, flag, sequences=sequences, pooled=True)
        context.set_threads(self._tuner.counts)
        return context

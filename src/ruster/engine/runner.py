"""Doing the worker's commands, one after the other: load, infer, embed; child process only.

A scheduler over many sequences takes this class's place without a change to worker or host: both
know only ``run`` and ``close``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ruster.core.errors import ModelError
from ruster.core.inference import Complete, Content, ProcessStart, Thought, ThoughtPhase, Usage
from ruster.core.messages import Message, Role
from ruster.core.orchestration import (
    AssetProgress,
    AssetStarted,
    Embed,
    Embedding,
    EngineBody,
    EngineCommand,
    Infer,
    ListModels,
    LoadModel,
    ModelEntry,
    ModelList,
    ModelReady,
    Reset,
)
from ruster.engine import native
from ruster.engine.context import Context
from ruster.engine.model import LoadedModel, normalised
from ruster.engine.sequence import TokenSequence
from ruster.engine.settings import EngineSettings
from ruster.engine.text import TextPacer

__all__ = ["SerialRunner"]

Emit = Callable[[EngineBody], None]
_PROGRESS_STEP = 0.05


class SerialRunner:
    """Holds at most one model; a command for another one switches."""

    def __init__(self, settings: EngineSettings) -> None:
        native.start()
        self.cancel = native.CancelFlag()
        self._settings = settings
        self._model: LoadedModel | None = None
        self._chat: Context | None = None
        self._sequence: TokenSequence | None = None
        self._embedder: Context | None = None

    def run(self, command: EngineCommand, emit: Emit) -> None:
        """Do one command; ``emit`` gets what it yields. Raises ModelError."""
        match command:
            case Infer():
                self._infer(command, emit)
            case Embed():
                self._embed(command, emit)
            case LoadModel(model):
                before = self._model
                if self._need_model(model, emit) is before:
                    emit(self._ready(0.0))
                emit(Complete())
            case ListModels():
                emit(ModelList(self._entries()))
            case Reset():
                self.close()
                emit(ModelList(()))
            case _:
                raise ModelError(f"{type(command).__name__} is not for the runner")

    def close(self) -> None:
        """Unload everything."""
        for context in (self._chat, self._embedder):
            if context is not None:
                context.close()
        self._chat = self._embedder = self._sequence = None
        if self._model is not None:
            self._model.close()
            self._model = None

    def _need_model(self, name: str | None, emit: Emit) -> LoadedModel:
        if self._model is not None and name in (None, str(self._model.path)):
            return self._model
        if name is None:
            raise ModelError("no model is loaded; name one", code="model_not_found")
        self.close()
        started = time.monotonic()
        emit(AssetStarted(name))
        self._model = LoadedModel(Path(name), self._settings, self._reporter(Path(name), emit))
        emit(self._ready(time.monotonic() - started))
        return self._model

    def _reporter(self, path: Path, emit: Emit) -> Callable[[float], bool]:
        total = path.stat().st_size if path.exists() else 0
        told = 0.0

        def report(fraction: float) -> bool:
            nonlocal told
            if fraction - told >= _PROGRESS_STEP:
                told = fraction
                emit(AssetProgress(int(total * fraction), total))
            return not self.cancel.is_set()

        return report

    def _ready(self, load_s: float) -> ModelReady:
        model = self._model
        if model is None:
            raise ModelError("no model is loaded", code="model_not_found")
        window = 0 if model.embeds_only else self._window(model, None)
        return ModelReady(str(model.path), window, model.train_context, model.size_bytes, load_s)

    def _entries(self) -> tuple[ModelEntry, ...]:
        if self._model is None:
            return ()
        purpose = "Embedding" if self._model.embeds_only else "Inference"
        return (ModelEntry(str(self._model.path), purpose),)

    def _window(self, model: LoadedModel, asked: int | None) -> int:
        largest = model.train_context or self._settings.context_size
        return max(16, min(largest, asked or self._settings.context_size))

    def _need_chat(self, model: LoadedModel, asked: int | None) -> tuple[TokenSequence, int]:
        """Return the sequence and the window this request may use; widen the context if asked."""
        window = self._window(model, asked)
        if self._chat is None or self._chat.window < window or self._sequence is None:
            if self._chat is not None:
                self._chat.close()
                self._chat = self._sequence = None
            self._chat = Context(model, window, self._settings, self.cancel)
            self._sequence = TokenSequence(model, self._chat)
        return self._sequence, window

    def _infer(self, command: Infer, emit: Emit) -> None:
        model = self._need_model(command.model, emit)
        if model.embeds_only:
            raise ModelError(
                f"{model.path.name} makes embeddings and cannot chat; choose another model",
                code="not_a_chat_model",
            )
        behaviour = command.config.behaviour
        sequence, window = self._need_chat(model, behaviour.context_size)
        messages = command.messages or (Message(Role.USER, command.prompt),)
        prompt = model.template.render(messages, command.tools)
        tokens = model.prompt_tokens(prompt)
        emit(ProcessStart())
        cached = sequence.prefill(tokens, window)
        if prompt.rstrip().endswith("<think>"):
            emit(Thought(ThoughtPhase.START))
        pieces = TextPacer(lambda text: emit(Content(text)), time.monotonic)
        try:
            for text, made, reason in sequence.generate(command.config, window):
                pieces.add(text)
                if reason is not None:
                    pieces.flush()
                    emit(Usage(len(tokens), made, cached))
                    emit(Complete(reason))
        finally:
            pieces.flush()

    def _embed(self, command: Embed, emit: Emit) -> None:
        model = self._need_model(command.model, emit)
        if self._embedder is None:
            window = self._window(model, None)
            self._embedder = Context(model, window, self._settings, self.cancel, embeddings=True)
        context = self._embedder
        read = 0
        for text in command.input:
            tokens = model.tokenize(text, special=False, start=True)
            if len(tokens) > context.window:  # keep the closing token that BERT models end with
                tokens = [*tokens[: context.window - 1], tokens[-1]]
            read += len(tokens)
            context.clear()
            context.batch.clear()
            context.batch.add_all(tokens or [0], 0, 0, output=True)
            context.batch.want_all()
            context.decode()
            emit(Embedding(normalised(context.embedding())))
        emit(Usage(prompt=read))
        emit(Complete())

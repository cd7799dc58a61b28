"""Local models: model_list, model_show, model_download, model_cancel, model_remove, model_verify,
model_import. For the daemon's own user and root.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import cast

from ruster.core.errors import ProtocolError
from ruster.core.inference import Progress
from ruster.core.tasks import spawn
from ruster.handlers.caller import Caller, require_privilege
from ruster.modelstore.store import ModelStore
from ruster.modelstore.stored import StoredModel
from ruster.protocol.commands import (
    ImportSource,
    ModelCancel,
    ModelCatalogue,
    ModelDownload,
    ModelImport,
    ModelRemove,
    ModelShow,
    ModelVerify,
)
from ruster.protocol.events import (
    LocalModelSummary,
    ModelCancelled,
    ModelCatalogueEvent,
    ModelDownloaded,
    ModelReport,
    ModelsImported,
    ProgressEvent,
)

__all__ = ["ModelHandlers"]


class ModelHandlers:
    """The commands about the model store."""

    def __init__(self, store: ModelStore) -> None:
        self._store = store

    async def list(self, caller: Caller, command: ModelCatalogue) -> None:
        """Name the local models."""
        require_privilege(caller, "list the model store")
        models = await self._store.list(only_here=command.here)
        caller.reply(ModelCatalogueEvent(models=[_summary(model) for model in models]), command)

    async def show(self, caller: Caller, command: ModelShow) -> None:
        """Tell what is known of a model."""
        require_privilege(caller, "look into the model store")
        caller.reply(ModelReport(model=_summary(await self._store.show(command.model))), command)

    async def download(self, caller: Caller, command: ModelDownload) -> asyncio.Future[None]:
        """Bring a model here, beside what else the client does, for as long as it is there."""
        require_privilege(caller, "download models")
        task = spawn(
            self._download(caller, command), name=f"fetch {command.model}", log_failure=False
        )
        key = ("model_download", task)
        if caller.on_close is None:
            caller.on_close = {}
        caller.on_close[key] = partial(_end, task)
        task.add_done_callback(lambda _: (caller.on_close or {}).pop(key, None))
        return task

    async def cancel(self, caller: Caller, command: ModelCancel) -> None:
        """End a download."""
        require_privilege(caller, "cancel downloads")
        done = await self._store.cancel(command.model)
        caller.reply(ModelCancelled(model=command.model, cancelled=done), command)

    async def remove(self, caller: Caller, command: ModelRemove) -> None:
        """Forget a model."""
        require_privilege(caller, "remove models")
        caller.reply(ModelReport(model=_summary(await self._store.remove(command.model))), command)

    async def verify(self, caller: Caller, command: ModelVerify) -> asyncio.Future[None]:
        """Hash a model's files, which takes a while."""
        require_privilege(caller, "verify models")
        return spawn(
            self._verify(caller, command), name=f"verify {command.model}", log_failure=False
        )

    async def take_in(self, caller: Caller, command: ModelImport) -> asyncio.Future[None]:
        """Take in models of other programs."""
        require_privilege(caller, "import models")
        if command.name is not None and command.source is not ImportSource.FILE:
            raise ProtocolError("only a file can be given a name", code="invalid_command")
        return spawn(self._take_in(caller, command), name="import models", log_failure=False)

    async def _download(self, caller: Caller, command: ModelDownload) -> None:
        stream = self._store.ensure_stream(command.model, command.quant)
        async with aclosing(cast("AsyncGenerator[Progress | Path]", stream)) as steps:
            async for step in steps:
                if isinstance(step, Progress):
                    told = ProgressEvent(what=step.what, current=step.current, total=step.total)
                    caller.reply(told, command)
                    await caller.drained()
                else:
                    caller.reply(ModelDownloaded(model=command.model, path=str(step)), command)

    async def _verify(self, caller: Caller, command: ModelVerify) -> None:
        caller.reply(ModelReport(model=_summary(await self._store.verify(command.model))), command)

    async def _take_in(self, caller: Caller, command: ModelImport) -> None:
        path = Path(command.path)
        match command.source:
            case ImportSource.FILE:
                models: tuple[StoredModel, ...] = (
                    await self._store.import_file(path, command.name),
                )
            case ImportSource.OLLAMA:
                models = await self._store.import_ollama(path)
            case ImportSource.LMSTUDIO:
                models = await self._store.import_lmstudio(path)
        caller.reply(ModelsImported(models=[_summary(model) for model in models]), command)


def _end(task: asyncio.Task[None]) -> None:
    task.cancel()


def _summary(model: StoredModel) -> LocalModelSummary:
    return LocalModelSummary(
        name=model.name,
        purpose=model.purpose.value,
        here=model.path is not None,
        repo=model.repo,
        filename=model.filename,
        quantization=model.quantization,
        path=str(model.path) if model.path is not None else None,
        size_bytes=model.size_bytes,
        sha256=model.sha256,
        origin=model.origin,
    )

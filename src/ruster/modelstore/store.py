"""The store's face: ask for a model and get its file, whatever that takes."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

from ruster.core.errors import ModelError
from ruster.core.inference import Progress
from ruster.modelstore.acquisition import Acquisition, Plan
from ruster.modelstore.folders import StoreFolders
from ruster.modelstore.importing import import_file, import_lmstudio, import_ollama
from ruster.modelstore.inventory import Inventory
from ruster.modelstore.names import says_which
from ruster.modelstore.process import Tell
from ruster.modelstore.settings import ModelStoreSettings
from ruster.modelstore.shared import SharedDownload
from ruster.modelstore.stored import StoredModel
from ruster.storage.disk import Disk

__all__ = ["ModelStore"]


def _unset(_name: str) -> None:
    return None


class ModelStore:
    """Finds, downloads, verifies and lists model files.

    ``variables`` looks up ``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HUB_CACHE`` and ``HF_HOME`` when they
    are needed (``os.environ.get`` would do); what it does not know is left to the hub's library.
    All methods raise ModelError, ConfigError for a broken manifest, and StorageError.
    """

    def __init__(
        self,
        folders: StoreFolders,
        settings: ModelStoreSettings | None = None,
        variables: Callable[[str], str | None] = _unset,
        *,
        disk: Disk | None = None,
    ) -> None:
        settings = settings or ModelStoreSettings()
        self._folders = folders
        self._inventory = Inventory(folders, settings, disk or Disk())
        self._acquisition = Acquisition(folders, settings, variables, disk or Disk())
        self._downloads: dict[str, SharedDownload] = {}
        self._slots = asyncio.Semaphore(settings.parallel_downloads)
        self._required = settings.quantization if settings.quantization_required else None

    @property
    def can_download(self) -> bool:
        """Whether the library for the hub is installed."""
        return importlib.util.find_spec("huggingface_hub") is not None

    async def ensure(self, name: str, quant: str | None = None) -> Path:
        """Return the path of a model's (first) file, downloading it if it is not here."""
        async with aclosing(self.ensure_stream(name, quant)) as stream:  # type: ignore[type-var]
            async for item in stream:
                if isinstance(item, Path):
                    return item
        raise ModelError(f"the download of {name} ended without a file", code="download_failed")

    async def ensure_stream(
        self, name: str, quant: str | None = None
    ) -> AsyncIterator[Progress | Path]:
        """Like ``ensure``, yielding progress in bytes first. Closing it gives the download up.

        A download that others wait for goes on; one that nobody wants stops and keeps what it has.
        """
        quant = quant or self._required_of(name)
        wanted = await asyncio.to_thread(self._inventory.look_up, name, quant)
        if isinstance(wanted, Path):
            yield wanted
            return
        plan = await self._acquisition.plan(wanted)
        if (path := await asyncio.to_thread(self._inventory.path_of, plan.asked)) is not None:
            yield path
            return
        async with aclosing(self._shared(plan, name).follow()) as stream:  # type: ignore[type-var]
            async for item in stream:
                yield item

    async def find(self, name: str) -> Path | None:
        """Return the path of a model's (first) file if it is here, without asking the hub."""
        found = await asyncio.to_thread(self._inventory.look_up, name, self._required_of(name))
        return found if isinstance(found, Path) else None

    async def list(self, *, only_here: bool = False) -> tuple[StoredModel, ...]:
        """List the catalogue's models and all that are on this machine."""
        models = await asyncio.to_thread(self._inventory.models)
        return tuple(model for model in models if model.path is not None or not only_here)

    async def show(self, name: str) -> StoredModel:
        """Return what is known of a model without asking the hub."""
        return await asyncio.to_thread(self._inventory.show, name)

    async def remove(self, name: str) -> StoredModel:
        """Forget a model of this machine and return what it was.

        Its bytes are deleted if the store downloaded them; files of others stay where they are.
        """
        model = await self.show(name)
        key = f"{model.repo}:{model.filename}"
        if key in self._downloads and not self._downloads[key].over:
            raise ModelError(f"{key} is being downloaded; cancel that first", code="model_busy")
        return await asyncio.to_thread(self._inventory.remove, model)

    async def verify(self, name: str) -> StoredModel:
        """Hash a model's files anew; raises ModelError (``checksum_mismatch``) if they changed.

        An imported model without a known hash gets its hash recorded.
        """
        model = await self.show(name)
        return await asyncio.to_thread(self._inventory.verify, model)

    async def import_file(self, path: Path, name: str | None = None) -> StoredModel:
        """Take in a GGUF file where it lies, under ``name`` or its own."""
        entry = await asyncio.to_thread(import_file, path, name, self._folders.models)
        return (await asyncio.to_thread(self._inventory.add, [entry]))[0]

    async def import_ollama(self, folder: Path) -> tuple[StoredModel, ...]:
        """Take in the models of an Ollama folder (``~/.ollama/models``) without copying."""
        entries = await asyncio.to_thread(import_ollama, folder, self._folders.models)
        return await asyncio.to_thread(self._inventory.add, entries)

    async def import_lmstudio(self, folder: Path) -> tuple[StoredModel, ...]:
        """Take in the models of an LM Studio folder (``~/.lmstudio/models``) without copying."""
        entries = await asyncio.to_thread(import_lmstudio, folder, self._folders.models)
        return await asyncio.to_thread(self._inventory.add, entries)

    async def cancel(self, name: str) -> bool:
        """End the download that was asked for by this name, for all who wait for it.

        False if there is none. What has come is kept.
        """
        for download in (*self._downloads.values(),):
            if name in download.names and not download.over:
                await download.stop(
                    ModelError(
                        f"the download of {name} was cancelled; what has come is kept",
                        code="download_cancelled",
                    )
                )
                return True
        return False

    async def aclose(self) -> None:
        """Stop all downloads; what has come is kept."""
        for download in (*self._downloads.values(),):
            await download.stop()

    def _required_of(self, name: str) -> str | None:
        """Return the quantization that every model must have, unless the name says one itself."""
        return None if says_which(name) else self._required

    def _shared(self, plan: Plan, name: str) -> SharedDownload:
        key = str(plan.asked)
        running = self._downloads.get(key)
        if running is None or running.over:
            running = SharedDownload(key, lambda tell: self._download(plan, tell))
            self._downloads[key] = running
            running.on_end(lambda: self._forget(key, running))
        running.names.add(name)
        return running

    def _forget(self, key: str, download: SharedDownload) -> None:
        if self._downloads.get(key) is download:
            del self._downloads[key]

    async def _download(self, plan: Plan, tell: Tell) -> Path:
        async with self._slots:
            entry = await self._acquisition.fetch(plan, tell)
        stored = await asyncio.to_thread(self._inventory.add, [entry])
        assert stored[0].path is not None
        return stored[0].path

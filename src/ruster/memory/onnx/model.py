"""One model of the ONNX runtime for all who use it: loaded once, computing in a thread of its own.

The only place that imports the libraries of the extra ``onnx``, when a model is first used.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from ruster.core.errors import MemoryError
from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.settings import OnnxSettings
from ruster.memory.onnx.stop import Stop, Stopped

if TYPE_CHECKING:
    from ruster.memory.onnx.loaded import Loaded

__all__ = ["OnnxModel"]

_NOT_INSTALLED = "ONNX models need the ONNX runtime: pip install 'ruster[onnx]'"
_ResultT = TypeVar("_ResultT")


class OnnxModel:
    """A model's folder with a thread; steps of different callers take turns."""

    def __init__(self, folder: OnnxFolder, settings: OnnxSettings) -> None:
        self.folder = folder
        self.settings = settings
        self._thread = ThreadPoolExecutor(1, "onnx")
        self._loaded: Loaded | None = None
        self._steps: set[Stop] = set()
        self._closed = False

    async def step(self, work: Callable[[Loaded, Stop], _ResultT]) -> _ResultT:
        """Do a piece of work in the thread; the first loads the model. Cancelling ends it.

        Raises MemoryError (``onnx_missing``, ``onnx_invalid``) and what ``work`` does.
        """
        if self._closed:
            raise self._gone()
        stop = Stop()
        self._steps.add(stop)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._do, work, stop)
        except asyncio.CancelledError:
            stop.set()
            raise
        except Stopped:
            raise self._gone() from None
        finally:
            self._steps.discard(stop)

    async def aclose(self) -> None:
        """End what runs and give the memory back."""
        self._closed = True
        for stop in self._steps:
            stop.set()
        await asyncio.to_thread(self._thread.shutdown)
        self._loaded = None

    def _gone(self) -> MemoryError:
        return MemoryError(f"the model {self.folder.name} is closed")

    def _do(self, work: Callable[[Loaded, Stop], _ResultT], stop: Stop) -> _ResultT:
        stop.check()
        if self._loaded is None:
            self._loaded = self._load()
        return work(self._loaded, stop)

    def _load(self) -> Loaded:
        try:
            from ruster.memory.onnx.loaded import Loaded
        except ImportError as error:
            raise MemoryError(_NOT_INSTALLED, code="onnx_missing") from error
        threads = self.settings.threads or _processors()
        return Loaded(self.folder, self.settings.max_tokens, threads)


def _processors() -> int:
    usable = getattr(os, "sched_getaffinity", None)  # macOS has none
    return len(usable(0)) if usable is not None else os.cpu_count() or 1

"""The ONNX models of this process: each opened once, whoever uses it."""

from __future__ import annotations

from pathlib import Path

from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.settings import OnnxSettings

__all__ = ["OnnxModels"]


class OnnxModels:
    """Opens models; closing it closes them all."""

    def __init__(self, settings: OnnxSettings | None = None) -> None:
        self._settings = settings or OnnxSettings()
        self._open: dict[Path, OnnxModel] = {}

    def open(self, folder: OnnxFolder) -> OnnxModel:
        """Return the one model of these files; nothing is loaded before its first use."""
        if folder.model not in self._open:
            self._open[folder.model] = OnnxModel(folder, self._settings)
        return self._open[folder.model]

    async def aclose(self) -> None:
        """End what runs and give all memory back."""
        while self._open:
            _, model = self._open.popitem()
            await model.aclose()

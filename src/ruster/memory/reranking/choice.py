"""Which reranker the memory uses, if any: the one a person chose, or one that is here already."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ruster.core import ports
from ruster.core.memory import Reranker
from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.reranking.onnx import OnnxReranker
from ruster.memory.reranking.provider import ProviderReranker
from ruster.memory.reranking.scores import failed

__all__ = ["choose_reranker"]


def choose_reranker(
    wanted: str,
    folders: Sequence[OnnxFolder],
    open_model: Callable[[OnnxFolder], OnnxModel],
    local: Sequence[str],
    models: ports.Reranker,
) -> Reranker | None:
    """Choose by the setting ``wanted``: ``off``, ``auto``, ``onnx/FOLDER`` or ``provider/model``.

    ``folders`` are the ONNX models at hand, ``local`` the full names of those that local providers
    have, and ``models`` rates with any of these names. Raises MemoryError (``reranker_failed``) for
    a folder that is not there.
    """
    raters = {folder.name: folder for folder in reversed(folders) if folder.rates}
    if wanted == "off":
        return None
    if wanted == "auto":
        names = [f"onnx/{name}" for name in sorted(raters)]
        wanted = next((name for name in (*names, *local) if _rates(name)), "")
    provider, _, name = wanted.partition("/")
    if not wanted:
        return None
    if provider != "onnx":
        return ProviderReranker(models, wanted)
    if name not in raters:
        there = ", ".join(sorted(raters)) or "none"
        raise failed(f"no ONNX reranker {name!r} in the folders for it (there: {there})")
    return OnnxReranker(open_model(raters[name]))


def _rates(name: str) -> bool:
    return name.startswith("onnx/") or "rerank" in name.lower()

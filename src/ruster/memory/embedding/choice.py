"""Which embedder the memory uses: the one a person chose, or the best that is here already.

Nothing is downloaded, and nothing is sent to another machine that nobody named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ruster.core import ports
from ruster.core.errors import MemoryError
from ruster.core.memory import Embedder
from ruster.memory.embedding.onnx import OnnxEmbedder
from ruster.memory.embedding.provider import ProviderEmbedder
from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.model import OnnxModel

__all__ = ["Choice", "OpenModel", "choose_embedder"]

OpenModel = Callable[[OnnxFolder], OnnxModel]
"""Gives the one model of a folder, made at its first use; closing it is the giver's."""

_BEST = (
    r"qwen3-embedding",
    r"embedding-?gemma",
    r"nomic-embed|mxbai-embed|arctic-embed|bge-m3|bge-large|gte-large|\be5-large",
    r"embed|\bbge-|\bgte-|\be5-",
    r"minilm|paraphrase",
)
"""Names of embedding models, the better ones first."""
_SMALL = len(_BEST) - 1
_GET = "`rusterctl models pull nomic-embed-text`, or `ollama pull nomic-embed-text`"
_NONE = f"to find things by their meaning, too, get an embedding model: {_GET}"
_BETTER = "{name} is a small embedding model; a larger one finds more: {get}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The embedder, or None for search by words only; ``hint`` says how to get a better one."""

    embedder: Embedder | None
    hint: str | None = None


def choose_embedder(
    wanted: str,
    folders: Sequence[OnnxFolder],
    open_model: OpenModel,
    local: Sequence[str],
    models: ports.Embedder,
) -> Choice:
    """Choose by the setting ``wanted``: ``auto``, ``off``, ``onnx/FOLDER`` or ``provider/model``.

    ``folders`` are the ONNX models at hand, ``local`` the full names of those that local providers
    have, and ``models`` makes vectors with any of these names. Whether a named model of a provider
    is there shows when it is used. Raises MemoryError (``embedder_failed``) for a folder that is
    not there.
    """
    if wanted == "off":
        return Choice(None)
    vectors = [folder for folder in folders if not folder.rates]
    if wanted != "auto":
        return Choice(_named(wanted, vectors, open_model, models))
    present = {f"onnx/{folder.name}": folder for folder in reversed(vectors)}
    name = _best([*present, *local])
    if name is None:
        return Choice(None, _NONE)
    hint = _BETTER.format(name=name, get=_GET) if _rank(name) == _SMALL else None
    if name in present:
        return Choice(OnnxEmbedder(open_model(present[name])), hint)
    return Choice(ProviderEmbedder(models, name), hint)


def _named(
    wanted: str, folders: Sequence[OnnxFolder], open_model: OpenModel, models: ports.Embedder
) -> Embedder:
    provider, _, name = wanted.partition("/")
    if provider != "onnx":
        return ProviderEmbedder(models, wanted)
    folder = next((folder for folder in folders if folder.name == name), None)
    if folder is None:
        there = ", ".join(folder.name for folder in folders) or "none"
        raise MemoryError(
            f"no ONNX embedding model {name!r} in the folders for it (there: {there})",
            code="embedder_failed",
        )
    return OnnxEmbedder(open_model(folder))


def _best(names: Sequence[str]) -> str | None:
    """Return the best of the embedding models among names, the first of like ones."""
    known = [name for name in names if _rank(name) is not None]
    return min(known, key=lambda name: _rank(name) or 0, default=None)


def _rank(name: str) -> int | None:
    """Return the place of a model among embedding models; None for one that is none."""
    plain = name.lower().replace("_", "-")
    if "rerank" in plain:
        return None
    found = (at for at, pattern in enumerate(_BEST) if re.search(pattern, plain))
    return next(found, _SMALL if plain.startswith("onnx/") else None)

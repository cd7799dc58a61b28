"""Small real models for tests, made by script: no download, a few seconds, always the same bytes.

``build("scripted")`` gives the path of a GGUF that llama.cpp loads; ``tests.models.scripts`` tells
what it says to which question. The weights of ``trained`` take longer to make and are kept beside
the script that trains them, ``tests.models.trained.train``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

__all__ = ["MODELS_DIR", "NAMES", "build"]

_HERE = Path(__file__).parent
MODELS_DIR = _HERE.parent.parent / "target" / "models"
_TRAINED = _HERE / "trained" / "trained.gguf"
NAMES = ("scripted", "tiny-f32", "tiny-bert", "tiny-rerank", "wide-bert", "trained")


def build(name: str, folder: Path = MODELS_DIR) -> Path:
    """Return the path of model ``name`` in ``folder``, building it if its script has changed."""
    maker = _makers()[name]
    path = folder / f"{name}.gguf"
    stamp = folder / f".{name}.stamp"
    digest = _digest()
    if path.exists() and stamp.exists() and stamp.read_text() == digest:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.{os.getpid()}.partial"
    maker(partial)
    partial.replace(path)
    stamp.write_text(digest)
    return path


def _makers() -> dict[str, Callable[[Path], None]]:
    from tests.models import bert, llama

    def copy_trained(path: Path) -> None:
        shutil.copyfile(_TRAINED, path)

    return {
        "scripted": llama.write_scripted,
        "tiny-f32": llama.write_tiny_f32,
        "tiny-bert": bert.write_tiny_bert,
        "tiny-rerank": bert.write_tiny_rerank,
        "wide-bert": bert.write_wide_bert,
        "trained": copy_trained,
    }


def _digest() -> str:
    sources = sorted([*_HERE.glob("*.py"), *_HERE.glob("*.jinja"), _TRAINED])
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()

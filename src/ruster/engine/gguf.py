"""Reading the head of a GGUF file without native code: is it one, which window and shape has it?

The format is llama.cpp's (``docs/gguf.md`` of ggml): magic, version, two counts, then key-value
pairs. Every length is checked against the file's size before it is believed.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import BinaryIO

from ruster.core.errors import ModelError

__all__ = ["GgufHead", "ModelShape", "read_head", "read_shape"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_KEYS = 1 << 16
_MAX_TENSORS = 1 << 20
_MAX_KEY_BYTES = 1 << 16
_MAX_LAYERS = 1 << 12
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i",
    6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHead:
    """What the head of a model file says; ``context_length`` None when it comes too late in it."""

    architecture: str
    context_length: int | None
    size_bytes: int


def read_head(path: Path) -> GgufHead:
    """Read the head of a model file.

    Raises ModelError: ``model_not_found``, ``model_unreadable``, or ``model_damaged`` when this is
    not a GGUF file or its head makes no sense.
    """
    try:
        with path.open("rb") as file:
            return _Reader(file, os.fstat(file.fileno()).st_size, path).head()
    except FileNotFoundError as error:
        raise ModelError(f"there is no model file {path}", code="model_not_found") from error
    except OSError as error:
        raise ModelError(
            f"the model file {path} cannot be read: {error.strerror}", code="model_unreadable"
        ) from error


class _Reader:
    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        self._file = file
        self._size = size
        self._path = path

    def head(self) -> GgufHead:
        if self._take(4) != _MAGIC:
            raise self._damaged("it is not a GGUF file")
        version, tensors, keys = struct.unpack("<IQQ", self._take(20))
        if version not in _VERSIONS:
            raise self._damaged(f"GGUF version {version} is not supported")
        if not 0 < keys <= _MAX_KEYS or tensors > _MAX_TENSORS:
            raise self._damaged(f"it claims to hold {tensors} tensors and {keys} keys")
        architecture = ""
        context: int | None = None
        for _ in range(keys):
            key = self._string(_MAX_KEY_BYTES)
            value = self._value(self._number("<I"))
            if key == "general.architecture" and isinstance(value, str):
                architecture = value
            elif key == f"{architecture}.context_length" and isinstance(value, int):
                context = value
            if (architecture and context) or key == "tokenizer.ggml.tokens":
                break
        if not architecture:
            raise self._damaged("it does not name an architecture")
        return GgufHead(architecture, context, self._size)

    def _value(self, kind: int) -> str | int | float | None:
        if kind == _STRING:
            return self._string(self._size)
        if kind == _ARRAY:
            self._skip_array()
            return None
        if kind not in _SCALARS:
            raise self._damaged(f"it holds a value of the unknown type {kind}")
        return self._number(_SCALARS[kind])

    def _skip_array(self) -> None:
        kind, count = self._number("<I"), self._number("<Q")
        if kind == _STRING:
            if count > self._size:
                raise self._damaged("it ends in the middle of a list")
            for _ in range(count):
                self._skip(self._number("<Q"))
            return
        if kind not in _SCALARS:
            raise self._damaged(f"it holds a list of the unknown type {kind}")
        self._skip(count * struct.calcsize(_SCALARS[kind]))

    def _number(self, form: str) -> int:
        (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return number  # type: ignore[no-any-return]

    def _string(self, limit: int) -> str:
        length = self._number("<Q")
        if length > limit:
            raise self._damaged(f"it holds a text of {length} bytes where none fits")
        return self._take(length).decode("utf-8", "replace")

    def _take(self, count: int) -> bytes:
        if count > self._size - self._file.tell():
            raise self._damaged("it ends too early")
        return self._file.read(count)

    def _skip(self, count: int) -> None:
        if count > self._size - self._file.tell():
            raise self._damaged("it ends too early")
        self._file.seek(count, os.SEEK_CUR)

    def _damaged(self, why: str) -> ModelError:
        return ModelError(
            f"{self._path} cannot be used as a model: {why}; download it again or choose another",
            code="model_damaged",
        )


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What of a model its need of memory follows from; 0 where the file does not say.

    ``kv_width`` counts the numbers that one token leaves in one layer's cell, ``weights_bytes`` is
    the size of the file, of all its parts when it comes in several. ``causal`` is false for models
    that make embeddings only.
    """

    weights_bytes: int
    layers: int = 0
    kv_width: int = 0
    width: int = 0
    feed_forward: int = 0
    vocabulary: int = 0
    context_length: int = 0
    causal: bool = True


def read_shape(path: Path) -> ModelShape:
    """Read what a model's need of memory follows from; raises as ``read_head`` does."""
    read_head(path)
    with path.open("rb") as file:
        numbers = _ShapeReader(file, os.fstat(file.fileno()).st_size, path).numbers()
    width, heads = numbers.get("embedding_length", 0), numbers.get("attention.head_count", 0)
    share = width // heads if heads else 0
    pair = numbers.get("attention.key_length", share) + numbers.get("attention.value_length", share)
    return ModelShape(
        weights_bytes=sum(part.stat().st_size for part in _parts(path)),
        layers=numbers.get("block_count", 0),
        kv_width=numbers.get("attention.head_count_kv", heads) * pair,
        width=width,
        feed_forward=numbers.get("feed_forward_length", 0),
        vocabulary=numbers.get("vocabulary", 0),
        context_length=numbers.get("context_length", 0),
        causal=bool(numbers.get("attention.causal", 1)),
    )


def _parts(path: Path) -> list[Path]:
    """Return all files of a model that comes in parts, named like ``NAME-00001-of-00003.gguf``."""
    stem, mark, count = path.stem.rpartition("-of-")
    if not mark or not count.isdecimal() or not stem.endswith("-00001"):
        return [path]
    return sorted(path.parent.glob(f"{escape(stem[:-5])}?????-of-{count}{path.suffix}")) or [path]


class _ShapeReader(_Reader):
    """Reads the numbers before the vocabulary, and how many tokens that has."""

    def numbers(self) -> dict[str, int]:
        self._take(16)  # magic, version and the count of tensors
        found: dict[str, int] = {}
        prefix = ""
        for _ in range(self._number("<Q")):
            key = self._string(_MAX_KEY_BYTES)
            kind = self._number("<I")
            if key == "tokenizer.ggml.tokens" and kind == _ARRAY:
                self._take(4)
                found["vocabulary"] = self._number("<Q")
                break
            value = self._largest() if kind == _ARRAY else self._value(kind)
            if key == "general.architecture" and isinstance(value, str):
                prefix = f"{value}."
            elif isinstance(value, int) and value >= 0:
                found[key.removeprefix(prefix)] = value
        return found

    def _largest(self) -> int | None:
        """Read a list; of whole numbers, one per layer, return the largest."""
        start = self._file.tell()
        kind, count = self._number("<I"), self._number("<Q")
        form = _SCALARS.get(kind, "<f")
        if 0 < count <= _MAX_LAYERS and form not in ("<f", "<d"):
            return max(self._number(form) for _ in range(count))
        self._file.seek(start)
        self._skip_array()
        return None

"""Walking through a whole GGUF header before native code believes it.

``gguf.read_head`` tells quickly what a file is; this reads every key and every tensor's description
and compares them with the file's size. The format is llama.cpp's (``docs/gguf.md`` of ggml).
"""

from __future__ import annotations

import math
import mmap
import struct
from pathlib import Path

from ruster.core.errors import ModelError

__all__ = ["check_file"]

_MAX_COUNT = 1 << 20
_MAX_KEY_BYTES = 1 << 16
_MAX_NAME_BYTES = 63
_MAX_RANK = 4
_MAX_LAYERS = 512
_FLOAT, _STRING, _ARRAY = 6, 8, 9
_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_U64 = struct.Struct("<Q")
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
"""Elements and bytes of a block, by the tensor's type; other types are left to llama.cpp."""


def check_file(path: Path) -> None:
    """Raise ModelError (``model_damaged``, ``model_unreadable``) unless the header makes sense."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _Walk(data).check()
    except OSError as error:
        raise ModelError(
            f"the model file {path} cannot be read: {error.strerror}", code="model_unreadable"
        ) from error
    except (_Damage, struct.error, ValueError, IndexError, OverflowError) as error:
        why = str(error) if isinstance(error, _Damage) else "it ends too early"
        raise ModelError(
            f"{path} cannot be used as a model: {why}; download it again or choose another",
            code="model_damaged",
        ) from error


class _Damage(Exception):
    """What is wrong, as part of a sentence."""


class _Walk:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._size = len(data)
        self._at = 24
        self._alignment = 32

    def check(self) -> None:
        """Read all of it; raises _Damage or struct.error."""
        if self._data[:4] != b"GGUF":
            raise _Damage("it is not a GGUF file")
        tensors, keys = struct.unpack_from("<QQ", self._data, 8)
        if tensors > _MAX_COUNT or not 0 < keys <= _MAX_COUNT:
            raise _Damage(f"it claims to hold {tensors} tensors and {keys} keys")
        seen: set[bytes] = set()
        for _ in range(keys):
            key = self._text(_MAX_KEY_BYTES)
            if key in seen:
                raise _Damage(f"it holds {key!r} twice")
            seen.add(key)
            self._pair(key)
        self._tensors(tensors)

    def _pair(self, key: bytes) -> None:
        kind = self._u32()
        if key == b"general.alignment":
            (self._alignment,) = struct.unpack_from("<I", self._data, self._at)
            if kind != 4 or self._alignment < 8 or self._alignment & (self._alignment - 1):
                raise _Damage("its alignment is no power of two")
        self._refuse_fatal(key, kind)
        if kind == _STRING:
            self._skip(self._u64())
        elif kind == _ARRAY:
            self._list(unique=key == b"tokenizer.ggml.tokens")
        elif kind in _SCALARS:
            self._skip(_SCALARS[kind])
        else:
            raise _Damage(f"it holds a value of the unknown type {kind}")

    def _refuse_fatal(self, key: bytes, kind: int) -> None:
        """Refuse values on which native code ends the process."""
        value = self._data[self._at : self._at + _SCALARS.get(kind, 0)]
        if key.endswith(b".block_count") and not (
            0 < int.from_bytes(value, "little") <= _MAX_LAYERS
        ):
            raise _Damage("it has an impossible number of layers")
        if (
            key.endswith(b"epsilon")
            and kind == _FLOAT
            and not (0 <= struct.unpack("<f", value)[0] < math.inf)
        ):
            raise _Damage(f"its {key!r} is no small number")

    def _list(self, *, unique: bool) -> None:
        kind, count = self._u32(), self._u64()
        if kind in _SCALARS:
            self._skip(count * _SCALARS[kind])
            return
        if kind != _STRING:
            raise _Damage(f"it holds a list of the unknown type {kind}")
        if count > self._size // 8:
            raise _Damage("it ends in the middle of a list")
        at, read, data = self._at, _U64.unpack_from, self._data
        texts: set[bytes] = set()
        for number in range(count):  # hundreds of thousands in a vocabulary: no calls of our own
            begin = at + 8
            at = begin + read(data, at)[0]
            if unique:  # native code reads up to the first NUL, and makes up names for empty ones
                texts.add(data[begin:at].partition(b"\0")[0] or b"[EMPTY_%d]" % number)
        self._at = at
        self._skip(0)
        if unique and len(texts) < count:
            raise _Damage("its vocabulary holds a token twice")

    def _tensors(self, count: int) -> None:
        spans: list[tuple[str, int, int]] = []
        names: set[bytes] = set()
        for _ in range(count):
            name = self._text(_MAX_NAME_BYTES)
            if name in names:
                raise _Damage(f"it holds the tensor {name!r} twice")
            names.add(name)
            spans.append(self._tensor(name.decode("utf-8", "replace")))
        start = -(-self._at // self._alignment) * self._alignment
        for label, offset, size in spans:
            if offset % self._alignment or start + offset + size > self._size:
                raise _Damage(f"the tensor {label!r} does not lie within it")

    def _tensor(self, label: str) -> tuple[str, int, int]:
        rank = self._u32()
        if not 0 < rank <= _MAX_RANK:
            raise _Damage(f"the tensor {label!r} has {rank} dimensions")
        sides = [self._u64() for _ in range(rank)]
        kind, offset = self._u32(), self._u64()
        elements, size = _BLOCKS.get(kind, (1, 0))
        if min(sides) == 0 or math.prod(sides) >= 1 << 63 or sides[0] % elements:
            raise _Damage(f"the tensor {label!r} has impossible sizes")
        return label, offset, math.prod(sides) // elements * size

    def _u32(self) -> int:
        self._at += 4
        return int.from_bytes(self._data[self._at - 4 : self._at], "little")

    def _u64(self) -> int:
        self._at += 8
        (number,) = _U64.unpack_from(self._data, self._at - 8)
        return int(number)

    def _text(self, limit: int) -> bytes:
        length = self._u64()
        if length > limit:
            raise _Damage(f"it holds a name of {length} bytes where none fits")
        self._skip(length)
        return self._data[self._at - length : self._at]

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > self._size:
            raise _Damage("it ends too early")

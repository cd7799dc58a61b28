"""Damaged GGUF files from a seed: bit flips, cuts, lengths, types, values and keys that lie."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["damaged_files"]

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_NASTY = (0, 1, 2, 3, 7, 31, 127, 255, 1 << 15, 1 << 16, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62,
          (1 << 63) - 1, 1 << 63, (1 << 64) - 1)  # fmt: skip


@dataclass(frozen=True)
class _Field:
    """A number in the header: what it is, where it stands and how wide it is."""

    kind: str
    at: int
    size: int


class _Map:
    """Where the fields of a good file stand."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fields = [_Field("version", 4, 4), _Field("count", 8, 8), _Field("count", 16, 8)]
        self.pairs: list[tuple[int, int]] = []
        self._at = 24
        tensors, pairs = struct.unpack_from("<QQ", data, 8)
        for _ in range(pairs):
            begin = self._at
            self._string("key")
            self._value(self._number("type", 4))
            self.pairs.append((begin, self._at))
        for _ in range(tensors):
            self._tensor()
        self.end = self._at

    def _number(self, kind: str, size: int) -> int:
        self.fields.append(_Field(kind, self._at, size))
        self._at += size
        return int.from_bytes(self.data[self._at - size : self._at], "little")

    def _string(self, kind: str) -> None:
        length = self._number("length", 8)
        self.fields.append(_Field(kind, self._at, length))
        self._at += length

    def _value(self, kind: int) -> None:
        if kind == _STRING:
            self._string("text")
        elif kind == _ARRAY:
            inner, count = self._number("type", 4), self._number("length", 8)
            begun = len(self.fields)
            for _ in range(count):
                self._value(inner)
            del self.fields[begun + 12 :]  # else nearly all fields were those of long lists
        else:
            self._number("value", _SIZES[kind])

    def _tensor(self) -> None:
        self._string("name")
        for _ in range(self._number("rank", 4)):
            self._number("dimension", 8)
        self._number("tensor type", 4)
        self._number("offset", 8)


def damaged_files(good: bytes, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield ``count`` files, each with the name of what was done to it."""
    rng = random.Random(seed)
    where = _Map(good)
    kinds = ("bits", "cut", "field", "field", "field", "keys", "several")
    for number in range(count):
        kind = kinds[number % len(kinds)]
        data = bytearray(good)
        label = kind
        if kind == "bits":
            for _ in range(rng.choice((1, 2, 8, 64))):
                data[rng.randrange(where.end)] ^= 1 << rng.randrange(8)
        elif kind == "cut":
            del data[rng.randrange(len(data) if rng.random() < 0.3 else where.end) :]
        elif kind == "keys":
            label = _change_pairs(data, where, rng)
        else:
            for _ in range(1 if kind == "field" else 4):
                label = _change_field(data, rng.choice(where.fields), rng)
        yield f"{number}: {label}", bytes(data)


def _change_field(data: bytearray, field: _Field, rng: random.Random) -> str:
    if field.kind in ("key", "text", "name"):
        if field.size:
            data[field.at + rng.randrange(field.size)] = rng.randrange(256)
    else:
        value = rng.choice((*_NASTY, rng.getrandbits(8 * field.size)))
        mask = (1 << 8 * field.size) - 1
        data[field.at : field.at + field.size] = (value & mask).to_bytes(field.size, "little")
    return f"{field.kind} at {field.at}"


def _change_pairs(data: bytearray, where: _Map, rng: random.Random) -> str:
    """Leave a pair out, or write one twice, and put the count right."""
    begin, end = rng.choice(where.pairs)
    (count,) = struct.unpack_from("<Q", data, 16)
    twice = rng.random() < 0.5
    data[begin:end] = data[begin:end] * 2 if twice else b""
    struct.pack_into("<Q", data, 16, count + (1 if twice else -1))
    return f"pair at {begin} {'twice' if twice else 'left out'}"

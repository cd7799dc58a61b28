"""A small coverage-guided fuzzer: mutate, run, keep what takes a way that none took before."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, FrameType
from typing import Any

__all__ = ["fuzz"]

_Edge = tuple[CodeType, int, int]


class Coverage:
    """The steps from line to line that a call takes in some files."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = tuple(files)
        self.edges: set[_Edge] = set()

    def of(self, call: Callable[[bytes], None], data: bytes) -> set[_Edge]:
        """Run ``call`` and return its steps."""
        self.edges = set()
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            call(data)
        finally:
            sys.settrace(before)
        return self.edges

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith(self._files):
            return None
        last = 0

        def step(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal last
            if event == "line":
                self.edges.add((frame.f_code, last, frame.f_lineno))
                last = frame.f_lineno
            return step

        return step


def fuzz(
    call: Callable[[bytes], None],
    seeds: Sequence[bytes],
    files: Iterable[str],
    *,
    tokens: Sequence[bytes],
    rounds: int,
    seed: int,
) -> list[bytes]:
    """Run ``call`` on mutations of ``seeds``; return the inputs that each reached something new.

    Whatever ``call`` raises passes, with the input as a note.
    """
    dice, coverage = random.Random(seed), Coverage(files)
    corpus: list[bytes] = []
    reached: set[_Edge] = set()
    for number in range(rounds):
        fresh = number < len(seeds)
        data = seeds[number] if fresh else _mutate(dice.choice(corpus), corpus, tokens, dice)
        try:
            edges = coverage.of(call, data)
        except BaseException as error:
            error.add_note(f"input {data!r}, seed {seed}")
            raise
        if fresh or not edges <= reached:
            corpus.append(data)
            reached |= edges
    return corpus


def _mutate(
    data: bytes, corpus: Sequence[bytes], tokens: Sequence[bytes], dice: random.Random
) -> bytes:
    result = bytearray(data)
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        at = dice.randint(0, len(result))
        size = dice.choice([1, 2, 5, 20])
        kind = dice.randrange(6)
        if kind == 0:
            result[at : at + size] = b""
        elif kind == 1:
            result[at:at] = dice.choice(tokens)
        elif kind == 2:
            result[at : at + size] = dice.choice(tokens)
        elif kind == 3:
            result[at : at + 1] = bytes([dice.randrange(256)])
        elif kind == 4:
            result[at:at] = result[at : at + size] * dice.choice([1, 3, 50])
        else:
            other = dice.choice(corpus)
            cut = dice.randint(0, len(other))
            result[at:] = other[cut:]
    return bytes(result[:5000])

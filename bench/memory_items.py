"""Made-up memories: texts and vectors of the same items, the same for the same seed.

Words follow Zipf's law, a part of each text comes from its topic, and vectors lie near their topic
in a space of few dimensions, as those of real models do. What real text does is for other measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ruster.core.memory import DIMENSIONS

__all__ = ["BLOCK", "Items", "Question"]

BLOCK = 10_000
_VOCABULARY = 200_000
_TOPICS = 2_000
_TOPIC_WORDS = 400
_WORDS = 45
_INTRINSIC = 64
_Floats = npt.NDArray[np.float32]


class Question(NamedTuple):
    """A question about an item: some of its words, and a vector near its own."""

    text: str
    vector: _Floats


class Items:
    """A stream of items in blocks; any block can be made alone."""

    def __init__(self, seed: int = 7) -> None:
        self._seed = seed
        rng = np.random.default_rng(seed)
        ranks = np.arange(1, _VOCABULARY + 1)
        weights = 1 / (ranks + 2.7) ** 1.05
        self._cumulated = np.cumsum(weights / weights.sum())
        self._words = np.array([_word(number) for number in range(_VOCABULARY)])
        self._topic_words = self._draw(rng, (_TOPICS, _TOPIC_WORDS), floor=200)
        self._centres = rng.standard_normal((_TOPICS, _INTRINSIC)).astype(np.float32)
        self._spread = rng.standard_normal((_INTRINSIC, DIMENSIONS)).astype(np.float32)

    def block(self, number: int) -> tuple[list[str], _Floats]:
        """Return the texts and the vectors of a block."""
        rng = np.random.default_rng((self._seed, 1, number))
        topics = rng.integers(_TOPICS, size=BLOCK)
        words = self._draw(rng, (BLOCK, _WORDS), floor=0)
        own = self._topic_words[topics[:, None], rng.integers(_TOPIC_WORDS, size=(BLOCK, _WORDS))]
        words = np.where(rng.random((BLOCK, _WORDS)) < 0.35, own, words)
        texts = [" ".join(row) for row in self._words[words]]
        latent = self._centres[topics] + 0.7 * rng.standard_normal((BLOCK, _INTRINSIC))
        noise = 0.8 * rng.standard_normal((BLOCK, DIMENSIONS))
        return texts, _unit(latent.astype(np.float32) @ self._spread + noise)

    def blocks(self, size: int) -> Iterator[tuple[list[str], _Floats]]:
        """Yield as many blocks as ``size`` items need."""
        for number in range(size // BLOCK):
            yield self.block(number)

    def questions(self, size: int, count: int) -> list[Question]:
        """Return questions about items of the first ``size``."""
        rng = np.random.default_rng((self._seed, 2, size))
        numbers = np.sort(rng.integers(size // BLOCK, size=count))
        made = []
        current, block = -1, ([""], np.empty((0, DIMENSIONS), np.float32))
        for number in numbers.tolist():
            if number != current:
                current, block = number, self.block(number)
            at = int(rng.integers(BLOCK))
            words = rng.choice(block[0][at].split(), size=int(rng.integers(3, 9)), replace=False)
            near = block[1][at] + 0.02 * rng.standard_normal(DIMENSIONS)
            made.append(Question("what about " + " ".join(words), _unit(near[None, :])[0]))
        order = rng.permutation(count)
        return [made[at] for at in order]

    def _draw(
        self, rng: np.random.Generator, shape: tuple[int, int], floor: int
    ) -> npt.NDArray[np.intp]:
        drawn = np.searchsorted(self._cumulated, rng.random(shape))
        return np.clip(drawn + floor, 0, _VOCABULARY - 1)


def _unit(vectors: npt.NDArray[np.floating]) -> _Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _word(number: int) -> str:
    """Return a word that can be spoken, a short one for a small number."""
    word, number = "", number + 30
    while number:
        word += "bcdfgklmnprstvz"[number % 15] + "aeiou"[number // 15 % 5]
        number //= 75
    return word

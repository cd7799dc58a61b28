"""The tokens of a text as a model reads them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Tokens"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text or pair; ``types`` tell the sides of a pair."""

    ids: list[int]
    types: list[int]

    @classmethod
    def of(cls, ids: list[int]) -> Tokens:
        """Make them of one text."""
        return cls(ids, [0] * len(ids))

    def __len__(self) -> int:
        """Count the tokens."""
        return len(self.ids)

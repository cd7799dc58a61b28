"""The sequences of a context: which tokens each holds in KV cells, for which session.

Cells are counted here, shared ones once, so that room is made before llama.cpp runs out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ruster.engine.context import Context
from ruster.engine.prefix import common_prefix

__all__ = ["Slot", "SlotTable"]


@dataclass(eq=False, slots=True)
class Slot:
    """One sequence: ``tokens`` have cells, and may be reused by a prompt that begins with them.

    ``session`` is the conversation it was last used for, ``used_at`` when that was, ``saved`` how
    many of its tokens are in a snapshot, ``shifted`` that cells move with the next decode.
    """

    number: int
    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    session: str | None = None
    used_at: float = 0.0
    saved: int = 0
    shifted: bool = False
    busy: bool = False


class SlotTable:
    """All sequences of one context, and how many of its cells they fill."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.slots = [Slot(number) for number in range(context.sequences)]
        self.used = 0
        self._next_cell = 0
        self._owners: dict[int, int] = {}  # of the cells that several sequences share

    @property
    def free(self) -> int:
        """How many cells hold nothing."""
        return self.context.cells - self.used

    def idle(self) -> list[Slot]:
        """Return the slots that hold tokens and are not in use, the longest unused first."""
        idle = [slot for slot in self.slots if slot.tokens and not slot.busy]
        return sorted(idle, key=lambda slot: slot.used_at)

    def pinned(self) -> int:
        """Return how many cells the slots in use hold."""
        return len({cell for slot in self.slots if slot.busy for cell in slot.cells})

    def extend(self, slot: Slot, tokens: Sequence[int]) -> None:
        """Note that ``tokens`` were decoded into new cells."""
        start = self._next_cell
        self._next_cell += len(tokens)
        slot.tokens.extend(tokens)
        slot.cells.extend(range(start, self._next_cell))
        self.used += len(tokens)
        slot.shifted = False

    def rewind(self, slot: Slot, count: int) -> int:
        """Drop all tokens from ``count`` on, or all there are when the model cannot go back.

        Returns how many are left. Also drops cells that were decoded but never noted.
        """
        if not self.context.keep(count, slot.number):
            count = 0
            self.context.keep(0, slot.number)
        self._release(slot.cells[count:])
        del slot.tokens[count:], slot.cells[count:]
        slot.saved = min(slot.saved, count)
        return count

    def shift(self, slot: Slot, start: int, end: int) -> None:
        """Drop the tokens from ``start`` to ``end`` and move up what follows.

        What cannot be moved, because another sequence shares it or the model refuses, is dropped
        too and must be read again.
        """
        shared = any(cell in self._owners for cell in slot.cells[end:])
        if shared or not self.context.can_shift or end > len(slot.tokens):
            self.rewind(slot, start)
            return
        self.context.shift(slot.number, start, end)
        self._release(slot.cells[start:end])
        del slot.tokens[start:end], slot.cells[start:end]
        slot.saved = min(slot.saved, start)
        slot.shifted = True

    def clear(self, slot: Slot) -> None:
        """Make a slot nobody's."""
        self.rewind(slot, 0)
        slot.session = None

    def share(self, source: Slot, target: Slot, count: int) -> None:
        """Give ``target`` the source's tokens up to ``count``; it must hold a prefix of them."""
        start = len(target.tokens)
        self.context.copy(source.number, target.number, start, count)
        cells = source.cells[start:count]
        for cell in cells:
            self._owners[cell] = self._owners.get(cell, 1) + 1
        target.tokens.extend(source.tokens[start:count])
        target.cells.extend(cells)

    def adopt(self, slot: Slot, tokens: Sequence[int], state: bytearray) -> bool:
        """Fill an empty slot from a saved state; False, and still empty, when that fails."""
        if not self.context.restore(slot.number, state):
            self.context.keep(0, slot.number)
            return False
        self.extend(slot, tokens)
        slot.saved = len(tokens)
        return True

    def donor(self, target: Slot, tokens: Sequence[int]) -> tuple[Slot | None, int]:
        """Return the other slot that holds most of the first ``tokens``, and how many."""
        best: Slot | None = None
        most = 0
        for slot in self.slots:
            if slot is not target and (count := common_prefix(slot.tokens, tokens)) > most:
                best, most = slot, count
        return best, most

    def _release(self, cells: Iterable[int]) -> None:
        for cell in cells:
            owners = self._owners.get(cell, 1)
            if owners == 1:
                self.used -= 1
            elif owners == 2:
                del self._owners[cell]
            else:
                self._owners[cell] = owners - 1

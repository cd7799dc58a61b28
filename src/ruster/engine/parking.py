"""Where a sequence's cells go when their room is needed, and how they come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ruster.engine.prefix import common_prefix
from ruster.engine.slots import Slot, SlotTable
from ruster.engine.snapshots import Snapshot, SnapshotFolder

__all__ = ["Held", "NoParking", "Parking", "SnapshotParking"]

_LEAST_TOKENS = 16  # fewer are read again faster than they are found


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of a session: ``useful`` of its ``tokens`` begin the target."""

    snapshot: Snapshot
    useful: int

    @property
    def tokens(self) -> int:
        """How many cells it takes while it is put back."""
        return len(self.snapshot.tokens)


class Parking(Protocol):
    """Keeps sequences that have lost their cells."""

    def park(self, table: SlotTable, slot: Slot) -> None:
        """Keep what a slot holds, if it is worth it; its cells stay."""
        ...

    def find(self, session: str | None, target: list[int]) -> Held | None:
        """Tell what is kept of a session that begins like ``target``."""
        ...

    def restore(self, table: SlotTable, slot: Slot, held: Held) -> bool:
        """Put it back into an empty slot, whose room was made; False when that failed."""
        ...

    def settle(self, session: str) -> None:
        """Wait until nothing more of a session will be written."""
        ...

    def close(self) -> None:
        """Wait until all is kept."""
        ...


class NoParking:
    """Keeps nothing."""

    def park(self, table: SlotTable, slot: Slot) -> None:
        """Let it go."""

    def find(self, session: str | None, target: list[int]) -> Held | None:
        """There is nothing."""

    def restore(self, table: SlotTable, slot: Slot, held: Held) -> bool:
        """There is nothing."""
        return False

    def settle(self, session: str) -> None:
        """There is nothing."""

    def close(self) -> None:
        """There is nothing."""


class SnapshotParking:
    """Keeps sequences of named sessions as files."""

    def __init__(self, folder: SnapshotFolder) -> None:
        self._folder = folder

    def park(self, table: SlotTable, slot: Slot) -> None:
        """Write a slot's cells, unless the file has them already."""
        count = len(slot.tokens)
        if slot.session is None or slot.shifted or count < _LEAST_TOKENS or slot.saved == count:
            return
        state = table.context.save(slot.number)
        if state:
            self._folder.save(slot.session, list(slot.tokens), state)
            slot.saved = count

    def find(self, session: str | None, target: list[int]) -> Held | None:
        """Look into the session's file, if there is one."""
        snapshot = self._folder.find(session) if session is not None else None
        if snapshot is None:
            return None
        useful = common_prefix(snapshot.tokens, target)
        return Held(snapshot, useful) if useful >= _LEAST_TOKENS else None

    def restore(self, table: SlotTable, slot: Slot, held: Held) -> bool:
        """Read the file into the slot and keep what is useful of it."""
        state = self._folder.load(held.snapshot)
        if state is None or not table.adopt(slot, held.snapshot.tokens, state):
            return False
        table.rewind(slot, held.useful)
        return True

    def settle(self, session: str) -> None:
        """Wait until the session's file is written."""
        self._folder.settle(session)

    def close(self) -> None:
        """Wait until all is written."""
        self._folder.close()

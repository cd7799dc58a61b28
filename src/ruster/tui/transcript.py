"""The conversation on the screen: a block for each turn, the newest at the end."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import VerticalScroll
from textual.widget import Widget

from ruster.protocol import events
from ruster.tui.history import Page, Told, told_by
from ruster.tui.plain import one_line
from ruster.tui.turns import Aside, TurnBlock

__all__ = ["Transcript"]

_MAX_BLOCKS = 200


class Transcript(VerticalScroll):
    """``take`` what is told, in order; ``prepend`` what came before."""

    can_focus = True

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self.first = 0
        """The place in the history of what is shown first."""
        self.trimmed = False
        """Whether something that was shown had to go."""
        self._turns: dict[str, TurnBlock] = {}
        self._proactive: set[int] = set()

    @property
    def running(self) -> list[str]:
        """The turns that have not ended, the running one first."""
        return [turn for turn, block in self._turns.items() if not block.ended]

    async def fill(self, page: Page, session_id: str) -> None:
        """Show a page in place of all that was shown."""
        self._turns.clear()
        self._proactive.clear()
        self.trimmed, self.first = False, page.first
        await self.remove_children()
        blocks = await self._blocks(told_by(page, session_id))
        await self.mount(*self._head(), *blocks)
        self.anchor()

    async def prepend(self, page: Page, session_id: str) -> None:
        """Show a page before what is shown; what was looked at stays where it is."""
        later, self._turns = self._turns, {}
        blocks = await self._blocks(told_by(page, session_id))
        self._turns |= later
        self.first = page.first
        await self.query(".earlier").remove()
        before = self.children[0] if self.children else None
        await self.mount(*self._head(), *blocks, before=before)
        if before is not None:
            self.scroll_to_widget(before, top=True, animate=False)

    async def take(self, told: Told) -> None:
        """Show an event."""
        if isinstance(told.event, events.Proactive):
            await self._speak(told.event, told.seq)
        elif told.turn is not None:
            block = self._turns.get(told.turn)
            if block is None:
                block = self._turns[told.turn] = TurnBlock(told.turn)
                await self._add(block)
            await block.take(told.event, told.seq)
        elif isinstance(told.event, events.NoticeEvent):
            await self._add(Aside(f"[{told.event.message}]"))

    def refold(self) -> None:
        """Have everything that can be folded drawn anew."""
        for part in self.query(".thoughts, .call"):
            part.refresh(layout=True)

    async def _speak(self, event: events.Proactive, seq: int | None) -> None:
        if seq is None or seq not in self._proactive:
            self._proactive.update(() if seq is None else (seq,))
            await self._add(_spoken(event))

    async def _add(self, block: Widget) -> None:
        if len(self.children) >= _MAX_BLOCKS:
            self.trimmed = True
            await self.children[0].remove()
        await self.mount(block)

    async def _blocks(self, told: Iterable[Told]) -> list[Widget]:
        """Make the blocks of what was told, before any of them is shown."""
        blocks: list[Widget] = []
        for it in told:
            if isinstance(it.event, events.Proactive):
                self._proactive.update(() if it.seq is None else (it.seq,))
                blocks.append(_spoken(it.event))
                continue
            turn = it.turn or ""
            if turn not in self._turns:
                self._turns[turn] = TurnBlock(turn)
                blocks.append(self._turns[turn])
            await self._turns[turn].take(it.event, it.seq)
        return blocks

    def _head(self) -> list[Widget]:
        if not self.first:
            return []
        return [Aside(f"[{self.first} earlier records: Page Up at the top]", "earlier")]


def _spoken(event: events.Proactive) -> Aside:
    return Aside(f"◆ {one_line(event.source or 'ruster')} ▸ {event.message}", "proactive")

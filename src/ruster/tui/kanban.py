"""The board on the screen: three columns of cards, moved by keys as far as the daemon allows it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ruster.protocol import events
from ruster.tui.board import COLUMNS, Card, Column, Move, arrange, cards_of, move
from ruster.tui.desk import Desk
from ruster.tui.dialogs import Confirm, Reading
from ruster.tui.plain import plain, row

__all__ = ["BoardPanel"]


class BoardPanel(Horizontal):
    """Left and right go from column to column; ``<`` and ``>`` move the card under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "go(-1)", "Column", show=False),
        Binding("right", "go(1)", "Column", show=False),
        Binding("less_than_sign,comma,shift+left", "move(-1)", "Move left", key_display="<"),
        Binding(
            "greater_than_sign,full_stop,shift+right", "move(1)", "Move right", key_display=">"
        ),
        Binding("x", "achieve", "Achieved"),
        Binding("space", "show", "Card", show=False),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="board")
        self.columns = {column: _Column(name) for column, name in COLUMNS.items()}
        self._desk = desk

    def compose(self) -> ComposeResult:
        yield from self.columns.values()

    async def reload(self) -> None:
        """Read goals and jobs; raises RusterError."""
        jobs = (await self._desk.call(events.JobListing, "job_list")).jobs
        goals = (await self._desk.call(events.GoalListing, "goal_list")).goals
        for column, cards in arrange(cards_of(goals, jobs)).items():
            self.columns[column].show(cards)
        if any(it.has_focus and not it.cards for it in self.columns.values()):
            self.focus_cards()

    def focus_cards(self) -> None:
        """Go to the first column that has a card."""
        filled = [it for it in self.columns.values() if it.cards]
        (filled or list(self.columns.values()))[0].focus()

    def action_go(self, by: int) -> None:
        """Go to the next column."""
        columns = list(self.columns.values())
        place = next((n for n, it in enumerate(columns) if it.has_focus), 0)
        columns[(place + by) % len(columns)].focus()

    def action_move(self, by: int) -> None:
        """Move the card under the cursor."""
        if card := self._chosen():
            self._move(card, by)

    def action_achieve(self) -> None:
        """Mark the goal under the cursor as achieved."""
        card = self._chosen()
        if card is not None and card.kind == "goal":
            self._move(card, Column.DONE - card.column or 1)

    def action_show(self) -> None:
        """Show all of the card under the cursor."""
        if card := self._chosen():
            text = plain(f"{card.title}\n\n{card.detail}".strip())
            self.app.push_screen(Reading(f"{card.kind} {card.name}", text))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Show the card that was pressed."""
        event.stop()
        self.action_show()

    def _chosen(self) -> Card | None:
        column = next((it for it in self.columns.values() if it.has_focus), None)
        return column.chosen if column is not None else None

    def _move(self, card: Card, by: int) -> None:
        what = move(card, by)
        if what.refusal:
            self._desk.complain(what.refusal)
        elif what.ask:
            self.app.push_screen(
                Confirm(what.ask), lambda sure: self._send(card, what) if sure else None
            )
        else:
            self._send(card, what)

    def _send(self, card: Card, what: Move) -> None:
        async def send() -> None:
            await self._desk.client.call(what.action, repeatable=False, **(what.fields or {}))
            await self.reload()
            self._go_to(card.key)

        self._desk.start(send(), "move a card")

    def _go_to(self, key: str) -> None:
        """Put the cursor on a card, wherever it lies now."""
        for column in self.columns.values():
            for place, card in enumerate(column.cards):
                if card.key == key:
                    column.focus()
                    column.highlighted = place


class _Column(OptionList):
    def __init__(self, name: str) -> None:
        super().__init__(classes="column", markup=False)
        self._title = name
        self.cards: list[Card] = []

    @property
    def chosen(self) -> Card | None:
        """The card under the cursor."""
        place = self.highlighted
        return self.cards[place] if place is not None and place < len(self.cards) else None

    def show(self, cards: list[Card]) -> None:
        """Draw the cards, the cursor on the one it was on."""
        before = self.chosen
        self.cards = cards
        self.border_title = f"{self._title} ({len(cards)})"
        self.clear_options()
        self.add_options([Option(_entry(card)) for card in cards])
        keys = [card.key for card in cards]
        if before is not None and before.key in keys:
            self.highlighted = keys.index(before.key)
        elif cards:
            self.highlighted = 0


def _entry(card: Card) -> Content:
    sign = "◎" if card.kind == "goal" else "○"
    lines = [row(f"{sign} {card.name}", "bold")]
    lines += [row(card.title[:120])] if card.title else []
    return Content("\n").join([*lines, row(card.detail, "dim")])

"""The list of sessions beside the chat."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ruster.protocol.events import SessionSummary
from ruster.tui.desk import Desk
from ruster.tui.dialogs import Confirm, Prompt
from ruster.tui.plain import row

__all__ = ["SessionPanel"]


class SessionPanel(OptionList):
    """Enter opens a session; new ones, titles, models and deleting have a key each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("n", "new", "New"),
        ("e", "rename", "Title"),
        ("m", "model", "Model"),
        ("d,delete", "delete", "Delete"),
    ]

    class Chosen(Message):
        """A session is to be opened."""

        def __init__(self, session_id: str, model: str | None = None) -> None:
            super().__init__()
            self.session_id, self.model = session_id, model

    class Gone(Message):
        """A session was deleted."""

        def __init__(self, session_id: str) -> None:
            super().__init__()
            self.session_id = session_id

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="sessions", markup=False)
        self.border_title = "Sessions"
        self._desk = desk
        self._known: dict[str, SessionSummary] = {}

    @property
    def names(self) -> list[str]:
        """The sessions, in order of name."""
        return list(self._known)

    async def reload(self) -> None:
        """Read the list; raises RusterError."""
        listed = (await self._desk.client.list()).details
        self._known = {it.session_id: it for it in listed}
        self.show()

    def show(self) -> None:
        """Draw the list, the cursor where it was."""
        chosen = self._under_cursor() or self._desk.session_id
        self.clear_options()
        for name, summary in self._known.items():
            self.add_option(Option(_entry(summary, open_now=name == self._desk.session_id)))
        if chosen in self._known:
            self.highlighted = self.names.index(chosen)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the session under the cursor."""
        event.stop()
        if name := self._under_cursor():
            self.post_message(self.Chosen(name))

    def action_new(self) -> None:
        """Ask for a name and open a session of that name."""
        self.app.push_screen(
            Prompt("The new session's name", hint="letters, digits, . _ : @ + -"), self._open
        )

    def action_rename(self) -> None:
        """Ask for the title of the session under the cursor."""
        if name := self._under_cursor():
            title = self._known[name].title
            self.app.push_screen(
                Prompt(f"The title of {name}", title),
                lambda given: self._change(name, title=given) if given else None,
            )

    def action_model(self) -> None:
        """Ask for the model of the session under the cursor."""
        if name := self._under_cursor():
            model = self._known[name].model
            self.app.push_screen(
                Prompt(f"The model of {name}", model, "provider/model"),
                lambda given: self._change(name, model=given) if given else None,
            )

    def action_delete(self) -> None:
        """Ask, then delete the session under the cursor."""
        if name := self._under_cursor():
            self.app.push_screen(
                Confirm(f"Delete the session {name} and all its files?"),
                lambda sure: self._delete(name) if sure else None,
            )

    def _under_cursor(self) -> str:
        place = self.highlighted
        return self.names[place] if place is not None and place < len(self.names) else ""

    def _open(self, name: str | None) -> None:
        if name:
            self.post_message(self.Chosen(name))

    def _change(self, name: str, model: str | None = None, title: str | None = None) -> None:
        async def change() -> None:
            created = await self._desk.client.create(name, model, title)
            if name == self._desk.session_id:
                self._desk.model = created.model
            else:
                await self._desk.client.detach(name)
            await self.reload()

        self._desk.start(change(), "change a session")

    def _delete(self, name: str) -> None:
        async def delete() -> None:
            await self._desk.client.delete(name)
            await self.reload()
            self.post_message(self.Gone(name))

        self._desk.start(delete(), "delete a session")


def _entry(summary: SessionSummary, *, open_now: bool) -> Content:
    named = row(summary.session_id, "bold" if open_now else "")
    under = row(summary.title or summary.model, "dim")
    return Content.assemble("● " if open_now else "  ", named, "\n  ", under)

"""The chat: the conversation of the open session, and where the next message is typed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import ClassVar

from textual import events as keys
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message

from ruster.core.errors import RusterError, SessionError
from ruster.core.tasks import cancel_and_wait
from ruster.protocol import events
from ruster.tui.composer import Composer
from ruster.tui.desk import Desk
from ruster.tui.history import Told, read_page
from ruster.tui.sessions import SessionPanel
from ruster.tui.transcript import Transcript

__all__ = ["ChatPanel"]


class ChatPanel(Horizontal):
    """Follows one session: nothing it is told of is missed or shown twice."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "older", "Earlier", show=False),
        Binding("t", "app.details", "Details", show=False),
        Binding("w", "app.why", "Why", show=False),
    ]

    class Heard(Message):
        """Something happened in the session; ``event`` is for those who must act on it."""

        def __init__(self, event: events.Event) -> None:
            super().__init__()
            self.event = event

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="chat")
        self.sessions = SessionPanel(desk)
        self.transcript = Transcript()
        self.composer = Composer()
        self.used: events.UsageEvent | None = None
        """What the last step of a model took."""
        self._desk = desk
        self._listening: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._paging = asyncio.Lock()

    def compose(self) -> ComposeResult:
        yield self.sessions
        with Vertical(id="talk"):
            yield self.transcript
            yield self.composer

    async def open(self, session_id: str, model: str | None = None) -> None:
        """Go to a session, made if it is missing; raises RusterError."""
        async with self._opening:
            await self._open(session_id, model)

    async def reload(self) -> None:
        """Open the session anew if it is followed no more; raises RusterError."""
        if self._desk.session_id and (self._listening is None or self._listening.done()):
            await self.open(self._desk.session_id)

    async def stop(self) -> None:
        """End the running turn; raises RusterError."""
        await self._desk.client.cancel(self._desk.session_id)

    def on_composer_said(self, event: Composer.Said) -> None:
        """Send what was typed."""
        event.stop()
        if not self._desk.session_id:
            self._desk.complain("no session is open: F2 lists them")
            self.composer.give_back(event.text)
            return
        self._desk.start(self._send(self._desk.session_id, event.text), "send")
        self.transcript.anchor()

    def on_key(self, event: keys.Key) -> None:
        """Scroll the conversation while a message is typed."""
        if event.key in ("pageup", "pagedown") and self.composer.has_focus:
            event.prevent_default().stop()
            if event.key == "pageup":
                self.action_older()
            else:
                self.transcript.scroll_page_down(animate=False)

    def action_older(self) -> None:
        """Scroll up, or read what came before what is shown first."""
        if self.transcript.scroll_y > 0:
            self.transcript.scroll_page_up(animate=False)
        elif (self.transcript.first or self.transcript.trimmed) and not self._paging.locked():
            self._desk.start(self._read_older(), "read earlier records")

    async def _open(self, session_id: str, model: str | None) -> None:
        created = await self._desk.client.create(session_id, model)
        await self._leave(but=session_id)
        self._desk.session_id, self._desk.model = session_id, created.model
        self.used = None
        page = await read_page(self._desk.client, session_id)
        await self.transcript.fill(page, session_id)
        since = page.cursor if page.cursor is not None or page.first else 0
        self._listening = self._desk.start(
            self._listen(session_id, created.seq if since is None else since), "listen"
        )

    async def _send(self, session_id: str, text: str) -> None:
        try:
            await self._desk.client.submit(session_id, text)
        except RusterError:
            if session_id == self._desk.session_id:
                self.composer.give_back(text)
            raise

    async def _read_older(self) -> None:
        async with self._paging:
            session_id, shown = self._desk.session_id, self.transcript
            if shown.trimmed:
                await self.open(session_id)
                return
            page = await read_page(self._desk.client, session_id, shown.first)
            if session_id == self._desk.session_id:
                await shown.prepend(page, session_id)

    async def _listen(self, session_id: str, since: int) -> None:
        try:
            await self._follow(session_id, since)
        except SessionError as error:
            if error.code not in ("cursor_expired", "cursor_invalid"):
                raise
            self._desk.start(self.open(session_id), "open the session anew")

    async def _follow(self, session_id: str, since: int) -> None:
        told = self._desk.client.attach(session_id, since)
        async with contextlib.aclosing(told):
            async for parsed in told:
                if isinstance(parsed.event, events.Deleted):
                    self.post_message(SessionPanel.Gone(session_id))
                    return
                await self.transcript.take(Told(parsed.event, parsed.turn, parsed.seq))
                if isinstance(parsed.event, events.UsageEvent):
                    self.used = parsed.event
                self.post_message(self.Heard(parsed.event))

    async def _leave(self, but: str) -> None:
        """Listen no more to the session that is open."""
        if self._listening is not None:
            await cancel_and_wait(self._listening)
            self._listening = None
        if self._desk.session_id not in ("", but):
            with contextlib.suppress(RusterError):
                await self._desk.client.detach(self._desk.session_id)

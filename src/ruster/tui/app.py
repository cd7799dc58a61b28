"""The terminal interface as a whole: one panel at a time, the keys, and what ties them together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher, Footer, Input, TextArea

from ruster.client import Client
from ruster.core.errors import SessionError
from ruster.protocol import events
from ruster.tui.approvals import ApprovalPanel, ApprovalScreen
from ruster.tui.asked import Asked
from ruster.tui.chat import ChatPanel
from ruster.tui.desk import Desk
from ruster.tui.dialogs import Reading
from ruster.tui.help import help_text
from ruster.tui.jobs import JobPanel
from ruster.tui.kanban import BoardPanel
from ruster.tui.memory import MemoryPanel
from ruster.tui.sessions import SessionPanel
from ruster.tui.status import Standing, StatusLine
from ruster.tui.tabs import PANELS, TabBar
from ruster.tui.why import why_text

__all__ = ["INTERRUPTED", "RusterTui"]

INTERRUPTED = 130
_LOOK_AGAIN_S = 10.0
_WIDTHS = [(0, "-narrow"), (100, "-wide")]
"""From so many columns on the screen has the class."""
_WHEN_ALONE = ("panel", "sessions", "why", "help", "details", "refresh_all", "stop")
"""Actions that wait until no screen lies above the panels."""
_TELLING = (events.Proactive, events.Response, events.Cancelled, events.ErrorEvent)
"""After these jobs and goals may have changed."""


class RusterTui(App[int]):
    """``client`` is connected already. Ends with an exit status; ``fault`` is what broke, if so."""

    CSS_PATH = "looks.tcss"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", priority=True),
        Binding("f2", "sessions", "Sessions", show=False, priority=True),
        *(Binding(key.lower(), f"panel('{name}')", title, show=False, priority=True)
          for name, (key, title) in PANELS.items()),
        *(Binding(key[1:], f"panel('{name}')", title, show=False)
          for name, (key, title) in PANELS.items()),
        Binding("2", "sessions", "Sessions", show=False),
        Binding("f5", "refresh_all", "Refresh", priority=True),
        Binding("f9", "why", "Why", priority=True),
        Binding("ctrl+t", "details", "Details", priority=True),
        Binding("ctrl+x", "stop", "Stop", priority=True),
        Binding("escape", "step_back", "Back", show=False),
        Binding("h,question_mark", "help", "Help", show=False),
        Binding("q,ctrl+q", "leave", "Quit", show=False),
        Binding("ctrl+c", "interrupt", "Quit", priority=True, show=False),
    ]  # fmt: skip

    def __init__(self, client: Client, session_id: str, model: str | None = None) -> None:
        super().__init__()
        self.fault: Exception | None = None
        self.desk = Desk(client, self._tell, self._handle_exception)
        self.chat = ChatPanel(self.desk)
        self.jobs = JobPanel(self.desk)
        self.board = BoardPanel(self.desk)
        self.memory = MemoryPanel(self.desk)
        self.approvals = ApprovalPanel()
        self.asked = Asked(self.desk, self._show_asked)
        self.status = StatusLine()
        self._tabs = TabBar()
        self._panels = ContentSwitcher(initial="chat")
        self._first = (session_id, model)
        self._connected = True
        self._today = 0
        client.watch_link(self._link_changed)

    def compose(self) -> ComposeResult:
        yield self._tabs
        with self._panels:
            yield self.chat
            yield self.approvals
            yield self.jobs
            yield self.board
            yield self.memory
        yield self.status
        yield Footer(show_command_palette=False, compact=True)

    async def on_mount(self) -> None:
        """Open the first session, and listen to what is asked."""
        self._draw()
        self.chat.composer.focus()
        self.desk.start(self._open(*self._first), "open the first session")
        self.desk.start(self.asked.listen(), "listen to questions for approval")
        self.set_interval(_LOOK_AGAIN_S, self._look_again)

    async def on_unmount(self) -> None:
        """End what was started."""
        await self.desk.aclose()

    # What panels say

    def on_session_panel_chosen(self, event: SessionPanel.Chosen) -> None:
        """Open a session."""
        self.desk.start(self._open(event.session_id, event.model), "open a session")
        self.chat.composer.focus()

    def on_session_panel_gone(self, event: SessionPanel.Gone) -> None:
        """Leave a session that was deleted."""
        if event.session_id == self.desk.session_id:
            self.desk.say(f"the session {event.session_id} is gone")
            others = [name for name in self.chat.sessions.names if name != event.session_id]
            self.desk.start(self._open(others[0] if others else "main"), "open another session")

    def on_chat_panel_heard(self, event: ChatPanel.Heard) -> None:
        """Keep up with what happens in the session."""
        if isinstance(event.event, events.ApprovalRequired | events.ApprovalResolved):
            self.asked.hear(event.event)
        elif isinstance(event.event, _TELLING) and getattr(event.event, "done", True):
            self._reload_shown()
        self._draw()

    def on_approval_panel_chosen(self, event: ApprovalPanel.Chosen) -> None:
        """Show a question."""
        asked = self.asked.waiting.get(event.approval_id)
        if asked is not None:
            self.push_screen(ApprovalScreen(self.desk, asked))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Take back the line that was told: somebody has gone on."""
        if event.text_area.text not in ("", self.chat.composer.returned):
            self.status.clear()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keep keys from reaching below a dialog; stop only what runs."""
        if action in _WHEN_ALONE and len(self.screen_stack) > 1:
            return False
        return action != "stop" or bool(self.chat.transcript.running)

    def action_panel(self, name: str) -> None:
        """Go to a panel."""
        self._panels.current = name
        self._reload_shown()
        self._focus_shown()
        self._draw()

    def action_sessions(self) -> None:
        """Show the list of sessions and go there; on a narrow screen again to hide it."""
        hide = self._panels.current == "chat" and self.screen.has_class("-sessions")
        self._panels.current = "chat"
        self.screen.set_class(not hide, "-sessions")
        self.desk.start(self.chat.sessions.reload(), "list the sessions")
        (self.chat.composer if hide else self.chat.sessions).focus()
        self._draw()

    def action_refresh_all(self) -> None:
        """Read anew what is shown."""
        self.desk.start(self.chat.sessions.reload(), "list the sessions")
        self._reload_shown()
        self._look_again()
        self.refresh(layout=True)

    def action_details(self) -> None:
        """Unfold thoughts and tool calls, or fold them."""
        self.screen.toggle_class("-details")
        self.chat.transcript.refold()

    def action_why(self) -> None:
        """Tell how the last answer came about."""
        self.desk.start(self._why(), "tell why")

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Reading("Keys", help_text()))

    def action_stop(self) -> None:
        """End the running turn."""
        self.desk.start(self.chat.stop(), "stop the turn")

    def action_step_back(self) -> None:
        """Stop what runs, else leave the line that is typed, else quit."""
        if self._panels.current == "chat" and self.chat.transcript.running:
            self.action_stop()
        elif isinstance(self.focused, TextArea):
            self.chat.transcript.focus()
        elif isinstance(self.focused, Input):
            self.memory.hits.focus()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Quit; what runs goes on in the daemon."""
        self.exit(0)

    def action_interrupt(self) -> None:
        """Quit as Ctrl-C does everywhere."""
        self.exit(INTERRUPTED)

    # Inside

    async def _open(self, session_id: str, model: str | None = None) -> None:
        await self.chat.open(session_id, model)
        await self.chat.sessions.reload()
        await self._look()
        self._show_asked(self.asked.first_of(session_id))

    async def _why(self) -> None:
        try:
            report = await self.desk.client.why(self.desk.session_id)
        except SessionError as error:
            if error.code != "turn_not_found":
                raise
            self.desk.say("nothing was answered here yet")
            return
        self.push_screen(Reading("Why", why_text(report)))

    def _reload_shown(self) -> None:
        reloads: dict[str, Callable[[], Awaitable[None]]] = {
            "chat": self.chat.reload,
            "jobs": self.jobs.reload,
            "board": self.board.reload,
            "memory": self.memory.reload,
        }  # fmt: skip
        if reload := reloads.get(self._panels.current or ""):
            self.desk.start(_awaited(reload), "read a panel anew")

    def _focus_shown(self) -> None:
        match self._panels.current:
            case "chat":
                self.chat.composer.focus()
            case "board":
                self.board.focus_cards()
            case "memory":
                self.memory.question.focus()
            case "jobs":
                self.jobs.focus()
            case _:
                self.approvals.focus()

    def _look_again(self) -> None:
        if self._connected:
            self.desk.start(self._look(), "look how the daemon is")
            if self._panels.current in ("jobs", "board"):
                self._reload_shown()

    async def _look(self) -> None:
        self._today = (await self.desk.client.status()).tokens_today or 0
        self._draw()

    def _link_changed(self, up: bool) -> None:
        self._connected = up
        self._draw()

    def _show_asked(self, asked: events.ApprovalQuestion | None) -> None:
        """Draw the questions; show one that came in the open session, and take back closed ones."""
        self.approvals.show(self.asked.waiting)
        shown = self.screen
        if isinstance(shown, ApprovalScreen) and not self.asked.waits(shown.asked):
            shown.dismiss(None)
        if asked is not None and len(self.screen_stack) == 1:
            self.push_screen(ApprovalScreen(self.desk, asked))
        self._draw()

    def _draw(self) -> None:
        """Draw the bar of panels and how things stand."""
        if not self.is_running or not self.screen_stack:
            return
        self._tabs.show(self._panels.current, len(self.asked.waiting))
        used = self.chat.used
        self.status.stand(
            Standing(
                connected=self._connected,
                session_id=self.desk.session_id,
                model=used.model if used else self.desk.model,
                tokens=_tokens(used, self._today),
                running=len(self.chat.transcript.running),
                approvals=len(self.asked.waiting),
            )
        )
        self.refresh_bindings()

    def _tell(self, text: str, is_error: bool) -> None:
        if self.is_running:
            self.status.tell(text, is_error)

    def _handle_exception(self, error: Exception) -> None:
        """End with ``fault``; whoever started us says it in a line."""
        if self.fault is None:
            self.fault = error
        self.exit(1)
        self._close_messages_no_wait()


def _tokens(used: events.UsageEvent | None, today: int) -> str:
    """Word what the last step took, and all of the day."""
    last = f"{used.prompt_tokens}→{used.completion_tokens} tokens" if used else ""
    return ", ".join(filter(None, (last, f"{today} today" if today else "")))


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()

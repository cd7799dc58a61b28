"""What waits for a person's yes or no, and the screen on which it is given."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any, ClassVar

from textual import events as keys
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ruster.cli.question import safe
from ruster.protocol.events import ApprovalQuestion, ApprovalRequired, ApprovalSummary
from ruster.tui.desk import Desk
from ruster.tui.dialogs import Prompt
from ruster.tui.plain import one_line, row

__all__ = ["ApprovalPanel", "ApprovalScreen", "session_of", "wording"]

_ARM_S = 0.7
_RISKS = {"low": "$text-success", "medium": "$text-warning"}
_SCOPES = {"a": "once", "s": "session", "A": "always"}
_LABELS = {"a": "once", "s": "session", "A": "always"}


class ApprovalPanel(OptionList):
    """The questions that wait, the oldest first; Enter shows one."""

    class Chosen(Message):
        """A question is to be shown."""

        def __init__(self, approval_id: str) -> None:
            super().__init__()
            self.approval_id = approval_id

    def __init__(self) -> None:
        super().__init__(id="approvals", markup=False)
        self.border_title = "Waiting for approval"
        self.show({})

    def show(self, waiting: dict[str, ApprovalQuestion]) -> None:
        """Draw the questions."""
        place = self.highlighted
        self.clear_options()
        for asked in waiting.values():
            self.add_option(Option(_entry(asked), id=asked.approval_id))
        if not waiting:
            self.add_option(Option(row("Nothing waits for approval.", "dim"), disabled=True))
        else:
            self.highlighted = min(place or 0, len(waiting) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Show the question under the cursor."""
        event.stop()
        if event.option_id:
            self.post_message(self.Chosen(event.option_id))


class ApprovalScreen(ModalScreen[None]):
    """All of one question, to be read to its end before a yes.

    Keys count after a moment without any: typing on is no answer.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve('a')", "Once", show=False),
        Binding("s", "approve('s')", "In this session", show=False),
        Binding("A,upper_a", "approve('A')", "Always", show=False),
        Binding("r", "reject", "Reject", show=False),
        Binding("R,upper_r", "explain", "Reject, and say why", show=False),
        Binding("escape", "later", "Later", show=False),
    ]

    def __init__(self, desk: Desk, asked: ApprovalQuestion) -> None:
        super().__init__()
        self.asked = asked
        self.armed = False
        self._desk = desk
        self._arming: Timer | None = None
        self._read = False
        """Whether the end has been on the screen."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall approval"):
            yield Static(row(f"{self.asked.tool} needs your approval", "bold"))
            with VerticalScroll() as text:
                yield Static(wording(self.asked))
            yield Static(self._keys(), classes="keys")
        self.watch(text, "scroll_y", self._scrolled, init=False)

    def on_mount(self) -> None:
        """Begin to wait for a moment without keys."""
        self._rest()

    def on_key(self, event: keys.Key) -> None:
        """Wait longer while somebody is typing."""
        if not self.armed and event.key not in ("up", "down", "pageup", "pagedown", "ctrl+c"):
            event.prevent_default().stop()
            self._rest()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Offer only what may be answered, and only when keys count."""
        if action in ("approve", "reject", "explain", "later") and not self.armed:
            return False
        if action != "approve":
            return True
        return self._read and _SCOPES[str(parameters[0])] in self.asked.scopes

    def action_approve(self, key: str) -> None:
        """Let the tool do it."""
        self._answer(self._approve(_SCOPES[key]))

    def action_reject(self) -> None:
        """Keep the tool from doing it."""
        self._answer(self._reject(None))

    def action_explain(self) -> None:
        """Ask for the reason, then reject."""
        self.app.push_screen(
            Prompt("Why not? The model is told."),
            lambda reason: self._answer(self._reject(reason[:500])) if reason else None,
        )

    def action_later(self) -> None:
        """Close; the question goes on waiting."""
        self.dismiss(None)

    def _rest(self) -> None:
        if self._arming is not None:
            self._arming.stop()
        self._arming = self.set_timer(_ARM_S, self._arm)

    def _arm(self) -> None:
        self.armed = True
        self._scrolled()

    def _scrolled(self) -> None:
        """Note when the end is on the screen."""
        text = self.query_one(VerticalScroll)
        self._read = self._read or text.scroll_y >= text.max_scroll_y
        self.query_one(".keys", Static).update(self._keys())

    def _keys(self) -> Content:
        offered = [f"{key} {_LABELS[key]}" for key, scope in _SCOPES.items()
                   if scope in self.asked.scopes]  # fmt: skip
        if self.armed and not self._read:
            return Content.styled("Page Down: read it to the end   r reject   Esc later", "bold")
        words = "   ".join([*offered, "r reject", "R reason", "Esc later"])
        return Content.styled(words, "bold $text-accent" if self.armed else "dim")

    def _answer(self, work: Coroutine[Any, Any, None]) -> None:
        self._desk.start(work, "answer a question for approval")
        if self.is_current:
            self.dismiss(None)

    async def _approve(self, scope: str) -> None:
        await self._desk.client.approve(self.asked.approval_id, scope)

    async def _reject(self, reason: str | None) -> None:
        await self._desk.client.reject(self.asked.approval_id, reason)


def wording(asked: ApprovalQuestion) -> Content:
    """Word a question in full: what cannot be seen is written as an escape."""
    risk = _RISKS.get(asked.risk, "$text-error")
    lines = [
        _field("risk", asked.risk, f"bold {risk}"),
        _field("why", asked.reason),
        *(_field(name, _value(value), "bold") for name, value in asked.arguments.items()),
    ]
    if asked.target is not None and asked.target not in asked.arguments.values():
        lines.append(_field("acts on", asked.target))
    lines.append(_field("effects", ", ".join(asked.effects) or "only computes"))
    lines.append(_field("session", session_of(asked)))
    lines.append(_field("until", asked.expires[:19].replace("T", " ")))
    return Content("\n").join(lines)


def _field(name: str, value: str, style: str = "") -> Content:
    return Content.assemble(
        Content.styled(f"{safe(name)}: ", "dim"), Content.styled(safe(value), style)
    )


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def session_of(asked: ApprovalQuestion) -> str:
    """Return the session a question came in."""
    return asked.session_id if isinstance(asked, ApprovalSummary | ApprovalRequired) else ""


def _entry(asked: ApprovalQuestion) -> Content:
    acts = asked.target or " ".join(map(str, asked.arguments.values()))
    return Content.assemble(
        row(asked.risk, _RISKS.get(asked.risk, "$text-error")),
        Content(f"  {one_line(session_of(asked))}  "),
        row(asked.tool, "bold"),
        Content(f"  {one_line(acts)[:200]}"),
    )

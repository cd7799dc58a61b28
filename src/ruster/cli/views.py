"""What is seen of a turn: its events as JSON, its answer alone, or all of it as it happens."""

from __future__ import annotations

import shutil
import sys
from typing import Protocol

from ruster.cli.asides import aside
from ruster.cli.question import question_text
from ruster.cli.terminal import dim, is_terminal, visible, write_line
from ruster.client.answer import Answer, is_restart
from ruster.protocol import events
from ruster.protocol.parsed import ParsedEvent

__all__ = ["AnswerView", "JsonView", "TurnView", "View"]

_LABEL_COLUMNS = 5


class View(Protocol):
    """Shows one turn."""

    def show(self, parsed: ParsedEvent) -> None:
        """Take the next event."""

    def close(self) -> None:
        """Take note that no more events come."""


class JsonView:
    """The events, as the daemon sends them."""

    def show(self, parsed: ParsedEvent) -> None:
        write_line(parsed.line)

    def close(self) -> None:
        return


class AnswerView:
    """The answer alone: as it comes on a terminal, whole at its end elsewhere; failures on stderr.

    (An answer can begin anew when the daemon is restarted; a pipe cannot take back what it got.)
    """

    def __init__(self) -> None:
        self._live = is_terminal()
        self._answer = Answer()

    def show(self, parsed: ParsedEvent) -> None:
        event = parsed.event
        if isinstance(event, events.Cancelled):
            return
        if self._live and is_restart(event) and self._answer.text:
            print("\n[the daemon was restarted; the answer begins anew]", file=sys.stderr)
        if isinstance(event, events.ErrorEvent):
            print(f"rusterctl: {event.error}", file=sys.stderr)
        if isinstance(event, events.ApprovalRequired):
            print(question_text(event), file=sys.stderr)
            print(f"answer with: rusterctl approvals approve {event.approval_id}", file=sys.stderr)
        self._answer.add(event)
        if self._live and isinstance(event, events.Response) and event.phase is None:
            print(visible(event.delta), end="", flush=True)

    def close(self) -> None:
        text = self._answer.text
        if not self._live:
            print(text, end="")
        if text and not text.endswith("\n"):
            print()
        sys.stdout.flush()


class TurnView:
    """A turn at a terminal: the answer as it comes, thoughts and what happens beside it dimmed.

    ``label`` stands before the answer. A line such as "Thinking..." is replaced by what follows.
    """

    def __init__(self, label: str, *, think: bool) -> None:
        self._label = label
        self._think = think
        self._column_free = True
        self._passing = False
        self._thinking = False

    def show(self, parsed: ParsedEvent) -> None:
        match parsed.event:
            case events.Response(phase=None, delta=delta):
                self._say(visible(delta))
            case events.Response(delta=delta):
                self._pass_by(visible(delta))
            case events.ThoughtEvent(delta=delta) if self._think:
                self._muse(visible(delta or ""))
            case events.ProgressEvent(what=what, current=current, total=total):
                share = f" {100 * current // total} %" if total else ""
                self._pass_by(f"{visible(what)}{share}")
            case other:
                self._tell(aside(other))

    def close(self) -> None:
        self._clear_passing()
        self._fresh_line()
        sys.stdout.flush()

    def _say(self, text: str) -> None:
        if not text:
            return
        if self._thinking:
            self._thinking = False
            self._fresh_line()
        self._begin()
        self._put(text)

    def _muse(self, text: str) -> None:
        if not text:
            return
        self._thinking = True
        self._clear_passing()
        self._put(dim(text), ends_line=text.endswith("\n"))

    def _tell(self, text: str) -> None:
        """Print a line of its own beside the answer."""
        if text:
            self._clear_passing()
            self._fresh_line()
            self._put(text + "\n")

    def _pass_by(self, text: str) -> None:
        """Show something for as long as nothing follows it."""
        if self._column_free or self._passing:
            self._clear_passing()
            room = shutil.get_terminal_size().columns - _LABEL_COLUMNS - 1
            self._put(self._label + dim(text[: max(room, 0)]))  # one row, so that it can be cleared
            self._passing = True

    def _begin(self) -> None:
        self._clear_passing()
        if self._column_free:
            self._put(self._label)

    def _clear_passing(self) -> None:
        if self._passing:
            self._put("\r\x1b[K")
            self._passing, self._column_free = False, True

    def _fresh_line(self) -> None:
        if not self._column_free:
            self._put("\n")

    def _put(self, text: str, *, ends_line: bool | None = None) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self._column_free = text.endswith("\n") if ends_line is None else ends_line

"""What is seen of a turn: its events as JSON, its answer alone, or all of it as it happens."""

from __future__ import annotations

import shutil
import sys
from typing import Protocol

from ruster.cli.asides import aside
from ruster.cli.calls import call_row, result_line
from ruster.cli.question import question_text
from ruster.cli.terminal import dim, fit, is_terminal, visible, write_line
from ruster.client.answer import Answer, is_restart
from ruster.protocol import events
from ruster.protocol.parsed import ParsedEvent

__all__ = ["AnswerView", "JsonView", "TurnView", "View"]

_CLEAR_LINE = "\r\x1b[K"
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

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._answer.text

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
        if isinstance(event, events.Question):
            print(f"the agent asks: {visible(event.question)}", file=sys.stderr)
            print(f"answer with: rusterctl send -s {event.session_id} ANSWER", file=sys.stderr)
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

    ``label`` stands before the answer. A line such as "Thinking..." is replaced by what follows. So
    is the line of tool calls that run, by what came of them, unless something came in between.
    """

    def __init__(self, label: str, *, think: bool) -> None:
        self._label = label
        self._think = think
        self._column_free = True
        self._passing = False
        self._thinking = False
        self._calls: list[events.ToolCallEvent] = []
        """The calls whose line can still be replaced."""
        self._asking = ""
        """The call that asks the person something; there is nothing more to say of it."""
        self._brought = ""
        """What the last call brought."""

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
            case events.ToolCallEvent(phase="start") as call:
                self._begin_call(call)
            case events.ToolCallEvent() as call:
                self._end_call(call)
            case events.Question(question=question):
                self._ask(visible(question))
            case events.SkillUsed(result=result) if result == self._brought:
                pass  # the line of the call has said it
            case other:
                self._tell(aside(other))

    def close(self) -> None:
        self._clear_passing()
        self._fresh_line()
        sys.stdout.flush()

    def _say(self, text: str) -> None:
        if not text:
            return
        if self._thinking or self._calls:
            self._thinking = False
            self._fresh_line()
        self._begin()
        self._put(text)

    def _muse(self, text: str) -> None:
        if not text:
            return
        self._thinking = True
        self._clear_passing()
        if self._calls:
            self._fresh_line()
        self._put(dim(text), ends_line=text.endswith("\n"))

    def _tell(self, text: str) -> None:
        """Print a line of its own beside the answer."""
        if text:
            self._clear_passing()
            self._fresh_line()
            self._put(text + "\n")

    def _begin_call(self, call: events.ToolCallEvent) -> None:
        calls = [*self._calls, call]
        self._take_back_calls()
        self._clear_passing()
        self._fresh_line()
        self._put(call_row(calls, _columns()))
        self._calls = calls

    def _end_call(self, call: events.ToolCallEvent) -> None:
        self._brought = call.result_preview or ""
        if call.call_id == self._asking and not call.failed:
            return
        self._take_back_calls()
        self._tell(result_line(call, _columns()))

    def _ask(self, question: str) -> None:
        """Have the agent ask something, in the place of the call that does."""
        self._asking = self._calls[-1].call_id if self._calls else ""
        self._take_back_calls()
        self._clear_passing()
        self._fresh_line()
        self._put(f"{self._label}{question}\n")

    def _take_back_calls(self) -> None:
        """Clear the line of calls that nothing has followed."""
        if self._calls:
            self._put(_CLEAR_LINE)
            self._column_free = True

    def _pass_by(self, text: str) -> None:
        """Show something for as long as nothing follows it."""
        if self._column_free or self._passing:
            self._clear_passing()
            room = _columns() - _LABEL_COLUMNS - 1
            self._put(self._label + dim(fit(text, max(room, 0))))  # one row: it will be cleared
            self._passing = True

    def _begin(self) -> None:
        self._clear_passing()
        if self._column_free:
            self._put(self._label)

    def _clear_passing(self) -> None:
        if self._passing:
            self._put(_CLEAR_LINE)
            self._passing, self._column_free = False, True

    def _fresh_line(self) -> None:
        if not self._column_free:
            self._put("\n")

    def _put(self, text: str, *, ends_line: bool | None = None) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self._calls = []
        self._column_free = text.endswith("\n") if ends_line is None else ends_line


def _columns() -> int:
    return shutil.get_terminal_size().columns

"""One turn of the conversation: what was said, thought, called and answered, in that order."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from ruster.cli.calls import call_words
from ruster.protocol import events
from ruster.tui.markdown import Answer
from ruster.tui.plain import one_line, plain, row

__all__ = ["Aside", "Said", "TurnBlock"]

_ENDS = {"cancelled": "cancelled", "expired": "too old to be answered"}
_MAX_SAID = 20_000
_MAX_ANSWERED = 100_000
_GOES_ON = "[the answer goes on; rusterctl sessions show {} prints all of it]"
_MAX_THOUGHT = 50_000


class Said(Static):
    """What a person said, or another program in a person's place."""

    def __init__(self, text: str, source: str | None = None, mode: str = "queue") -> None:
        who = f"{one_line(source)} ▸ " if source else "You ▸ "
        note = f"({mode}) " if mode != "queue" else ""
        shown = text if len(text) <= _MAX_SAID else f"{text[:_MAX_SAID]} […]"
        super().__init__(Content.assemble(plain(who + note, "bold $accent"), plain(shown)))


class Aside(Static):
    """A line beside the answer; ``kind`` is a class of the style sheet."""

    def __init__(self, text: str, kind: str = "note") -> None:
        super().__init__(plain(text), classes=kind)


class Thoughts(Static):
    """What the model thought; folded to a line until details are wanted."""

    def __init__(self) -> None:
        super().__init__(classes="thoughts")
        self._text = ""

    def add(self, text: str) -> None:
        """Take the next piece."""
        self._text = (self._text + text)[:_MAX_THOUGHT]
        self.refresh(layout=True)

    def render(self) -> Content:
        if self.screen.has_class("-details"):
            return plain(f"▾ thought\n{self._text.strip()}")
        words = len(self._text.split())
        return row(f"▸ thought, {words} word{'s' if words != 1 else ''} (Ctrl-T shows it)")


class Call(Static):
    """A tool call: one line, with details all of its arguments and what came back."""

    def __init__(self, event: events.ToolCallEvent) -> None:
        super().__init__(classes="call")
        self.event = event

    def end(self, event: events.ToolCallEvent) -> None:
        """Take what became of it."""
        self.event = event
        self.set_class(bool(event.failed), "-failed")
        self.refresh(layout=True)

    def render(self) -> Content:
        event, brought = self.event, self.event.result_preview or ""
        sign = "⋯" if event.phase == "start" else "✗" if event.failed else "✓"
        if self.screen.has_class("-details"):
            arguments = "\n".join(f"  {one_line(k)}: {v}" for k, v in event.arguments.items())
            return plain(f"{sign} {one_line(event.tool)}\n{arguments}\n  → {brought}")
        head = f"{sign} {call_words(event)}"
        told = f" → {one_line(brought)}" if brought else ""
        return row(head if len(head) < 60 else f"{head[:59]}…").append(told)


class TurnBlock(Vertical):
    """Shows the events of a turn as they come; raises nothing for those it does not know."""

    def __init__(self, turn: str) -> None:
        super().__init__(classes="turn")
        self.turn = turn
        self.ended = False
        self._said: set[int | None] = set()
        self._parts: list[Widget] = []
        self._calls: dict[str, Call] = {}
        self._answered = 0

    def compose(self) -> ComposeResult:
        yield from self._parts

    async def take(self, event: events.Event, seq: int | None = None) -> None:
        """Show an event of this turn; one that was shown already is left out."""
        match event:
            case events.Accepted(message=message, source=source, mode=mode):
                if seq not in self._said:
                    self._said.add(seq)
                    await self._put(Said(message, source, mode))
            case events.Response(phase=None, delta=delta, done=done, session_id=session_id):
                await self._answer(delta, session_id)
                if done:
                    await self.end("done")
            case events.ThoughtEvent(phase="delta", delta=str(delta)):
                await self._think(delta)
            case events.ToolCallEvent():
                await self._call(event)
            case events.NoticeEvent(code="turn_restarted", message=message):
                await self._restart(message)
            case events.Cancelled(reason=reason):
                await self.end("cancelled", "" if reason == "cancel" else f"by {reason}")
            case events.ErrorEvent(error=error, code=code):
                await self.end("error", f"{error} ({code})")
            case _:
                await self._tell(event)

    async def end(self, how: str, why: str = "") -> None:
        """Close the turn: ``done``, ``cancelled``, ``error`` or ``expired``."""
        if self.ended:
            return
        for answer in self._of(Answer):
            await answer.settle()
        self.ended = True
        if how == "error":
            await self._put(Aside(why or "it failed", "error"))
        elif how in _ENDS:
            await self._put(Aside(f"[{_ENDS[how]}{' ' if why else ''}{why}]"))

    async def _answer(self, delta: str, session_id: str) -> None:
        room = _MAX_ANSWERED - self._answered
        self._answered += len(delta)
        if not delta or room < 0:
            return
        if len(delta) > room:
            await self._put(Aside(_GOES_ON.format(session_id)))
            return
        last = self._parts[-1] if self._parts else None
        if isinstance(last, Answer) and not last.full and last.is_mounted:
            last.add(delta)
        else:
            await self._put(Answer(delta))

    async def _think(self, delta: str) -> None:
        last = self._parts[-1] if self._parts else None
        if not isinstance(last, Thoughts):
            last = Thoughts()
            await self._put(last)
        last.add(delta)

    async def _call(self, event: events.ToolCallEvent) -> None:
        known = self._calls.get(event.call_id)
        if known is None:
            known = self._calls[event.call_id] = Call(event)
            await self._put(known)
        if event.phase == "end":
            known.end(event)

    async def _restart(self, message: str) -> None:
        """Forget what was answered: it is answered anew."""
        gone = [part for part in self._parts if not isinstance(part, Said)]
        self._parts = [part for part in self._parts if isinstance(part, Said)]
        self._calls.clear()
        self._answered = 0
        for part in gone:
            await part.remove()
        await self._put(Aside(f"[{message}]"))

    async def _tell(self, event: events.Event) -> None:
        match event:
            case events.Question(question=question):
                await self._put(Aside(f"? {question}", "question"))
            case events.SkillUsed(skill=skill):
                await self._put(Aside(f"[skill {skill}]"))
            case events.NoticeEvent(message=message):
                await self._put(Aside(f"[{message}]"))
            case events.ApprovalRequired(tool=tool, risk=risk):
                await self._put(Aside(f"[{tool} waits for approval, risk {risk}]", "question"))
            case events.ApprovalResolved(state=state, by=by):
                await self._put(Aside(f"[{state}: {by}]"))

    async def _put(self, part: Widget) -> None:
        for answer in self._of(Answer)[-1:]:
            await answer.settle()
        self._parts.append(part)
        if self.is_mounted:
            await self.mount(part)

    def _of(self, kind: type[Answer]) -> list[Answer]:
        return [part for part in self._parts if isinstance(part, kind)]

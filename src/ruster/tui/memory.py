"""Looking things up in the memory."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ruster.protocol import events
from ruster.tui.composer import Entry
from ruster.tui.desk import Desk
from ruster.tui.dialogs import Reading
from ruster.tui.plain import one_line, plain, row

__all__ = ["MemoryPanel"]

_HITS = 30
_PASSAGE_CHARS = 300


class MemoryPanel(Vertical):
    """A question above, below it what fits; Enter shows a memory whole."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="memory")
        self.question = Entry(placeholder="What to look for in the memory", max_length=10_000)
        self.hits = OptionList(markup=False)
        self.hits.border_title = "Found"
        self._desk = desk
        self._found: list[events.MemoryHit] = []

    def compose(self) -> ComposeResult:
        yield self.question
        yield self.hits

    async def reload(self) -> None:
        """Look anew for what was looked for; raises RusterError."""
        if self.question.value.strip():
            await self._search(self.question.value.strip())

    def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Look for what was typed."""
        event.stop()
        if text := event.value.strip():
            self._desk.start(self._search(text, go=True), "search the memory")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Show the memory under the cursor."""
        event.stop()
        if event.option_index < len(self._found):
            name = self._found[event.option_index].memory.memory_id
            self._desk.start(self._show(name), "show a memory")

    async def _search(self, text: str, *, go: bool = False) -> None:
        found = await self._desk.call(
            events.MemoryResults,
            "memory_search",
            session_id=self._desk.session_id,
            query=text,
            limit=_HITS,
        )
        self._found = found.results
        self.hits.clear_options()
        self.hits.border_title = f"Found ({len(found.results)})"
        self.hits.add_options([Option(_entry(hit)) for hit in found.results])
        if not found.results:
            self.hits.add_option(Option(row("Nothing fits.", "dim"), disabled=True))
        elif go:
            self.hits.focus()
            self.hits.highlighted = 0

    async def _show(self, name: str) -> None:
        report = await self._desk.call(
            events.MemoryReport,
            "memory_show",
            session_id=self._desk.session_id,
            memory_id=name,
        )
        self.app.push_screen(Reading(f"Memory {name}", _whole(report.memory)))


def _entry(hit: events.MemoryHit) -> Content:
    it = hit.memory
    origin = f", from {', '.join(it.origins)}" if it.origins else ""
    head = f"{it.time[:16].replace('T', ' ')}  {it.kind} in {it.layer}{origin}"
    return Content("\n").join(
        [row(one_line(hit.passage or it.text)[:_PASSAGE_CHARS]), row(head, "dim")]
    )


def _whole(it: events.MemorySummary) -> Content:
    facts = [
        f"{it.kind} in {it.layer}, {it.time[:16].replace('T', ' ')}",
        *([f"said by {it.speaker}"] if it.speaker else ()),
        *([f"in session {it.session_id}"] if it.session_id else ()),
        *([f"may hold words of {', '.join(it.origins)}"] if it.origins else ()),
        *([f"tags {', '.join(it.tags)}"] if it.tags else ()),
    ]
    return Content("\n\n").join([plain(it.text), plain("\n".join(facts), "dim")])

"""The jobs: when they are due, what became of them, and what can be done with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.content import Content

from ruster.protocol import events
from ruster.tui.desk import Desk
from ruster.tui.dialogs import Confirm, Prompt, Reading
from ruster.tui.plain import cell, one_line, plain
from ruster.tui.tables import NamedTable

__all__ = ["JobPanel", "receipts_text"]

_HISTORY = 50
_HEADS = ("Job", "On", "Next due", "Last", "When", "What")


class JobPanel(NamedTable):
    """A row for each job; Enter shows what became of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("a", "add", "Add"),
        ("r", "run", "Run now"),
        ("space", "switch", "On/off"),
        ("d,delete", "remove", "Remove"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__("jobs", _HEADS)
        self.border_title = "Jobs"
        self.jobs: dict[str, events.JobSummary] = {}
        self._desk = desk

    async def reload(self) -> None:
        """Read the jobs; raises RusterError."""
        listed = (await self._desk.call(events.JobListing, "job_list")).jobs
        self.jobs = {it.job_id: it for it in listed}
        self.show({name: _cells(job) for name, job in self.jobs.items()})

    def on_data_table_row_selected(self, event: NamedTable.RowSelected) -> None:
        """Show what became of the job under the cursor."""
        event.stop()
        if self.chosen:
            self._desk.start(self._show_history(self.chosen), "show a job's history")

    def action_add(self) -> None:
        """Ask for a job in words."""
        self.app.push_screen(
            Prompt(
                f"A job for {self._desk.session_id}, in words",
                hint="remind me in 20 minutes to take out the cake",
            ),
            self._take_words,
        )

    def action_run(self) -> None:
        """Run the job under the cursor now."""
        if self.chosen:
            self._desk.start(self._run_now(self.chosen), "run a job")

    def action_switch(self) -> None:
        """Switch the job under the cursor on or off."""
        if self.chosen:
            self._desk.start(self._switch(self.jobs[self.chosen]), "switch a job")

    def action_remove(self) -> None:
        """Ask, then remove the job under the cursor."""
        if name := self.chosen:
            self.app.push_screen(
                Confirm(f"Remove the job {name} and its receipts?"),
                lambda sure: self._take_away(name) if sure else None,
            )

    def _take_words(self, words: str | None) -> None:
        if words:
            self._desk.start(self._add(words), "add a job")

    def _take_away(self, name: str) -> None:
        self._desk.start(self._remove(name), "remove a job")

    async def _add(self, words: str) -> None:
        made = await self._desk.call(
            events.JobReport,
            "job_add",
            repeatable=False,
            session_id=self._desk.session_id,
            reminder=words,
        )
        self._desk.say(f"{made.job.job_id}: {made.job.when}")
        await self.reload()

    async def _run_now(self, name: str) -> None:
        self._desk.say(f"{name} runs …")
        ran = await self._desk.call(events.JobRan, "job_run", repeatable=False, job_id=name)
        outcome = f"{name}: {ran.receipt.outcome} {ran.receipt.message}"
        (self._desk.complain if ran.receipt.outcome == "failed" else self._desk.say)(outcome)
        await self.reload()

    async def _switch(self, job: events.JobSummary) -> None:
        action = "job_disable" if job.enabled else "job_enable"
        await self._desk.call(events.JobReport, action, job_id=job.job_id)
        await self.reload()

    async def _remove(self, name: str) -> None:
        await self._desk.call(events.JobRemoved, "job_remove", repeatable=False, job_id=name)
        await self.reload()

    async def _show_history(self, name: str) -> None:
        page = await self._desk.call(
            events.JobHistoryPage, "job_history", job_id=name, limit=_HISTORY
        )
        self.app.push_screen(Reading(f"Job {name}", receipts_text(self.jobs.get(name), page)))


def receipts_text(job: events.JobSummary | None, page: events.JobHistoryPage) -> Content:
    """Word a job and what became of its last runs."""
    lines: list[str] = []
    if job is not None:
        lines += [
            f"{job.title or job.job_id}: {job.when}",
            f"does {json.dumps(job.do, ensure_ascii=False)}",
        ]
        lines += [f"in session {job.session_id}"] if job.session_id else []
        lines.append(f"made by {job.made_by}; {job.failures} failures since it last went well\n")
    for it in page.receipts:
        what = f": {one_line(it.message)}" if it.message else ""
        lines.append(f"{_time(it.due)}  {it.outcome} by {it.by}{what}")
    return plain("\n".join([*lines, *(() if page.receipts else ("It has not run yet.",))]))


def _cells(job: events.JobSummary) -> Sequence[Text]:
    last = job.last.outcome if job.last else "—"
    style = "red" if last in ("failed", "missed", "interrupted") else ""
    return (
        cell(job.job_id, "bold"),
        cell("runs" if job.running else "on" if job.enabled else "off",
             "green" if job.enabled else "dim"),
        cell(_time(job.due)[5:] if job.due else "—"),
        cell(last, style),
        cell(job.when.partition(" (next ")[0][:40]),
        cell(_what(job)[:80]),
    )  # fmt: skip


def _what(job: events.JobSummary) -> str:
    if job.title:
        return job.title
    kind, details = next(iter(job.do.items()), ("", {}))
    said = details.get("message") or details.get("tool") if isinstance(details, dict) else ""
    return f"{kind}: {said}" if said else kind


def _time(rfc3339: str) -> str:
    return rfc3339[:16].replace("T", " ")

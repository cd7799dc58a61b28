"""What happens to records as they age, step by step; whoever has the timer calls it.

A summary is thought of outside of any transaction and stored in a short one, which looks again
whether its sources are still as they were.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial
from typing import TYPE_CHECKING

from ruster.core.clock import Clock
from ruster.core.errors import MemoryError, RusterError
from ruster.core.memory import Layer, LogEntry, Record, Summarizer
from ruster.memory.database.database import Database
from ruster.memory.records.checks import checked_origins, checked_record
from ruster.memory.records.log import Move, note
from ruster.memory.records.writing import completed, hide, insert, move
from ruster.memory.upkeep.extract import Extract
from ruster.memory.upkeep.rules import (
    Due,
    Rule,
    due_days,
    due_months,
    find_due,
    retention_rule,
    simple_rules,
    still_due,
)
from ruster.memory.upkeep.settings import UpkeepSettings
from ruster.memory.upkeep.undoing import undo
from ruster.memory.upkeep.vacuum import Vacuumed, clean, purge

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["Upkeep"]

_SUMMARY_CHARS = 8000
_log = logging.getLogger("ruster.memory")


class Upkeep:
    """The upkeep of one memory; ``wake`` is called when records wait for vectors.

    ``summarizer`` may be replaced at any time; the first one needs no model.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        zone: tzinfo | None,
        settings: UpkeepSettings,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._settings = settings
        self._wake = wake
        self.summarizer: Summarizer = Extract()

    async def promote(self) -> Counter[str]:
        """Move all that is due and return how many records each rule has moved.

        Raises MemoryError, StorageError. A summary that fails is tried again at the next call.
        """
        now, settings = self._clock.now(), self._settings
        moved: Counter[str] = Counter()
        for rule in simple_rules(settings, now):
            moved[rule.name] += await self._apply(rule)
        days = await self._database.read(lambda it: due_days(it, settings, now, self._zone))
        moved["day"] += await self._summarize(days, Layer.INSIGHTS, "day")
        moved["retention"] += await self._apply(retention_rule(settings, now))
        months = await self._database.read(lambda it: due_months(it, settings, now, self._zone))
        moved["unused"] += await self._summarize(months, Layer.ASSETS, "unused")
        self._wake()
        return +moved

    async def vacuum(self) -> Vacuumed:
        """Delete what can no longer be undone, mend the indexes and give space back."""
        now, settings = self._clock.now(), self._settings
        purged = 0
        while gone := await self._database.write(lambda it: purge(it, settings, now, self._zone)):
            purged += gone
        exact = self._database.has_vectors
        freed = await self._database.alone(lambda it: clean(it, exact=exact))
        return Vacuumed(purged, freed)

    async def undo(self, number: int) -> list[LogEntry]:
        """Undo the step that an entry of the log belongs to and return its entries.

        What comes back is pinned, so that no rule takes it again. Raises MemoryError
        (``undo_impossible``).
        """
        now, settings = self._clock.now(), self._settings
        undone = await self._database.write(
            lambda it: undo(it, number, now, settings.undo_days, self._zone)
        )
        self._wake()
        return undone

    async def _apply(self, rule: Rule) -> int:
        """Move all that a rule is for, some hundreds in a transaction."""
        total = 0

        def work(connection: Connection) -> int:
            due = find_due(connection, rule)
            self._move(connection, rule, due)
            return len(due)

        while count := await self._database.write(work):
            total += count
        return total

    def _move(self, connection: Connection, rule: Rule, due: Sequence[Due]) -> None:
        now = self._clock.now()
        if rule.to is None:
            hide(connection, [it.n for it in due], now, self._zone)
        for it in due:
            if rule.to is not None:
                move(connection, it.n, it.record.text, rule.to)
                connection.execute(
                    "UPDATE items SET score = score * ? WHERE n = ?", (rule.score_times, it.n)
                )
            made = Move(it.record.id, it.record.layer, rule.to)
            note(connection, now, rule.action, rule.name, [made])

    async def _summarize(self, groups: Sequence[Sequence[Due]], to: Layer, rule: str) -> int:
        moved = 0
        for group in groups:
            try:
                text = await self.summarizer.summarize([_said(it.record) for it in group])
                summary = checked_record(_summary(group, text, to))
            except RusterError as error:
                _log.warning("no summary of %d memories for now: %s", len(group), error.message)
                continue
            store = partial(self._store, group=group, summary=summary, rule=rule)
            moved += await self._database.write(store)
        return moved

    def _store(
        self, connection: Connection, group: Sequence[Due], summary: Record, rule: str
    ) -> int:
        """Store a summary, if all it was made of is as it was."""
        sources = still_due(connection, group)
        if len(sources) < len(group):
            return 0
        now = self._clock.now()
        whole = completed(summary, now)
        insert(connection, [whole], self._zone)
        connection.executemany(
            "INSERT INTO derived VALUES(?, ?)", ((whole.id, it.record.id) for it in sources)
        )
        stays = rule == "day" and self._settings.keep_turns_days > 0
        moves = [
            Move(it.record.id, it.record.layer, it.record.layer if stays else None, whole.id)
            for it in sources
        ]
        if not stays:
            hide(connection, [it.n for it in sources], now, self._zone)
        note(connection, now, "summarized" if rule == "day" else "demoted", rule, moves)
        return len(sources)


def _said(record: Record) -> str:
    return f"{record.speaker}: {record.text}" if record.speaker else record.text


def _summary(group: Sequence[Due], text: str, to: Layer) -> Record:
    records = [it.record for it in group]
    if not text.strip():
        raise MemoryError("the summary is empty")
    same = {it.session for it in records}
    return Record(
        text=text.strip()[:_SUMMARY_CHARS],
        layer=to,
        kind="summary",
        tags=tuple(dict.fromkeys(tag for it in records for tag in it.tags))[:32],
        project=records[0].project,
        session=same.pop() if len(same) == 1 else "",
        ts=max(it.ts or 0.0 for it in records),
        origins=checked_origins([origin for it in records for origin in it.origins]),
        score=max(it.score for it in records),
    )

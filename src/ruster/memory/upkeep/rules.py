"""Which records are due for a move, and by which rule; pinned ones never are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from ruster.core.memory import Layer, Record
from ruster.memory.index.vectors import layer_code
from ruster.memory.records.rows import COLUMNS, record_of
from ruster.memory.upkeep.settings import UpkeepSettings

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = [
    "DAY_S",
    "Due",
    "Rule",
    "due_days",
    "due_months",
    "find_due",
    "retention_rule",
    "simple_rules",
    "still_due",
]

DAY_S = 86_400.0
_SLICE = 500
_GROUP_ITEMS = 200
_GROUP_CHARS = 48_000
_SCORE_FADES = 0.9
_INTERACT, _INSIGHTS = layer_code(Layer.INTERACT), layer_code(Layer.INSIGHTS)


class Due(NamedTuple):
    """A record that is due, with its number."""

    n: int
    record: Record


class Rule(NamedTuple):
    """A rule that moves records one by one; ``to`` is None when they go out of sight.

    ``condition`` is SQL on the table ``items``.
    """

    name: str
    action: str
    condition: str
    values: tuple[float, ...]
    to: Layer | None
    score_times: float = 1.0


def simple_rules(settings: UpkeepSettings, now: float) -> list[Rule]:
    """Return the rules that need no summary, in the order they apply."""
    aged = now - settings.promote_after_hours * 3600
    rules = [
        Rule("ttl", "expired", "expires <= ?", (now,), None),
        Rule(
            "decision",
            "promoted",
            f"layer = {_INTERACT} AND ts <= ? AND "
            "EXISTS(SELECT 1 FROM json_each(tags) WHERE value = 'decision')",
            (aged,),
            Layer.INSIGHTS,
        ),
    ]
    if settings.score_rule:
        rules += [
            Rule(
                "score",
                "promoted",
                f"layer = {_INSIGHTS} AND ts <= ? AND score >= 0.96 AND uses >= 5",
                (now - 90 * DAY_S,),
                Layer.ASSETS,
            ),
            Rule(
                "score",
                "promoted",
                f"layer = {_INTERACT} AND ts <= ? AND score >= 0.8 AND uses >= 2",
                (now - DAY_S,),
                Layer.INSIGHTS,
                _SCORE_FADES,
            ),
        ]
    return rules


def retention_rule(settings: UpkeepSettings, now: float) -> Rule:
    """Return the rule by which turns go; those that wait for their summary stay."""
    oldest = now - max(settings.keep_turns_days * DAY_S, settings.promote_after_hours * 3600)
    condition = f"layer = {_INTERACT} AND ts <= ?"
    if settings.aged_turns == "summarize":
        condition += " AND id IN (SELECT source FROM derived)"
    return Rule("retention", "expired", condition, (oldest,), None)


def find_due(connection: Connection, rule: Rule) -> list[Due]:
    """Return some records that a rule is for, oldest first."""
    return _due(connection, f"{rule.condition} ORDER BY ts LIMIT {_SLICE}", rule.values)


def due_days(
    connection: Connection, settings: UpkeepSettings, now: float, zone: tzinfo | None
) -> list[list[Due]]:
    """Return turns to be summarized, by session and whole day."""
    if settings.aged_turns != "summarize":
        return []
    aged = now - settings.promote_after_hours * 3600
    midnight = datetime.fromtimestamp(aged, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found = _due(
        connection,
        f"layer = {_INTERACT} AND ts < ? AND id NOT IN (SELECT source FROM derived) "
        "AND NOT EXISTS(SELECT 1 FROM json_each(tags) WHERE value = 'decision') ORDER BY ts, n",
        (midnight.timestamp(),),
    )
    return _grouped(found, "%Y-%m-%d", zone)


def due_months(
    connection: Connection, settings: UpkeepSettings, now: float, zone: tzinfo | None
) -> list[list[Due]]:
    """Return insights that were not used for long, by project and month."""
    found = _due(
        connection,
        f"layer = {_INSIGHTS} AND ts <= ?1 AND ifnull(last_used, ts) <= ?1 ORDER BY ts, n",
        (now - settings.unused_days * DAY_S,),
    )
    return _grouped(found, "%Y-%m", zone)


def still_due(connection: Connection, group: Sequence[Due]) -> list[Due]:
    """Return those of a group that are as they were."""
    listed = str([it.n for it in group])
    now = {it.n: it for it in _due(connection, "n IN (SELECT value FROM json_each(?))", (listed,))}
    return [
        it
        for it in group
        if it.n in now
        and (now[it.n].record.text, now[it.n].record.layer) == (it.record.text, it.record.layer)
    ]


def _due(connection: Connection, condition: str, values: Sequence[float | str]) -> list[Due]:
    ask = f"SELECT n, {COLUMNS} FROM items WHERE hidden IS NULL AND pinned = 0 AND {condition}"
    return [Due(n, record_of(row)) for n, *row in connection.execute(ask, values)]


def _grouped(found: Sequence[Due], period: str, zone: tzinfo | None) -> list[list[Due]]:
    """Group records by project, session (of turns) and period; large groups are divided."""
    groups: dict[tuple[str, str, str], list[list[Due]]] = {}
    for it in found:
        record = it.record
        session = record.session if record.layer is Layer.INTERACT else ""
        day = datetime.fromtimestamp(record.ts or 0.0, zone).strftime(period)
        parts = groups.setdefault((record.project, session, day), [[]])
        size = sum(len(other.record.text) for other in parts[-1])
        if parts[-1] and (len(parts[-1]) >= _GROUP_ITEMS or size + len(record.text) > _GROUP_CHARS):
            parts.append([])
        parts[-1].append(it)
    return [part for parts in groups.values() for part in parts]

"""Facts that are kept: what is known already is merged, what was true before is superseded.

Words that may be somebody else's never take the place of the user's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING, NamedTuple

from ruster.core.memory import Kept, KeptAs, Record
from ruster.memory.records.log import Move, note
from ruster.memory.records.rows import COLUMNS, packed, record_of
from ruster.memory.records.sameness import digest_of
from ruster.memory.records.writing import hide, insert, rewrite

if TYPE_CHECKING:
    from ruster.memory.database.native import Connection

__all__ = ["keep"]

_LIVE = "hidden IS NULL AND superseded_by = '' AND project = ?"


class _Known(NamedTuple):
    n: int
    record: Record


def keep(
    connection: Connection,
    record: Record,
    supersedes: Sequence[str],
    now: float,
    zone: tzinfo | None,
) -> Kept:
    """Keep a checked fact that has an id and a time.

    It supersedes the records named by ``supersedes`` and those of the same slot.
    """
    same = _known(connection, "digest = ?", digest_of(record.text), record.project)
    if same:
        return _merge(connection, same[0], record, now, zone)
    rivals = _rivals(connection, record, supersedes)
    since = record.ts if record.valid_from is None else record.valid_from
    record = replace(record, valid_from=since)
    older = [it for it in rivals if _since(it.record) <= _since(record)]
    newer = [it for it in rivals if _since(it.record) > _since(record)]
    (number,) = insert(connection, [record], zone)
    trusted = [it for it in rivals if not it.record.origins]
    if record.origins and trusted:
        return Kept(record.id, KeptAs.BESIDE)
    if newer:  # told late: it was true until then
        first = min(newer, key=lambda it: _since(it.record))
        _supersede(connection, number, first.record.id, _since(first.record))
        hide(connection, (number,), now, zone)
        note(connection, now, "superseded", "slot", [_moved(record, first.record.id)])
    for known in older:
        _supersede(connection, known.n, record.id, _since(record))
    hide(connection, [it.n for it in older], now, zone)
    moves = [_moved(it.record, record.id) for it in older]
    note(connection, now, "superseded", "told" if supersedes else "slot", moves)
    how = KeptAs.SUPERSEDED if older else KeptAs.NEW
    return Kept(record.id, how, tuple(it.record.id for it in older))


def _merge(
    connection: Connection, known: _Known, record: Record, now: float, zone: tzinfo | None
) -> Kept:
    """Add what is new of a fact that is known.

    The user's own words clear one that was in doubt; doubtful words add nothing to his.
    """
    old = known.record
    if record.origins and not old.origins:
        return Kept(old.id, KeptAs.MERGED)
    tags = tuple(dict.fromkeys((*old.tags, *record.tags)))
    origins = record.origins and tuple(sorted({*old.origins, *record.origins}))
    if old.origins and not record.origins:
        rewrite(connection, known.n, record.text, zone)
    merged = replace(old, tags=tags, origins=origins)
    connection.execute(
        "UPDATE items SET tags = ?, origins = ?, pinned = max(pinned, ?), score = max(score, ?), "
        "slot = iif(slot = '', ?, slot), last_used = ? WHERE n = ?",
        (
            packed(merged.tags),
            packed(merged.origins),
            int(record.pinned),
            record.score,
            record.slot,
            now,
            known.n,
        ),
    )
    note(connection, now, "merged", "same", [Move(old.id, old.layer, old.layer)])
    return Kept(old.id, KeptAs.MERGED)


def _rivals(connection: Connection, record: Record, supersedes: Sequence[str]) -> list[_Known]:
    found = {}
    if record.slot:
        for known in _known(connection, "slot = ?", record.slot, record.project):
            found[known.n] = known
    for id in supersedes:
        for known in _known(connection, "id = ?", id, record.project):
            found[known.n] = known
    return list(found.values())


def _known(connection: Connection, where: str, value: str | bytes, project: str) -> list[_Known]:
    ask = f"SELECT n, {COLUMNS} FROM items WHERE {where} AND {_LIVE}"
    return [_Known(n, record_of(row)) for n, *row in connection.execute(ask, (value, project))]


def _supersede(connection: Connection, number: int, successor: str, until: float) -> None:
    connection.execute(
        "UPDATE items SET superseded_by = ?, valid_to = ? WHERE n = ?", (successor, until, number)
    )


def _since(record: Record) -> float:
    return (record.ts or 0.0) if record.valid_from is None else record.valid_from


def _moved(record: Record, successor: str) -> Move:
    return Move(record.id, record.layer, record.layer, successor)

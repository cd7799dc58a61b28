"""Memories as plain JSON objects, for exports, and back.

What only counts where it came from is left out: vectors, uses, and what is out of sight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ruster.core.errors import MemoryError
from ruster.core.memory import Layer, Record
from ruster.memory.store import MemoryStore

__all__ = ["Imported", "Page", "export_page", "take_in"]

_PAGE_CHARS = 1 << 19
_FACTS = "fact:"
_LOST = frozenset({"embedding", "last_used", "uses", "superseded_by", "session"})
_FIELDS = [name for name in Record.__dataclass_fields__ if name not in _LOST]
_DEFAULTS = Record("")


class _Item(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class _Memory(_Item):
    type: Literal["memory"]
    text: str
    layer: Annotated[Layer, Field(strict=False)] = Layer.INTERACT
    kind: str = "note"
    tags: list[str] = Field(default_factory=list)
    project: str = ""
    session_id: str = ""
    speaker: str = ""
    ts: float | None = None
    id: str = ""
    source: str = ""
    origins: list[str] = Field(default_factory=list)
    pinned: bool = False
    score: float = 0.5
    slot: str = ""
    valid_from: float | None = None
    valid_to: float | None = None
    expires: float | None = None
    metadata: str = ""


class _Fact(_Item):
    type: Literal["fact"]
    key: str
    value: str
    since: float | None = None
    origins: list[str] = Field(default_factory=list)


_Kind = TypeVar("_Kind", bound=_Item)


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, and where the next page begins; None after the last."""

    items: list[dict[str, Any]]
    next: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """How much was taken in, and how many memories were there already."""

    memories: int
    facts: int
    known: int


async def export_page(store: MemoryStore, after: str, limit: int) -> Page:
    """Return a page: memories as they were added, then facts in order of their names.

    ``after`` is what the page before gave. Raises MemoryError (``query_invalid``).
    """
    if after.startswith(_FACTS):
        return await _facts(store, after.removeprefix(_FACTS), limit)
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise MemoryError("there is no such page of the export", code="query_invalid")
    rows = await store.since(int(after or 0), limit)
    items, left, last = list[dict[str, Any]](), _PAGE_CHARS, 0
    for number, record in rows:
        left -= len(record.text) + len(record.metadata)
        if left < 0 and items:
            return Page(items, str(last))
        items.append(_item(record))
        last = number
    return Page(items, str(last) if len(rows) == limit else _FACTS)


async def take_in(store: MemoryStore, owner: int, items: Sequence[Mapping[str, Any]]) -> Imported:
    """Add the memories and facts of an export; those memories that are there already stay.

    Raises MemoryError (``import_invalid``, and as ``MemoryStore.insert`` does); then no memory was
    added.
    """
    records = [_read(it, owner) for it in items if it.get("type") == "memory"]
    facts = [_checked(_Fact, it) for it in items if it.get("type") == "fact"]
    if len(records) + len(facts) < len(items):
        raise _invalid('every item has a "type", which is "memory" or "fact"')
    new = {it.id: it for it in records if it.id and await store.get(it.id) is None}
    unnamed = [it for it in records if not it.id]
    await store.insert_many([*new.values(), *unnamed])
    for fact in facts:
        await store.facts.set(fact.key, fact.value, fact.origins)
    return Imported(len(new) + len(unnamed), len(facts), len(records) - len(new) - len(unnamed))


async def _facts(store: MemoryStore, after: str, limit: int) -> Page:
    keys = [key for key in await store.facts.keys() if key > after]
    items = list[dict[str, Any]]()
    left = _PAGE_CHARS
    for at, key in enumerate(keys[:limit]):
        fact = await store.facts.get(key)
        if fact is None:  # ended meanwhile
            continue
        left -= len(fact.value)
        if left < 0 and items:
            return Page(items, _FACTS + keys[at - 1])
        items.append(
            {
                "type": "fact",
                "key": key,
                "value": fact.value,
                "since": fact.since,
                **({"origins": list(fact.origins)} if fact.origins else {}),
            }
        )
    return Page(items, _FACTS + keys[limit - 1] if len(keys) > limit else None)


def _item(record: Record) -> dict[str, Any]:
    """Write a memory, without what is as it is unless told."""
    item: dict[str, Any] = {"type": "memory"}
    for name in _FIELDS:
        value = getattr(record, name)
        if value != getattr(_DEFAULTS, name) or name in ("id", "layer"):
            item[name] = list(value) if isinstance(value, tuple) else value
    if session := record.session.partition("/")[2]:
        item["session_id"] = session
    return item


def _read(item: Mapping[str, Any], owner: int) -> Record:
    told = _checked(_Memory, item)
    fields = told.model_dump(exclude={"type", "session_id"}, exclude_unset=True)
    for name in ("tags", "origins"):
        fields[name] = tuple(fields.get(name, ()))
    session = f"{owner}/{told.session_id}" if told.session_id else ""
    return Record(**{"layer": told.layer, **fields}, session=session)


def _checked(kind: type[_Kind], item: Mapping[str, Any]) -> _Kind:
    try:
        return kind.model_validate(item)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, detail["loc"]))
        raise _invalid(f'"{where}" is wrong: {detail["msg"].lower()}') from None


def _invalid(message: str) -> MemoryError:
    return MemoryError(f"that is no export of a memory: {message}", code="import_invalid")

"""Commands about the memory: what is remembered, found, corrected and forgotten.

Those that are about single memories reach the owner's memory, and that of a session if one is
named. Those about a whole memory, and about facts by name, are about the session's if one is named,
else about the owner's.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase, SessionId

__all__ = [
    "MemoryAdd",
    "MemoryBackup",
    "MemoryBackupRemove",
    "MemoryBackups",
    "MemoryCommand",
    "MemoryDelete",
    "MemoryEdit",
    "MemoryExport",
    "MemoryFlush",
    "MemoryForget",
    "MemoryGet",
    "MemoryImport",
    "MemoryKeys",
    "MemoryList",
    "MemoryLog",
    "MemoryPin",
    "MemoryPromote",
    "MemoryReindex",
    "MemoryRestore",
    "MemorySearch",
    "MemorySet",
    "MemoryShow",
    "MemoryStats",
    "MemoryUndo",
]

MemoryId = Annotated[
    str, Field(min_length=1, max_length=256, description="A memory, as lists name it.")
]
MemoryLayer = Literal["interact", "insights", "assets"]
Label = Annotated[str, Field(min_length=1, max_length=256)]
Labels = Annotated[list[Label], Field(max_length=64)]
Time = Annotated[
    str,
    Field(max_length=64, description="A time (RFC 3339) or a date, such as `2026-05-31`."),
]
Key = Annotated[str, Field(min_length=1, max_length=256, description="A name.")]
BackupName = Annotated[
    str, Field(min_length=1, max_length=64, description="1 to 64 letters, digits or `. _ : @ + -`.")
]


class MemoryCommand(CommandBase):
    """A command about a memory."""

    session_id: SessionId | None = None
    """A session of the caller, whose memory is meant as well, or in place of the owner's."""
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""


class MemorySearch(MemoryCommand):
    """Find what fits a question, by words and by meaning."""

    action: Literal["memory_search"] = "memory_search"
    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    """A question or words; `last Tuesday` and `in May` are understood."""
    layers: Annotated[list[MemoryLayer], Field(max_length=3)] = Field(default_factory=list)
    """Only these layers: `interact`, `insights`, `assets`."""
    kinds: Labels = Field(default_factory=list)
    """Only these kinds, such as `fact`, `message`, `document`."""
    tags: Labels = Field(default_factory=list)
    """Only what has all these tags."""
    project: Label | None = None
    """Only what belongs to this project."""
    sessions: Annotated[list[SessionId], Field(max_length=64)] = Field(default_factory=list)
    """Only what was said in these sessions."""
    after: Time | None = None
    """Only what was said at that time or later."""
    before: Time | None = None
    """Only what was said before that time."""
    everywhere: bool = False
    """Also in the memories of all sessions, those used last first, as many as
    `memory.searched_sessions` says."""
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    """Hits to return."""
    rerank: Annotated[int, Field(ge=0, le=100)] = 0
    """Hits that the reranker rates, if there is one, and the most that come back; 0 for none."""


class MemoryAdd(MemoryCommand):
    """Remember a text, the documents in a file or folder, or a page. `progress` comes for folders.

    With a session named it is kept in that session's memory and goes with it.
    """

    action: Literal["memory_add"] = "memory_add"
    text: Annotated[str, Field(min_length=1)] | None = None
    """What to remember. It is merged with a memory that says the same."""
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """The absolute path of a file or folder, for the daemon's own user and root. Added again, only
    what has changed is read, and what is gone is forgotten."""
    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    """The address of a page, PDF or text, for the daemon's own user and root; what must not be
    reached is as for tools. Added again, it is kept anew if what is read of it has changed."""
    name: Label | None = None
    """Makes a document of `text`; a document of the same name is replaced."""
    kind: Label = "note"
    """What kind of memory it is; documents are of the kind `document`."""
    tags: Labels = Field(default_factory=list)
    layer: MemoryLayer | None = None
    """Where it goes; else a text to `insights`, documents to `assets`."""
    project: Label | None = None
    pinned: bool = False
    """It never moves or expires."""
    trusted: bool = False
    """A document's words count as the user's own. Else a turn that they are brought to is marked,
    as if it had read a page of the web."""


class MemoryList(MemoryCommand):
    """Name what is remembered, newest first."""

    action: Literal["memory_list"] = "memory_list"
    layer: MemoryLayer | None = None
    """Only this layer."""
    before: MemoryId | None = None
    """The last memory of the page before."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """Memories to return."""


class MemoryShow(MemoryCommand):
    """Tell all of one memory: its text, what it took the place of, and the log of it."""

    action: Literal["memory_show"] = "memory_show"
    memory_id: MemoryId


class MemoryEdit(MemoryCommand):
    """Give a memory another text."""

    action: Literal["memory_edit"] = "memory_edit"
    memory_id: MemoryId
    text: Annotated[str, Field(min_length=1)]
    """What it says from now on."""


class MemoryForget(MemoryCommand):
    """Delete memories for good, with the summaries made of them.

    What to delete is told by one of `memory_ids`, `query`, `path` and `key`. All but the first need
    `dry_run` or `confirm`.
    """

    action: Literal["memory_forget"] = "memory_forget"
    memory_ids: Annotated[list[MemoryId], Field(min_length=1, max_length=500)] | None = None
    query: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    """Delete what was said or told and has all the telling words of it, and what was said of that
    in the same turn. What tools brought and documents stay: they go by `memory_ids` and `path`."""
    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """Delete a document by its path or name, or all documents below a folder; the files stay."""
    key: Key | None = None
    """Delete facts by name, with what they held before; `*` stands for any characters."""
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    """The most that `query` may delete unseen, with up to five parts of conversations for each; if
    it means more, nothing is deleted."""
    dry_run: bool = False
    """Only tell what would be deleted."""
    confirm: bool = False
    """Delete what is found, unseen."""


class MemoryPin(MemoryCommand):
    """Keep a memory from ever moving or expiring, or let it age again."""

    action: Literal["memory_pin"] = "memory_pin"
    memory_id: MemoryId
    pinned: bool = True


class MemoryPromote(MemoryCommand):
    """Bring a memory to another layer; the log tells of it."""

    action: Literal["memory_promote"] = "memory_promote"
    memory_id: MemoryId
    layer: MemoryLayer = "insights"


class MemoryLog(MemoryCommand):
    """Tell which memories were moved, merged, replaced and forgotten, and by which rule."""

    action: Literal["memory_log"] = "memory_log"
    memory_id: MemoryId | None = None
    """Only of this memory."""
    before: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """The last entry's number of the page before."""
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    """Entries to return."""


class MemoryUndo(MemoryCommand):
    """Undo a step of the log: moves, summaries, what took the place of others.

    What comes back is pinned, so that no rule takes it again.
    """

    action: Literal["memory_undo"] = "memory_undo"
    number: Annotated[int, Field(ge=1, le=2**53)]
    """An entry of the log; all entries of its step are undone."""


class MemoryStats(MemoryCommand):
    """Count what is remembered."""

    action: Literal["memory_stats"] = "memory_stats"
    details: bool = False
    """Also count by kind and look for the oldest and newest, which reads everything."""


class MemoryExport(MemoryCommand):
    """Send all of a memory, page by page, in a form that `memory_import` takes."""

    action: Literal["memory_export"] = "memory_export"
    after: Annotated[str, Field(max_length=300)] = ""
    """What the page before gave as `next`; empty for the first page."""
    limit: Annotated[int, Field(ge=1, le=500)] = 200
    """Items to return; fewer come when they are large."""


class MemoryImport(MemoryCommand):
    """Take in what was exported. Memories that are there already stay as they are."""

    action: Literal["memory_import"] = "memory_import"
    items: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=500)]
    """Items of `memory_export`."""


class MemoryBackup(MemoryCommand):
    """Copy a memory, as it is at this moment, into a file beside others."""

    action: Literal["memory_backup"] = "memory_backup"
    name: BackupName | None = None
    """What to call it; else the time."""


class MemoryBackups(MemoryCommand):
    """Name the copies of a memory."""

    action: Literal["memory_backups"] = "memory_backups"


class MemoryBackupRemove(MemoryCommand):
    """Delete a copy of a memory."""

    action: Literal["memory_backup_remove"] = "memory_backup_remove"
    name: BackupName


class MemoryRestore(MemoryCommand):
    """Put a copy in the place of a memory. What was there is kept as `before-restore`."""

    action: Literal["memory_restore"] = "memory_restore"
    name: BackupName


class MemoryReindex(MemoryCommand):
    """Make all indexes of a memory anew from what is remembered."""

    action: Literal["memory_reindex"] = "memory_reindex"


class MemorySet(MemoryCommand):
    """Give a name a value; what it held before is kept."""

    action: Literal["memory_set"] = "memory_set"
    key: Key
    value: Annotated[str, Field(max_length=65_536)]


class MemoryGet(MemoryCommand):
    """Tell what a name holds."""

    action: Literal["memory_get"] = "memory_get"
    key: Key
    history: bool = False
    """Also tell what it held before."""


class MemoryDelete(MemoryCommand):
    """End what a name holds. What it held stays in its history; `memory_forget` deletes that."""

    action: Literal["memory_delete"] = "memory_delete"
    key: Key


class MemoryKeys(MemoryCommand):
    """List names that hold something, in order."""

    action: Literal["memory_keys"] = "memory_keys"
    pattern: Annotated[str, Field(min_length=1, max_length=256)] = "*"
    """`*` stands for any characters."""
    after: Key | None = None
    """The last name of the page before."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    """Names to return."""


class MemoryFlush(MemoryCommand):
    """End what all names hold. What they held stays in their history, as after `memory_delete`."""

    action: Literal["memory_flush"] = "memory_flush"
    confirm: bool = False
    """Must be true; the error else says how many names would hold nothing any more."""

"""Answers to commands about the memory."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ruster.protocol.events.base import Reply

__all__ = [
    "BackupSummary",
    "MemoryAdded",
    "MemoryBackedUp",
    "MemoryBackupListing",
    "MemoryBackupRemoved",
    "MemoryCounts",
    "MemoryDeleted",
    "MemoryDocuments",
    "MemoryExportPage",
    "MemoryFlushed",
    "MemoryForgotten",
    "MemoryHit",
    "MemoryImported",
    "MemoryKeyListing",
    "MemoryListing",
    "MemoryLogEntry",
    "MemoryLogPage",
    "MemoryReindexed",
    "MemoryReport",
    "MemoryRestored",
    "MemoryResults",
    "MemoryStatsReport",
    "MemorySummary",
    "MemoryUndone",
    "MemoryValue",
    "PastValue",
]


class MemorySummary(BaseModel):
    """A memory. Times are in RFC 3339."""

    model_config = ConfigDict(frozen=True)

    memory_id: str
    text: str
    cut: bool | None = None
    """Whether there is more of the text; `memory_show` tells all of it."""
    layer: str
    kind: str
    time: str
    """When it was said."""
    within: Literal["owner", "session"]
    """Whose memory it is in."""
    tags: list[str] = Field(default_factory=list)
    project: str | None = None
    session_id: str | None = None
    """Where it was said."""
    speaker: str | None = None
    source: str | None = None
    """The turn or document it comes from."""
    origins: list[str] = Field(default_factory=list)
    """Whose words it may hold beside the user's own."""
    pinned: bool = False
    uses: int = 0
    last_used: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    """Until when it was true; absent if it still is."""
    expires: str | None = None
    superseded_by: str | None = None
    """The memory that took its place."""


class MemoryHit(BaseModel):
    """A memory that was found, and why."""

    model_config = ConfigDict(frozen=True)

    memory: MemorySummary
    session_id: str | None = None
    """In a search of everywhere: the session whose memory it is in."""
    passage: str
    """The part of it that fits best."""
    score: float
    scores: dict[str, float]
    """What the score is made of: `lexical`, `vector`, `sitting`, `length`, `layer`, `age`, `date`,
    `pinned`; and `rerank`, which stands in for the rest."""


class MemoryResults(Reply):
    """What was found, the best first."""

    event: Literal["memory_search_results"] = "memory_search_results"
    session_id: str | None = None
    results: list[MemoryHit]
    searched: int | None = None
    """In a search of everywhere: how many sessions' memories it looked into."""
    left_out: int | None = None
    """How many it did not: those used longest ago, and those that cannot be read."""


class MemoryAdded(Reply):
    """A text is remembered."""

    event: Literal["memory_added"] = "memory_added"
    session_id: str | None = None
    memory_id: str
    how: str
    """`new`; `merged` if it was known already; `superseded` if it took the place of others;
    `beside` if it contradicts what the user said but may be somebody else's words."""
    replaced: list[str] = Field(default_factory=list)
    """The memories it took the place of."""


class MemoryDocuments(Reply):
    """Documents are remembered."""

    event: Literal["memory_documents"] = "memory_documents"
    session_id: str | None = None
    source: str
    """The file, the folder, or the document's name."""
    added: int
    changed: int
    unchanged: int
    removed: int
    """Documents forgotten because their files are gone."""
    pieces: int
    """Memories made of what was added and changed."""
    failed: dict[str, str] = Field(default_factory=dict)
    """Files that could not be read, and why; at most a hundred of them."""
    failures: int = 0
    more: bool = False
    """Whether the folder has more files than are taken in, or a file more text."""


class MemoryListing(Reply):
    """What is remembered, newest first."""

    event: Literal["memory_list"] = "memory_list"
    session_id: str | None = None
    memories: list[MemorySummary]
    more: bool
    """Whether there is a further page."""


class MemoryLogEntry(BaseModel):
    """Something that was done to a memory."""

    model_config = ConfigDict(frozen=True)

    number: int
    time: str
    batch: int
    """Entries of one step have the same."""
    what: str
    """What was done, such as `promoted`, `superseded`, `forgotten`."""
    rule: str
    """By which rule; `told` if a person asked for it."""
    memory_id: str
    from_layer: str | None = None
    to_layer: str | None = None
    made: str | None = None
    """The memory that came of it."""
    undone: str | None = None
    """When it was undone."""


class MemoryReport(Reply):
    """All of one memory, as it is now."""

    event: Literal["memory"] = "memory"
    session_id: str | None = None
    memory: MemorySummary
    history: list[MemorySummary] = Field(default_factory=list)
    """What it took the place of, newest first; told by `memory_show`."""
    log: list[MemoryLogEntry] = Field(default_factory=list)
    """What was done to it, newest first; told by `memory_show`."""


class MemoryForgotten(Reply):
    """What was deleted, or would be."""

    event: Literal["memory_forgotten"] = "memory_forgotten"
    session_id: str | None = None
    dry_run: bool = False
    memories: list[MemorySummary] = Field(default_factory=list)
    """What would be deleted, the first hundred; only told by a dry run."""
    memory_ids: list[str] = Field(default_factory=list)
    """The memories that are gone, or would be; at most a thousand are named."""
    total: int = 0
    """How many that are."""
    missing: list[str] = Field(default_factory=list)
    """Asked for, but not there."""
    keys: list[str] = Field(default_factory=list)
    """The facts by name that are gone, or would be."""
    summaries: list[str] = Field(default_factory=list)
    """Summaries that were made of what was deleted, deleted as well."""
    pieces: int = 0
    """Rows of text that held it, deleted from the index of words."""
    vectors: int = 0
    """Vectors that were deleted."""
    left: int | None = None
    """How many of them are still there, looked up afterwards; 0 unless something is wrong."""


class MemoryLogPage(Reply):
    """Entries of the log, newest first."""

    event: Literal["memory_log"] = "memory_log"
    session_id: str | None = None
    entries: list[MemoryLogEntry]
    more: bool
    """Whether there is a further page."""


class MemoryUndone(Reply):
    """A step of the log is undone."""

    event: Literal["memory_undone"] = "memory_undone"
    session_id: str | None = None
    entries: list[MemoryLogEntry]
    """The entries of the step."""


class MemoryCounts(BaseModel):
    """How much one memory holds."""

    model_config = ConfigDict(frozen=True)

    within: Literal["owner", "session"]
    size_bytes: int
    layers: dict[str, int]
    """Memories by layer."""
    hidden: int
    """Memories that are out of sight but can come back."""
    facts: int
    documents: int
    waiting: int
    """Pieces of text that have no vector yet."""
    vectors: dict[str, int]
    """Vectors by embedder; none if memories are found by words only."""
    kinds: dict[str, int] | None = None
    pinned: int | None = None
    oldest: str | None = None
    newest: str | None = None


class MemoryStatsReport(Reply):
    """How much is remembered; nothing for a memory that was never written to."""

    event: Literal["memory_stats"] = "memory_stats"
    session_id: str | None = None
    memories: list[MemoryCounts]
    embedder: str | None = None
    """The model by whose vectors things are found; absent if they are found by words only."""
    hint: str | None = None
    """How to find more, or why the model that the settings name is not used."""


class MemoryExportPage(Reply):
    """A page of an export."""

    event: Literal["memory_export"] = "memory_export"
    session_id: str | None = None
    items: list[dict[str, Any]]
    """Memories (`"type":"memory"`), then facts by name (`"type":"fact"`); times are in seconds
    since the epoch."""
    next: str | None = None
    """Where the next page begins; absent on the last."""


class MemoryImported(Reply):
    """What was taken in."""

    event: Literal["memory_imported"] = "memory_imported"
    session_id: str | None = None
    memories: int
    facts: int
    known: int
    """Memories that were there already."""


class BackupSummary(BaseModel):
    """A copy of a memory."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int
    time: str
    """When it was made."""


class MemoryBackedUp(Reply):
    """The memory was copied."""

    event: Literal["memory_backed_up"] = "memory_backed_up"
    session_id: str | None = None
    backup: BackupSummary
    path: str | None = None
    """Where it lies; told to the daemon's own user and root."""


class MemoryBackupListing(Reply):
    """The copies of a memory, newest first."""

    event: Literal["memory_backups"] = "memory_backups"
    session_id: str | None = None
    backups: list[BackupSummary]


class MemoryBackupRemoved(Reply):
    """The copy is deleted."""

    event: Literal["memory_backup_removed"] = "memory_backup_removed"
    session_id: str | None = None
    name: str


class MemoryRestored(Reply):
    """The memory is as it was when the copy was made."""

    event: Literal["memory_restored"] = "memory_restored"
    session_id: str | None = None
    name: str
    before: str | None = None
    """The backup that holds what was there until now; absent if nothing was."""


class MemoryReindexed(Reply):
    """The indexes were made anew."""

    event: Literal["memory_reindexed"] = "memory_reindexed"
    session_id: str | None = None
    repaired: list[str]
    """What was wrong before."""


class PastValue(BaseModel):
    """What a name held before."""

    model_config = ConfigDict(frozen=True)

    value: str
    since: str
    until: str


class MemoryValue(Reply):
    """What a name holds."""

    event: Literal["memory_value"] = "memory_value"
    session_id: str | None = None
    key: str
    value: str | None = None
    """Absent if it holds nothing, but did."""
    since: str | None = None
    origins: list[str] = Field(default_factory=list)
    history: list[PastValue] | None = None
    """Newest first, if it was asked for."""


class MemoryDeleted(Reply):
    """The name holds nothing any more."""

    event: Literal["memory_deleted"] = "memory_deleted"
    session_id: str | None = None
    key: str
    deleted: bool
    """Whether it held something."""


class MemoryFlushed(Reply):
    """No name holds anything any more."""

    event: Literal["memory_flushed"] = "memory_flushed"
    session_id: str | None = None
    names: int
    """How many held something."""


class MemoryKeyListing(Reply):
    """Names that hold something, in order."""

    event: Literal["memory_keys"] = "memory_keys"
    session_id: str | None = None
    keys: list[str]
    more: bool
    """Whether there is a further page."""

"""Events: what the daemon tells a client, one model per kind.

Session events carry ``seq``, growing by one within their session; events of a turn carry ``turn``.
Absent optional fields are left out of the line.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "EVENTS",
    "Accepted",
    "ApprovalAnswered",
    "ApprovalListing",
    "ApprovalQuestion",
    "ApprovalRequired",
    "ApprovalResolved",
    "ApprovalSummary",
    "Attached",
    "CancelReport",
    "Cancelled",
    "ConfigListing",
    "ConfigUpdated",
    "ConfigValue",
    "Created",
    "Deleted",
    "Detached",
    "ErrorEvent",
    "Event",
    "HistoryPage",
    "LoadedModelSummary",
    "LocalModelSummary",
    "ModelCancelled",
    "ModelCatalogueEvent",
    "ModelDownloaded",
    "ModelList",
    "ModelReport",
    "ModelsImported",
    "NoticeEvent",
    "Pong",
    "Proactive",
    "ProgressEvent",
    "Reply",
    "Response",
    "SessionEvent",
    "SessionList",
    "SessionSummary",
    "SkillAdded",
    "SkillBanned",
    "SkillChoiceSummary",
    "SkillDryRunReport",
    "SkillListing",
    "SkillProblem",
    "SkillRemoved",
    "SkillReport",
    "SkillResults",
    "SkillSummary",
    "SkillUnbanned",
    "SkillUsed",
    "SkillValidation",
    "StatusReport",
    "ThoughtEvent",
    "ToolCallEvent",
    "TurnEvent",
    "UsageEvent",
]


class Event(BaseModel):
    """What every event has: its kind. The codec stamps ``turn``, ``seq`` and ``id`` on the line."""

    # A serializer is built when its event is first told: most daemons tell few of them.
    model_config = ConfigDict(frozen=True, serialize_by_alias=True, defer_build=True)
    terminal: ClassVar[bool] = False
    """Whether this event is the last one its command or turn causes."""

    event: str


class Reply(Event):
    """The answer to a command that is no session event."""

    terminal: ClassVar[bool] = True


class SessionEvent(Event):
    """An event on a session's stream."""

    session_id: str
    """The session it happened in."""


class TurnEvent(SessionEvent):
    """An event of one turn; its line carries ``turn``."""


class Created(Event):
    """A session is open. Sent again, with the model now in force, when it existed already."""

    terminal: ClassVar[bool] = True
    event: Literal["created"] = "created"
    session_id: str
    model: str
    """The model that will answer."""
    seq: int
    """The session's last event so far: the cursor to attach from."""


class Accepted(TurnEvent):
    """The message is on the disk and will be answered, whatever happens to the daemon."""

    event: Literal["accepted"] = "accepted"
    message: str
    """What was said."""
    mode: str = "queue"
    """What it does while a turn runs; see `send`."""
    waiting: int = 0
    """Turns that come before this one."""


class Response(TurnEvent):
    """A piece of the answer. The last one of a turn has `done` true and an empty `delta`.

    With `phase` the piece is a marker for people, not part of the answer: `Thinking...` before the
    first model step, `Refining...` before later ones.
    """

    event: Literal["response"] = "response"
    delta: str
    """The next piece of text; put the pieces together as they come."""
    done: bool = False
    """True on the last piece of the turn."""
    phase: Literal["thinking"] | None = None
    reason: Literal["stop", "length", "tool_calls"] | None = None
    """On the last piece: why the model stopped."""


class ThoughtEvent(TurnEvent):
    """The model's reasoning, apart from the answer."""

    event: Literal["thought"] = "thought"
    phase: Literal["start", "delta", "stop"]
    delta: str | None = None
    """The next piece of text, with `phase` delta."""


class ToolCallEvent(TurnEvent):
    """The model called a tool; `result_preview` is the beginning of what came back."""

    event: Literal["tool_call"] = "tool_call"
    tool: str
    arguments: dict[str, Any]
    call_id: str
    result_preview: str | None = None


class ApprovalQuestion(BaseModel):
    """What a person is asked."""

    approval_id: str
    """Name it in `approve` or `reject`."""
    tool: str
    arguments: dict[str, Any]
    """Exactly what the tool is called with; an answer is for this and nothing else."""
    target: str | None = None
    """What it acts on: a path, a host, a command line."""
    effects: list[str]
    """`reads`, `writes`, `network`, `executes`, `spends`."""
    risk: str
    """`low`, `medium`, `high` or `critical`."""
    reason: str
    """Why it is asked."""
    scopes: list[str]
    """How far an approval may reach: `once`, `session`, `always`."""
    sha256: str
    """Fingerprint of tool and arguments."""
    owner: int
    """The uid the session belongs to."""
    surface: str
    """Where the message came from that led to it."""
    created: str
    """RFC 3339, local time."""
    expires: str
    """When the answer will be no; RFC 3339, local time."""


class ApprovalRequired(TurnEvent, ApprovalQuestion):
    """A tool needs a person's approval; the turn waits for `approve` or `reject`."""

    event: Literal["approval_required"] = "approval_required"


class ApprovalResolved(TurnEvent):
    """The question has its answer, or needs none any more."""

    event: Literal["approval_resolved"] = "approval_resolved"
    approval_id: str
    state: Literal["approved", "denied", "expired", "withdrawn"]
    by: str
    """Who answered, or why nobody did."""
    scope: Literal["once", "session", "always"] | None = None
    """How far an approval reaches."""
    reason: str | None = None
    """Why it was denied, if that was said."""


class SkillUsed(TurnEvent):
    """A skill was chosen for this message; its instructions are before the model."""

    event: Literal["skill_used"] = "skill_used"
    skill: str
    result: str


class UsageEvent(TurnEvent):
    """Tokens and time one model step took."""

    event: Literal["usage"] = "usage"
    model: str
    """The model that answered."""
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    """Tokens of the prompt that did not have to be read again."""
    first_token_ms: int | None = None
    """Time to the first piece of the answer, in milliseconds."""
    total_ms: int
    """Time of the whole step, waiting between attempts included, in milliseconds."""
    attempts: int = 1
    """Requests made until the answer came."""


class Cancelled(TurnEvent):
    """The turn was ended by a client; what was said so far is kept in the history."""

    terminal: ClassVar[bool] = True
    event: Literal["cancelled"] = "cancelled"
    reason: Literal["cancel", "interrupt", "delete"] = "cancel"


class Proactive(SessionEvent):
    """The agent speaks unasked. No part of this version does so yet."""

    event: Literal["proactive"] = "proactive"
    message: str


class NoticeEvent(Event):
    """Something a person should know; nothing failed for good."""

    event: Literal["notice"] = "notice"
    session_id: str | None = None
    code: str
    """Stable; see the table of notices."""
    message: str


class ProgressEvent(Event):
    """How far a model load or download has come, of a turn that waits for it or of a command."""

    event: Literal["progress"] = "progress"
    session_id: str | None = None
    """The session whose turn waits for it."""
    what: str
    """What is going on, for people."""
    current: int
    """Bytes so far."""
    total: int
    """Bytes in all, 0 while unknown."""


class ErrorEvent(Event):
    """A command or a turn failed. `code` is stable; `error` says what to do."""

    terminal: ClassVar[bool] = True
    event: Literal["error"] = "error"
    code: str
    """Stable; see the table of errors."""
    error: str
    """One sentence for people."""
    session_id: str | None = None
    retryable: bool | None = None
    """True when the same request may succeed later."""


class Attached(Reply):
    """The connection now receives the session's events that follow `seq`."""

    event: Literal["attached"] = "attached"
    session_id: str
    seq: int
    running: bool = False
    """Whether a turn is running."""


class Detached(Reply):
    """The connection no longer receives the session's events."""

    event: Literal["detached"] = "detached"
    session_id: str


class Deleted(Reply):
    """The session and all its files are gone. Everybody attached is told."""

    event: Literal["deleted"] = "deleted"
    session_id: str


class CancelReport(Reply):
    """What `cancel` did."""

    event: Literal["cancel"] = "cancel"
    session_id: str
    cancelled: str | None = None
    """The turn that was ended; absent when none was running."""
    dropped: int = 0
    """Waiting messages that were dropped."""


class SessionSummary(BaseModel):
    """One session in a list."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    model: str
    title: str = ""
    created: str
    """RFC 3339, local time."""
    owner: int
    """The uid it belongs to."""


class SessionList(Reply):
    """The sessions this caller can see, in order of name."""

    event: Literal["list"] = "list"
    sessions: list[str]
    """Names only."""
    details: list[SessionSummary]


class HistoryPage(Reply):
    """Part of a session's stored conversation, oldest first."""

    event: Literal["history"] = "history"
    session_id: str
    history: list[dict[str, Any]]
    """Records as they are stored."""
    total: int
    """Records the session has."""
    offset: int
    """As asked for."""
    limit: int
    """As asked for."""


class LoadedModelSummary(BaseModel):
    """A local model that was needed since the start."""

    model_config = ConfigDict(frozen=True)

    path: str
    state: str
    """`unloaded`, `loading`, `loaded` or `inferring`."""
    context_size: int | None = None
    """Its window in tokens, while it is loaded."""
    size_bytes: int | None = None
    """The size of its weights."""
    loads: int
    """How often it was loaded."""
    load_s: float | None = None
    """How long the last time took, in seconds."""


class StatusReport(Reply):
    """How the daemon is. What all users do together is told only to the privileged."""

    event: Literal["status"] = "status"
    version: str
    pid: int
    """The daemon's process."""
    uptime_s: float
    """Seconds since the start."""
    default_model: str
    connections: int | None = None
    sessions_open: int | None = None
    """Sessions held in memory."""
    turns_running: int | None = None
    turns_total: int | None = None
    turns_failed: int | None = None
    tokens_total: int | None = None
    """Tokens models have read and written since the start."""
    local_models: list[LoadedModelSummary] | None = None
    """The models of the embedded engine that were needed since the start."""
    rss_bytes: int
    """The daemon's resident memory."""
    uid: int
    """The caller, as the kernel says."""
    privileged: bool
    """Whether the caller may do everything."""


class ModelList(Reply):
    """Models that can answer now; `unreachable` says which providers could not be asked and why."""

    event: Literal["models"] = "models"
    models: list[dict[str, Any]]
    default: str
    """The model of sessions that name none."""
    unreachable: dict[str, str]
    """Provider to reason."""


class LocalModelSummary(BaseModel):
    """One local model; what is about its file is absent while it is not here."""

    model_config = ConfigDict(frozen=True)

    name: str
    purpose: str
    """`Inference` or `Embedding`."""
    here: bool
    """Whether its file is on this machine."""
    repo: str | None = None
    filename: str | None = None
    quantization: str | None = None
    path: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    """Its checksum; of a file in parts one each, with commas between."""
    origin: str | None = None
    """`hub` for what ruster has downloaded, `found` or `import` for files of others."""


class ModelCatalogueEvent(Reply):
    """The local models."""

    event: Literal["model_list"] = "model_list"
    models: list[LocalModelSummary]


class ModelReport(Reply):
    """One local model; the answer to `model_show`, `model_remove` and `model_verify`."""

    event: Literal["model"] = "model"
    model: LocalModelSummary


class ModelDownloaded(Reply):
    """The model is here and its checksum is right."""

    event: Literal["model_downloaded"] = "model_downloaded"
    model: str
    """As it was asked for."""
    path: str


class ModelCancelled(Reply):
    """What `model_cancel` did."""

    event: Literal["model_cancelled"] = "model_cancelled"
    model: str
    cancelled: bool
    """False if it was not being downloaded."""


class ModelsImported(Reply):
    """The models that were taken in."""

    event: Literal["models_imported"] = "models_imported"
    models: list[LocalModelSummary]


class SkillSummary(BaseModel):
    """A skill in a list."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    kind: str
    """`instructions`, `script` or `python`."""
    active: bool | None = None
    """Whether the session has it now; absent if no session was named."""
    banned: bool = False
    score: float | None = None
    """How well it fits the words, by BM25; only in search results."""


class SkillListing(Reply):
    """The skills a session has, and those installed, in order of name."""

    event: Literal["skill_list"] = "skill_list"
    session_id: str | None = None
    active_skills: list[str]
    """Names of the skills the session has now."""
    skills: list[SkillSummary]
    total: int
    """Installed skills."""


class SkillResults(Reply):
    """The skills that were found, the best first."""

    event: Literal["skill_search_results"] = "skill_search_results"
    session_id: str | None = None
    results: list[SkillSummary]


class SkillReport(Reply):
    """All of one skill."""

    event: Literal["skill"] = "skill"
    session_id: str | None = None
    skill: SkillSummary
    instructions: str
    """The body, for the model."""
    license: str | None = None
    compatibility: str | None = None
    metadata: dict[str, str]
    allowed_tools: list[str]
    tools: list[dict[str, Any]]
    """Tools it brings along: `name`, `description` and `parameters`."""
    path: str | None = None
    """Where it lies; told to the daemon's own user and root."""


class SkillAdded(Reply):
    """The skill takes part in every turn of the session from now on."""

    event: Literal["skill_added"] = "skill_added"
    session_id: str
    skill: str


class SkillRemoved(Reply):
    """The session does not have the skill any more."""

    event: Literal["skill_removed"] = "skill_removed"
    session_id: str
    skill: str


class SkillBanned(Reply):
    """The skill is not used any more, in no session."""

    event: Literal["skill_banned"] = "skill_banned"
    session_id: str | None = None
    skill: str


class SkillUnbanned(Reply):
    """The skill may be used again."""

    event: Literal["skill_unbanned"] = "skill_unbanned"
    session_id: str | None = None
    skill: str


class SkillProblem(BaseModel):
    """What is wrong with a skill."""

    model_config = ConfigDict(frozen=True)

    source: str
    """The file, or the entry point of a Python package."""
    line: int | None = None
    reason: str
    severity: Literal["error", "warning"]
    """With an error the skill is left out; with a warning it works all the same."""


class SkillValidation(Reply):
    """What `skill_validate` found."""

    event: Literal["skill_validation"] = "skill_validation"
    session_id: str | None = None
    valid: bool
    """Whether there is no error."""
    skill: SkillSummary | None = None
    """What was read, if one skill was checked and it is valid."""
    problems: list[SkillProblem]


class SkillChoiceSummary(BaseModel):
    """A skill that a message would bring in."""

    model_config = ConfigDict(frozen=True)

    skill: str
    by: str
    """`named`, `pinned`, `initial`, `model`, `keywords` or `kept`."""
    why: str
    turns_left: int | None = None
    """Further turns it would stay; absent if it stays until it is removed."""


class SkillDryRunReport(Reply):
    """What `skill_dry_run` found."""

    event: Literal["skill_dry_run"] = "skill_dry_run"
    session_id: str
    chosen: list[SkillChoiceSummary]
    shortlist: list[SkillSummary]
    """The skills whose descriptions share words with the message, with their scores."""
    left_out: dict[str, str]
    """Skill to why it takes no part although it was named, added or chosen."""
    asked: str | None = None
    """The model that was asked; absent when none was needed."""
    failure: str | None = None
    """Why that model could not be asked, or was of no use."""
    prompt_bytes: int
    """How much the chosen skills would add to the prompt."""


class ConfigValue(Reply):
    """One setting and where it came from."""

    event: Literal["config_value"] = "config_value"
    key: str
    value: Any
    source: str
    """`default`, a file, or an environment variable."""


class ConfigUpdated(Reply):
    """A setting was changed and kept."""

    event: Literal["config_updated"] = "config_updated"
    key: str
    value: Any
    restart_needed: bool = False
    """Whether the daemon must be started anew for it to count."""


class ConfigListing(Reply):
    """All settings."""

    event: Literal["config_list"] = "config_list"
    options: dict[str, Any]
    """Dotted key to value; secrets are masked."""


class ApprovalSummary(ApprovalQuestion):
    """One question that waits."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    turn: str


class ApprovalListing(Reply):
    """The questions that wait, the oldest first."""

    event: Literal["approval_list"] = "approval_list"
    approvals: list[ApprovalSummary]
    watching: bool = False
    """Whether more will be told."""


class ApprovalAnswered(Reply):
    """The answer counts: the reply to `approve` and `reject`."""

    event: Literal["approval_answered"] = "approval_answered"
    approval_id: str
    state: Literal["approved", "denied"]
    scope: Literal["once", "session", "always"] | None = None


class Pong(Reply):
    """The daemon listens."""

    event: Literal["pong"] = "pong"


EVENTS: tuple[type[Event], ...] = (
    Created,
    Accepted,
    Response,
    ThoughtEvent,
    ToolCallEvent,
    ApprovalRequired,
    ApprovalResolved,
    SkillUsed,
    UsageEvent,
    ProgressEvent,
    NoticeEvent,
    Cancelled,
    ErrorEvent,
    Proactive,
    Attached,
    Detached,
    Deleted,
    CancelReport,
    SessionList,
    HistoryPage,
    StatusReport,
    ModelList,
    ModelCatalogueEvent,
    ModelReport,
    ModelDownloaded,
    ModelCancelled,
    ModelsImported,
    SkillListing,
    SkillResults,
    SkillReport,
    SkillAdded,
    SkillRemoved,
    SkillDryRunReport,
    SkillBanned,
    SkillUnbanned,
    SkillValidation,
    ConfigValue,
    ConfigUpdated,
    ConfigListing,
    ApprovalListing,
    ApprovalAnswered,
    Pong,
)
"""Every event, in the order of the reference."""

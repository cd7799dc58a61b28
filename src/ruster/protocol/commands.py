"""Commands: what a client may ask, one model per action.

The flat form ``{"action":"send",...}`` is canonical. The envelope
``{"command":"session","arguments":{"action":"send",...}}`` means the same; see ``codec``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

__all__ = [
    "COMMANDS",
    "ApprovalList",
    "ApprovalScope",
    "Approve",
    "Attach",
    "Cancel",
    "Command",
    "CommandBase",
    "CommandId",
    "ConfigGet",
    "ConfigList",
    "ConfigSet",
    "Create",
    "Delete",
    "Detach",
    "Doctor",
    "History",
    "ImportSource",
    "ListSessions",
    "ModelCancel",
    "ModelCatalogue",
    "ModelCommand",
    "ModelDownload",
    "ModelImport",
    "ModelRemove",
    "ModelShow",
    "ModelVerify",
    "Models",
    "Ping",
    "Reject",
    "Send",
    "SendMode",
    "SessionCommand",
    "SkillAdd",
    "SkillBan",
    "SkillCommand",
    "SkillDryRun",
    "SkillList",
    "SkillRemove",
    "SkillSearch",
    "SkillShow",
    "SkillUnban",
    "SkillValidate",
    "Status",
    "ToolList",
    "Why",
]

CommandId = (
    Annotated[StrictStr, Field(min_length=1, max_length=128)]
    | Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
)
SessionId = Annotated[
    str,
    Field(description="1 to 64 letters, digits or `. _ : @ + -`, not starting with punctuation."),
]
ModelName = Annotated[
    str,
    Field(
        min_length=3,
        max_length=512,
        pattern=r"^[a-z0-9_-]+/[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
        description="`provider/model`, such as `ollama/llama3.2`.",
    ),
]
SkillName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        description="The name of a skill.",
    ),
]


class CommandBase(BaseModel):
    """What every command has."""

    # A validator is built when its command first comes: most daemons see few of them.
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
    )

    action: str
    id: CommandId | None = None
    """Chosen by the client; every event this command causes carries it."""


class SessionCommand(CommandBase):
    """A command about one session."""

    session_id: SessionId
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""


class Create(SessionCommand):
    """Open a session, or change the model or title of one that exists."""

    action: Literal["create"] = "create"
    model: ModelName | None = None
    title: Annotated[str, Field(max_length=200)] | None = None
    """For people; shown in lists."""


class ImportSource(StrEnum):
    """Whose models are taken in."""

    FILE = "file"
    OLLAMA = "ollama"
    LMSTUDIO = "lmstudio"


class SendMode(StrEnum):
    """What a message does while a turn runs."""

    QUEUE = "queue"
    STEER = "steer"
    INTERRUPT = "interrupt"


class Send(SessionCommand):
    """Say something to the agent; the answer comes as a stream of events.

    The connection is attached to the session from then on.
    """

    action: Literal["send"] = "send"
    message: Annotated[str, Field(min_length=1)]
    """What to say."""
    mode: Annotated[SendMode, Field(strict=False)] = SendMode.QUEUE
    """While a turn runs: wait for it (`queue`), let the model see the message at its next step
    (`steer`), or end the turn and go first (`interrupt`)."""


class ListSessions(CommandBase):
    """Name the caller's sessions."""

    action: Literal["list"] = "list"
    all: bool = False
    """Every user's sessions; for the daemon's own user and root."""


class Delete(SessionCommand):
    """End a session and remove everything it left on the disk."""

    action: Literal["delete"] = "delete"


class History(SessionCommand):
    """Read the stored conversation, oldest first."""

    action: Literal["history"] = "history"
    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    """Records to return."""
    offset: Annotated[int, Field(ge=0, le=2**53)] = 0
    """Records to skip, counted from the oldest; negative offsets are not taken."""


class Attach(SessionCommand):
    """Receive a session's events on this connection."""

    action: Literal["attach"] = "attach"
    since: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """A `seq`: first send exactly the events that followed it, then go on live."""


class Detach(SessionCommand):
    """Stop receiving a session's events on this connection."""

    action: Literal["detach"] = "detach"


class Cancel(SessionCommand):
    """End the running turn; what was said so far is kept and marked."""

    action: Literal["cancel"] = "cancel"
    turn: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Only this turn, whether it runs or waits."""
    queued: bool = False
    """Also drop the messages that wait in the queue."""


class Status(CommandBase):
    """Tell how the daemon is."""

    action: Literal["status"] = "status"


class Doctor(CommandBase):
    """Check what the daemon needs and say what is missing; for its own user and root."""

    action: Literal["doctor"] = "doctor"


class Models(CommandBase):
    """List the models that can answer now."""

    action: Literal["models"] = "models"


class ModelCommand(CommandBase):
    """A command about one local model, for the daemon's own user and root."""

    model: Annotated[str, Field(min_length=1, max_length=1024)]
    """A name of the catalogue, `ORG/REPO`, `ORG/REPO:QUANT`, `ORG/REPO:FILE.gguf`, or a path."""


class ModelCatalogue(CommandBase):
    """List the local models: those of this machine and those the catalogue knows."""

    action: Literal["model_list"] = "model_list"
    here: bool = False
    """Only those of this machine."""


class ModelShow(ModelCommand):
    """Tell what is known of a local model."""

    action: Literal["model_show"] = "model_show"


class ModelDownload(ModelCommand):
    """Bring a model to this machine. `progress` comes until it is here.

    All who want the same file share one download; it stops when the last one closes its connection
    or `model_cancel` ends it, keeps what has come, and goes on from there the next time.
    """

    action: Literal["model_download"] = "model_download"
    quant: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """The quantization, such as `Q8_0`; else the configured one."""


class ModelCancel(ModelCommand):
    """End a model's download for all who wait for it."""

    action: Literal["model_cancel"] = "model_cancel"


class ModelRemove(ModelCommand):
    """Forget a model of this machine; its bytes are deleted if ruster downloaded them."""

    action: Literal["model_remove"] = "model_remove"


class ModelVerify(ModelCommand):
    """Hash a model's files anew and compare with what was published."""

    action: Literal["model_verify"] = "model_verify"


class ModelImport(CommandBase):
    """Take in models that lie on this machine already, without copying them."""

    action: Literal["model_import"] = "model_import"
    path: Annotated[str, Field(min_length=1, max_length=4096)]
    """A GGUF file, or the folder in which Ollama or LM Studio keeps its models."""
    source: Annotated[ImportSource, Field(strict=False)] = ImportSource.FILE
    """What lies there: `file`, `ollama` or `lmstudio`."""
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """What to call the file; else its own name."""


class Why(SessionCommand):
    """Tell how an answer came about: skills, tools, tokens, the parts of the prompt."""

    action: Literal["why"] = "why"
    turn: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The turn that gave the answer; else the last one that ended."""


class ConfigGet(CommandBase):
    """Read one setting."""

    action: Literal["config_get"] = "config_get"
    key: str
    """A dotted key, such as `server.stall_timeout_s`."""


class ConfigSet(CommandBase):
    """Change one setting; kept in `overrides.toml`."""

    action: Literal["config_set"] = "config_set"
    key: str
    """A dotted key."""
    value: str | Annotated[int, Field(ge=-(2**53), le=2**53)] | float | bool | list[str]


class ConfigList(CommandBase):
    """Read all settings; secrets are masked."""

    action: Literal["config_list"] = "config_list"


class ApprovalScope(StrEnum):
    """How far an approval reaches."""

    ONCE = "once"
    SESSION = "session"
    ALWAYS = "always"


ApprovalId = Annotated[str, Field(pattern=r"^pa-[0-9a-f]{16}$", description="As it was shown.")]


class ApprovalList(CommandBase):
    """List the questions that wait; for the daemon's own user and root."""

    action: Literal["approval_list"] = "approval_list"
    watch: bool = False
    """Send `approval_required` and `approval_resolved` of all sessions from now on, without `seq`.
    The connection stays open."""


class Approve(CommandBase):
    """Let a tool do exactly what was shown; for the daemon's own user and root."""

    action: Literal["approve"] = "approve"
    approval_id: ApprovalId
    scope: Annotated[ApprovalScope, Field(strict=False)] = ApprovalScope.ONCE
    """This call (`once`), calls like it in this session (`session`), or calls like it in all the
    owner's sessions (`always`)."""


class Reject(CommandBase):
    """Keep a tool from doing what was shown; for the daemon's own user and root."""

    action: Literal["reject"] = "reject"
    approval_id: ApprovalId
    reason: Annotated[str, Field(max_length=500)] | None = None
    """Told to the model."""


class SkillAdd(SessionCommand):
    """Have a skill take part in every turn of a session from now on."""

    action: Literal["skill_add"] = "skill_add"
    skill: SkillName


class SkillRemove(SessionCommand):
    """Take a skill out of a session; it comes back only when it is added or named."""

    action: Literal["skill_remove"] = "skill_remove"
    skill: SkillName


class SkillDryRun(SessionCommand):
    """Tell which skills a message would bring in, and why; nothing is remembered."""

    action: Literal["skill_dry_run"] = "skill_dry_run"
    message: Annotated[str, Field(min_length=1, max_length=65536)]
    """What would be said."""


class SkillCommand(CommandBase):
    """A command about skills that may be said in a session."""

    session_id: SessionId | None = None
    """A session of the caller; then it is told which skills that session has."""
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""


class SkillList(SkillCommand):
    """Tell which skills a session has, and which are installed."""

    action: Literal["skill_list"] = "skill_list"
    limit: Annotated[int, Field(ge=1, le=500)] = 200
    """Installed skills to name."""
    offset: Annotated[int, Field(ge=0, le=2**53)] = 0
    """Installed skills to skip, in order of name."""


class SkillSearch(SkillCommand):
    """Find installed skills by words of their names and descriptions."""

    action: Literal["skill_search"] = "skill_search"
    query: Annotated[str, Field(max_length=1000)]
    """Words; empty for all skills."""
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    """Skills to return."""


class SkillShow(SkillCommand):
    """Tell all of one skill, its instructions included."""

    action: Literal["skill_show"] = "skill_show"
    skill: SkillName


class SkillBan(SkillCommand):
    """Never use a skill again, in no session; kept. For the daemon's own user and root."""

    action: Literal["skill_ban"] = "skill_ban"
    skill: SkillName


class SkillUnban(SkillCommand):
    """Let a skill be used again. For the daemon's own user and root."""

    action: Literal["skill_unban"] = "skill_unban"
    skill: SkillName


class SkillValidate(SkillCommand):
    """Check a skill, or tell what is wrong with all of them. For the daemon's own user and root."""

    action: Literal["skill_validate"] = "skill_validate"
    skill: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """The name of an installed skill, or the absolute path of a folder or file; else all."""


class ToolList(CommandBase):
    """Tell which tools there are.

    Users other than the daemon's own and root are told of what they may use: tools without
    effects.
    """

    action: Literal["tool_list"] = "tool_list"
    session_id: SessionId | None = None
    """A session of the caller; then the tools of its skills are told as well."""
    owner: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """Another user's uid, for the daemon's own user and root; others may only name themselves."""


class Ping(CommandBase):
    """Ask whether the daemon listens."""

    action: Literal["ping"] = "ping"


Command = (
    Create
    | Send
    | ListSessions
    | Delete
    | History
    | Attach
    | Detach
    | Cancel
    | Why
    | Status
    | Doctor
    | Models
    | ModelCatalogue
    | ModelShow
    | ModelDownload
    | ModelCancel
    | ModelRemove
    | ModelVerify
    | ModelImport
    | SkillList
    | SkillSearch
    | SkillShow
    | SkillAdd
    | SkillRemove
    | SkillDryRun
    | SkillBan
    | SkillUnban
    | SkillValidate
    | ToolList
    | ConfigGet
    | ConfigSet
    | ConfigList
    | ApprovalList
    | Approve
    | Reject
    | Ping
)

COMMANDS: dict[str, type[CommandBase]] = {
    str(model.model_fields["action"].default): model
    for model in (
        Create,
        Send,
        ListSessions,
        Delete,
        History,
        Attach,
        Detach,
        Cancel,
        Why,
        Status,
        Doctor,
        Models,
        ModelCatalogue,
        ModelShow,
        ModelDownload,
        ModelCancel,
        ModelRemove,
        ModelVerify,
        ModelImport,
        SkillList,
        SkillSearch,
        SkillShow,
        SkillAdd,
        SkillRemove,
        SkillDryRun,
        SkillBan,
        SkillUnban,
        SkillValidate,
        ToolList,
        ConfigGet,
        ConfigSet,
        ConfigList,
        ApprovalList,
        Approve,
        Reject,
        Ping,
    )
}
"""Every action and its model, in the order of the reference."""

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
    "History",
    "ListSessions",
    "Models",
    "Ping",
    "Send",
    "SendMode",
    "SessionCommand",
    "Status",
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


class Models(CommandBase):
    """List the models that can answer now."""

    action: Literal["models"] = "models"


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
    value: str | int | float | bool | list[str]


class ConfigList(CommandBase):
    """Read all settings; secrets are masked."""

    action: Literal["config_list"] = "config_list"


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
    | Status
    | Models
    | ConfigGet
    | ConfigSet
    | ConfigList
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
        Status,
        Models,
        ConfigGet,
        ConfigSet,
        ConfigList,
        Ping,
    )
}
"""Every action and its model, in the order of the reference."""

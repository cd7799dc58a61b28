"""Commands about sessions."""

from __future__ import annotations

from base64 import b64decode
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ruster.core.messages import Image, media_type_of
from ruster.protocol.commands.base import CommandBase, SessionCommand

__all__ = [
    "Attach",
    "Cancel",
    "Create",
    "Delete",
    "Detach",
    "History",
    "ListSessions",
    "ModelName",
    "Send",
    "SendMode",
    "Why",
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


MAX_IMAGES = 8


def _is_picture(text: str) -> str:
    """Check the base64 of a picture."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise PydanticCustomError("picture", "a picture must be sent in base64") from None
    if media_type_of(data) is None:
        raise PydanticCustomError("picture", "a picture must be a PNG, JPEG, GIF or WebP file")
    return text


Picture = Annotated[str, AfterValidator(_is_picture)]


class SendMode(StrEnum):
    """What a message does while a turn runs."""

    QUEUE = "queue"
    STEER = "steer"
    INTERRUPT = "interrupt"


class Create(SessionCommand):
    """Open a session, or change the model or title of one that exists."""

    action: Literal["create"] = "create"
    model: ModelName | None = None
    title: Annotated[str, Field(max_length=200)] | None = None
    """For people; shown in lists."""


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
    images: Annotated[list[Picture], Field(max_length=MAX_IMAGES)] = Field(default_factory=list)
    """Pictures shown with the message: PNG, JPEG, GIF or WebP files in base64. Models that cannot
    look at them answer without (`images_left_out`)."""

    def pictures(self) -> tuple[Image, ...]:
        """Return the pictures."""
        files = map(b64decode, self.images)
        return tuple(Image(data, media_type_of(data) or "") for data in files)


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


class Why(SessionCommand):
    """Tell how an answer came about: skills, tools, tokens, the parts of the prompt."""

    action: Literal["why"] = "why"
    turn: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The turn that gave the answer; else the last one that ended."""

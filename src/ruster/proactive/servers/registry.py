"""Which servers bring events to which sessions: kept in one small file."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ruster.core.ids import check_name
from ruster.storage.disk import Disk
from ruster.storage.files import write_atomic

__all__ = ["Attachment", "AttachmentFile", "DeliveryMode"]

_log = structlog.stdlib.get_logger("ruster.servers")
_VERSION = 1


class DeliveryMode(StrEnum):
    """What becomes of an event in a session."""

    NEXT_TURN = "next-turn"
    """The model is shown it with the session's next message."""
    PROACTIVE = "proactive"
    """Everybody attached to the session is told."""
    IMMEDIATE = "immediate"
    """The model answers it at once, in a turn of its own."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A server's events go to a session; ``owner`` is the session's uid."""

    server: str
    owner: int
    session_id: str
    mode: DeliveryMode = DeliveryMode.NEXT_TURN

    @property
    def key(self) -> tuple[str, int, str]:
        """What there is one of: a server in a session."""
        return self.server, self.owner, self.session_id

    @property
    def session_key(self) -> str:
        """The session, as others name it."""
        return f"{self.owner}/{self.session_id}"


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    server: str
    owner: Annotated[int, Field(ge=0, le=2**32 - 2)]
    session_id: str
    mode: Annotated[DeliveryMode, Field(strict=False)]


class _Content(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    version: Literal[1]
    attachments: list[_Line]


class AttachmentFile:
    """Reads and replaces ``path`` as a whole."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._writing = asyncio.Lock()

    def read(self, most: int) -> list[Attachment]:
        """Return up to ``most`` attachments (blocks); a damaged file is set aside and told."""
        try:
            content = _Content.model_validate_json(self._path.read_bytes())
            found = [
                Attachment(
                    check_name(line.server, "server"),
                    line.owner,
                    check_name(line.session_id),
                    line.mode,
                )
                for line in content.attachments
            ]
        except FileNotFoundError:
            return []
        except Exception as error:  # noqa: BLE001 - whatever is in it, the daemon starts
            self._set_aside(error)
            return []
        return found[:most]

    async def write(self, attachments: Iterable[Attachment]) -> None:
        """Keep these and no others; raises StorageError."""
        lines = [
            {"server": it.server, "owner": it.owner, "session_id": it.session_id, "mode": it.mode}
            for it in attachments
        ]
        body = json.dumps({"version": _VERSION, "attachments": lines}, indent=1)
        async with self._writing:
            await asyncio.to_thread(write_atomic, self._path, body.encode(), self._disk)

    def _set_aside(self, error: Exception) -> None:
        aside = self._path.with_name(self._path.name + ".damaged")
        with contextlib.suppress(OSError):
            self._path.replace(aside)
        why = str(error) if not isinstance(error, ValidationError) else "it is damaged, or newer"
        _log.error("attachments_unreadable", file=str(self._path), kept_as=str(aside), why=why)

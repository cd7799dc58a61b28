"""What a session is apart from what was said in it: ``session.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

import tomli_w

from ruster.core.errors import StorageError
from ruster.storage.disk import Disk
from ruster.storage.files import write_atomic

__all__ = ["INFO_FILE", "SessionInfo", "session_key"]

INFO_FILE = "session.toml"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session's owner (uid), model (``provider/model``), time of creation (RFC 3339), title."""

    owner: int
    model: str
    created: str
    title: str = ""

    @classmethod
    def read(cls, folder: Path) -> SessionInfo:
        """Read a session folder's file (blocks); raises StorageError if it is damaged."""
        path = folder / INFO_FILE
        try:
            return cls(**tomllib.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(
                f"{path} cannot be read ({error}); repair it or remove the folder"
            ) from error

    def write(self, folder: Path, disk: Disk) -> None:
        """Replace a session folder's file, durably (blocks)."""
        write_atomic(folder / INFO_FILE, tomli_w.dumps(asdict(self)).encode(), disk)


def session_key(owner: int, session_id: str) -> str:
    """Return the name under which others keep what belongs to a session."""
    return f"{owner}/{session_id}"

"""Small files that are replaced whole: either the old content is there or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ruster.core.errors import ProtocolError
from ruster.core.ids import check_file_path
from ruster.storage.disk import Disk, storage_error

__all__ = ["contained", "make_private_folder", "write_atomic"]


def write_atomic(path: Path, data: bytes, disk: Disk) -> None:
    """Replace the content of ``path``, durably (blocks); raises StorageError."""
    try:
        fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                disk.sync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        disk.sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, f"write {path}") from error


def make_private_folder(path: Path) -> None:
    """Create a folder and its parents, readable by its owner only; raises StorageError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"create the folder {path}") from error


def contained(root: Path, relative: str, what: str = "file name") -> Path:
    """Return ``root / relative``, which may not lead out of ``root``, not even by a linked folder.

    The file itself may be a link. Raises ProtocolError (``invalid_name``).
    """
    path = root / check_file_path(relative, what)
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise ProtocolError(f"{what} {relative!r} leads out of {root}", code="invalid_name")
    return path

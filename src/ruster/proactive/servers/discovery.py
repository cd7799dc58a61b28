"""Finding the sockets of event servers.

A folder that only the daemon's user or root can change is trusted with what lies in it. In any
other folder, which only the settings can name, the file's owner is looked at here, and who listens
by ``link``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruster.core.errors import ProtocolError
from ruster.core.ids import check_name
from ruster.storage.exposure import loose_part

__all__ = ["Found", "SharedFolder", "find_servers"]

_SUFFIX = ".sock"
_SHARED_PREFIX = "ruster-srv-"
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class SharedFolder(Exception):
    """The daemon's own folder can be changed by others."""


@dataclass(frozen=True, slots=True)
class Found:
    """A server's socket; ``shared`` if others can put sockets there, too.

    ``stamp`` is another one when the server was started anew.
    """

    name: str
    path: Path
    shared: bool
    stamp: tuple[int, int, int]


def find_servers(own: Path, others: Sequence[Path], uids: frozenset[int]) -> dict[str, Found]:
    """Look through the folders (blocks); of several sockets of a name the first counts.

    ``own`` must be the daemon's, or nothing in it counts and SharedFolder is raised. Folders that
    cannot be read have nothing.
    """
    found: dict[str, Found] = {}
    if own.exists() and is_shared(own):
        raise SharedFolder(str(own))
    for folder in (own, *others):
        for server in _servers_in(folder, uids):
            found.setdefault(server.name, server)
    return dict(sorted(found.items()))


def is_shared(folder: Path) -> bool:
    """Whether others than the daemon's user and root can put something into a folder."""
    try:
        status = folder.stat()
    except OSError:
        return True
    foreign = status.st_uid not in (os.geteuid(), 0)
    return foreign or bool(status.st_mode & _OTHERS) or loose_part(folder) is not None


def _servers_in(folder: Path, uids: frozenset[int]) -> Iterator[Found]:
    shared = is_shared(folder)
    prefix = _SHARED_PREFIX if shared else ""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = _name_in(entry.name, prefix)
                if name is None:
                    continue
                stamp = _stamp_of(folder / entry.name, uids if shared else None)
                if stamp is not None:
                    yield Found(name, folder / entry.name, shared, stamp)
    except OSError:
        return


def _name_in(file_name: str, prefix: str) -> str | None:
    """Return the server's name in a file's name, or None if it is none."""
    if not (file_name.startswith(prefix) and file_name.endswith(_SUFFIX)):
        return None
    try:
        return check_name(file_name[len(prefix) : -len(_SUFFIX)], "server")
    except ProtocolError:
        return None


def _stamp_of(path: Path, uids: frozenset[int] | None) -> tuple[int, int, int] | None:
    """Return what tells a socket from the next one of its path, or None if it is none of ours.

    With ``uids`` it may be no link, and one of them must own it.
    """
    try:
        status = path.stat() if uids is None else path.lstat()
    except OSError:
        return None
    if not stat.S_ISSOCK(status.st_mode) or (uids is not None and status.st_uid not in uids):
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns  # a chmod leaves it

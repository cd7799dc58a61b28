"""Which folders tools may use: the session's own, and those that the settings grant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ruster.core.errors import ToolError
from ruster.core.sandbox import Access, Grant
from ruster.core.tools import TurnScope
from ruster.tools.containment import failure
from ruster.tools.provenance import work_origin
from ruster.tools.settings import FolderGrant
from ruster.tools.typed import WrongUse

__all__ = ["WORK", "Folders", "Place", "work_folder"]

WORK = "work"
"""The session's own folder for files, inside its folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path below a folder that tools may use; ``origin`` is that of the text found there."""

    root: Path
    parts: tuple[str, ...]
    own: bool
    origin: str | None

    @property
    def path(self) -> Path:
        """The whole path; for showing, not for opening."""
        return self.root.joinpath(*self.parts)

    @property
    def real_root(self) -> Path:
        """The folder without links, as a sandbox wants it (blocks).

        The last name of the session's own folder stays as it is, so that a link there is refused.
        """
        return self.root.parent.resolve() / self.root.name if self.own else self.root.resolve()

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Open the folder the path is below; raises OSError."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        if self.own:
            self.root.mkdir(mode=0o700, exist_ok=True)
            flags |= os.O_NOFOLLOW
        fd = os.open(self.root, flags)
        try:
            yield fd
        finally:
            os.close(fd)


class Folders:
    """Finds the folder a path belongs to. Nothing here touches a file."""

    def __init__(self, grants: Sequence[FolderGrant], protected: Sequence[Path] = ()) -> None:
        """``protected`` are ruster's own folders, which programs never see."""
        self._grants = sorted(grants, key=lambda grant: len(grant.path.parts), reverse=True)
        self._protected = tuple(protected)

    def locate(self, path: str, scope: TurnScope, *, write: bool = False) -> Place:
        """Return where a path lies, a relative one in the session's own folder; raises WrongUse."""
        if not path.isprintable():
            raise WrongUse("the path holds control characters", "give a plain path")
        given = Path(path).expanduser() if path.startswith("~/") else Path(path)
        if ".." in given.parts:
            raise WrongUse(f"{path[:200]} holds '..'", "give the path without '..'")
        own = scope.folder / WORK
        whole = own / given
        if whole.is_relative_to(own):
            return Place(own, whole.relative_to(own).parts, True, work_origin(scope))
        for grant in self._grants:
            if whole.is_relative_to(grant.path):
                if write and grant.mode != "write":
                    raise ToolError(f"{grant.path} may be read only")
                _check_apart(grant, scope)
                origin = None if grant.trusted else f"file:{whole}"
                root = self._root_of(whole)
                return Place(root, whole.relative_to(root).parts, False, origin)
        raise WrongUse(
            f"{path[:200]} is not in a folder that tools may use",
            f"use a relative path, or one of: {self.told() or 'no other folder is granted'}",
        )

    def file(self, path: str, scope: TurnScope, *, write: bool = False) -> Place:
        """Return where a file lies: ``locate`` for paths that are not the folder itself."""
        place = self.locate(path, scope, write=write)
        if not place.parts:
            raise WrongUse(f"{path[:200] or 'the path'} is a folder", "give the path of a file")
        return place

    def told(self) -> str:
        """Name the granted folders."""
        return ", ".join(f"{grant.path} ({grant.mode})" for grant in reversed(self._grants))

    def origin(self, scope: TurnScope) -> str | None:
        """Return the origin of what a program says that can read every folder."""
        doubtful = [f"file:{grant.path}" for grant in self._grants if not grant.trusted]
        return work_origin(scope) or next(iter(doubtful), None)

    def grants(self, scope: TurnScope) -> tuple[Grant, ...]:
        """Return what programs see: the session's own folder, then those granted (blocks).

        Granted folders that are not there are left out, and those that hold files of ruster's own:
        what a program does there nobody could be asked about.
        """
        own = Grant(work_folder(scope), Access.WRITE)
        protected = [path.resolve() for path in (*self._protected, scope.folder)]
        found = (
            Grant(real, Access(grant.mode))
            for grant in reversed(self._grants)
            if grant.path.is_dir() and not _overlap(real := self._real(grant.path), protected)
        )
        return (own, *found)

    def _real(self, path: Path) -> Path:
        root = self._root_of(path)
        return root.resolve() / path.relative_to(root)

    def _root_of(self, path: Path) -> Path:
        """Return the outermost folder around a path: its name alone nobody can change.

        A folder inside one that may be written can be exchanged for a link to anywhere.
        """
        return next(it.path for it in reversed(self._grants) if path.is_relative_to(it.path))


def work_folder(scope: TurnScope) -> Path:
    """Make the session's own folder and return it without links (blocks); raises ToolError."""
    folder = scope.folder.resolve() / WORK
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise failure(error, f"make {folder}") from error
    return folder


def _overlap(folder: Path, protected: Sequence[Path]) -> bool:
    return any(folder.is_relative_to(it) or it.is_relative_to(folder) for it in protected)


def _holds(grant: FolderGrant, scope: TurnScope) -> bool:
    return scope.folder.is_relative_to(grant.path)


def _check_apart(grant: FolderGrant, scope: TurnScope) -> None:
    if _holds(grant, scope):
        raise ToolError(
            f"{grant.path} holds ruster's own files and is not used; "
            "grant folders below it in tools.folders"
        )

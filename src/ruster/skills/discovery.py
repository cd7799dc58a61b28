"""All skills in all folders: found, read, and put under their names.

Folders count in their order: of two skills of one name the first is taken, and the other one is
told of. One broken skill never stops the others. A folder without a skill of its own is looked
into, down to the third level, so that collections can lie beside single skills.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ruster.core.skills import Problem, Severity, Skill
from ruster.skills.reading import Reading, read_skill, skill_file

__all__ = ["Catalogue", "Scanner"]

_MAX_ENTRIES = 20_000
_MAX_DEPTH = 3
_NO_SKILLS = frozenset(("node_modules",))
_Stamp = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The skills there are, by name; what is wrong; and the folders to watch for changes."""

    skills: Mapping[str, Skill] = field(default_factory=dict)
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Bodies of skills that have no file to read them from."""
    problems: tuple[Problem, ...] = ()
    folders: frozenset[Path] = frozenset()


class Scanner:
    """Looks through ``roots``, and reads again only what has changed since the last time."""

    def __init__(
        self, roots: Sequence[Path], max_skills: int, registered: Iterable[Reading] = ()
    ) -> None:
        self._roots = tuple(dict.fromkeys(roots))
        self._max_skills = max_skills
        self._registered = tuple(registered)
        self._known: dict[Path, tuple[_Stamp, Reading]] = {}

    def scan(self) -> Catalogue:
        """Look through all folders (blocks)."""
        found = _Found(self._max_skills)
        known: dict[Path, tuple[_Stamp, Reading]] = {}
        for root in self._roots:
            for path in _places(root, found):
                file = skill_file(path)
                if file is not None:
                    known[path] = self._read(path, file)
                    found.add(known[path][1], str(file))
        self._known = known
        for reading in self._registered:
            found.add(reading, "entry point", keep_body=True)
        return Catalogue(
            found.skills, found.bodies, tuple(found.problems), frozenset(found.folders)
        )

    def read(self, path: Path) -> Reading:
        """Return what the skill at ``path`` is now; it is read only if it has changed (blocks)."""
        file = skill_file(path)
        return read_skill(path) if file is None else self._read(path, file)[1]

    def _read(self, path: Path, file: Path) -> tuple[_Stamp, Reading]:
        stamp, (before, reading) = _stamp(file), self._known.get(path, ((), None))
        if reading is None or stamp != before or not stamp:
            reading = read_skill(path)
        return stamp, reading


class _Found:
    """What one look through the folders has brought so far."""

    def __init__(self, max_skills: int) -> None:
        self.skills: dict[str, Skill] = {}
        self.bodies: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.folders: set[Path] = set()
        self.collections: set[tuple[int, int]] = set()
        self.entries = 0
        self._max_skills = max_skills
        self._told_full = False

    def add(self, reading: Reading, source: str, *, keep_body: bool = False) -> None:
        """Take a skill in under its name, unless that is taken."""
        self.problems.extend(reading.problems)
        skill = reading.skill
        if skill is None:
            return
        if (first := self.skills.get(skill.name)) is not None:
            holder = first.file or "a skill of an installed package"
            reason = f"the skill {skill.name!r} is left out: {holder} has that name already"
            self.problems.append(Problem(source, None, reason, Severity.WARNING))
        elif len(self.skills) >= self._max_skills:
            self._tell_full(source)
        else:
            self.skills[skill.name] = skill
            if keep_body:
                self.bodies[skill.name] = reading.body

    def is_new(self, collection: Path) -> bool:
        """Say whether a collection was not looked into yet, by whatever path it is reached."""
        try:
            stat = collection.stat()
        except OSError:
            return False
        before = len(self.collections)
        self.collections.add((stat.st_dev, stat.st_ino))
        return len(self.collections) > before

    def _tell_full(self, source: str) -> None:
        if not self._told_full:
            self._told_full = True
            reason = f"there are more than {self._max_skills} skills: this and others are left out"
            self.problems.append(Problem(source, None, reason, Severity.WARNING))


def _places(root: Path, found: _Found) -> Iterator[Path]:
    """Yield what may be a skill: the entries of a root, and the folders of collections in it."""
    found.is_new(root)
    for path in _entries(root, found):
        if _is_folder(path):
            yield from _folders(path, found, 1)
        else:
            yield path


def _folders(folder: Path, found: _Found, depth: int) -> Iterator[Path]:
    """Yield a folder with a skill of its own, or those of the collection that it is."""
    found.folders.add(folder)
    if skill_file(folder) is not None:
        yield folder
    elif depth < _MAX_DEPTH and found.is_new(folder):
        for inner in _entries(folder, found):
            if _is_folder(inner):
                yield from _folders(inner, found, depth + 1)


def _entries(folder: Path, found: _Found) -> list[Path]:
    """Return the entries of a folder in order; hidden ones are no skills."""
    entries = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                found.entries += 1
                if found.entries > _MAX_ENTRIES:
                    reason = f"more than {_MAX_ENTRIES} files and folders: the rest is left out"
                    found.problems.append(Problem(str(folder), None, reason, Severity.WARNING))
                    break
                if not entry.name.startswith(".") and entry.name not in _NO_SKILLS:
                    entries.append(folder / entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        reason = f"cannot be listed: {error.strerror}"
        found.problems.append(Problem(str(folder), None, reason))
    return sorted(entries)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a loop of links
        return False


def _stamp(file: Path) -> _Stamp:
    """Return what changes when a skill is changed; empty if that cannot be told."""
    script = file.with_name("skill.py")
    try:
        stats = [file.stat()]
        if script != file and script.exists():
            stats.append(script.stat())
    except OSError:
        return ()
    return tuple((it.st_ino, it.st_size, it.st_mtime_ns, it.st_ctime_ns) for it in stats)

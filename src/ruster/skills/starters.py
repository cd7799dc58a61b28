"""The skills a first run brings along, copied to the user's folder, where they may be changed.

A copy that is there is never overwritten, and one that was deleted does not come back: a file
beside them says which were given out.
"""

from __future__ import annotations

import shutil
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from ruster.skills.fields import is_skill_name

__all__ = ["install_starters"]

_GIVEN = ".starter-skills"


def install_starters(folder: Path) -> None:
    """Copy the starter skills that were never given out (blocks); raises OSError."""
    given_file = folder / _GIVEN
    given = set(given_file.read_text("utf-8").split()) if given_file.is_file() else set()
    source = resources.files("ruster.skills") / "starter"
    new = sorted(it.name for it in source.iterdir() if is_skill_name(it.name))
    for name in new:
        if name not in given and not (folder / name).exists():
            _install(source / name, folder / name)
    if set(new) - given:
        given_file.write_text("\n".join(sorted(given | set(new))) + "\n", "utf-8")


def _install(source: Traversable, target: Path) -> None:
    """Copy one skill so that it is there whole or not at all."""
    temporary = target.with_name(f".{target.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    _copy(source, temporary)
    temporary.rename(target)


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(mode=0o700)
    for entry in source.iterdir():
        if entry.name.startswith(("__pycache__", ".")):
            continue
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            file = target / entry.name
            file.write_bytes(entry.read_bytes())
            file.chmod(0o700 if entry.name.endswith(".sh") else 0o600)

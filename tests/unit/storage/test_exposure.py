"""What others can do to a file, by its own mode and those of the folders above it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ruster.storage.exposure import loose_part, others_can_read, unusable

_STRANGER = 54321
_LOOK = """
import os, sys
from pathlib import Path
from ruster.storage.exposure import unusable
os.setuid(int(sys.argv[1]))
print(unusable(Path(sys.argv[2])))
"""


def test_a_file_is_as_open_as_the_way_to_it(shared: Path) -> None:
    path = shared / "inner" / "file"
    path.parent.mkdir()
    path.parent.chmod(0o711)
    path.touch()
    path.chmod(0o644)
    assert others_can_read(path)
    assert loose_part(path) is None
    path.chmod(0o646)
    assert loose_part(path) == path
    path.parent.chmod(0o700)
    assert not others_can_read(path)
    assert loose_part(path) is None
    path.parent.chmod(0o711)
    path.chmod(0o640)
    assert not others_can_read(path)


def test_a_link_is_as_open_as_what_it_leads_to(shared: Path) -> None:
    path, link = shared / "file", shared / "closed" / "link"
    link.parent.mkdir(0o700)
    link.symlink_to(path)
    assert not others_can_read(link)  # leads nowhere
    path.touch()
    path.chmod(0o644)
    assert others_can_read(link)


def test_whoever_can_rename_a_file_can_change_it(shared: Path) -> None:
    path = shared / "inner" / "file"
    path.parent.mkdir()
    path.touch(0o600)
    path.parent.chmod(0o777)
    assert loose_part(path) == path.parent
    path.parent.chmod(0o1777)
    assert loose_part(path) is None
    assert loose_part(path.parent) == path.parent
    path.unlink()
    assert loose_part(path) is None


def test_a_folder_is_usable_if_it_is_there_or_can_be_made(tmp_path: Path) -> None:
    assert unusable(tmp_path) is None
    assert unusable(tmp_path / "a" / "b") is None
    (tmp_path / "a").touch()
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert unusable(folder) == f"{tmp_path / 'a'} is no folder"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_a_folder_of_others_is_not_usable(shared: Path) -> None:
    def look(folder: Path) -> str:
        command = [sys.executable, "-c", _LOOK, str(_STRANGER), str(folder)]
        environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    for folder in (shared, shared / "new"):
        assert look(folder) == f"you may not write to {shared}"
    shared.chmod(0o777)
    assert look(shared / "new") == "None"

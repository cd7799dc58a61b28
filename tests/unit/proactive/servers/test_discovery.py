"""Which sockets are found, and in which folders."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ruster.proactive.servers.discovery import SharedFolder, find_servers

UID = os.geteuid()
STRANGER = 54321


@pytest.fixture
def own(folder: Path) -> Path:
    path = folder / "servers"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def common(folder: Path) -> Path:
    """A folder in which everybody may write, as the system's temporary one."""
    path = folder / "common"
    path.mkdir()
    path.chmod(0o1777)
    return path


def sock(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as it:
        it.bind(str(path))


def names(own: Path, *others: Path, uids: frozenset[int] = frozenset({UID, 0})) -> list[str]:
    return list(find_servers(own, others, uids))


def test_only_sockets_with_good_names_count(own: Path) -> None:
    for name in ("mail.sock", "b.2.sock", ".hidden.sock", "a b.sock", "x..y.sock", "mail"):
        sock(own / name)
    (own / "file.sock").write_text("no socket")
    (own / "folder.sock").mkdir()
    (own / "dangling.sock").symlink_to(own / "nowhere")
    (own / "linked.sock").symlink_to(own / "mail.sock")
    assert names(own) == ["b.2", "linked", "mail"]


def test_a_folder_that_is_not_there_has_nothing(folder: Path) -> None:
    assert names(folder / "nowhere", folder / "neither") == []


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o720, 0o702])
def test_our_own_folder_must_be_ours_alone(own: Path, mode: int) -> None:
    sock(own / "mail.sock")
    assert names(own) == ["mail"]
    own.chmod(mode)
    with pytest.raises(SharedFolder):
        names(own)


def test_in_a_shared_folder_only_names_with_the_prefix_count(own: Path, common: Path) -> None:
    sock(common / "mail.sock")
    sock(common / "ruster-srv-news.sock")
    (common / "ruster-srv-link.sock").symlink_to(common / "mail.sock")
    found = find_servers(own, [common], frozenset({UID, 0}))
    assert {name: it.shared for name, it in found.items()} == {"news": True}


def test_a_shared_folder_takes_no_name_from_our_own(own: Path, common: Path) -> None:
    sock(own / "news.sock")
    sock(common / "ruster-srv-news.sock")
    assert find_servers(own, [common], frozenset({UID}))["news"].path.parent == own


def test_in_a_shared_folder_the_owner_of_the_file_is_looked_at(own: Path, common: Path) -> None:
    sock(common / "ruster-srv-news.sock")
    assert names(own, common, uids=frozenset({STRANGER})) == []
    assert names(own, common, uids=frozenset({STRANGER, UID})) == ["news"]


@pytest.mark.root
@pytest.mark.skipif(UID != 0, reason="acting as several users needs root")
def test_a_folder_of_somebody_else_is_shared_whatever_its_mode(own: Path, folder: Path) -> None:
    theirs = folder / "theirs"
    theirs.mkdir(mode=0o700)
    sock(theirs / "mail.sock")
    assert names(own, theirs) == ["mail"]
    os.chown(theirs, STRANGER, STRANGER)
    assert names(own, theirs) == []
    os.chown(own, STRANGER, STRANGER)
    with pytest.raises(SharedFolder):
        names(own)


def test_a_socket_that_was_made_anew_is_told_from_the_old_one(own: Path) -> None:
    sock(own / "mail.sock")
    first = find_servers(own, (), frozenset({UID}))["mail"]
    assert find_servers(own, (), frozenset({UID}))["mail"] == first
    (own / "mail.sock").unlink()
    (own / "other").touch()
    sock(own / "mail.sock")
    assert find_servers(own, (), frozenset({UID}))["mail"].stamp != first.stamp


def test_a_socket_whose_mode_is_set_is_still_the_same(own: Path) -> None:
    sock(own / "mail.sock")
    before = find_servers(own, (), frozenset({UID}))["mail"]
    (own / "mail.sock").chmod(0o600)
    assert find_servers(own, (), frozenset({UID}))["mail"] == before

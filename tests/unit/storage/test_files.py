"""Files replaced whole, private folders, the instance lock, and the lossy disk itself."""

from __future__ import annotations

import errno
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ruster.core.errors import ProtocolError, StorageError
from ruster.storage.disk import Disk, storage_error
from ruster.storage.files import contained, make_private_folder, write_atomic
from ruster.storage.journal import Journal
from ruster.storage.locks import InstanceLock, exclusive
from ruster.testing import LossyDisk


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    write_atomic(path, b"old", Disk())
    write_atomic(path, b"new", Disk())
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o077 == 0
    assert [p.name for p in tmp_path.iterdir()] == ["a.toml"]


def test_a_failed_replacement_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    class DeadDisk(Disk):
        def sync(self, fd: int) -> None:
            raise StorageError("dead")

    path = tmp_path / "a.toml"
    write_atomic(path, b"old", Disk())
    with pytest.raises(StorageError):
        write_atomic(path, b"new", DeadDisk())
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.toml"]


def test_a_folder_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        write_atomic(tmp_path / "no" / "a.toml", b"", Disk())
    assert caught.value.code == "storage_failed"


def test_folders_are_private(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        make_private_folder(tmp_path / "file" / "b")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "storage_read_only"),
        (errno.EACCES, "storage_read_only"),
        (errno.EMFILE, "storage_failed"),
        (errno.EIO, "storage_failed"),
        (None, "storage_failed"),
    ],
)
def test_what_the_system_says_becomes_a_code(number: int | None, code: str) -> None:
    error = OSError(number, "x") if number is not None else OSError("x")
    assert storage_error(error, "write").code == code


def test_the_lock_is_held_once_and_names_its_holder(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "lock")
    with pytest.raises(StorageError, match=str(os.getpid())) as caught:
        InstanceLock(tmp_path / "lock")
    assert caught.value.code == "already_running"
    lock.release()
    InstanceLock(tmp_path / "lock").release()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=_hold_and_die, args=(str(tmp_path / "lock"),))
    child.start()
    child.join(30)
    assert child.exitcode == 9
    InstanceLock(tmp_path / "lock").release()


def _hold_and_die(path: str) -> None:
    InstanceLock(Path(path))
    os._exit(9)


def test_the_lock_does_not_follow_a_planted_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StorageError):
        InstanceLock(tmp_path / "lock")
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize(("honest", "check"), [(True, all), (False, lambda kept: not all(kept))])
def test_the_lossy_disk_keeps_what_an_honest_flush_kept(
    tmp_path: Path, honest: bool, check: Callable[[list[bool]], bool]
) -> None:
    kept = []
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        disk = LossyDisk(honest=honest, seed=seed)
        journal = Journal(folder / "a.jsonl", disk)
        journal.append_record({"n": 1})
        journal.sync()
        journal.append_record({"n": 2})
        journal.close()
        assert disk.cut_power(folder) > 0
        journal = Journal(folder / "a.jsonl", Disk())
        kept.append([r["n"] for r in journal.records()] == [1])
        journal.close()
    assert check(kept)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", ".x", "a//x", "out/x"])
def test_a_name_cannot_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    assert (root / "out" / "x").resolve() == tmp_path / "x"  # what the check is there for
    with pytest.raises(ProtocolError) as caught:
        contained(root, name)
    assert caught.value.code == "invalid_name"


def test_a_name_inside_may_be_a_link_and_need_not_exist(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    assert contained(tmp_path, "link") == tmp_path / "link"
    assert contained(tmp_path, "a/b/c.gguf") == tmp_path / "a" / "b" / "c.gguf"


def test_a_short_lock_is_given_back_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    for _ in range(2):
        with exclusive(path):
            assert path.exists()
    with pytest.raises(StorageError), exclusive(tmp_path / "none" / ".lock"):
        pass


def test_the_free_space_of_a_folder_to_come_is_that_of_its_parent(tmp_path: Path) -> None:
    assert Disk().free_bytes(tmp_path / "a" / "b") > 0

"""What a journal makes of damage: every byte of the tail, the middle, the newlines, the whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ruster.core.errors import StorageError
from ruster.storage.disk import Disk
from ruster.storage.journal import DAMAGED, Journal, seal, unseal

RECORDS: list[dict[str, Any]] = [
    {"n": 0, "text": "plain"},
    {"n": 1, "text": "zwölf Boxkämpfer 🦀"},
    {"n": 2, "text": 'quotes " and \\ and \n newlines, \u2028 too'},
    {"n": 3, "text": ""},
]


def write(path: Path, records: list[dict[str, Any]] = RECORDS) -> bytes:
    journal = Journal(path, Disk())
    for record in records:
        journal.append_record(record)
    journal.sync()
    journal.close()
    return path.read_bytes()


def read(path: Path) -> list[dict[str, Any]]:
    journal = Journal(path, Disk())
    try:
        return list(journal.records())
    finally:
        journal.close()


def lines(path: Path) -> list[dict[str, Any]]:
    """Read the file as ``jq`` would: each line must be one JSON object."""
    text = path.read_text("utf-8")
    assert text == "" or text.endswith("\n")
    parsed = [json.loads(line) for line in text.split("\n")[:-1]]
    assert all(isinstance(line, dict) for line in parsed)
    return parsed


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path)
    assert read(path) == RECORDS
    assert [{k: v for k, v in line.items() if k != "crc"} for line in lines(path)] == RECORDS


@pytest.mark.parametrize("body", [b'{"a":1}', '{"ü":"🦀"}'.encode(), b'{"crc":"00000000"}'])
def test_a_sealed_line_opens_and_a_changed_one_does_not(body: bytes) -> None:
    line = seal(body)
    assert unseal(line) == body
    for index in range(len(line)):
        changed = line[:index] + bytes([line[index] ^ 1]) + line[index + 1 :]
        assert unseal(changed) is None


def test_a_torn_tail_is_cut_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = write(path)
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 0x0A]
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        kept = sum(end <= size for end in ends)
        journal = Journal(path, Disk())
        assert list(journal.records()) == RECORDS[:kept], size
        assert journal.damage.torn_bytes == size - ([0, *ends][kept])
        journal.append_record({"after": True})
        journal.close()
        assert lines(path)[-1]["after"] is True


def test_a_flipped_bit_anywhere_costs_one_line_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = write(path)
    last = whole.rindex(b"\n", 0, -1) + 1
    for index in range(0, last, 3):
        if whole[index] == 0x0A or whole[index] ^ 4 == 0x0A:
            continue
        damaged = bytearray(whole)
        damaged[index] ^= 4
        path.write_bytes(damaged)
        number = whole[:index].count(b"\n")
        journal = Journal(path, Disk())
        found = list(journal.records())
        assert journal.damage.lines == 1
        journal.close()
        assert [r for i, r in enumerate(found) if i != number] == [
            r for i, r in enumerate(RECORDS) if i != number
        ]
        assert DAMAGED in found[number]
        assert len(lines(path)) == len(RECORDS)
        assert read(path) == found


def test_a_damaged_newline_costs_the_two_lines_it_parted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = bytearray(write(path))
    whole[whole.index(b"\n")] = ord("x")
    path.write_bytes(whole)
    found = read(path)
    assert [DAMAGED in record for record in found] == [True, False, False]
    assert found[1:] == RECORDS[2:]
    assert len(lines(path)) == 3


def test_damaged_bytes_are_kept_beside_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = write(path)
    path.write_bytes(whole.replace(b"plain", b"plaiN") + b'{"torn')
    journal = Journal(path, Disk())
    journal.close()
    assert (journal.damage.lines, journal.damage.torn_bytes) == (1, 6)
    kept = (tmp_path / "a.damaged").read_bytes()
    assert b"plaiN" in kept
    assert b'{"torn' in kept


@pytest.mark.parametrize("noise", [b"\n\n\n", b"\0" * 4096, b"{}\n[]\n1\n", b"\xff\xfe\n", b"x"])
def test_a_file_of_noise_is_an_empty_journal(tmp_path: Path, noise: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(noise)
    assert read(path) == []
    assert path.read_bytes() == b""
    assert (tmp_path / "a.damaged").exists()


def test_the_file_is_readable_with_jq(tmp_path: Path) -> None:
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("jq is not installed")
    path = tmp_path / "a.jsonl"
    whole = write(path)
    path.write_bytes(whole.replace(b"plain", b"plaiN") + b"\0torn")
    read(path)
    done = subprocess.run([jq, "-c", "."], input=path.read_bytes(), capture_output=True, check=True)
    assert done.stdout.count(b"\n") == len(RECORDS)


def test_undo_takes_back_the_last_record_only(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    before = write(path)
    journal = Journal(path, Disk())
    journal.append_record({"unsaid": True})
    journal.undo()
    assert path.read_bytes() == before
    journal.append_record({"said": True})
    assert list(journal.records())[-1] == {"said": True}
    journal.close()


def test_a_write_that_fails_half_way_leaves_no_trace(tmp_path: Path) -> None:
    class HalfDisk(Disk):
        full = False

        def append(self, fd: int, data: bytes, size: int) -> None:
            if self.full:
                os.write(fd, data[: len(data) // 2])
                os.ftruncate(fd, size)
                raise StorageError("no space", code="disk_full")
            super().append(fd, data, size)

    disk = HalfDisk()
    path = tmp_path / "a.jsonl"
    journal = Journal(path, disk)
    journal.append_record({"n": 1})
    disk.full = True
    with pytest.raises(StorageError):
        journal.append_record({"n": 2})
    disk.full = False
    journal.append_record({"n": 3})
    assert [r["n"] for r in journal.records()] == [1, 3]
    journal.close()
    assert [line["n"] for line in lines(path)] == [1, 3]


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """The real system call fails half-way: a file size limit stands in for a full disk."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from ruster.core.errors import StorageError\n"
        "from ruster.storage.disk import Disk; from ruster.storage.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = Journal(Path(sys.argv[1]), Disk())\n"
        "journal.append_record({'n': 1})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))\n"
        "try: journal.append_record({'n': 'x' * 100})\n"
        "except StorageError as error: print(error.code)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "journal.append_record({'n': 2})\n"
    )
    path = tmp_path / "a.jsonl"
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "storage_failed\n"
    assert [line["n"] for line in lines(path)] == [1, 2]


def test_a_journal_that_cannot_be_cut_back_takes_no_more(tmp_path: Path) -> None:
    """Half a line may be in the file: what is appended after it would be lost with it."""

    class StuckDisk(Disk):
        def append(self, fd: int, data: bytes, size: int) -> None:
            os.write(fd, data[:5])
            super().append(-1, data, size)  # fails, and so does cutting it back

        def truncate(self, fd: int, size: int) -> None:
            raise StorageError("stuck")

    path = tmp_path / "a.jsonl"
    write(path)
    journal = Journal(path, StuckDisk())
    with pytest.raises(StorageError):
        journal.append_record({"n": 4})
    assert journal.failure is not None
    with pytest.raises(StorageError):
        journal.append_record({"n": 5})
    journal.close()
    assert read(path) == RECORDS


def test_a_failed_flush_is_final(tmp_path: Path) -> None:
    class DeadDisk(Disk):
        def sync(self, fd: int) -> None:
            raise StorageError("dead")

    journal = Journal(tmp_path / "a.jsonl", DeadDisk())
    journal.append_record({"n": 1})
    with pytest.raises(StorageError):
        journal.sync()
    with pytest.raises(StorageError):
        journal.append_record({"n": 2})
    journal.close()


def test_a_change_behind_our_back_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = write(path)
    journal = Journal(path, Disk())
    path.write_bytes(whole.replace(b"plain", b"plaiN"))
    with pytest.raises(StorageError, match="changed on the disk"):
        list(journal.records())
    journal.close()


def test_flushing_a_closed_journal_is_no_error(tmp_path: Path) -> None:
    """Its session was closed or removed while others' records waited for the same flush."""
    journal = Journal(tmp_path / "a.jsonl", Disk())
    journal.append_record({"n": 1})
    journal.close()
    journal.sync()


def test_reading_a_closed_journal_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path)
    journal = Journal(path, Disk())
    journal.close()
    with pytest.raises(StorageError):
        list(journal.records())


def test_appending_to_a_closed_journal_is_a_typed_error(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl", Disk())
    journal.close()
    with pytest.raises(StorageError):
        journal.append_record({"n": 1})


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_journal_that_cannot_be_repaired_leaves_no_descriptor(tmp_path: Path) -> None:
    class NoCut(Disk):
        def truncate(self, fd: int, size: int) -> None:
            raise StorageError("read-only", code="storage_read_only")

    path = tmp_path / "a.jsonl"
    path.write_bytes(b"torn")
    before = open_files()
    for _ in range(5):
        with pytest.raises(StorageError):
            Journal(path, NoCut())
    assert open_files() == before


def test_a_killed_repair_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    whole = write(path)
    path.write_bytes(whole.replace(b"plain", b"plaiN"))
    (tmp_path / "a.repair").write_bytes(b"half a rep")
    found = read(path)
    assert found[1:] == RECORDS[1:]
    assert not (tmp_path / "a.repair").exists()


def test_journals_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o777 == 0o600


def test_reading_in_a_thread_while_the_owner_appends(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl", Disk())
    stop = threading.Event()
    failures: list[BaseException] = []
    seen = [0]

    def read_on() -> None:
        try:
            while not stop.is_set():
                numbers = [record["n"] for record in journal.records(max(0, len(journal) - 3))]
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
                seen[0] += len(numbers)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    journal.append_record({"n": 0})
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        reader = threading.Thread(target=read_on)
        reader.start()
        for n in range(1, 5000):
            journal.append_record({"n": n, "text": "x" * (n % 50)})
        stop.set()
        reader.join()
    finally:
        sys.setswitchinterval(interval)
        journal.close()
    assert not failures
    assert seen[0]


def test_any_part_can_be_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl", Disk())
    for n in range(5):
        journal.append_record({"n": n})
    for start in range(8):
        for stop in (None, *range(9), 1 << 60):
            assert [r["n"] for r in journal.records(start, stop)] == list(range(5))[start:stop]
    assert list(journal.records(1 << 60)) == []
    journal.close()

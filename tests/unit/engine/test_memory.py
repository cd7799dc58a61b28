"""How much memory is left, read from files like the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.engine.memory import available_bytes, in_words

_KIB = 1024


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in {
        "proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 8000 kB\n",
        **files,
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_here_something_is_left() -> None:
    left = available_bytes()
    assert left is not None
    assert left > 0


def test_the_machine_alone(tmp_path: Path) -> None:
    assert available_bytes(_write(tmp_path, {})) == 8000 * _KIB


def test_a_cgroup_of_version_2_and_those_above_it(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/user.slice/ruster"
    files = {
        "proc/self/cgroup": "0::/user.slice/ruster\n",
        f"{group}/memory.max": "max\n",
        f"{group}/memory.current": "1000\n",
        "sys/fs/cgroup/user.slice/memory.max": "5000000\n",
        "sys/fs/cgroup/user.slice/memory.current": "4000000\n",
        "sys/fs/cgroup/user.slice/memory.stat": "anon 1\ninactive_file 500000\n",
    }
    assert available_bytes(_write(tmp_path, files)) == 1_500_000


def test_a_cgroup_of_version_1(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/memory/a"
    files = {
        "proc/self/cgroup": "9:name=x:/\n4:cpu,memory:/a\n",
        f"{group}/memory.limit_in_bytes": "3000000\n",
        f"{group}/memory.usage_in_bytes": "1000000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
    }
    assert available_bytes(_write(tmp_path, files)) == 2_000_000


def test_more_used_than_allowed_is_nothing(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "sys/fs/cgroup/memory.max": "10\n",
        "sys/fs/cgroup/memory.current": "20\n",
    }
    assert available_bytes(_write(tmp_path, files)) == 0


def test_without_such_files_the_size_of_the_machine(tmp_path: Path) -> None:
    assert (available_bytes(tmp_path) or 0) > 8000 * _KIB


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (12, "12 bytes"),
        (12_345, "12 kB"),
        (1_300_000, "1.3 MB"),
        (512e6, "512 MB"),
        (4.2e9, "4.2 GB"),
    ],
)
def test_sizes_in_words(size: float, words: str) -> None:
    assert in_words(size) == words

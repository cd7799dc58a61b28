"""How much memory this process may still take: the machine's, or what its cgroup leaves of it.

Read from the kernel's own files; where there are none (other systems), from the machine's size.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["available_bytes", "in_words"]

_UNLIMITED = 1 << 60


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the bytes that can be taken without swapping; None when nothing tells.

    Files that the kernel has cached count as free, as it counts them itself.
    """
    known = [_machine(root), *_cgroups(root)]
    told = [size for size in known if size is not None]
    return max(0, min(told)) if told else None


def in_words(size: float) -> str:
    """Write a number of bytes for people, in decimal units."""
    for unit in ("bytes", "kB", "MB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit != "MB" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _machine(root: Path) -> int | None:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _cgroups(root: Path) -> list[int | None]:
    """Return what each cgroup above this process leaves, of version 2 and of version 1."""
    left: list[int | None] = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, name = line.split(":", 2)
        mount = root / "sys/fs/cgroup"
        if number == "0":
            names = ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            mount /= "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = mount / name.strip("/")
        for place in (folder, *folder.parents):
            left.append(_left_in(place, *names))
            if place == mount:
                break
    return left


def _left_in(folder: Path, limit_name: str, usage_name: str, cached_name: str) -> int | None:
    limit, usage = _number(folder / limit_name), _number(folder / usage_name)
    if limit is None or usage is None or limit >= _UNLIMITED:
        return None
    cached = 0
    for line in _text(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == cached_name:
            cached = int(value)
    return limit - usage + cached


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

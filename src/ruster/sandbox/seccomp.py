"""The system calls a sandboxed program may not make, as a program for the kernel's filter.

Classic BPF over ``struct seccomp_data`` (``linux/seccomp.h``). Calls of another architecture end
the process; refused calls fail with EPERM, and what is newer than our tables with ENOSYS.
"""

from __future__ import annotations

import errno
import platform
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from ruster.sandbox.seccomp_calls import LAST_KNOWN, NUMBERS

__all__ = ["architecture", "program"]

# linux/bpf_common.h
_LOAD, _AND = 0x20, 0x54
_EQUAL, _AT_LEAST, _GREATER, _ANY_BIT = 0x15, 0x35, 0x25, 0x45
_RETURN = 0x06
# linux/seccomp.h
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_DENY, _ABSENT = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_BIT = 0x40000000

_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF
_TIOCSTI, _TIOCLINUX, _FIOSETOWN, _SIOCSPGRP = 0x5412, 0x541C, 0x8901, 0x8902
_F_SETOWN, _F_SETOWN_EX = 8, 15
# CLONE_NEWTIME shares its bit with the exit signal of clone(), which therefore cannot ask for it.
_NEW_NAMESPACES = 0x7E020000

_DENIED = frozenset({
    "acct", "add_key", "adjtimex", "bind", "bpf", "chroot", "clock_adjtime", "clock_settime",
    "connect", "create_module", "delete_module", "fanotify_init", "finit_module", "fsconfig",
    "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register",
    "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "listen",
    "listmount", "lookup_dcookie", "memfd_create", "memfd_secret", "migrate_pages", "modify_ldt",
    "mount", "mount_setattr", "move_mount", "move_pages", "mq_open", "mq_unlink", "msgctl",
    "msgget", "msgrcv", "msgsnd", "nfsservctl", "open_by_handle_at", "open_tree", "perf_event_open",
    "personality", "pidfd_getfd", "pivot_root", "process_madvise", "process_mrelease",
    "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "quotactl_fd", "reboot",
    "request_key", "semctl", "semget", "semop", "semtimedop", "setns", "settimeofday", "shmat",
    "shmctl", "shmdt", "shmget", "socket", "statmount", "swapoff", "swapon", "_sysctl", "syslog",
    "umount2", "unshare", "uselib", "userfaultfd", "vhangup",
})  # fmt: skip
"""What nobody needs: other processes' memory, mounts, namespaces, keys, sockets, old interfaces.

memfd_create and the System V calls make memory that no limit counts.
"""

_DENIED_WITHOUT_MOUNTS = frozenset({
    "chmod", "chown", "fchmodat", "fchmodat2", "fchownat", "futimesat", "inotify_add_watch",
    "ioprio_set", "lchown", "lremovexattr", "lsetxattr", "removexattr", "removexattrat",
    "setpriority", "setxattr", "setxattrat", "utime", "utimes",
})  # fmt: skip
"""What Landlock does not govern: the attributes of any file that the user owns, and the priority
of any process."""

_OWN_PROCESS_ONLY = ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam",
                     "sched_setscheduler")  # fmt: skip
_SIGNALS = frozenset({
    "kill", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tgkill", "tkill",
})  # fmt: skip

_Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Architecture:
    audit: int
    column: int
    has_x32: bool


_ARCHITECTURES = {
    "x86_64": _Architecture(0xC000003E, 0, has_x32=True),
    "aarch64": _Architecture(0xC00000B7, 1, has_x32=False),
}


def architecture() -> str | None:
    """Return the name of this machine's architecture if there is a filter for it."""
    name = platform.machine()
    known = name in _ARCHITECTURES and sys.byteorder == "little" and sys.maxsize > 2**32
    return name if known else None


def program(machine: str, *, own_mounts: bool, own_signals: bool) -> bytes:
    """Return the filter for ``machine`` as an array of ``struct sock_filter``.

    ``own_mounts`` says that the program sees no files but its own; ``own_signals`` that it can
    reach no processes but its own. What is not so, the filter makes up for by refusing more.
    """
    arch = _ARCHITECTURES[machine]
    denied = _DENIED if own_mounts else _DENIED | _DENIED_WITHOUT_MOUNTS
    denied = denied if own_signals else denied | _SIGNALS
    code = [_load(_ARCHITECTURE_AT), *_unless(_EQUAL, arch.audit, _KILL), _load(_NUMBER_AT)]
    if arch.has_x32:
        code += _when(_AT_LEAST, _X32_BIT, _KILL)
    code += _when(_GREATER, LAST_KNOWN, _ABSENT)
    for name, block in _examined(own_mounts=own_mounts, own_signals=own_signals):
        if (number := NUMBERS[name][arch.column]) is not None:
            code += [(_EQUAL, 0, len(block), number), *block]
    for name in sorted(denied):
        if (number := NUMBERS[name][arch.column]) is not None:
            code += _when(_EQUAL, number, _DENY)
    code.append(_end(_ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def _examined(*, own_mounts: bool, own_signals: bool) -> Iterable[tuple[str, list[_Instruction]]]:
    """Yield the calls whose arguments decide; each block ends with a verdict."""
    yield "clone3", [_end(_ABSENT)]  # its flags lie in memory, which no filter sees
    yield "clone", [_argument(0), *_when(_ANY_BIT, _NEW_NAMESPACES, _DENY), _end(_ALLOW)]
    # A connected pair of streams cannot be turned towards anybody else.
    yield (
        "socketpair",
        [
            _argument(0),
            *_unless(_EQUAL, _AF_UNIX, _DENY),
            _argument(1),
            (_AND, 0, 0, _SOCK_TYPE_MASK),
            *_unless(_EQUAL, _SOCK_STREAM, _DENY),
            _end(_ALLOW),
        ],
    )
    requests = [_TIOCSTI, _TIOCLINUX] + ([] if own_signals else [_FIOSETOWN, _SIOCSPGRP])
    yield "ioctl", [_argument(1), *_none_of(requests), _end(_ALLOW)]
    if not own_signals:
        yield "fcntl", [_argument(1), *_none_of([_F_SETOWN, _F_SETOWN_EX]), _end(_ALLOW)]
    if not own_mounts:
        # Without a path it is about an open file, which was opened for good reasons.
        null_path = [_argument(1), *_unless(_EQUAL, 0, _DENY)]
        null_path += [_load(_ARGUMENTS_AT + 12), *_unless(_EQUAL, 0, _DENY)]
        yield "utimensat", [*null_path, _end(_ALLOW)]
        for name in _OWN_PROCESS_ONLY:
            yield name, [_argument(0), *_unless(_EQUAL, 0, _DENY), _end(_ALLOW)]


def _none_of(values: Iterable[int]) -> list[_Instruction]:
    return [instruction for value in values for instruction in _when(_EQUAL, value, _DENY)]


def _when(test: int, value: int, verdict: int) -> list[_Instruction]:
    return [(test, 0, 1, value), _end(verdict)]


def _unless(test: int, value: int, verdict: int) -> list[_Instruction]:
    return [(test, 1, 0, value), _end(verdict)]


def _load(offset: int) -> _Instruction:
    return (_LOAD, 0, 0, offset)


def _argument(index: int) -> _Instruction:
    """Load the low half of an argument: all there is of an int, on a little-endian machine."""
    return _load(_ARGUMENTS_AT + 8 * index)


def _end(verdict: int) -> _Instruction:
    return (_RETURN, 0, 0, verdict)

"""The program that gives its rights up and becomes another one; run by its path.

It stays as the supervisor of what it starts: orphans become its children, and when the program
ends, or a SIGTERM comes, or the daemon dies, it ends them all. Root, whose processes the kernel
does not count, gets a process namespace instead, which ends as a whole.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from pathlib import Path
from typing import NoReturn, TypedDict

__all__ = ["Job", "main"]

_libc = ctypes.CDLL(None, use_errno=True)

# linux/prctl.h, linux/sched.h
_PDEATHSIG, _SECCOMP, _CAPBSET_DROP, _SUBREAPER, _NO_NEW_PRIVS = 1, 22, 24, 36, 38
_SECCOMP_FILTER = 2
_NEW_PIDS, _NEW_IPC = 0x20000000, 0x08000000
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522
# linux/landlock.h
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_DEVICES_AND_SOCKETS = 1 << 6 | 1 << 9 | 1 << 11
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_NEWEST_FILE_RIGHT = {3: 14, 4: 14}  # else 15, from version 5 on
_TCP_ABI, _SCOPE_ABI = 4, 6
_ALL_TCP, _ALL_SCOPES = 3, 3

_RLIMITS = {
    "cpu": resource.RLIMIT_CPU,
    "data": resource.RLIMIT_DATA,
    "fsize": resource.RLIMIT_FSIZE,
    "nofile": resource.RLIMIT_NOFILE,
    "core": resource.RLIMIT_CORE,
    "memlock": resource.RLIMIT_MEMLOCK,
    "sigpending": resource.RLIMIT_SIGPENDING,
}
_NOT_FOUND = 127
_SIGNAL_BASE = 128
_PAUSE_S = 0.001


class Job(TypedDict):
    """What to run and how; ``grants`` are descriptor, whether to write, whether a folder."""

    argv: list[str]
    environment: dict[str, str]
    folder: str
    rlimits: dict[str, tuple[int, int]]
    processes: int
    grants: list[tuple[int, bool, bool]]
    system: list[str]
    devices: list[str]
    abi: int
    filter: str
    status_fd: int
    parent: int
    own_processes: bool


def main() -> NoReturn:
    """Run the job whose descriptor is the only argument."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        job: Job = json.load(file)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
    _prctl(_PDEATHSIG, signal.SIGKILL if job["own_processes"] else signal.SIGTERM)
    if os.getppid() != job["parent"]:
        sys.exit("the daemon has gone")
    if job["own_processes"]:
        _in_own_processes(job)
    _tell(job, {"child-pid": os.getpid()})
    _supervise(job)


def _in_own_processes(job: Job) -> NoReturn:
    """Go on as the first process of a namespace; it dies with the first process."""
    _checked(_libc.unshare(_NEW_PIDS | _NEW_IPC), "unshare")
    alive_fd, held_fd = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(held_fd)
        _prctl(_PDEATHSIG, signal.SIGKILL)
        if select.select([alive_fd], [], [], 0)[0]:
            sys.exit("the launcher has gone")
        os.close(alive_fd)
        _supervise(job)
    _tell(job, {"child-pid": pid})
    os._exit(_exit_code(os.waitpid(pid, 0)[1]))


def _supervise(job: Job) -> NoReturn:
    """Start the program, wait for its end, and end what it has left behind."""
    _prctl(_SUBREAPER, 1)
    setup_fd, failed_fd = os.pipe()
    if (pid := os.fork()) == 0:
        _become(job, failed_fd)
    os.close(failed_fd)
    with os.fdopen(setup_fd, "rb") as file:
        if failure := file.read():
            sys.exit(failure.decode())
    status = _wait_for(pid)
    if not job["own_processes"]:
        _end_all()
    if status is None:
        os._exit(_SIGNAL_BASE + signal.SIGTERM)
    _tell(job, {"exit-code": _exit_code(status)})
    os._exit(_exit_code(status))


def _wait_for(pid: int) -> int | None:
    """Reap until the program has ended; None when we are to end it."""
    while True:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == pid:
                    return ended[1]
        if signal.sigwait({signal.SIGCHLD, signal.SIGTERM}) == signal.SIGTERM:
            return None


def _end_all() -> None:
    """Kill until no child is left; the orphans of those that died have become our children."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in _below(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(_PAUSE_S)


def _below(root: int) -> list[int]:
    """Return the processes below one, as ``/proc`` shows them."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        tasks = Path(f"/proc/{waiting.pop()}/task")
        with contextlib.suppress(OSError):
            for task in tasks.iterdir():
                children = [int(child) for child in (task / "children").read_text().split()]
                found += children
                waiting += children
    return found


def _become(job: Job, failed_fd: int) -> NoReturn:
    """Give up all rights but the granted ones, for ever, and become the program."""
    try:
        _confine(job)
    except (OSError, ValueError) as error:
        os.write(failed_fd, f"the program cannot be confined: {error}".encode())
        os._exit(_NOT_FOUND)
    argv, environment = job["argv"], job["environment"]
    try:
        os.execvpe(argv[0], argv, environment)
    except (OSError, ValueError) as error:
        os.write(2, f"{argv[0]}: {error}\n".encode())
    os._exit(_NOT_FOUND)


def _confine(job: Job) -> None:
    os.setsid()
    _prctl(_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):  # Python had changed these
        signal.signal(number, signal.SIG_DFL)
    os.chdir(job["folder"])
    ruleset_fd = _ruleset(job)
    for name, (soft, hard) in job["rlimits"].items():
        resource.setrlimit(_RLIMITS[name], (soft, hard))
    # The kernel counts all processes of the user here; those of all users are more.
    everybody = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    processes = everybody + job["processes"]
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    if os.geteuid() == 0:
        _drop_capabilities()
    _prctl(_NO_NEW_PRIVS, 1)
    _checked(_libc.syscall(_RESTRICT_SELF, ruleset_fd, 0), "landlock_restrict_self")
    for fd in (ruleset_fd, job["status_fd"], *(grant[0] for grant in job["grants"])):
        os.close(fd)
    _load_filter(base64.b64decode(job["filter"]))


def _ruleset(job: Job) -> int:
    """Make the Landlock rules: what is handled is denied, except below what is added."""
    version = job["abi"]
    every = (1 << (_NEWEST_FILE_RIGHT.get(version, 15) + 1)) - 1
    handled = struct.pack(
        "QQQ",
        every,
        _ALL_TCP if version >= _TCP_ABI else 0,
        _ALL_SCOPES if version >= _SCOPE_ABI else 0,
    )
    size = 24 if version >= _SCOPE_ABI else 16 if version >= _TCP_ABI else 8
    fd = _checked(
        _libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(size), 0), "landlock_create_ruleset"
    )
    for granted_fd, may_write, is_folder in job["grants"]:
        rights = every & ~_DEVICES_AND_SOCKETS & ~_IOCTL_DEV if may_write else _READ
        _allow(fd, granted_fd, rights if is_folder else rights & _OF_FILES)
    for places, rights in (
        (job["system"], _READ),
        (job["devices"], _READ_FILE | _WRITE_FILE | _TRUNCATE),
    ):
        for place in places:
            with contextlib.suppress(FileNotFoundError):
                place_fd = os.open(place, os.O_PATH | os.O_CLOEXEC)
                _allow(fd, place_fd, rights if Path(place).is_dir() else rights & _OF_FILES)
                os.close(place_fd)
    return fd


def _allow(ruleset_fd: int, place_fd: int, rights: int) -> None:
    rule = struct.pack("=Qi", rights, place_fd)
    _checked(_libc.syscall(_ADD_RULE, ruleset_fd, _PATH_BENEATH, rule, 0), "landlock_add_rule")


def _drop_capabilities() -> None:
    """Leave root nothing that another user would not have, not even after an exec."""
    with contextlib.suppress(OSError):
        for capability in range(64):  # ends with EINVAL behind the last one
            _prctl(_CAPBSET_DROP, capability)
    header, none = struct.pack("Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    _checked(_libc.syscall(_CAPSET[os.uname().machine], header, none), "capset")


def _load_filter(code: bytes) -> None:
    instructions = ctypes.create_string_buffer(code, len(code))
    pointer = ctypes.cast(instructions, ctypes.c_void_p).value or 0
    filter_ = struct.pack("@HP", len(code) // 8, pointer)
    _checked(_libc.prctl(_SECCOMP, _SECCOMP_FILTER, filter_, 0, 0), "seccomp")


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else _SIGNAL_BASE - code


def _tell(job: Job, document: dict[str, int]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(job["status_fd"], json.dumps(document).encode() + b"\n")


def _prctl(option: int, value: int) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


if __name__ == "__main__":
    main()

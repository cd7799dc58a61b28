"""Running the same hostile code inside a sandbox and, as a control, outside."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ruster.core.sandbox import Access, Completed, Grant, Limits, ProcessSpec
from ruster.sandbox.bubblewrap import Bubblewrap
from ruster.sandbox.landlock import Landlock
from ruster.sandbox.probe import probe
from ruster.sandbox.process_plan import Mechanism

__all__ = [
    "ESCAPED",
    "PYTHON",
    "World",
    "inside",
    "mechanism_named",
    "outside",
    "python_grants",
    "world",
]

ESCAPED = "ESCAPED"
MARK = "mark-d41d8cd98f"
PYTHON = Path(sys.executable).resolve()
_PRELUDE = """
import ctypes, errno, fcntl, json, mmap, os, resource, signal, socket, struct, sys, time
from ctypes import c_long, c_ulong, c_void_p
w = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = c_long
def call(name, *arguments):
    "Make a system call by its name; OSError says why it failed."
    result = libc.syscall(c_long(w["calls"][name]), *[
        c_long(a) if isinstance(a, int) else a for a in arguments])
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def reached(name, *arguments, denied=(errno.EPERM, errno.ENOSYS)):
    "Whether a call with useless arguments gets as far as having these looked at."
    try:
        call(name, *arguments)
    except OSError as error:
        if error.errno in denied:
            raise
def escaped():
    print("ESCAPED", flush=True)
"""
_VICTIM = """
import os, sys, time
secret = os.environ["SECRET"]
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass
class World:
    """What is outside, and what of it is granted."""

    home: Path
    granted: Path
    readable: Path
    outside: Path
    values: dict[str, object] = field(default_factory=dict)
    secret_fd: int = -1

    def spec(self, code: str, limits: Limits | None = None) -> ProcessSpec:
        """Return a spec that runs Python code with the grants of this world."""
        return ProcessSpec(
            self.command(code),
            folder=self.granted,
            environment={"LANG": "C.UTF-8"},
            grants=(
                Grant(self.granted, Access.WRITE),
                Grant(self.readable),
                *python_grants(),
            ),
            limits=limits or Limits(wall_s=20.0),
        )

    def command(self, code: str) -> tuple[str, ...]:
        """Return the command line that runs code with the prelude."""
        return (str(PYTHON), "-I", "-S", "-c", _PRELUDE + code, json.dumps(self.values))


def python_grants() -> tuple[Grant, ...]:
    """Return what this Python needs beyond the system's own folders."""
    prefix = Path(sys.base_prefix).resolve()
    return () if prefix.is_relative_to("/usr") else (Grant(prefix),)


def mechanism_named(name: str) -> Mechanism | None:
    """Return a mechanism if it works on this machine."""
    found: Mechanism = Bubblewrap() if name == "bubblewrap" else Landlock()
    return probe([found]).mechanism


def outside(world: World, code: str, environment: Mapping[str, str] | None = None) -> str:
    """Run code without a sandbox and return what it printed and complained."""
    done = subprocess.run(
        world.command(code),
        cwd=world.granted,
        env={**os.environ, "SECRET": MARK, **(environment or {})},
        pass_fds=(world.secret_fd,),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


def inside(done: Completed) -> str:
    """Return what the program said in the sandbox."""
    return done.stdout.text + done.stderr.text


@contextmanager
def world(home: Path, calls: Mapping[str, int]) -> Iterator[World]:
    """Make files, a victim process and servers that a program may try to get at."""
    home = home.resolve()
    made = World(home, home / "granted", home / "readable", home / "outside")
    for folder in (made.granted, made.readable, made.outside):
        folder.mkdir()
    secret = made.outside / "secret.txt"
    secret.write_text(MARK)
    (made.readable / "file.txt").write_text("readable")
    shared = Path("/dev/shm") / f"ruster-{os.getpid()}"
    shared.write_text(MARK)
    with ExitStack() as stack:
        stack.callback(shared.unlink)
        made.secret_fd = os.open(secret, os.O_RDONLY)
        stack.callback(os.close, made.secret_fd)
        victim = stack.enter_context(_victim())
        path = home / "server.sock"
        made.values = {
            "calls": dict(calls),
            "granted": str(made.granted),
            "readable": str(made.readable),
            "outside": str(made.outside),
            "secret": str(secret),
            "mark": MARK,
            "victim": victim.pid,
            "shared": str(shared),
            "tcp": _listen(socket.AF_INET, ("127.0.0.1", 0), stack)[1],
            "socket": _listen(socket.AF_UNIX, str(path), stack),
            "abstract": home.name,
        }
        _listen(socket.AF_UNIX, f"\0{home.name}", stack)
        datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        datagrams.bind(str(home / "datagrams.sock"))
        stack.callback(datagrams.close)
        made.values["datagrams"] = str(home / "datagrams.sock")
        yield made


@contextmanager
def _victim() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [PYTHON, "-I", "-S", "-c", _VICTIM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"SECRET": MARK},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def _listen(family: int, address: object, stack: ExitStack) -> tuple[str, int]:
    """Accept connections in a thread and return the address."""
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind(address)  # type: ignore[arg-type]
    server.listen(64)

    def accept() -> None:
        with suppress(OSError):
            while True:
                server.accept()[0].close()

    threading.Thread(target=accept, daemon=True).start()
    stack.callback(server.close)
    stack.callback(server.shutdown, socket.SHUT_RDWR)
    name: tuple[str, int] = server.getsockname()
    return name

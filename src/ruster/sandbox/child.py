"""Runs one of our own small programs in a process that can be killed.

This confines nothing: the programs are ours, only what they read is not. It bounds their time and
their memory.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from ruster.core.errors import ToolError

__all__ = ["Ended", "run_child"]

_OUTPUT_BYTES = 4 << 20
_ERROR_BYTES = 64 << 10
_MEMORY_BYTES = 1 << 30
_LIMITS = (
    "import resource as r\n"
    "for kind, most in ((r.RLIMIT_CPU, {cpu}), (r.RLIMIT_AS, {memory}), (r.RLIMIT_CORE, 0)):\n"
    "    try: r.setrlimit(kind, (most, most))\n"
    "    except (OSError, ValueError): pass\n"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program said; ``failure`` is what it complained about when it failed."""

    text: str
    failure: str
    timed_out: bool


async def run_child(
    program: str,
    request: Mapping[str, object],
    timeout_s: float,
    *,
    attachment: bytes = b"",
    libraries: Sequence[str] = (),
    pass_fds: tuple[int, ...] = (),
) -> Ended:
    """Run the module ``program``; what it said before the time was over is kept.

    It reads ``request`` as one line of JSON on its standard input, then ``attachment``. Beside the
    standard library it can import ``libraries``, which have to be installed. Raises ToolError when
    no process can be started.
    """
    package, _, name = program.rpartition(".")
    source = files(package).joinpath(f"{name}.py").read_text("utf-8")
    limits = _LIMITS.format(cpu=int(timeout_s) + 2, memory=_MEMORY_BYTES)
    paths = f"import sys; sys.path += {sorted(map(_folder_of, libraries))!r}"
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", f"exec({limits!r})\n{paths}\nexec({source!r})"),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            pass_fds=pass_fds,
            env={"PYTHONUTF8": "1"},
        )
    except OSError as error:
        raise ToolError(f"cannot start a process: {error.strerror}") from error
    output, errors = bytearray(), bytearray()
    timed_out = False
    try:
        async with asyncio.timeout(timeout_s) as limit:
            await _talk(process, json.dumps(request).encode() + b"\n" + attachment, output, errors)
    except TimeoutError:
        timed_out = limit.expired()
    finally:
        await _end(process)
    failed = process.returncode != 0 and not timed_out
    complaint = errors.decode(errors="replace").strip().rpartition("\n")[2][:300]
    text = output.decode(errors="replace")
    return Ended(text, (complaint or "it ended early") if failed else "", timed_out)


def _folder_of(library: str) -> str:
    spec = find_spec(library)
    if spec is None or spec.origin is None:
        raise ToolError(f"the library {library} is not installed")
    return str(Path(spec.origin).parent.parent)


async def _talk(
    process: asyncio.subprocess.Process, request: bytes, output: bytearray, errors: bytearray
) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    reading = (
        _collect(process.stdout, output, _OUTPUT_BYTES),
        _collect(process.stderr, errors, _ERROR_BYTES),
    )
    await asyncio.gather(_feed(process.stdin, request), *reading)
    await process.wait()


async def _feed(stream: asyncio.StreamWriter, request: bytes) -> None:
    with suppress(ConnectionError):
        stream.write(request)
        await stream.drain()
        stream.close()


async def _collect(stream: asyncio.StreamReader, into: bytearray, limit: int) -> None:
    """Read to the end, keep the beginning."""
    while chunk := await stream.read(1 << 16):
        into += chunk[: limit - len(into)]


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process, empty its pipes, and wait for it."""
    with suppress(ProcessLookupError):
        process.kill()
    for stream in (process.stdout, process.stderr):
        while stream is not None and await stream.read(1 << 16):
            pass
    await process.wait()

"""A real daemon for a test: in this process, or as a child that can be killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType

from ruster.app import Daemon, Installation
from ruster.config.loader import load
from ruster.config.paths import Paths, first_run
from ruster.core.clock import Clock, SystemClock
from ruster.core.ports import Provider
from ruster.storage.disk import Disk

__all__ = ["DaemonProcess", "environment_for", "running_daemon", "short_folder"]

_NO_HUB = "http://127.0.0.1:9"  # the discard port: refused at once
_START_TIMEOUT_S = 20.0


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a temporary folder whose path leaves room for a socket's name (107 bytes)."""
    base = Path(tempfile.gettempdir())
    if len(os.fsencode(base)) > 70:
        base = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix="ru-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment_for(folder: Path, **settings: str) -> dict[str, str]:
    """Return the variables of a daemon that lives in ``folder``; settings as ``RUSTER_`` names.

    ``hub_url`` is where models are downloaded from; without it nothing is.
    """
    hub_url = settings.pop("hub_url", _NO_HUB)
    return {
        "HF_ENDPOINT": hub_url,
        "HF_HOME": str(folder / "hub"),
        "RUSTER_CONFIG_DIR": str(folder / "config"),
        "RUSTER_DATA_DIR": str(folder / "data"),
        "RUSTER_CACHE_DIR": str(folder / "cache"),
        "RUSTER_SOCKET_PATH": str(folder / "r.sock"),
        "RUSTER_DEFAULT_MODEL": "pinky/echo",
        "RUSTER_SHUTDOWN_PATIENCE_S": "1",
        **{f"RUSTER_{name.upper()}": value for name, value in settings.items()},
    }


@asynccontextmanager
async def running_daemon(
    folder: Path,
    *,
    disk: Disk | None = None,
    clock: Clock | None = None,
    providers: Mapping[str, Provider] | None = None,
    **settings: str,
) -> AsyncIterator[Daemon]:
    """Run a daemon in this event loop, with its files below ``folder`` and ``pinky/echo``.

    ``providers`` adds providers by prefix, or takes the place of ours.
    """
    environment = environment_for(folder, **settings)
    paths = Paths.of(environment)
    first_run(paths)
    installation = Installation(
        loaded=load(paths, environment),
        paths=paths,
        environment=environment,
        disk=disk or Disk(),
        clock=clock or SystemClock(),
        providers=providers or {},
    )
    async with Daemon(installation) as daemon:
        yield daemon


class DaemonProcess:
    """The daemon as a child process: ``async with DaemonProcess(folder) as daemon``."""

    def __init__(self, folder: Path, *, uid: int | None = None, **settings: str) -> None:
        self.folder = folder
        self.socket_path = folder / "r.sock"
        self.output = folder / "output.txt"
        self._uid = uid
        self._environment = environment_for(folder, **settings)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> DaemonProcess:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.stop()

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start and wait until the socket takes connections; raises RuntimeError if it ends."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ruster",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**_inherited(), **self._environment},
                user=self._uid,
            )
        async with asyncio.timeout(_START_TIMEOUT_S):
            while not await self._answers():
                if self._process.returncode is not None:
                    raise RuntimeError(f"the daemon ended: {self.output.read_text()}")
                await asyncio.sleep(0.01)

    async def stop(self) -> int:
        """End it in order and return its exit status."""
        return await self._signal(signal.SIGTERM)

    async def kill(self) -> None:
        """End it without a chance to do anything."""
        await self._signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for its end and return its exit status."""
        assert self._process is not None
        async with asyncio.timeout(_START_TIMEOUT_S):
            return await self._process.wait()

    async def _signal(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return await self.wait()

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(self.socket_path))
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def _inherited() -> dict[str, str]:
    """Return what a child needs of this process's environment, and nothing of ours."""
    keep = ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
    return {name: os.environ[name] for name in keep if name in os.environ} | {
        "PYTHONUNBUFFERED": "1"
    }

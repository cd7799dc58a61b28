"""The daemon as a program: its arguments, its log, its signals, its exit status.

``__main__`` starts it; ``app`` builds what runs.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ruster.app import Daemon, Installation
from ruster.config.loader import Loaded, load, process_environment
from ruster.config.paths import Paths, first_run
from ruster.core.errors import ConfigError, RusterError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.telemetry.log import Log, open_log
from ruster.telemetry.redact import looks_secret

__all__ = ["main"]

_USAGE = 2
_CONFIG = 78  # EX_CONFIG of sysexits.h
_FAILED = 1
_LAST_PATIENCE_S = 2.0


def main() -> int:
    """Run the daemon until it is told to stop; return the exit status."""
    if len(sys.argv) > 1:
        _complain("ruster takes no arguments; use rusterctl (try: rusterctl --help)")
        return _USAGE
    os.umask(0o077)
    environment = process_environment()
    try:
        paths = Paths.of(environment)
        first_run(paths)
        loaded = load(paths, environment)
        log = _open_log(loaded, paths, environment)
    except ConfigError as error:
        _complain(f"ruster: {error.message}")
        return _CONFIG
    gc.freeze()  # what is here by now stays to the end, and need not be looked through again
    try:
        asyncio.run(_serve(Installation(loaded, paths, environment, log)))
    except ConfigError as error:
        _complain(f"ruster: {error.message}")
        return _CONFIG
    except RusterError as error:
        _complain(f"ruster: {error.message}")
        return _FAILED
    finally:
        log.close()
    return 0


async def _serve(installation: Installation) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stopper(stop, number))
    async with Daemon(installation) as daemon:
        _introduce(installation)
        model = installation.loaded.settings.default_model
        telling = spawn(_tell_model(daemon, model), name="tell the model")
        await stop.wait()
        await cancel_and_wait(telling)
    # All is closed and kept. What still does not end, such as a plug-in that ignores its
    # cancellation, must not keep the process alive.
    loop.call_later(_LAST_PATIENCE_S, os._exit, 0)


def _stopper(stop: asyncio.Event, number: signal.Signals) -> Callable[[], None]:
    """Make a handler: the first signal stops in order, the second one at once."""

    def handle() -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    return handle


def _introduce(installation: Installation) -> None:
    socket = installation.loaded.settings.socket_path
    print(f"ruster listens on {socket}")
    print(
        f"talk to it: {_client_command()} chat, or JSON lines through: nc -U {socket}", flush=True
    )


def _client_command() -> str:
    """Return how ``rusterctl`` is called from here."""
    beside = Path(sys.argv[0]).with_name("rusterctl")
    if shutil.which("rusterctl") is None and beside.exists():
        return os.path.relpath(beside)
    return "rusterctl"


async def _tell_model(daemon: Daemon, model: str) -> None:
    """Say which model will answer, once the providers have been asked."""
    answering = await daemon.services.models.answering(model)
    if answering == model:
        print(f"model: {model}", flush=True)
    elif answering is not None:
        print(f"model: {answering}, because {model} cannot be reached", flush=True)
    elif (coming := daemon.services.first_download()) is not None:
        print(
            f"model: none is here yet: the first message downloads {coming}, or start {model}",
            flush=True,
        )
    else:
        print(f"model: none can answer yet: start {model}", flush=True)


def _open_log(loaded: Loaded, paths: Paths, environment: Mapping[str, str]) -> Log:
    secrets = [value for name, value in environment.items() if looks_secret(name)]
    token = loaded.settings.llm.proxy_auth_token
    if token is not None:
        secrets.append(token.get_secret_value())
    for provider in loaded.settings.providers.values():
        secrets += [value.get_secret_value() for value in provider.headers.values()]
    try:
        log = open_log(
            paths.log_file,
            loaded.settings.log_level,
            console=sys.stderr.isatty(),
            secrets=secrets,
        )
    except OSError as error:
        raise ConfigError(f"the log {paths.log_file} cannot be written: {error}") from error
    for warning in loaded.warnings:
        _complain(f"ruster: {warning}")
    return log


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

"""``rusterctl proxy serve``: the LLM proxy, until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ruster.cli.guard import INTERRUPTED
from ruster.config.loader import load, process_environment, variables
from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.errors import ConfigError, StorageError
from ruster.gateway.listening import parse_address
from ruster.llm.access import Variables
from ruster.proxy import read_token, serving
from ruster.storage.files import make_private_folder
from ruster.telemetry.log import Log, open_log
from ruster.telemetry.redact import looks_secret

__all__ = ["serve"]

_CONFIG = 78  # EX_CONFIG of sysexits.h


def _address(text: str | None) -> str | None:
    if text is not None:
        try:
            parse_address(text)
        except ConfigError as error:
            raise typer.BadParameter(error.message) from error
    return text


def serve(
    addr: Annotated[
        str | None,
        typer.Option(help="Where to listen, as host:port.", callback=_address, show_default=False),
    ] = None,
    ollama_url: Annotated[str | None, typer.Option(help="Where /ollama leads.")] = None,
) -> int:
    """Run an LLM proxy: /ollama, /xai and /gemini, with the keys of this machine.

    PROXY_AUTH_TOKEN is the token its clients must send. Without one it listens on this machine
    only. Keys come from XAI_API_KEY and GEMINI_API_KEY, or as [providers.NAME] says.
    """
    os.umask(0o077)
    environment = process_environment()
    paths = Paths.of(environment)
    try:
        loaded = load(paths, environment)
        given = {"addr": addr, "ollama_url": ollama_url}
        settings = _with(loaded.settings, {k: v for k, v in given.items() if v is not None})
        for warning in loaded.warnings:
            print(f"rusterctl: {warning}", file=sys.stderr)
        return asyncio.run(_serve(settings, variables(paths, environment), paths, environment))
    except ConfigError as error:
        print(f"rusterctl: {error.message}", file=sys.stderr)
        return _CONFIG


def _with(settings: Settings, given: Mapping[str, Any]) -> Settings:
    return settings.model_copy(update={"proxy": settings.proxy.model_copy(update=given)})


async def _serve(
    settings: Settings, look_up: Variables, paths: Paths, environment: Mapping[str, str]
) -> int:
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, INTERRUPTED)):
        asyncio.get_running_loop().add_signal_handler(number, _end, stop, number, status)
    token = await read_token(settings.proxy, look_up)
    log = _open_log(settings, paths, environment, token)
    try:
        async with serving(settings, look_up, token) as proxy:
            print(f"the LLM proxy listens on {proxy.url}")
            for prefix, url in proxy.leads_to.items():
                print(f"  /{prefix} leads to {url}")
            print("with a token" if token else "without a token: for this machine only", flush=True)
            return await stop
    finally:
        log.close()


def _end(stop: asyncio.Future[int], number: signal.Signals, status: int) -> None:
    """Stop in order at the first signal, at once at the second."""
    if stop.done():
        os._exit(128 + number)
    stop.set_result(status)


def _open_log(
    settings: Settings, paths: Paths, environment: Mapping[str, str], token: str | None
) -> Log:
    """Log beside the daemon, in a file of our own: two processes cannot rotate one."""
    secrets = [value for name, value in environment.items() if looks_secret(name)]
    path = paths.log_file.with_name("proxy.log")
    try:
        make_private_folder(path.parent)
        return open_log(
            path,
            settings.log_level,
            console=sys.stderr.isatty(),
            secrets=[*secrets, token] if token else secrets,
        )
    except (OSError, StorageError) as error:
        raise ConfigError(f"the log {path} cannot be written: {error}") from error

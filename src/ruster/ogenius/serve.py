"""``ogenius serve``: models over HTTP and WebSockets, until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import webbrowser
from collections.abc import Mapping
from typing import Annotated

import typer

from ruster.cli.guard import INTERRUPTED
from ruster.config.loader import load, process_environment
from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.errors import ConfigError, StorageError
from ruster.core.inference import Notice
from ruster.core.tasks import spawn
from ruster.gateway.listening import parse_address
from ruster.modelstore.inventory import DEFAULT
from ruster.ogenius.bringing import bring_all
from ruster.ogenius.opening import Choice, check_engine, lifecycle, open_genius
from ruster.ogenius.options import (
    DEFAULT_UNLOAD_S,
    STUB,
    ContextSizeOption,
    LoadModelsOption,
    NoUnloadOption,
    QuantOption,
    StubOption,
    ThinkingOption,
    UnloadAfterOption,
)
from ruster.ogenius.served import ServedModels
from ruster.ogenius.serving import Served, gateway_settings, serving
from ruster.ogenius.showing import tell_notice
from ruster.storage.files import make_private_folder
from ruster.telemetry.log import Log, open_log
from ruster.telemetry.redact import looks_secret

__all__ = ["serve"]

_log = logging.getLogger("ruster.ogenius")
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def _address(text: str) -> str:
    try:
        parse_address(text)
    except ConfigError as error:
        raise typer.BadParameter(error.message) from error
    return text


_Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Who answers those who name no model; the one that came here last, unless given.",
    ),
]
_Addr = Annotated[str, typer.Option("--addr", callback=_address, help="The page and the APIs.")]
_WsAddr = Annotated[str, typer.Option("--ws-addr", callback=_address, help="WebSockets.")]
_NoOpen = Annotated[bool, typer.Option("--no-open", help="Leave the browser closed.")]


def serve(  # noqa: PLR0913 - each is an option
    addr: _Addr = "127.0.0.1:8080",
    ws_addr: _WsAddr = "127.0.0.1:8081",
    model: _Model = None,
    quant: QuantOption = None,
    context_size: ContextSizeOption = None,
    show_thinking: ThinkingOption = True,
    load_models: LoadModelsOption = None,
    unload_after: UnloadAfterOption = DEFAULT_UNLOAD_S,
    no_unload: NoUnloadOption = False,
    no_open: _NoOpen = False,
    stub: StubOption = False,
) -> int:
    """Serve models: a page, HTTP and WebSockets. Everybody needs the token that is printed.

    A model that was unloaded comes back with the next request.
    """
    os.umask(0o077)
    kept = lifecycle(unload_after, no_unload=no_unload)
    choice = Choice(STUB if stub else model or DEFAULT, quant, context_size, kept)
    environment = process_environment()
    settings = load(Paths.of(environment), environment).settings
    own = settings.gateway
    own = gateway_settings(own, addr, ws_addr)
    settings = settings.model_copy(update={"gateway": own})
    return asyncio.run(
        _serve(settings, choice, load_models or [], show_thinking=show_thinking, opens=not no_open)
    )


async def _serve(
    settings: Settings, choice: Choice, others: list[str], *, show_thinking: bool, opens: bool
) -> int:
    environment = process_environment()
    paths = Paths.of(environment)
    async with open_genius(choice) as genius:
        check_engine(genius, choice.model, *others)
        await bring_all(genius, [choice.model, *others])
        stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, INTERRUPTED)):
            asyncio.get_running_loop().add_signal_handler(number, _end, stop, number, status)
        log = _open_log(settings, paths, environment)
        try:
            async with serving(
                settings.gateway,
                ServedModels(genius, show_thinking, _tell),
                genius.full_name(choice.model),
                paths.state / "ogenius.tokens.json",
                settings.shutdown_patience_s,
            ) as served:
                _greet(served, genius.full_name(choice.model))
                if opens and _has_screen(environment):
                    spawn(asyncio.to_thread(webbrowser.open, served.link), name="open the browser")
                return await stop
        finally:
            log.close()


def _greet(served: Served, model: str) -> None:
    print(f"{model} answers at {served.url}")
    print(f"  page        {served.link} (opens once, within five minutes)")
    print(f"  WebSockets  {served.socket_url}")
    print(f"  token       {served.token} (for this run: Authorization: Bearer …)", flush=True)


def _tell(notice: Notice) -> None:
    _log.info("%s", notice.message)
    tell_notice(notice)


def _end(stop: asyncio.Future[int], number: signal.Signals, status: int) -> None:
    """Stop in order at the first signal, at once at the second."""
    if stop.done():
        os._exit(128 + number)
    stop.set_result(status)


def _has_screen(environment: Mapping[str, str]) -> bool:
    """Tell whether there is a browser that does not take the terminal."""
    return sys.platform == "darwin" or any(environment.get(name) for name in _SCREENS)


def _open_log(settings: Settings, paths: Paths, environment: Mapping[str, str]) -> Log:
    """Log beside the daemon, in a file of our own: two processes cannot rotate one."""
    path = paths.log_file.with_name("ogenius.log")
    secrets = [value for name, value in environment.items() if looks_secret(name)]
    try:
        make_private_folder(path.parent)
        return open_log(path, settings.log_level, console=False, secrets=secrets)
    except (OSError, StorageError) as error:
        raise ConfigError(f"the log {path} cannot be written: {error}") from error

"""What stands around every command: whatever goes wrong becomes one line and an exit status."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import typer

from ruster.core.errors import DaemonUnreachable, RusterError

__all__ = ["FAILED", "INTERRUPTED", "NO_DAEMON", "PIPE_CLOSED", "USAGE", "guarded"]

FAILED = 1
"""The daemon refused, or the turn failed or was cancelled by somebody else."""
USAGE = 2
NO_DAEMON = 3
INTERRUPTED = 130
"""Ctrl-C."""
PIPE_CLOSED = 141
"""The reader of our output went away, as for any program ended by SIGPIPE."""

_HOW_TO_START = "start one with: ruster (or: make run, or: systemctl --user start ruster)"


def guarded(function: Callable[..., int | None], program: str = "rusterctl") -> Callable[..., None]:
    """Wrap a command of ``program``: it may raise what it likes and return its exit status."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        status = _run(program, functools.partial(function, *args, **kwargs))
        if status:
            raise typer.Exit(status)

    return run


def _run(program: str, command: functools.partial[int | None]) -> int:
    _let_interrupts_raise()
    as_json = bool(command.keywords.get("as_json"))
    try:
        try:
            return command() or 0
        except RusterError as error:
            return _report(program, error, as_json=as_json)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: no traceback reaches a user
        fault = RusterError(f"a fault in {program} itself: {type(error).__name__}: {error}")
        return _report(program, fault, as_json=as_json)


def _report(program: str, error: RusterError, *, as_json: bool) -> int:
    """Say what went wrong on one line: for people, or as an ``error`` event."""
    message = error.message
    unreachable = isinstance(error, DaemonUnreachable)
    if unreachable and message.startswith("no daemon"):
        message = f"{message}; {_HOW_TO_START}"
    if as_json:
        event = {"event": "error", "code": error.code, "error": message}
        print(json.dumps(event | ({"retryable": True} if error.retryable else {})), flush=True)
    else:
        print(f"{program}: {message}", file=sys.stderr)
    return NO_DAEMON if unreachable else FAILED


def _let_interrupts_raise() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _forget_output() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not fail again."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)

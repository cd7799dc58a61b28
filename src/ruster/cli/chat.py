"""``rusterctl chat``: line in, answer out, until the person leaves."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Protocol

from ruster.cli.conversation import Conversation
from ruster.cli.guard import FAILED
from ruster.cli.lines import PipedLines
from ruster.cli.location import history_file, socket_path
from ruster.cli.options import DEFAULT_SESSION, JsonOption, ModelOption, SessionOption, SocketOption
from ruster.cli.prompt import TypedLines
from ruster.cli.slash import completions, is_for_agent, run_slash
from ruster.cli.terminal import is_terminal, printable, red, visible
from ruster.client import Client
from ruster.core.errors import RusterError

__all__ = ["chat"]

_PATIENCE_S = 15.0
_LEAVE = ("exit", "quit")


class _Lines(Protocol):
    async def read(self) -> str | None:
        """Return the next line, None at the end."""
        ...


def chat(
    session: SessionOption = DEFAULT_SESSION,
    model: ModelOption = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> int:
    """Talk to the agent. /help lists what can be said to the chat itself.

    Ctrl-C cancels the running turn; at an empty prompt, twice, it leaves. When stdin is no
    terminal each of its lines is a message, and only the answers are printed.
    """
    return asyncio.run(_chat(socket_path(socket), session, model, as_json))


async def _chat(path: Path, session: str, model: str | None, as_json: bool) -> int:
    typed = sys.stdin.isatty() and is_terminal() and not as_json
    async with Client(path, patience_s=_PATIENCE_S) as client:
        lines = TypedLines(history_file(), lambda: completions(talk)) if typed else None
        talk = Conversation(client, lines, as_json=as_json)
        await talk.enter(session, model)
        if typed:
            with contextlib.suppress(RusterError):  # they are only for completion yet
                await talk.learn_skills()
            print(f"session {session}, model {printable(talk.model)}; /help for help")
        try:
            return await _converse(talk, lines or PipedLines())
        finally:
            await talk.leave()


async def _converse(talk: Conversation, lines: _Lines) -> int:
    status = 0
    while (line := await lines.read()) is not None:
        text = line.strip()
        if text in _LEAVE:
            break
        try:
            if text.startswith("/") and not await is_for_agent(talk, text):
                await run_slash(talk, text)
            elif text and await talk.say(text if text.startswith("/") else line) == "failed":
                status = FAILED
        except EOFError:
            break
        except RusterError as error:
            status = FAILED
            _complain(error)
    return 0 if talk.on_terminal else status


def _complain(error: RusterError) -> None:
    if is_terminal():
        print(red(visible(error.message)), flush=True)
    else:
        print(f"rusterctl: {error.message}", file=sys.stderr)

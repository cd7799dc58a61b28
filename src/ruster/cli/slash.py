"""What can be said to the chat itself: the lines that begin with a slash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ruster.cli.conversation import Conversation
from ruster.cli.sessions import record_lines
from ruster.cli.status import status_rows
from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable
from ruster.cli.why import print_why

__all__ = ["SLASH", "Slash", "completions", "is_for_agent", "run_slash"]

_TOOL = "/tool"
_HISTORY_RECORDS = 20
_Run = Callable[[Conversation, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Slash:
    """One command of the chat."""

    help: str
    run: _Run


async def _help(talk: Conversation, argument: str) -> None:
    rows = [(name, slash.help) for name, slash in SLASH.items()]
    rows.append((_TOOL, "[NAME ARGUMENTS] list the tools, or run one without any model"))
    rows.append(("/SKILL", "MESSAGE say something with a skill; rusterctl skills list names them"))
    print_rows(("Command", "Does"), rows)
    print("Alt-Enter, or Enter after \\, begins a new line; Ctrl-C cancels the running turn.")


async def _model(talk: Conversation, argument: str) -> None:
    if argument:
        await talk.enter(talk.session_id, argument)
    print(f"model: {printable(talk.model)}")


async def _sessions(talk: Conversation, argument: str) -> None:
    listed = await talk.client.list()
    rows = [
        ("*" if d.session_id == talk.session_id else "", d.session_id, d.model, d.title)
        for d in listed.details
    ]
    print_rows(("", "Session", "Model", "Title"), rows)


async def _switch(talk: Conversation, argument: str) -> None:
    known = (await talk.client.list()).sessions
    if argument not in known:
        print(f"there is no session {argument!r}; known: {', '.join(known)}; or: /new {argument}")
        return
    await talk.enter(argument)
    print(f"session: {talk.session_id} ({printable(talk.model)})")


async def _new(talk: Conversation, argument: str) -> None:
    known = set((await talk.client.list()).sessions)
    if argument in known:
        print(f"there is a session {argument!r} already; /switch {argument} goes there")
        return
    free = (f"chat-{n}" for n in range(1, len(known) + 2) if f"chat-{n}" not in known)
    await talk.enter(argument or next(free))
    print(f"session: {talk.session_id} ({printable(talk.model)})")


async def _history(talk: Conversation, argument: str) -> None:
    wanted = int(argument) if argument.isdigit() else _HISTORY_RECORDS
    wanted = max(1, min(wanted, 1000))
    total = (await talk.client.history(talk.session_id, limit=1)).total
    start = max(0, total - wanted)
    page = await talk.client.history(talk.session_id, limit=wanted, offset=start)
    print("".join(printable(record_lines(record)) for record in page.history), end="")


async def _status(talk: Conversation, argument: str) -> None:
    print_rows(("What", "Value"), status_rows(await talk.client.status()))


async def _why(talk: Conversation, argument: str) -> None:
    print_why(await talk.client.why(talk.session_id, argument or None))


async def _cancel(talk: Conversation, argument: str) -> None:
    report = await talk.client.cancel(talk.session_id, queued=True)
    print("cancelled" if report.cancelled or report.dropped else "no turn is running")


async def _think(talk: Conversation, argument: str) -> None:
    if argument in ("on", "off"):
        talk.think = argument == "on"
    print(f"thinking is {'shown' if talk.think else 'hidden'}; /think on or /think off")


async def _quit(talk: Conversation, argument: str) -> None:
    raise EOFError


SLASH = {
    "/help": Slash("this list", _help),
    "/model": Slash("[provider/model] tell or change the session's model", _model),
    "/sessions": Slash("list the sessions", _sessions),
    "/switch": Slash("NAME go to another session", _switch),
    "/new": Slash("[NAME] begin a new session", _new),
    "/history": Slash("[N] the last records of this session", _history),
    "/why": Slash("[TURN] how the last answer came about, or that of a turn", _why),
    "/status": Slash("how the daemon is", _status),
    "/cancel": Slash("end whatever runs or waits in this session", _cancel),
    "/think": Slash("on|off show the model's thoughts", _think),
    "/quit": Slash("leave; so do exit, quit and Ctrl-D", _quit),
}
"""The commands, in the order of the help."""


def completions(talk: Conversation) -> list[str]:
    """Name everything that may stand after a slash."""
    return [*SLASH, _TOOL, *(f"/{name}" for name in talk.skills)]


async def is_for_agent(talk: Conversation, line: str) -> bool:
    """Whether a line that begins with a slash is a message: it calls a tool, or names a skill.

    Raises RusterError.
    """
    name = line.split(maxsplit=1)[0]
    if name in SLASH:
        return False
    return name == _TOOL or await talk.has_skill(name.removeprefix("/"))


async def run_slash(talk: Conversation, line: str) -> None:
    """Run a line that begins with a slash; raises EOFError to leave, RusterError if it fails."""
    name, _, argument = line.partition(" ")
    slash = SLASH.get(name)
    if slash is None:
        print(f"there is no {printable(name)}; /help lists the commands")
        return
    await slash.run(talk, argument.strip())

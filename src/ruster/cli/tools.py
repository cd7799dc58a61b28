"""``rusterctl tools``: what the agent can do, and having it done without any model."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import Annotated

import typer

from ruster.cli.ask import answer_once
from ruster.cli.guard import FAILED
from ruster.cli.location import socket_path
from ruster.cli.options import DEFAULT_SESSION, JsonOption, SessionOption, SocketOption
from ruster.cli.request import ensure_session, request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import clean_argument
from ruster.cli.views import AnswerView, JsonView
from ruster.client.sync import SyncClient
from ruster.protocol.events import ToolListing, ToolSummary

__all__ = ["list_tools", "run", "tool_text"]

_MaybeSession = Annotated[
    str | None, typer.Option("--session", "-s", help="Also the tools of this session's skills.")
]
_Name = Annotated[str, typer.Argument(help="The tool's name.")]
_Arguments = Annotated[
    list[str] | None,
    typer.Argument(help="name=value words, a JSON object, or the text the tool is about."),
]


def list_tools(
    session: _MaybeSession = None, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """List the tools: effects, risk, the skill that brings one, what it does."""
    listed = request(socket, ToolListing, "tool_list", as_json, session_id=session)
    if listed is not None:
        heads = ("Tool", "Effects", "Risk", "Skill", "What it does")
        print_rows(heads, [_row(tool) for tool in listed.tools])


def run(
    name: _Name,
    arguments: _Arguments = None,
    session: SessionOption = DEFAULT_SESSION,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run a tool and print what it says; no model is asked.

    rusterctl tools run file_read path=notes.md limit=5

    Words that begin with a hyphen go behind "--". Exit status: 0 done, 1 refused or failed.
    """
    ensure_session(session, socket)
    words = [clean_argument(word) for word in arguments or ()]
    text = tool_text(name, words, _fields(name, session, socket))
    if as_json:
        return answer_once(socket, session, None, text, JsonView())
    view = AnswerView()
    status = answer_once(socket, session, None, text, view)
    return status or (FAILED if _has_failed(name, view.text) else 0)


def tool_text(name: str, words: Sequence[str], fields: Collection[str]) -> str:
    """Write a call as a message; ``fields`` are the tool's arguments.

    Words that all name one of them keep their blanks, anything else is one text.
    """
    named = all("=" in word and word.partition("=")[0] in fields for word in words)
    return " ".join(["/tool", name, *(map(shlex.quote, words) if named else words)])


def _fields(name: str, session: str, socket: str | None) -> Collection[str]:
    with SyncClient(socket_path(socket)) as client:
        listed = client.call("tool_list", session_id=session).event
    tools = listed.tools if isinstance(listed, ToolListing) else ()
    found = next((tool.parameters for tool in tools if tool.name == name), {})
    return list(found.get("properties", {}))


def _has_failed(name: str, answer: str) -> bool:
    """Whether the answer's first line, which the daemon writes, tells of a failure."""
    first = answer.partition("\n")[0]
    return first == f"[tool:{name}] failed" or first.startswith("error: ")


def _row(tool: ToolSummary) -> tuple[str, ...]:
    effects = ", ".join(tool.effects)
    return tool.name, effects, tool.risk, tool.skill or "", tool.description

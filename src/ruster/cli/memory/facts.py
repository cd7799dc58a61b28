"""``rusterctl memory set``, ``get``, ``delete``, ``keys`` and ``flush``: facts by name."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ruster.cli.memory.asking import agreed
from ruster.cli.memory.options import MemorySession
from ruster.cli.memory.wording import counted
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import clean_argument, printable
from ruster.core.errors import ProtocolError
from ruster.protocol.events import MemoryDeleted, MemoryFlushed, MemoryKeyListing, MemoryValue

__all__ = ["delete_fact", "flush_facts", "get_fact", "list_keys", "set_fact"]

_Key = Annotated[str, typer.Argument(help="The name, such as user.city.")]
_Value = Annotated[str, typer.Argument(help="What it holds from now on.")]
_History = Annotated[bool, typer.Option("--history", help="Also what it held before.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_Pattern = Annotated[str, typer.Argument(help="* stands for any characters.")]


def set_fact(
    key: _Key,
    value: _Value,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a name a value; what it held before is kept."""
    done = request(
        socket,
        MemoryValue,
        "memory_set",
        as_json,
        session_id=session,
        key=clean_argument(key),
        value=clean_argument(value),
    )
    if done is not None:
        print(printable(f"{done.key} = {done.value}"))


def get_fact(
    key: _Key,
    history: _History = False,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> int:
    """Print what a name holds; status 1 if it holds nothing."""
    found = request(
        socket,
        MemoryValue,
        "memory_get",
        as_json,
        session_id=session,
        key=clean_argument(key),
        history=history or None,
    )
    if found is None:
        return 0
    if found.history is None:
        print(printable(found.value or ""))
        return 0
    rows = [] if found.value is None else [(found.since or "", "", found.value)]
    rows += [(it.since, it.until, it.value) for it in found.history]
    print_rows(("Since", "Until", "Value"), rows)
    return 0 if found.value is not None else 1


def delete_fact(
    key: _Key,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> int:
    """End what a name holds; "forget --key" also deletes what it held."""
    done = request(
        socket, MemoryDeleted, "memory_delete", as_json, session_id=session, key=clean_argument(key)
    )
    if done is None:
        return 0
    print(printable(f"{done.key} holds nothing{' any more' if done.deleted else ''}"))
    return 0 if done.deleted else 1


def list_keys(
    pattern: _Pattern = "*",
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the names that hold something."""
    after: str | None = None
    while True:
        page = request(
            socket,
            MemoryKeyListing,
            "memory_keys",
            as_json,
            session_id=session,
            pattern=clean_argument(pattern),
            after=after,
        )
        if page is None:
            return
        for key in page.keys:
            print(printable(key))
        if not page.more:
            return
        after = page.keys[-1]


def flush_facts(
    yes: _Yes = False,
    session: MemorySession = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> int:
    """End what all names hold; their history stays, "forget --key '*'" also deletes that."""
    if as_json and not yes:
        raise ProtocolError("with --json nobody can be asked; say --yes")
    if not yes and not agreed("End what all names hold?"):
        print("nothing was changed", file=sys.stderr)
        return 1
    done = request(socket, MemoryFlushed, "memory_flush", as_json, session_id=session, confirm=True)
    if done is not None:
        print(f"{counted(done.names, 'name')} ended")
    return 0

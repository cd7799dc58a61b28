"""``rusterctl ui`` and ``rusterctl gateway``: the page, and tokens for programs."""

from __future__ import annotations

import re
import webbrowser
from typing import Annotated

import typer

from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.question import safe
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import printable
from ruster.protocol import events

__all__ = ["add", "list_tokens", "revoke", "ui"]

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LIFE = re.compile(r"(\d{1,5})([mhdw])\Z")


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    match = _LIFE.match(text)
    if match is None or int(match[1]) == 0:
        raise typer.BadParameter("write it as 90m, 12h, 30d or 8w")
    return float(int(match[1]) * _UNITS[match[2]])


_Owner = Annotated[
    int | None, typer.Option("--uid", min=0, help="Whose sessions it opens, if not yours.")
]


def ui(
    token: Annotated[
        bool, typer.Option("--token", help="Print a new token instead of a link.")
    ] = False,
    open_it: Annotated[
        bool,
        typer.Option(
            "--open", help="Open it in the browser; others here may see the link meanwhile."
        ),
    ] = False,
    owner: _Owner = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link to the page. It works once, within five minutes, and lets that browser in."""
    if token:
        _add("rusterctl ui", owner, None, socket, as_json)
        return
    link = request(socket, events.GatewayLinked, "gateway_link", as_json, **_of(owner))
    if link is not None:
        print(link.url, flush=True)
        if open_it:
            webbrowser.open(link.url)


def add(
    label: Annotated[str, typer.Argument(help="What it is for, to know it by.")],
    lasts: Annotated[
        str | None, typer.Option("--lasts", help="How long it works: 90m, 12h, 30d, 8w.")
    ] = None,
    owner: _Owner = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token and print it. It is shown once: only its hash is kept."""
    _add(label, owner, _seconds(lasts), socket, as_json)


def list_tokens(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """List the tokens, the oldest first."""
    listed = request(socket, events.GatewayTokenListing, "gateway_token_list", as_json)
    if listed is not None:
        rows = [
            (
                it.token_id,
                safe(it.label),
                str(it.owner),
                it.state,
                it.created,
                it.expires or "",
                str(it.open),
            )
            for it in listed.tokens
        ]
        print_rows(("Token", "Label", "User", "State", "Created", "Expires", "Open"), rows)


def revoke(
    token_id: Annotated[str, typer.Argument(help="The token, as gateway token list names it.")],
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token useless at once; what its holder has open is ended."""
    done = request(
        socket, events.GatewayTokenRevoked, "gateway_token_revoke", as_json, token_id=token_id
    )
    if done is not None:
        print(printable(f"{done.token_id} is revoked"))


def _add(
    label: str, owner: int | None, lasts_s: float | None, socket: str | None, as_json: bool
) -> None:
    fields = {"label": label, **_of(owner), **({} if lasts_s is None else {"lasts_s": lasts_s})}
    made = request(socket, events.GatewayTokenAdded, "gateway_token_add", as_json, **fields)
    if made is not None:
        print(made.token, flush=True)


def _of(owner: int | None) -> dict[str, int]:
    return {} if owner is None else {"owner": owner}

"""``rusterctl raw``: JSON Lines from stdin to the daemon, and what it says to stdout."""

from __future__ import annotations

import os
import select
import socket as sockets
import sys

from ruster.cli.location import socket_path
from ruster.cli.options import JsonOption, SocketOption
from ruster.core.errors import DaemonUnreachable

__all__ = ["raw"]

_CHUNK_BYTES = 64 * 1024


def raw(socket: SocketOption = None, as_json: JsonOption = False) -> int:
    """Pipe JSON Lines to the daemon and back, as they are.

    echo '{"action":"list"}' | rusterctl raw

    It ends when stdin has ended and every command is answered; after an attach, with Ctrl-C.
    """
    path = socket_path(socket)
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as daemon:
        try:
            daemon.connect(str(path))
        except OSError as error:
            reason = error.strerror or error
            raise DaemonUnreachable(f"no daemon listens on {path}: {reason}") from error
        _pump(daemon)
    return 0


def _pump(daemon: sockets.socket) -> None:
    """Copy both ways until the daemon closes the connection; neither way waits for the other."""
    source, sink = sys.stdin.fileno(), sys.stdout.buffer
    outgoing, open_input = b"", True
    daemon.setblocking(False)
    while True:
        wanted = [daemon, source] if open_input and not outgoing else [daemon]
        readable, writable, _ = select.select(wanted, [daemon] if outgoing else [], [])
        try:
            if daemon in readable:
                chunk = daemon.recv(_CHUNK_BYTES)
                if not chunk:
                    return
                sink.write(chunk)
                sink.flush()
            if writable:
                outgoing = outgoing[daemon.send(outgoing) :]
        except ConnectionError:
            return
        if source in readable:
            outgoing = os.read(source, _CHUNK_BYTES)
            open_input = bool(outgoing)
            if not open_input:
                daemon.shutdown(sockets.SHUT_WR)

"""Who is at the other end of a UNIX socket, as the kernel tells."""

from __future__ import annotations

import socket
import struct

__all__ = ["peer_uid"]

_UCRED = struct.Struct("iII")  # pid, uid, gid: unix(7), SO_PEERCRED
_XUCRED = struct.Struct("2I")  # version, uid, ...: <sys/ucred.h> on macOS
_SOL_LOCAL, _LOCAL_PEERCRED = 0, 1


def peer_uid(sock: socket.socket) -> int:
    """Return the uid of the process that connected; raises OSError if the kernel cannot say."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(raw)[1])
    raw = sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)
    return int(_XUCRED.unpack_from(raw)[1])

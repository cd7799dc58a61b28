"""How llama.cpp's compute threads wait for each other: set before its library is loaded."""

from __future__ import annotations

import ctypes

__all__ = ["limit_spinning"]

_SPINS = b"3000"


def limit_spinning() -> None:
    """Let threads sleep after a short spin at a barrier, unless the user has said how they wait.

    GNU OpenMP's default is to spin for milliseconds. A thread that another program has pushed aside
    then keeps all others burning their cores: steps take many times as long. A short spin costs
    nothing where the machine is quiet (``bench.engine_peer`` shows it).
    """
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_char_p
    if not libc.getenv(b"OMP_WAIT_POLICY"):
        libc.setenv(b"GOMP_SPINCOUNT", _SPINS, 0)  # 0: what is set already stays

"""The one place that imports llama.cpp's low-level binding; compute thread only.

It also holds what must live as long as the library does: the log callback, and the C function that
llama.cpp asks whether to abort.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
from importlib import metadata
from typing import Any

from llama_cpp import llama_cpp as lib

__all__ = [
    "CancelFlag",
    "abort_callback",
    "free_device_bytes",
    "give_memory_back",
    "lib",
    "start",
    "version",
]

_WARN, _CONTINUED = 3, 5
_GPU = 1  # of ggml_backend_dev_type: one with memory of its own
_last_level = 0
_log = logging.getLogger("ruster.engine")


def _worth_telling(level: int, text: bytes) -> bool:
    """Tell whether a piece of llama.cpp's log is, or continues, a warning or an error."""
    global _last_level
    if level != _CONTINUED:
        _last_level = level
    return _last_level >= _WARN and bool(text.strip(b".\n"))


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _log_to_stderr(level: int, text: bytes, _data: Any) -> None:
    """Pass it on to the child's stderr, which the host reads into its own log."""
    if _worth_telling(level, text):
        os.write(2, text)


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _log_directly(level: int, text: bytes, _data: Any) -> None:
    if _worth_telling(level, text):
        _log.debug("llama.cpp: %s", text.decode("utf-8", "replace").rstrip())


def version() -> str:
    """Return the binding's version, with which its library and its state format may change."""
    return metadata.version("llama-cpp-python")


def start(*, in_child: bool = True) -> None:
    """Initialise the library; call it on the thread that will decode.

    What it has to say goes to stderr in a child process, else into the log.
    """
    os.putenv("GGML_NO_BACKTRACE", "1")  # it starts a debugger, which may wait for ever
    lib.llama_log_set(_log_to_stderr if in_child else _log_directly, None)
    lib.llama_backend_init()


def free_device_bytes() -> int | None:
    """Return the free memory of all GPUs that have their own; None without any.

    Also None when the binding does not tell.
    """
    try:
        from llama_cpp._ggml import libggml as ggml

        ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
        ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
        ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
        ggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
        ggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        devices = [ggml.ggml_backend_dev_get(it) for it in range(ggml.ggml_backend_dev_count())]
        sizes = [_free_bytes(ggml, it) for it in devices if ggml.ggml_backend_dev_type(it) == _GPU]
    except (ImportError, AttributeError, OSError):
        return None
    return sum(sizes) if sizes else None


def _free_bytes(ggml: ctypes.CDLL, device: int) -> int:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    return free.value


def give_memory_back() -> None:
    """Free what Python holds in cycles, and have the C library return it, if it can (glibc)."""
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


# llama.cpp calls the abort function about a thousand times per token, from its compute threads. A
# Python function would take the interpreter's lock each time. libc's strlen has the right shape: of
# the one-byte string behind the flag it returns 0 or 1.
abort_callback = ctypes.cast(ctypes.CDLL(None).strlen, lib.ggml_abort_callback)


class CancelFlag:
    """A flag that native code reads without Python's help; set it from any thread."""

    def __init__(self) -> None:
        self._byte = (ctypes.c_char * 2)(b"\0", b"\0")

    @property
    def address(self) -> int:
        """Where the flag lies, for ``abort_callback_data``."""
        return ctypes.addressof(self._byte)

    def set(self) -> None:
        """Ask for an end; takes effect within the running decode."""
        self._byte[0] = b"\x01"

    def clear(self) -> None:
        """Take the wish back."""
        self._byte[0] = b"\0"

    def is_set(self) -> bool:
        """Tell whether an end was asked for."""
        return bool(self._byte[0] != b"\0")

"""What requests to the web and scripts bring back."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ScriptResult", "WebAnswer"]


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """The answer at the end of all redirects; ``url`` is the last address.

    ``body`` is decompressed, ``text`` the same as text. ``origin`` names where it came from
    (``web:example.com``), for ``Taint``: none of this is to be trusted. Every status is an answer.
    """

    url: str
    status: int
    content_type: str
    body: bytes
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """What a script returned, logged and printed; ``origins`` is whose text it has seen."""

    text: str
    log: tuple[str, ...] = ()
    printed: str = ""
    origins: tuple[str, ...] = ()

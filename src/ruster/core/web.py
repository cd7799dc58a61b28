"""What a request to the web brings back."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WebAnswer"]


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

"""The page and its files, read once from the package, each with its ETag; and the page's policy.

``index.html`` is at ``/``, every other file at ``/page/NAME``. What is not listed does not exist:
no path is ever joined to a folder.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

__all__ = ["PageFile", "page_file", "page_policy", "read_page"]

_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
    "webmanifest": "application/manifest+json",
}
_MAX_FILE_BYTES = 2 << 20
_INDEX = "index.html"
_INLINE = re.compile(rb"<(script|style)(?:\s[^>]*)?>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.\[\]:_-]{1,300}\Z")


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file. ``hashes`` are those of what stands in it, by element: ``script``, ``style``."""

    data: bytes
    content_type: str
    etag: str
    hashes: Mapping[str, tuple[str, ...]]


def read_page() -> dict[str, PageFile]:
    """Return the page's files by their path (blocks)."""
    folder = resources.files("ruster.gateway") / "page"
    files = {}
    for entry in folder.iterdir():
        kind = _TYPES.get(entry.name.rpartition(".")[2])
        if kind is not None and entry.is_file():
            data = entry.read_bytes()
            if len(data) <= _MAX_FILE_BYTES:
                path = "/" if entry.name == _INDEX else f"/page/{entry.name}"
                files[path] = page_file(data, kind)
    return files


def page_file(data: bytes, content_type: str = _TYPES["html"]) -> PageFile:
    """Return a file with what belongs to it."""
    return PageFile(data, content_type, f'"{_hash(data)[:32]}"', _inline_hashes(data))


def page_policy(file: PageFile, host: str, *, secure: bool, socket_port: int | None) -> str:
    """Return the Content-Security-Policy of a page asked for under ``host`` (``name:port``).

    Scripts and styles are files of ours or what stood in the file; it talks to us only.
    """
    name = host.rpartition(":")[0] if re.search(r":\d+\Z", host) else host
    scheme = "wss" if secure else "ws"
    connect = ["'self'"]
    if _PLAIN_HOST.match(host):
        connect.append(f"{scheme}://{host}")
        if socket_port is not None:
            connect.append(f"{scheme}://{name}:{socket_port}")
    parts = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *file.hashes["script"]],
        "style-src": ["'self'", *file.hashes["style"]],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'"],
        "manifest-src": ["'self'"],
        "connect-src": connect,
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in parts.items())


def _inline_hashes(data: bytes) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {"script": [], "style": []}
    for match in _INLINE.finditer(data):
        digest = base64.b64encode(hashlib.sha256(match[2]).digest()).decode()
        found[match[1].decode().lower()].append(f"'sha256-{digest}'")
    return {element: tuple(hashes) for element, hashes in found.items()}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

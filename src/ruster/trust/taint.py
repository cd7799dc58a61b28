"""Taint: whose words a conversation holds beside the user's own.

Text taints when somebody else may have written it: what came over the network, files outside the
folders the user has named, messages of other people. An answer given in a tainted turn is tainted
too, since the model may have been told what to say. A mark leaves a conversation only together
with the message that carries it.

An origin is ``kind:name``. Messages carry theirs in ``Message.origins``; a line of a history has
the same as a list under ``origins``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruster.core.messages import Message
from ruster.core.tools import Taint
from ruster.trust.facts import host_of, path_of

__all__ = [
    "MAX_ORIGINS",
    "ORIGINS",
    "file_origin",
    "marked",
    "origins_of_record",
    "sender_origin",
    "taint_of",
    "tool_origin",
    "web_origin",
    "with_origins",
]

ORIGINS = "origins"
"""The member of a history's line."""
MAX_ORIGINS = 32
"""Origins one message carries; of more, the rest become ``other:more``."""
_REST = "other:more"
_MAX_CHARS = 200


def web_origin(address: str) -> str:
    """Name the origin of what came from an address or host."""
    return _origin("web", host_of(address) or "unknown")


def file_origin(path: Path, own_folders: Sequence[Path]) -> str | None:
    """Name the origin of a file's text; None for a file in one of the user's named folders."""
    found = path_of(str(path))
    roots = [root for folder in own_folders if (root := path_of(str(folder))) is not None]
    if found is not None and any(found.is_relative_to(root) for root in roots):
        return None
    return _origin("file", str(path))


def sender_origin(channel: str, sender: str) -> str:
    """Name the origin of a message that somebody other than the owner sent."""
    return _origin("sender", f"{channel}/{sender}")


def tool_origin(tool: str) -> str:
    """Name the origin of what a foreign tool says, such as one of an MCP server."""
    return _origin("tool", tool)


def marked(message: Message, taint: Taint) -> Message:
    """Return the message with all origins of the turn it was said in."""
    origins = _bounded({*message.origins, *taint.origins})
    return message if origins == message.origins else replace(message, origins=origins)


def taint_of(messages: Iterable[Message]) -> Taint:
    """Return the taint of a conversation as a model is shown it."""
    return Taint({origin for message in messages for origin in message.origins})


def with_origins(record: Mapping[str, Any], origins: Iterable[str]) -> dict[str, Any]:
    """Return a history's line that keeps origins; unchanged without any."""
    kept = _bounded(set(origins))
    return {**record, ORIGINS: list(kept)} if kept else dict(record)


def origins_of_record(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the origins of a history's line. What is no list of texts counts as doubtful."""
    found = record.get(ORIGINS, [])
    if isinstance(found, list) and all(isinstance(it, str) for it in found):
        return _bounded(set(found))
    return ("other:unreadable",)


def _bounded(origins: set[str]) -> tuple[str, ...]:
    ordered = sorted(origins)
    if len(ordered) <= MAX_ORIGINS:
        return tuple(ordered)
    kept = [it for it in ordered if it != _REST]
    return (*kept[: MAX_ORIGINS - 1], _REST)


def _origin(kind: str, name: str) -> str:
    """Write an origin; names come from strangers and are shown to people."""
    safe = "".join(char if char.isprintable() else "?" for char in name)
    return f"{kind}:{safe[:_MAX_CHARS]}"

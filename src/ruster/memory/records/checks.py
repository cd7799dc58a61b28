"""What a record, a fact or a question may hold; everything else is a typed error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ruster.core.errors import MemoryError
from ruster.core.memory import Record

__all__ = ["MAX_TEXT_BYTES", "check_label", "check_text", "checked_origins", "checked_record"]

MAX_TEXT_BYTES = 1 << 20
_MAX_METADATA_BYTES = 64 << 10
_MAX_LABEL_CHARS = 256
_MAX_SOURCE_BYTES = 8192
_MAX_TAGS = 64
_MAX_ORIGINS = 32
_REST = "other:more"
_EARLIEST, _LATEST = -6.2e10, 2.5e11
"""Seconds since the epoch that are dates of the years 5 to 9892."""


def check_text(text: str, what: str = "text", max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Return ``text``; raises MemoryError (``text_invalid``, ``text_too_large``)."""
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise _invalid(f"the {what} has half of a character at position {error.start}") from None
    if size > max_bytes:
        raise MemoryError(
            f"the {what} has {size:,} bytes and the memory takes {max_bytes:,}; split it",
            code="text_too_large",
        )
    if "\0" in text:
        raise _invalid(f"the {what} has a NUL character at position {text.index(chr(0))}")
    return text


def check_label(text: str, what: str) -> str:
    """Return a short text such as a tag; raises MemoryError (``text_invalid``)."""
    if len(text) > _MAX_LABEL_CHARS:
        raise _invalid(f"the {what} has {len(text)} characters and may have {_MAX_LABEL_CHARS}")
    return check_text(text, what)


def checked_origins(origins: Sequence[str]) -> tuple[str, ...]:
    """Return origins in order and at most 32 of them; of more, the rest is ``other:more``."""
    ordered = sorted({check_label(it, "origin") for it in origins})
    if len(ordered) <= _MAX_ORIGINS:
        return tuple(ordered)
    kept = [it for it in ordered if it != _REST]
    return (*kept[: _MAX_ORIGINS - 1], _REST)


def checked_record(record: Record) -> Record:
    """Return the record as it can be stored; raises MemoryError.

    Its codes: ``text_invalid``, ``text_too_large``, ``record_invalid``.
    """
    if not check_text(record.text).strip():
        raise _invalid("the text is empty")
    check_text(record.metadata, "metadata", _MAX_METADATA_BYTES)
    check_text(record.source, "source", _MAX_SOURCE_BYTES)
    labels = ("id", "kind", "project", "session", "speaker", "slot")
    for name in labels:
        check_label(getattr(record, name), name)
    for tag in record.tags:
        check_label(tag, "tag")
    if len(record.tags) > _MAX_TAGS:
        raise MemoryError(f"a record may have {_MAX_TAGS} tags", code="record_invalid")
    if not 0 <= record.score <= 1:
        raise MemoryError("a record's score lies between 0 and 1", code="record_invalid")
    for name in ("ts", "valid_from", "valid_to", "expires"):
        _check_time(getattr(record, name), name)
    return replace(
        record, tags=tuple(dict.fromkeys(record.tags)), origins=checked_origins(record.origins)
    )


def _check_time(value: float | None, name: str) -> None:
    if value is not None and not (math.isfinite(value) and _EARLIEST <= value <= _LATEST):
        raise MemoryError(f"{name} is no time: {value}", code="record_invalid")


def _invalid(message: str) -> MemoryError:
    return MemoryError(message, code="text_invalid")

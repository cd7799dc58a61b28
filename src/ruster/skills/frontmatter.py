"""The YAML head of a skill: plain values with the line each field stands on.

Hostile YAML ends in one ``BadHead``: no anchors or aliases (they can grow without end), no
duplicate keys, no tags, bounded size, depth and number of values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

__all__ = ["BadHead", "Head", "read_yaml", "split_document"]

_MAX_HEAD_CHARS = 64 * 1024
_MAX_DEPTH = 24
_MAX_EVENTS = 4000
_FENCE = "---"
_COLON_INSIDE = "mapping values are not allowed"
_TYPED = "tools"
_PLAIN_VALUE = re.compile(
    r"^(?P<field>[A-Za-z_-]+):[ \t]+(?P<text>[^\s\"'|>\[\]{}&*!%@`#?,-].*(?:\n[ \t]+\S.*)*)$",
    re.MULTILINE,
)
"""A field with a text without quotes, perhaps on several lines."""


class BadHead(Exception):
    """The head cannot be read; ``line`` counts from 1 within the document."""

    def __init__(self, reason: str, line: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Head:
    """The fields of a head, and the line of each in its file.

    ``texts`` has the fields that are one scalar, as they are written. In ``values`` too everything
    is text as it is written, in lists and maps: a version ``1.10`` is no number. Only ``tools``
    has numbers and truth values, since there are schemas in it.
    """

    values: Mapping[str, Any]
    texts: Mapping[str, str]
    lines: Mapping[str, int]
    unquoted: Sequence[str] = ()
    """Fields that could be read only after quotes were put around their values."""


def split_document(text: str) -> tuple[str, str, int]:
    """Part a document into its head, its body, and the number of the head's first line.

    Raises BadHead if it does not begin with a head between two lines of ``---``.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[0].rstrip() != _FENCE:
        raise BadHead("the file must begin with a line '---', the fields, and a line '---'", 1)
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]).strip(), 2
    raise BadHead("the head has no end: a second line '---' is missing", 1)


def read_yaml(text: str, first_line: int = 1) -> Head:
    """Read a head; ``first_line`` is where it begins in its file. Raises BadHead.

    A text with a colon in it needs quotes, which people forget: they are put in and told.
    """
    try:
        return _read(text, first_line)
    except BadHead as error:
        quoted, fields = _quoted(text) if _COLON_INSIDE in error.reason else (text, ())
        if not fields:
            raise
        try:
            return replace(_read(quoted, first_line), unquoted=fields)
        except BadHead:
            raise error from None


def _quoted(text: str) -> tuple[str, tuple[str, ...]]:
    """Put quotes around the plain texts that have a colon in them; tell of which fields."""
    fields: list[str] = []

    def quote(match: re.Match[str]) -> str:
        field, value = match["field"], match["text"]
        if not re.search(r":(\s|\Z)", value):
            return match[0]
        fields.append(field)
        escaped = value.replace("'", "''")
        return f"{field}: '{escaped}'"

    return _PLAIN_VALUE.sub(quote, text), tuple(fields)


def _read(text: str, first_line: int) -> Head:
    import yaml  # only a daemon that meets skills needs it

    if len(text) > _MAX_HEAD_CHARS:
        raise BadHead(f"the head is longer than {_MAX_HEAD_CHARS} characters", first_line)
    try:
        _check_events(text, first_line)
        loader = _loader()(text)
        try:
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise BadHead("the head must be a map of fields, such as 'name: …'", first_line)
            _check_keys(node, first_line)
            values = {
                key.value: loader.construct_document(value) if key.value == _TYPED else _text(value)
                for key, value in node.value
            }
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else first_line + mark.line
        reason = error.problem or error.context or "no reason given"
        raise BadHead(f"the head is no valid YAML: {reason}{_advice(reason)}", line) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadHead(f"the head is no valid YAML: {error}", first_line) from None
    pairs = [(key.value, key, value) for key, value in node.value]
    return Head(
        values=values,
        texts={name: value.value for name, _, value in pairs if isinstance(value.value, str)},
        lines={name: first_line + key.start_mark.line for name, key, _ in pairs},
    )


def _check_events(text: str, first_line: int) -> None:
    """Refuse what grows or nests without bound before anything is built."""
    import yaml

    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_loader())):
        line = first_line + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadHead("anchors (&) and aliases (*) are not taken; write the value out", line)
        if getattr(event, "tag", None):
            raise BadHead("tags (!) are not taken", line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise BadHead(f"the head is nested deeper than {_MAX_DEPTH} levels", line)
        if count > _MAX_EVENTS:
            raise BadHead(f"the head has more than {_MAX_EVENTS} values", line)


def _text(node: Any) -> Any:
    """Return a value with its texts as they are written; what is left empty is None."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        return {key.value: _text(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_text(item) for item in node.value]
    return None if node.tag == "tag:yaml.org,2002:null" else node.value


def _check_keys(node: Any, first_line: int) -> None:
    """Refuse keys that come twice, or are no text."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, first_line)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = first_line + key.start_mark.line
            if not isinstance(key, yaml.ScalarNode):
                raise BadHead("a field's name must be one word", line)
            if key.value in seen:
                raise BadHead(f"the field {key.value[:80]!r} stands there twice", line)
            seen.add(key.value)
            _check_keys(value, first_line)


def _advice(reason: str) -> str:
    if _COLON_INSIDE in reason:
        return "; put quotes around a value with a colon in it"
    return ""


@cache
def _loader() -> Any:
    """Return PyYAML's safe loader, in C where that was built."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)

"""Lines to commands and events to lines: strict JSON, one typed error per bad line."""

from __future__ import annotations

import difflib
import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticSerializationError

from ruster.core.errors import ProtocolError, RusterError
from ruster.core.ids import check_name
from ruster.core.strict_json import read_json
from ruster.protocol.commands import COMMANDS, CommandBase
from ruster.protocol.events import ErrorEvent, Event

__all__ = ["BadLine", "CommandId", "decode_command", "encode_event", "error_event"]

CommandId = str | int

_ENVELOPE_PREFIX = {
    "session": "",
    "skill": "skill_",
    "memory": "memory_",
    "config": "config_",
    "server": "server_",
}
_MAX_QUOTED = 40


class BadLine(ProtocolError):
    """A line that is no command; ``command_id`` and ``session_id`` are what could be read of it."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        command_id: CommandId | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.command_id = command_id
        self.session_id = session_id


def decode_command(line: bytes) -> CommandBase:
    """Turn one line (without or with its newline) into a command.

    Strict: one object of what ``core.strict_json`` reads, no unknown fields.
    Raises BadLine with codes ``invalid_json``, ``unknown_action``, ``invalid_command`` or
    ``invalid_name``.
    """
    try:
        data = read_json(line)
    except ValueError as error:
        raise BadLine(
            f"Invalid JSON: {error}; send one JSON object per line in UTF-8", code="invalid_json"
        ) from None
    if not isinstance(data, dict):
        raise BadLine(
            'Invalid JSON: expected an object such as {"action":"list"}', code="invalid_json"
        )
    flat = _flatten(data)
    command_id, session_id = _readable_ids(flat)
    try:
        command = _command_type(flat).model_validate(flat)
        _check_names(command)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
        raise BadLine(
            _explain(flat, detail),
            code="invalid_command",
            command_id=command_id,
            session_id=session_id,
        ) from None
    except RusterError as error:
        raise BadLine(
            error.message, code=error.code, command_id=command_id, session_id=session_id
        ) from None
    return command


def encode_event(
    event: Event,
    *,
    turn: str | None = None,
    seq: int | None = None,
    command_id: CommandId | None = None,
) -> bytes:
    """Write an event as one line with its newline, stamped with what is given."""
    try:
        body = event.__pydantic_serializer__.to_json(event, exclude_none=True)
    except PydanticSerializationError:  # a lone surrogate, which has no UTF-8
        fields = event.model_dump(exclude_none=True)
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=str)
        body = text.encode(errors="replace")
    tail = b""
    if turn is not None:
        tail += b',"turn":"%s"' % turn.encode()
    if seq is not None:
        tail += b',"seq":%d' % seq
    if command_id is not None:
        tail += b',"id":' + json.dumps(command_id).encode()
    return body[:-1] + tail + b"}\n" if tail else body + b"\n"


def error_event(error: RusterError, *, session_id: str | None = None) -> ErrorEvent:
    """Make the event that tells ``error`` to a client."""
    return ErrorEvent(
        code=error.code,
        error=error.message,
        session_id=session_id,
        retryable=True if error.retryable else None,
    )


def _flatten(data: dict[str, Any]) -> dict[str, Any]:
    """Turn the envelope form into the flat one; a flat command is returned as it is."""
    if "command" not in data:
        return data
    command, arguments = data["command"], data.get("arguments", {})
    ids = {"id": data["id"]} if "id" in data else {}
    known = _readable_ids(data)[0]
    prefix = _ENVELOPE_PREFIX.get(command) if isinstance(command, str) else None
    if prefix is None:
        raise BadLine(
            f"Unknown command: {_quote(command)}; known: {', '.join(_ENVELOPE_PREFIX)}",
            code="unknown_action",
            command_id=known,
        )
    surplus = data.keys() - {"command", "arguments", "id"}
    if surplus or not isinstance(arguments, dict) or not isinstance(arguments.get("action"), str):
        raise BadLine(
            'expected {"command":…,"arguments":{"action":…}} and nothing else but "id"',
            code="invalid_command",
            command_id=known,
        )
    return {**arguments, **ids, "action": prefix + arguments["action"]}


def _readable_ids(flat: dict[str, Any]) -> tuple[CommandId | None, str | None]:
    """Read what a bad command may still be answered with."""
    command_id, session_id = flat.get("id"), flat.get("session_id")
    good_id = (isinstance(command_id, str) and 0 < len(command_id) <= 128) or (
        isinstance(command_id, int)
        and not isinstance(command_id, bool)
        and -(2**53) <= command_id <= 2**53
    )
    good_session = isinstance(session_id, str) and len(session_id) <= 64
    return command_id if good_id else None, session_id if good_session else None


def _command_type(flat: dict[str, Any]) -> type[CommandBase]:
    action = flat.get("action")
    if action is None:
        raise ProtocolError('"action" is missing, such as {"action":"list"}')
    known = COMMANDS.get(action) if isinstance(action, str) else None
    if known is None:
        raise ProtocolError(
            f"Unknown action: {_quote(action)}{_nearest(action)}", code="unknown_action"
        )
    return known


def _check_names(command: CommandBase) -> None:
    session_id = getattr(command, "session_id", None)
    if session_id is not None:
        check_name(session_id)


def _explain(flat: dict[str, Any], detail: ErrorDetails) -> str:
    """Say in one sentence which field is wrong and why."""
    action, location = flat["action"], detail["loc"]
    field = str(location[0]) if location else "?"
    if detail["type"] == "extra_forbidden":
        fields = COMMANDS[action].model_fields
        return f"{action} has no field {_quote(field)}; it takes: {', '.join(fields)}"
    if detail["type"] == "missing":
        return f'{action} needs "{field}"'
    reason = detail["msg"][0].lower() + detail["msg"][1:]
    return f'{action}: "{field}" is wrong: {reason}'


def _nearest(action: object) -> str:
    readable = isinstance(action, str) and len(action) <= _MAX_QUOTED
    close = difflib.get_close_matches(str(action), COMMANDS, 1) if readable else []
    if close:
        return f"; did you mean {close[0]!r}?"
    heads = dict.fromkeys(it.partition("_")[0] + "_*" if "_" in it else it for it in COMMANDS)
    return f"; known: {', '.join(heads)}"


def _quote(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 1] + "…"

"""What a job does when it is due, as values; ``proactive.doing`` does it.

Written as JSON an action is an object with one member, its kind: ``{"say": {"message": "…"}}``. A
kind without members may be written as its name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ruster.core.errors import JobError

__all__ = [
    "ACTIONS",
    "Action",
    "CallTool",
    "CheckHttp",
    "EmitLog",
    "Maintain",
    "Prompt",
    "Say",
    "action_from_record",
    "action_to_record",
    "kind_of",
]

_MAX_TEXT = 32_768


@dataclass(frozen=True, slots=True)
class Say:
    """Say something in the job's session."""

    message: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Have a message answered in a turn of the job's session."""

    message: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """Call a tool in the job's session, as the policy lets it."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckHttp:
    """Ask an address; it fails unless the answer has the status that is expected."""

    url: str
    expected_status: int = 200
    timeout_secs: float = 10.0


@dataclass(frozen=True, slots=True)
class Maintain:
    """Let a part of ruster look after itself."""

    part: str


@dataclass(frozen=True, slots=True)
class EmitLog:
    """Write a line into the log."""

    message: str


Action = Say | Prompt | CallTool | CheckHttp | Maintain | EmitLog

ACTIONS: dict[str, type[Action]] = {
    "say": Say,
    "prompt": Prompt,
    "tool": CallTool,
    "http_health_check": CheckHttp,
    "maintenance": Maintain,
    "emit_log": EmitLog,
}
"""The kinds of actions by their names on the wire."""

_KINDS = {kind: name for name, kind in ACTIONS.items()}


def kind_of(action: Action) -> str:
    """Return an action's name on the wire."""
    return _KINDS[type(action)]


def action_to_record(action: Action) -> dict[str, Any]:
    """Write an action as JSON."""
    return {kind_of(action): asdict(action)}


def action_from_record(record: object) -> Action:
    """Read an action; raises JobError (``job_invalid``) that names what is wrong."""
    if not isinstance(record, Mapping) or len(record) != 1:
        raise _invalid(f"an object with one member of {', '.join(ACTIONS)}")
    ((name, members),) = record.items()
    kind = ACTIONS.get(str(name))
    if kind is None:
        raise _invalid(f"one of {', '.join(ACTIONS)}, not {str(name)[:40]!r}")
    if not isinstance(members, Mapping):
        raise _invalid("an object", str(name))
    known = [it.name for it in fields(kind)]
    if unknown := [str(it) for it in members if it not in known]:
        raise _invalid(f"without {unknown[0][:40]!r}; it has {', '.join(known)}", str(name))
    try:
        action: Action = kind(**members)
    except TypeError:
        raise _invalid(f"with {' and '.join(known)}", str(name)) from None
    _check(action, str(name))
    return action


def _check(action: Action, name: str) -> None:
    for it in fields(action):
        value = getattr(action, it.name)
        where = f"{name}.{it.name}"
        if it.name == "arguments":
            if not isinstance(value, dict) or len(str(value)) > _MAX_TEXT:
                raise _invalid(f"an object of at most {_MAX_TEXT} characters", where)
        elif it.name == "expected_status":
            if type(value) is not int or not 100 <= value <= 599:
                raise _invalid("from 100 to 599", where)
        elif it.name == "timeout_secs":
            if type(value) not in (int, float) or not 0 < value <= 300:
                raise _invalid("more than 0 and at most 300", where)
        elif not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
            raise _invalid(f"a text of 1 to {_MAX_TEXT} characters", where)
        elif "\0" in value or (not value.isascii() and _is_broken(value)):
            raise _invalid("without NUL and halves of characters", where)


def _is_broken(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _invalid(wanted: str, what: str = "") -> JobError:
    where = f"action.{what}" if what else "action"
    return JobError(f"{where} must be {wanted}", code="job_invalid")

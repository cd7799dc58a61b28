"""One OODA cycle, without doing anything yet: observations in, a judged report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from ruster.core.tools import Risk
from ruster.proactive.ooda.look_alikes import plain
from ruster.proactive.ooda.risk import classify, is_auto_allowed, needs_approval

__all__ = ["Choice", "Observation", "Report", "Status", "judge", "orient"]

_INFO = "info"


class Choice(StrEnum):
    """What a cycle decides."""

    CONTINUE = "continue"
    ESCALATE = "escalate"


class Status(StrEnum):
    """Whether the action may be done."""

    NOT_REQUIRED = "not_required"
    AUTO_ALLOWED = "auto_allowed"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Nobody answered in time, or ruster was stopped before somebody did."""

    @property
    def allows(self) -> bool:
        """Whether the action may be done now."""
        return self in (Status.NOT_REQUIRED, Status.AUTO_ALLOWED, Status.APPROVED)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen: who saw it, of what, and how bad it is (``info``, ``warning``, ``error``)."""

    source: str
    key: str
    value: str
    severity: str = _INFO


@dataclass(frozen=True, slots=True)
class Report:
    """A cycle: ``timestamp`` in seconds since the epoch, ``outcome`` what came of it, in words."""

    id: str
    owner: int
    timestamp: float
    observations: tuple[Observation, ...]
    orientation: str
    decision: Choice
    action: str
    risk: Risk
    approval_status: Status
    approval_token: str | None = None
    goal_id: str | None = None
    outcome: str = field(default="")

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Report:
        """Read what ``to_record`` wrote; raises KeyError, TypeError or ValueError."""
        members = {name: record[name] for name in cls.__slots__}
        members["observations"] = tuple(Observation(**it) for it in record["observations"])
        members["decision"] = Choice(record["decision"])
        members["risk"] = Risk(record["risk"])
        members["approval_status"] = Status(record["approval_status"])
        return cls(**members)


def orient(observations: Sequence[Observation]) -> str:
    """Say what the observations mean."""
    if not observations:
        return "no observations provided"
    alerts = sum(not _is_info(it) for it in observations)
    if not alerts:
        return f"{len(observations)} observations, no alerts"
    return f"{len(observations)} observations, {alerts} require attention"


def judge(
    action: str, observations: Sequence[Observation], allowed: Sequence[str]
) -> tuple[Choice, Risk, Status]:
    """Decide, and say how risky the action is and whether it may be done."""
    alerts = any(not _is_info(it) for it in observations)
    risk = classify(action, [it.severity for it in observations])
    if needs_approval(action, risk, allowed):
        status = Status.PENDING
    elif needs_approval(action, risk) and is_auto_allowed(action, allowed):
        status = Status.AUTO_ALLOWED
    else:
        status = Status.NOT_REQUIRED
    return Choice.ESCALATE if alerts else Choice.CONTINUE, risk, status


def _is_info(observation: Observation) -> bool:
    return plain(observation.severity).strip() == _INFO

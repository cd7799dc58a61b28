"""What a watch looks at: its action is run when the condition becomes true, not while it stays so.

Written as JSON: ``{"kind": "file_exists", "path": "…"}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ruster.core.errors import JobError

__all__ = ["Condition", "ConditionKind", "condition_from_record"]


class ConditionKind(StrEnum):
    """What can be watched without asking a model."""

    FILE_EXISTS = "file_exists"
    FILE_MISSING = "file_missing"
    FILE_CHANGED = "file_changed"
    """Its size or time of change is another than when it was looked at last."""
    FILE_OLDER = "file_older"
    """It has not been changed for more than ``amount`` seconds, or is not there."""
    DISK_BELOW = "disk_below"
    """Less than ``amount`` bytes are free where ``path`` lies."""
    HTTP_NOT = "http_not"
    """The address in ``path`` does not answer with the status ``amount``."""


_WITH_AMOUNT = {
    ConditionKind.FILE_OLDER: (1, 10 * 366 * 86_400),
    ConditionKind.DISK_BELOW: (1, 1 << 60),
    ConditionKind.HTTP_NOT: (100, 599),
}
_MAX_PATH = 4096


@dataclass(frozen=True, slots=True)
class Condition:
    """``path`` is a file, a folder or an address; ``amount`` as the kind says."""

    kind: ConditionKind
    path: str
    amount: int = 0

    def to_record(self) -> dict[str, Any]:
        """Write it as JSON."""
        return asdict(self)


def condition_from_record(record: object) -> Condition:
    """Read a condition; raises JobError (``job_invalid``)."""
    if not isinstance(record, Mapping) or not set(record) <= {"kind", "path", "amount"}:
        raise _invalid("watch must be an object with kind, path and, for some, amount")
    kinds = [it.value for it in ConditionKind]
    if record.get("kind") not in kinds:
        raise _invalid(f"watch.kind must be one of {', '.join(kinds)}")
    kind = ConditionKind(record["kind"])
    path, amount = record.get("path"), record.get("amount", 0)
    if not isinstance(path, str) or not 0 < len(path) <= _MAX_PATH or "\0" in path:
        raise _invalid("watch.path must be a path or an address")
    if kind is not ConditionKind.HTTP_NOT and not path.startswith("/"):
        raise _invalid("watch.path must be a whole path, beginning with /")
    least, most = _WITH_AMOUNT.get(kind, (0, 0))
    if type(amount) is not int or not least <= amount <= most:
        raise _invalid(f"watch.amount must be a whole number from {least} to {most} for {kind}")
    return Condition(kind, path, amount)


def _invalid(message: str) -> JobError:
    return JobError(message, code="job_invalid")

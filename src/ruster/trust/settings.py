"""Settings of policy and approvals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["TrustSettings"]

_UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


class TrustSettings(BaseModel):
    """What tools may do, and how people are asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approval_timeout_s: float = Field(default=120, gt=0, le=86400)
    """How long a question waits for an answer; then the answer is no."""
    max_pending: int = Field(default=64, ge=1)
    """Questions that may wait at once; what would be asked beyond it is refused."""
    auto_allow: tuple[str, ...] = ()
    """Tools that need no approval, by name; `*` stands for any characters."""
    folders: tuple[_UserPath, ...] = ()
    """Folders tools may read without asking, beside the session's own."""
    policy_path: _UserPath | None = None
    """A file of rules that are heard after those of `policy.json`."""
    policy_json: str | None = None
    """Rules as JSON, heard after those of all files."""

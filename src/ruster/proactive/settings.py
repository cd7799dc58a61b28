"""The settings of what ruster does by itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ruster.proactive.notifying.settings import NotifySettings
from ruster.proactive.servers.settings import ServerSettings

__all__ = ["ProactiveSettings", "SchedulerSettings"]


class ProactiveSettings(BaseModel):
    """What may be done by itself, and how much of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Do what is due. Off, jobs are kept and nothing is done."""
    max_jobs: int = Field(default=1000, ge=1, le=100_000)
    """Jobs one user may have."""
    shortest_gap_s: int = Field(default=60, ge=1)
    """Seconds that must lie between two dues of a job that a user made."""
    grace_s: float = Field(default=60.0, ge=1, le=86_400)
    """Seconds after which a due counts as missed, and the job's `misfire` decides."""
    max_running: int = Field(default=8, ge=1, le=256)
    """Jobs that run at the same time; messages to sessions do not count."""
    run_timeout_s: float = Field(default=300.0, gt=0, le=86_400)
    """Seconds one run may take, unless its job says otherwise."""
    run_tokens: int = Field(default=50_000, ge=0)
    """Tokens one run may take, unless its job says otherwise; 0 is no limit."""
    day_tokens: int = Field(default=500_000, ge=0)
    """Tokens all runs of a day may take together; 0 is no limit."""
    keep_receipts: int = Field(default=200, ge=1, le=100_000)
    """Receipts that are kept of each job."""
    keep_days: int = Field(default=30, ge=1)
    """Days that a job is kept which is over."""
    auto_allow_actions: tuple[str, ...] = ()
    """Words of OODA actions that need no approval, such as `deploy`; `*` stands for all actions."""
    notify: NotifySettings = Field(default_factory=NotifySettings)
    servers: ServerSettings = Field(default_factory=ServerSettings)
    look_around: str = ""
    """When to look by itself what might be done, as a time in words such as `every day at 9`;
    empty is never. It takes a model's turn in the session named by `look_around_session`."""
    look_around_session: str = "main"
    """The session in which it looks around."""


class SchedulerSettings(BaseModel):
    """When ruster looks after itself, as cron lines in the machine's own time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    promote_cron: str = "0 */6 * * *"
    """When aged memories move to the next layer."""
    vacuum_cron: str = "0 0 * * *"
    """When memories are cleaned, and their space is given back."""

"""Answers to commands about the daemon and its settings."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ruster.protocol.events.base import Reply

__all__ = [
    "ConfigListing",
    "ConfigUpdated",
    "ConfigValue",
    "DoctorCheck",
    "DoctorReport",
    "LoadedModelSummary",
    "Pong",
    "ProactiveSummary",
    "StatusReport",
]


class LoadedModelSummary(BaseModel):
    """A local model that was needed since the start."""

    model_config = ConfigDict(frozen=True)

    path: str
    state: str
    """`unloaded`, `loading`, `loaded` or `inferring`."""
    context_size: int | None = None
    """Its window in tokens, while it is loaded."""
    size_bytes: int | None = None
    """The size of its weights."""
    loads: int
    """How often it was loaded."""
    load_s: float | None = None
    """How long the last time took, in seconds."""


class ProactiveSummary(BaseModel):
    """What ruster does by itself."""

    model_config = ConfigDict(frozen=True)

    jobs: int
    """Jobs of all users."""
    enabled: int
    """Those that are switched on and will be due."""
    due: str | None = None
    """When the next one is (RFC 3339)."""
    tokens_idle: int
    """Tokens that were taken since the start while nothing was due."""
    tokens_today: int
    """Tokens that jobs have taken since midnight."""
    tokens_per_day: int
    """What `proactive.day_tokens` allows; 0 is no limit."""


class StatusReport(Reply):
    """How the daemon is. What all users do together is told only to the privileged."""

    event: Literal["status"] = "status"
    version: str
    pid: int
    """The daemon's process."""
    uptime_s: float
    """Seconds since the start."""
    default_model: str
    connections: int | None = None
    sessions_open: int | None = None
    """Sessions held in memory."""
    turns_running: int | None = None
    turns_total: int | None = None
    turns_failed: int | None = None
    tokens_total: int | None = None
    """Tokens models have read and written since the start."""
    tokens_today: int | None = None
    """The same since midnight, also before the start."""
    tokens_per_day: int | None = None
    """What `agent.day_tokens` allows; 0 is no limit."""
    local_models: list[LoadedModelSummary] | None = None
    """The models of the embedded engine that were needed since the start."""
    proactive: ProactiveSummary | None = None
    """What is done without being asked; absent while it cannot be told."""
    rss_bytes: int
    """The daemon's resident memory."""
    uid: int
    """The caller, as the kernel says."""
    privileged: bool
    """Whether the caller may do everything."""


class DoctorCheck(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Literal["ok", "warning", "missing"]
    detail: str
    """What was found."""
    hint: str | None = None
    """What to do about it."""


class DoctorReport(Reply):
    """What `doctor` found."""

    event: Literal["doctor"] = "doctor"
    checks: list[DoctorCheck]
    """`status` is `ok`, `warning` (it works, but less well or less safely) or `missing` (something
    that is wanted does not work); `hint` says what to do."""


class ConfigValue(Reply):
    """One setting and where it came from."""

    event: Literal["config_value"] = "config_value"
    key: str
    value: Any
    source: str
    """`default`, a file, or an environment variable."""


class ConfigUpdated(Reply):
    """A setting was changed and kept."""

    event: Literal["config_updated"] = "config_updated"
    key: str
    value: Any
    restart_needed: bool = False
    """Whether the daemon must be started anew for it to count."""


class ConfigListing(Reply):
    """All settings."""

    event: Literal["config_list"] = "config_list"
    options: dict[str, Any]
    """Dotted key to value; secrets are masked."""


class Pong(Reply):
    """The daemon listens."""

    event: Literal["pong"] = "pong"

"""Commands about the daemon, its models and its settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ruster.protocol.commands.base import CommandBase

__all__ = [
    "ConfigGet",
    "ConfigList",
    "ConfigSet",
    "Doctor",
    "Models",
    "Ping",
    "Status",
]


class Status(CommandBase):
    """Tell how the daemon is."""

    action: Literal["status"] = "status"


class Doctor(CommandBase):
    """Check what the daemon needs and say what is missing; for its own user and root."""

    action: Literal["doctor"] = "doctor"


class Models(CommandBase):
    """List the models that can answer now."""

    action: Literal["models"] = "models"


class ConfigGet(CommandBase):
    """Read one setting."""

    action: Literal["config_get"] = "config_get"
    key: str
    """A dotted key, such as `server.stall_timeout_s`."""


class ConfigSet(CommandBase):
    """Change one setting; kept in `overrides.toml`."""

    action: Literal["config_set"] = "config_set"
    key: str
    """A dotted key."""
    value: str | Annotated[int, Field(ge=-(2**53), le=2**53)] | float | bool | list[str]


class ConfigList(CommandBase):
    """Read all settings; secrets are masked."""

    action: Literal["config_list"] = "config_list"


class Ping(CommandBase):
    """Ask whether the daemon listens."""

    action: Literal["ping"] = "ping"

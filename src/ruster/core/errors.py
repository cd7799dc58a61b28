"""The one error tree.

    RusterError                code, retryable
    ├─ ConfigError             a setting is missing, misspelt or of the wrong type
    ├─ ProtocolError           a line from a client cannot be taken
    ├─ SessionError            a session does not exist, is full, belongs to someone else
    ├─ ProviderError           a model provider failed or refused
    │  └─ ProviderUnreachable  it could not be reached at all: another provider may be tried
    ├─ ModelError              a model file is missing, damaged or does not fit
    │  └─ EngineCrashed        the embedded engine's process died
    ├─ ToolError               a tool failed or does not exist
    ├─ SkillError              a skill does not exist, is banned or breaks a rule
    ├─ MemoryError             the memory cannot do that, or a model or document it needs
    ├─ JobError                a job, goal or time does not exist or cannot be had
    ├─ GatewayError            the gateway is off or cannot listen, or has no such token
    ├─ StorageError            the disk is full, read-only or damaged
    └─ DaemonUnreachable       a client cannot reach the daemon, or lost it

A class exists where some caller treats it differently. ``code`` is the stable contract on the wire:
clients branch on it, people read the message, which says what to do.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DaemonUnreachable",
    "EngineCrashed",
    "GatewayError",
    "JobError",
    "MemoryError",
    "ModelError",
    "ProtocolError",
    "ProviderError",
    "ProviderUnreachable",
    "RusterError",
    "SessionError",
    "SkillError",
    "StorageError",
    "ToolError",
]


class RusterError(Exception):
    """Any failure ruster knows about.

    ``message`` is one sentence a person can act on; ``code`` is a stable lower-case identifier;
    ``retryable`` says that the very same request may succeed later.
    """

    default_code = "internal"

    def __init__(self, message: str, *, code: str | None = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.retryable = retryable


class ConfigError(RusterError):
    """A setting is missing, misspelt or of the wrong type."""

    default_code = "config_invalid"


class ProtocolError(RusterError):
    """A line from a client cannot be taken."""

    default_code = "invalid_command"


class SessionError(RusterError):
    """A session does not exist (for this caller), is full, or cannot do that now."""

    default_code = "session_not_found"


class ProviderError(RusterError):
    """A model provider failed or refused the request.

    ``retry_after_s`` is how long the provider asks to be left alone, if it says so.
    """

    default_code = "provider_failed"
    retry_after_s: float | None = None


class ProviderUnreachable(ProviderError):
    """The provider could not answer at all (down, model absent): the next model may be tried.

    Only raised before any part of an answer was produced.
    """

    default_code = "provider_unreachable"


class ModelError(ProviderError):
    """A model file is missing, damaged, or does not fit."""

    default_code = "model_failed"


class EngineCrashed(ModelError):
    """The embedded engine's process died while it was needed."""

    default_code = "engine_crashed"

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class ToolError(RusterError):
    """A tool failed or does not exist.

    ``origin`` names whose words the message may hold beside ours, such as ``web:example.com``.
    """

    default_code = "tool_failed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool = False,
        origin: str | None = None,
    ) -> None:
        super().__init__(message, code=code, retryable=retryable)
        self.origin = origin


class SkillError(RusterError):
    """A skill does not exist, is banned or breaks a rule."""

    default_code = "skill_not_found"


class MemoryError(RusterError):
    """The memory cannot do that, or a model or document it needs is missing or unusable."""

    default_code = "memory_failed"


class JobError(RusterError):
    """A job, a goal or an event server does not exist, or what it asks for cannot be done."""

    default_code = "job_not_found"


class GatewayError(RusterError):
    """The gateway is off or cannot listen, or there is no such token."""

    default_code = "gateway_failed"


class StorageError(RusterError):
    """The disk is full, read-only or damaged; nothing was acknowledged."""

    default_code = "storage_failed"


class DaemonUnreachable(RusterError):
    """A client cannot reach the daemon, or lost it before it had answered."""

    default_code = "daemon_unreachable"

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)

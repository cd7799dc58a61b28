"""Settings of the tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["FolderGrant", "ToolSettings"]

_NEVER = tuple(map(Path, ("/proc", "/sys", "/dev")))


def _grantable(path: Path) -> Path:
    path = path.expanduser()
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("a folder is named by its whole path, or from ~, without '..'")
    if path == Path("/") or any(path == it or it in path.parents for it in _NEVER):
        raise ValueError("a folder for tools may not be /, /proc, /sys or /dev")
    return path


class FolderGrant(BaseModel):
    """A folder that tools may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[Path, AfterValidator(_grantable)]
    """The folder, with all below it."""
    mode: Literal["read", "write"] = "read"
    """`write` allows reading, too."""
    trusted: bool = False
    """Whether all its files are your own words. Text from other folders may be somebody else's, and
    makes what follows in the same turn doubtful."""


class ToolSettings(BaseModel):
    """What tools may do and how much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folders: tuple[FolderGrant, ...] = Field(default=(), max_length=64)
    """Folders tools may use beside the session's own, as tables with `path`, `mode` (`read` or
    `write`) and `trusted`."""
    disabled: tuple[str, ...] = ()
    """Tools that are never offered nor run."""
    core: tuple[str, ...] = ("file_read", "recall", "remember", "shell", "time_now", "web_fetch")
    """Tools offered with every message; others are offered when the message fits them."""
    offer_bytes: int = Field(default=5000, ge=1000, le=1 << 20)
    """Most bytes of tool descriptions in a request to a model."""
    output_lines: int = Field(default=10, ge=1, le=10_000)
    """Lines of a tool's output shown to the model; it can page through the rest."""
    shown_bytes: int = Field(default=16 * 1024, ge=1024, le=1 << 20)
    """Most bytes of a tool's output shown to the model."""
    output_bytes: int = Field(default=1 << 20, ge=1024, le=1 << 28)
    """Most bytes of a call's output that are kept."""
    file_bytes: int = Field(default=8 << 20, ge=1024, le=1 << 30)
    """Largest file that tools read or write."""
    timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """Time limit of a call, in seconds."""
    expensive_timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """Time limit of a call of a tool that takes minutes by its nature, in seconds."""
    parallel_calls: int = Field(default=8, ge=1, le=256)
    """Calls that run at the same time; more wait for their turn."""
    kept_runs: int = Field(default=50, ge=1, le=10_000)
    """Calls of a session whose output is kept; the oldest go first."""
    kept_runs_bytes: int = Field(default=16 << 20, ge=1024)
    """Most bytes of such outputs in a session."""
    text_chars: int = Field(default=4096, ge=64, le=1 << 16)
    """Longest arguments of a message that begins with `/tool`, in characters."""

"""What calls brought, kept for a while: one folder a call, ``<session>/runs/<uuid>/``.

``call`` holds what was called, ``stdout`` and ``stderr`` what came of it, ``origin`` where that
came from, or what else put its turn in doubt, if it must not be trusted. The folders are for paging
and for looking things up; they need not survive a power cut, and go with their session.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruster.core.clock import Clock, rfc3339
from ruster.core.errors import ToolError
from ruster.core.tools import Outcome, Taint, TurnScope
from ruster.storage.disk import storage_error
from ruster.storage.files import make_private_folder
from ruster.tools.settings import ToolSettings

__all__ = ["CallRecord", "Run", "RunFolders", "cut_text"]

_FOLDER = "runs"
_ARGUMENT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What is called, and what was said before it."""

    tool: str
    arguments: Mapping[str, Any]
    user_message: str = ""
    assistant_text: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A call's folder."""

    uuid: str
    folder: Path


class RunFolders:
    """Writes, reads and removes the folders of calls. Every method blocks."""

    def __init__(self, settings: ToolSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def begin(self, scope: TurnScope, record: CallRecord) -> Run:
        """Make a call's folder, and remove the oldest beyond the bounds; raises StorageError."""
        run_id = str(uuid.uuid4())
        run = Run(run_id, scope.folder / _FOLDER / run_id)
        body = {
            "timestamp": rfc3339(self._clock.now()),
            "uuid": run_id,
            "tool": record.tool,
            "arguments": dict(record.arguments),
            "user_message": record.user_message,
            "assistant_text": record.assistant_text,
        }
        data = json.dumps(body, ensure_ascii=False).encode(errors="replace")
        if len(data) > _ARGUMENT_BYTES:
            short = body | {"arguments": {}, "user_message": "", "assistant_text": ""}
            data = json.dumps(short | {"left_out": f"{len(data)} bytes"}).encode()
        make_private_folder(run.folder)
        try:
            _write(run.folder / "call", data)
            self._tidy(run)
        except OSError as error:
            raise storage_error(error, "keep a tool call") from error
        return run

    def finish(self, run: Run, outcome: Outcome, taint: Taint) -> None:
        """Keep what a call brought within the bounds; raises StorageError.

        What was brought in a doubtful turn is in doubt itself: its arguments may say what to say.
        Nothing is kept when so many calls came meanwhile that this one's folder had to go.
        """
        limit = self._settings.output_bytes
        try:
            origin = outcome.origin or next(iter(sorted(taint.origins)), None)
            if origin is not None:
                _write(run.folder / "origin", origin.encode(errors="replace"))
            _write(run.folder / "stdout", cut_text(outcome.text, limit).encode(errors="replace"))
            _write(run.folder / "stderr", cut_text(outcome.stderr, limit).encode(errors="replace"))
            self._tidy(run)
        except FileNotFoundError:
            return
        except OSError as error:
            raise storage_error(error, "keep what a tool brought") from error

    def read(self, scope: TurnScope, run_id: str) -> Outcome:
        """Return what an earlier call of this session brought; raises ToolError."""
        try:
            name = str(uuid.UUID(run_id))
            folder = scope.folder / _FOLDER / name
            texts = [(folder / it).read_text("utf-8", "replace") for it in ("stdout", "stderr")]
            origin = folder / "origin"
            source = origin.read_text("utf-8", "replace") if origin.exists() else None
        except (ValueError, OSError):
            raise ToolError(f"nothing is kept of a tool call {run_id[:100]!r}") from None
        return Outcome(texts[0], stderr=texts[1], origin=source)

    def _tidy(self, newest: Run) -> None:
        """Remove the oldest calls until the rest fits the bounds; the newest always stays."""
        with os.scandir(newest.folder.parent) as entries:
            found = [(_age(it.path), it.path) for it in entries if it.name != newest.uuid]
        size = _size(newest.folder)
        for kept, (_, path) in enumerate(sorted(found, reverse=True), 1):
            size += _size(Path(path))
            if kept >= self._settings.kept_runs or size > self._settings.kept_runs_bytes:
                shutil.rmtree(path, ignore_errors=True)


def cut_text(text: str, limit: int) -> str:
    """Return the beginning of a text that fits ``limit`` bytes of UTF-8."""
    if len(text) * 4 <= limit:
        return text
    return text.encode(errors="replace")[:limit].decode(errors="ignore")


def _write(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def _age(path: str) -> int:
    try:
        return Path(path).lstat().st_mtime_ns
    except FileNotFoundError:  # removed by a call that ended at the same time
        return 0


def _size(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except FileNotFoundError:
        return 0

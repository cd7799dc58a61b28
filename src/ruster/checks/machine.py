"""The machine under the daemon: modes of files, the disk, open files. All of it blocks."""

from __future__ import annotations

import resource
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruster.config.keys import is_secret
from ruster.config.loader import Loaded
from ruster.config.paths import Paths
from ruster.config.settings import Settings
from ruster.core.findings import Finding
from ruster.storage.disk import Disk
from ruster.storage.exposure import loose_part, others_can_read

__all__ = ["Exposed", "check_disk", "check_open_files", "check_permissions"]

_GIB = 1 << 30
_LOW_BYTES = _GIB
_FULL_BYTES = _GIB // 16
_FILES_PER_SESSION = 2
_SPARE_FILES = 64
_BUSY_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Exposed:
    """What others may find: ``keys`` are files with secrets, ``own`` say what ruster does."""

    socket: Path
    socket_mode: int
    keys: tuple[Path, ...]
    own: tuple[Path, ...]

    @classmethod
    def of(
        cls, loaded: Loaded, paths: Paths, environment: Mapping[str, str], skills: tuple[Path, ...]
    ) -> Exposed:
        """Gather them from the settings."""
        settings = loaded.settings
        policy = settings.trust.policy_path
        return cls(
            socket=settings.socket_path,
            socket_mode=settings.server.socket_mode,
            keys=tuple(dict.fromkeys(_key_files(loaded, paths, environment))),
            own=(
                paths.config,
                paths.config_file,
                paths.overrides_file,
                paths.config / "policy.json",
                *(() if policy is None else (policy,)),
                paths.data,
                *skills,
            ),
        )


def check_permissions(exposed: Exposed) -> Finding:
    """Look what other users could read or change."""
    problems = [
        *_socket_problems(exposed),
        *(
            (f"other users can read {path}, which holds keys", f"chmod o= {path}")
            for path in exposed.keys
            if others_can_read(path)
        ),
        *(
            (f"other users can write to {loose}", f"chmod o-w {loose}")
            for loose in dict.fromkeys(map(loose_part, (*exposed.own, *exposed.keys)))
            if loose is not None
        ),
    ]
    if problems:
        detail = "; ".join(problem for problem, _ in problems)
        return Finding("warning", detail, f"To do: {'; '.join(cure for _, cure in problems)}")
    access = "every user" if exposed.socket_mode & stat.S_IWOTH else "not every user"
    return Finding("ok", f"{access} may connect; the files are closed to others")


def check_disk(disk: Disk, folder: Path) -> Finding:
    """Look how much may still be written; raises StorageError."""
    free = disk.free_bytes(folder)
    detail = f"{free / _GIB:.1f} GiB free for {folder}"
    hint = "Free some space: what cannot be written is not accepted"
    if free < _FULL_BYTES:
        return Finding("missing", detail, hint)
    return Finding("warning", detail, hint) if free < _LOW_BYTES else Finding("ok", detail)


def check_open_files(settings: Settings) -> Finding:
    """Compare the limit of open files with what is open, and with what one busy user needs."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    sessions = settings.sessions.max_loaded * _FILES_PER_SESSION
    wanted = settings.server.max_connections_per_uid + sessions + _SPARE_FILES
    open_now = _open_files()
    hint = f"Start ruster with a limit of {wanted} or more (ulimit -n, or LimitNOFILE of systemd)"
    if open_now is not None and open_now >= limit * _BUSY_SHARE:
        return Finding("warning", f"{open_now} of {limit} are open", hint)
    detail = f"at most {limit}" if open_now is None else f"{open_now} open, at most {limit}"
    if limit < wanted:
        return Finding("warning", f"{detail}, but one user alone may need {wanted}", hint)
    return Finding("ok", detail)


def _key_files(loaded: Loaded, paths: Paths, environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get("RUSTER_ENV_FILE") or environment.get("RUSTY_PINCH_ENV_FILE")
    yield Path(named).expanduser() if named else paths.config / ".env"
    for path in (paths.config_file, paths.overrides_file):
        if any(is_secret(key) for key, source in loaded.sources.items() if source == str(path)):
            yield path
    for provider in loaded.settings.providers.values():
        if provider.api_key_file is not None:
            yield provider.api_key_file


def _socket_problems(exposed: Exposed) -> Iterator[tuple[str, str]]:
    path, wanted = exposed.socket, exposed.socket_mode
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        yield f"the socket {path} cannot be seen any more: {error.strerror}", "restart ruster"
        return
    if mode & ~wanted:
        yield f"{path} has the mode {mode:04o}, not {wanted:04o}", f"chmod {wanted:04o} {path}"
    folder = path.parent.stat().st_mode
    if folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
        message = f"other users can put a socket of their own in the place of {path}"
        yield message, f"chmod o-w {path.parent}"


def _open_files() -> int | None:
    """Count this process's open files, where the system tells."""
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return None

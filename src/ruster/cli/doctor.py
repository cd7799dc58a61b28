"""``rusterctl doctor``: what is amiss, with the daemon and without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ruster.cli.guard import FAILED, NO_DAEMON
from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.terminal import printable, write_line
from ruster.client.sync import SyncClient
from ruster.config.keys import default_of
from ruster.config.loader import Loaded, load, process_environment
from ruster.config.paths import Paths
from ruster.core.errors import DaemonUnreachable, RusterError
from ruster.core.findings import Finding
from ruster.protocol.codec import encode_event
from ruster.protocol.events import DoctorCheck, DoctorReport, StatusReport
from ruster.storage.exposure import unusable
from ruster.trust.policy import open_sources
from ruster.trust.sources import RuleFile

__all__ = ["check_configuration", "check_folder", "check_socket", "doctor", "doctor_lines"]

_ANSWER_S = 5.0
_REPORT_S = 60.0
_START = "Start one with: ruster (or: make run, or: systemctl --user start ruster)"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the daemon said; ``reached`` when it said anything."""

    finding: Finding
    reached: bool
    checks: tuple[DoctorCheck, ...] = ()


def doctor(socket: SocketOption = None, as_json: JsonOption = False) -> int:
    """Check what ruster needs; say what is missing and what to do.

    Exit status: 0 all works, perhaps with warnings; 1 something does not work; 3 no daemon. With
    --json, one doctor event holds what was found here and what the daemon found.
    """
    environment = process_environment()
    paths = Paths.of(environment)
    configuration, loaded = check_configuration(paths, environment)
    path = _socket_path(socket, environment, loaded)
    asked = _ask(path)
    checks = [
        _named("configuration", configuration),
        _named("config_folder", check_folder(paths.config)),
        _named("data_folder", check_folder(paths.data)),
        _named("socket", check_socket(path)),
        _named("daemon", asked.finding),
        *asked.checks,
    ]
    if as_json:
        write_line(encode_event(DoctorReport(checks=checks)))
    else:
        for line in doctor_lines(checks):
            print(printable(line))
    if not asked.reached:
        return NO_DAEMON
    return FAILED if any(check.status == "missing" for check in checks) else 0


def doctor_lines(checks: list[DoctorCheck]) -> list[str]:
    """Word a report: what was found, the whole in one word, then what is amiss."""
    amiss = [check for check in checks if check.status != "ok"]
    return [
        *(f"{check.name}: {_on_one_line(check.detail)}" for check in checks),
        f"status: {'warning' if amiss else 'ok'}",
        *(f"- {check.name}: {_with_hint(check)}" for check in amiss),
    ]


def check_configuration(paths: Paths, environment: dict[str, str]) -> tuple[Finding, Loaded | None]:
    """Read what the daemon reads at its start; return the settings, too, if that works."""
    try:
        loaded = load(paths, environment)
        open_sources(loaded.settings.trust, paths.config / "policy.json")
        RuleFile(paths.config / "grants.json")
    except RusterError as error:
        return Finding("missing", error.message, "The daemon does not start with that"), None
    except OSError as error:
        return Finding("missing", f"it cannot be read: {error}"), None
    if loaded.warnings:
        return Finding("warning", "; ".join(loaded.warnings)), loaded
    there = paths.config_file.exists()
    return Finding("ok", str(paths.config_file) if there else "none yet; all defaults"), loaded


def check_folder(folder: Path) -> Finding:
    """Look whether a folder can be used, or made."""
    why_not = unusable(folder)
    if why_not is None:
        return Finding("ok", str(folder))
    return Finding(
        "missing",
        f"{folder} cannot be used: {why_not}",
        "Set RUSTER_CONFIG_DIR and RUSTER_DATA_DIR to folders you may write",
    )


def check_socket(path: Path) -> Finding:
    """Look whether there is a socket."""
    try:
        there = path.is_socket()
        other = not there and path.exists()
    except OSError as error:
        return Finding("missing", f"{path} cannot be seen: {error.strerror}")
    if other:
        return Finding("missing", f"{path} is no socket", "Remove it, or set another socket_path")
    return Finding("ok", str(path)) if there else Finding("missing", f"{path} does not exist")


def _ask(path: Path) -> _Asked:
    """Ask the daemon whether it is there, then for its own report."""
    try:
        with SyncClient(path, _ANSWER_S) as client:
            status = client.call("status").event
    except DaemonUnreachable as error:
        return _Asked(Finding("missing", error.message, _START), reached=False)
    except RusterError as error:
        return _Asked(Finding("missing", f"it refuses: {error.message}"), reached=True)
    version = status.version if isinstance(status, StatusReport) else "of an unknown version"
    here = f"ruster {version} answers"
    try:
        with SyncClient(path, _REPORT_S) as client:
            report = client.call("doctor").event
    except RusterError as error:
        return _Asked(Finding("missing", f"{here}, but: {error.message}"), reached=True)
    checks = tuple(report.checks) if isinstance(report, DoctorReport) else ()
    return _Asked(Finding("ok", here), reached=True, checks=checks)


def _socket_path(given: str | None, environment: dict[str, str], loaded: Loaded | None) -> Path:
    """Return where the daemon should listen, even when the configuration cannot be read."""
    if given:
        return Path(given).expanduser()
    if loaded is not None:
        return loaded.settings.socket_path
    return Path(environment.get("RUSTER_SOCKET_PATH") or default_of("socket_path")).expanduser()


def _named(name: str, finding: Finding) -> DoctorCheck:
    return DoctorCheck(name=name, status=finding.health, detail=finding.detail, hint=finding.hint)


def _with_hint(check: DoctorCheck) -> str:
    detail = _on_one_line(check.detail)
    if check.hint is None:
        return detail
    return f"{detail.rstrip('.')}. {_on_one_line(check.hint)}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())

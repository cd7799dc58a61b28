"""Which mechanism works on this machine, and why a better one does not: found by trying."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ruster.core.errors import ToolError
from ruster.core.sandbox import Limits, ProcessSpec
from ruster.sandbox.process_plan import Descriptors, Mechanism

__all__ = ["Finding", "Probe", "mechanisms", "probe"]

_TRIAL = ProcessSpec(("/bin/sh", "-c", "exit 42"), limits=Limits(wall_s=5.0))
_TRIAL_STATUS = 42
_RESTRICTED = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_INSTALL = {
    "debian": "sudo apt install bubblewrap",
    "ubuntu": "sudo apt install bubblewrap",
    "fedora": "sudo dnf install bubblewrap",
    "rhel": "sudo dnf install bubblewrap",
    "arch": "sudo pacman -S bubblewrap",
    "suse": "sudo zypper install bubblewrap",
    "alpine": "sudo apk add bubblewrap util-linux",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One mechanism; ``why_not`` is None when it works."""

    name: str
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found, the best mechanism first, and the one to use."""

    mechanism: Mechanism | None
    findings: tuple[Finding, ...]
    advice: str
    """What to do to have the best mechanism; empty when it is there."""


def mechanisms() -> tuple[Mechanism, ...]:
    """Return all mechanisms, the best first."""
    if sys.platform != "linux":
        return ()
    from ruster.sandbox.bubblewrap import Bubblewrap
    from ruster.sandbox.landlock import Landlock

    return (Bubblewrap(), Landlock())


def probe(candidates: Sequence[Mechanism] | None = None) -> Probe:
    """Try the mechanisms; takes some milliseconds each and blocks."""
    chosen: Mechanism | None = None
    findings = []
    for mechanism in mechanisms() if candidates is None else candidates:
        why_not = mechanism.missing() or _trial(mechanism)
        findings.append(Finding(mechanism.name, why_not))
        if why_not is None and chosen is None:
            chosen = mechanism
    return Probe(chosen, tuple(findings), _advice(findings))


def _trial(mechanism: Mechanism) -> str | None:
    """Run something harmless; return what went wrong."""
    descriptors = Descriptors()
    with ExitStack() as stack:
        try:
            with descriptors.stack:
                plan = mechanism.plan(_TRIAL, descriptors, stack)
                done = subprocess.run(
                    plan.command,
                    env={}, cwd="/", pass_fds=descriptors.inherited, stdin=subprocess.DEVNULL,
                    capture_output=True, timeout=_TRIAL.limits.wall_s, check=False,
                )  # fmt: skip
        except (OSError, ToolError, subprocess.TimeoutExpired) as error:
            return f"it cannot be started: {error}"
    if done.returncode == _TRIAL_STATUS:
        return None
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"it does not work here: {words[-1] if words else f'status {done.returncode}'}"


def _advice(findings: Sequence[Finding]) -> str:
    if not findings:
        return f"Programs cannot be confined on {platform.system()}; run ruster on Linux."
    best = findings[0]
    if best.why_not is None:
        return ""
    reasons = "; ".join(f"{finding.name}: {finding.why_not}" for finding in findings)
    return f"Programs cannot be confined by {best.name}. {_remedy()} ({reasons})"


def _remedy() -> str:
    if Path("/usr/bin/bwrap").exists() and _is_one(_RESTRICTED):
        return (
            "Allow user namespaces to bubblewrap: sudo apt install apparmor-profiles, then "
            "sudo ln -s /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ "
            "and sudo systemctl reload apparmor."
        )
    for name in _systems():
        if name in _INSTALL:
            return f"Install it: {_INSTALL[name]}, and allow user namespaces."
    return "Install bubblewrap with your package manager, and allow user namespaces."


def _systems() -> list[str]:
    """Return this distribution's name and those of the ones it is like."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return []
    return [release.get("ID", ""), *release.get("ID_LIKE", "").split()]


def _is_one(path: Path) -> bool:
    try:
        return path.read_text().strip() == "1"
    except OSError:
        return False

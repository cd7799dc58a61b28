"""Jobs: what a look at ten thousand costs, how late two hundred in a second come, and idling.

The control of a look is APScheduler's own scheduler with as many jobs in memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.client import Client
from bench.figure import Figure, percentile
from bench.processes import Server, daemon, environment

__all__ = ["measure"]

_JOBS = 10_000
_IN_A_SECOND = 200
_LEAD_S = 4.0


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Look at jobs in a process of their own, then in the daemon."""
    ours = _in_child(folder, "ruster")
    theirs = _in_child(folder, "apscheduler")
    late = _lateness(folder / "late")
    cpu = _idle_cpu(folder / "idle", 20.0 if quick else 60.0)
    note = "control: APScheduler, in memory"
    return [
        Figure("look at 10,000 jobs", ours["look_ms"], "ms", 10.0, theirs["look_ms"], note),
        Figure("take one of 10,000 jobs", ours["take_ms"], "ms", 10.0, note="with its receipts"),
        Figure("memory of 10,000 jobs", ours["memory_mb"], "MB", 20.0, theirs["memory_mb"], note),
        Figure("200 due in a second, p50", percentile(late, 50), "ms"),
        Figure("200 due in a second, p99", percentile(late, 99), "ms", 50.0),
        Figure("idle CPU with 1,000 jobs", cpu, "%", 0.1),
    ]


def _in_child(folder: Path, kind: str) -> dict[str, float]:
    """Run ``bench.jobs_child`` and return what it says."""
    command = [sys.executable, "-m", "bench.jobs_child", kind, str(_JOBS), str(folder)]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=300, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _lateness(folder: Path) -> list[float]:
    """Return by how many milliseconds each of 200 reminders came after it was due."""
    with daemon(folder) as server, Client(server.socket_path) as client:
        client.ask({"action": "create", "session_id": "bench"}, "created")
        due: dict[str, float] = {}
        began = time.monotonic()
        for number in range(_IN_A_SECOND):
            time.sleep(max(0.0, began + number / _IN_A_SECOND - time.monotonic()))
            job = _add(client, f"in {_LEAD_S:g} seconds", job_id=f"late-{number}")
            due[f"job:{job['job_id']}"] = datetime.fromisoformat(job["due"]).timestamp()
        late = []
        while due:
            event = client.event("proactive")
            late.append((time.time() - due.pop(event["source"])) * 1000)
        return late


def _idle_cpu(folder: Path, seconds: float) -> float:
    """Return the share of a CPU, in per cent, that the daemon takes while nothing is due."""
    settings = {"proactive_max_jobs": "2000"}
    with daemon(folder, **settings) as server, Client(server.socket_path) as client:
        client.ask({"action": "create", "session_id": "bench"}, "created")
        for number in range(1000):
            _add(client, f"every day at {number % 24}:{number % 60:02}", job_id=f"idle-{number}")
        time.sleep(2.0)
        before = _cpu_s(server)
        time.sleep(seconds)
        return (_cpu_s(server) - before) / seconds * 100


def _add(client: Client, when: str, job_id: str) -> dict[str, Any]:
    command = {
        "action": "job_add",
        "session_id": "bench",
        "job_id": job_id,
        "when": when,
        "do": {"say": {"message": "now"}},
    }
    job: dict[str, Any] = client.ask(command, "job")["job"]
    return job


def _cpu_s(server: Server) -> float:
    """Return the CPU time of a process, in seconds."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

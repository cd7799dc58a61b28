"""The sandbox of a daemon that is not root, whose supervisor and limits differ from root's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ruster
from ruster.testing import short_folder

_NOBODY = 65534
_SCENARIO = """
import asyncio, os, sys, tempfile
from pathlib import Path
from ruster.core.sandbox import Access, Grant, Limit, Limits, ProcessSpec
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.sandbox.bubblewrap import Bubblewrap
from ruster.sandbox.landlock import Landlock
from ruster.sandbox.probe import probe
from ruster.sandbox.process import SystemSandbox

# The kernel's own bound on an ordinary user's processes may be met before ours.

def marked(text):
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (place / "cmdline").read_bytes():
                found.append(place.name)
        except OSError:
            continue
    return found

async def scenario(sandbox, folder):
    secret = folder.parent / "secret"
    def spec(text, **limits):
        return ProcessSpec(("/bin/sh", "-c", text), folder=folder,
            grants=(Grant(folder, Access.WRITE),), limits=Limits(**limits))
    done = await sandbox.run(spec(f"echo x > kept; cat {secret}; kill -0 {os.getpid()}"))
    assert "precious" not in done.stdout.text and done.status, done
    assert (folder / "kept").exists()
    mark = f"9{os.getpid()}"
    done = await sandbox.run(spec(f"(setsid sleep {mark} >/dev/null 2>&1 &); sleep .2; echo ok"))
    assert done.stdout.data == b"ok\\n" and not marked(mark), (done, marked(mark))
    done = await sandbox.run(spec("while true; do sleep 5 & done", processes=10, wall_s=30.0))
    assert done.limit in (Limit.PROCESSES, Limit.OUTPUT) or "fork" in done.stderr.text, done
    done = await sandbox.run(spec("b() { b | b & }; b; sleep 5", processes=10, wall_s=30.0))
    assert done.limit in (Limit.PROCESSES, Limit.OUTPUT) or "fork" in done.stderr.text, done
    running = spawn(sandbox.run(spec(f"trap '' TERM; (sleep {mark} &); echo x>up; sleep {mark}")),
        name="run")
    while not (folder / "up").exists():
        await asyncio.sleep(.01)
    await cancel_and_wait(running)
    assert not marked(mark), marked(mark)

async def main():
    mechanism = {"bubblewrap": Bubblewrap, "landlock": Landlock}[sys.argv[1]]()
    found = probe([mechanism])
    if found.mechanism is None:
        print("SKIP", found.findings[0].why_not)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve() / "granted"
        folder.mkdir()
        (folder.parent / "secret").write_text("precious")
        await scenario(SystemSandbox(mechanism=mechanism), folder)
    print("PASSED")

asyncio.run(main())
"""


def _python_for_all() -> str | None:
    """Find a Python that another user may run."""
    for path in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if path is None:
            continue
        done = subprocess.run(
            [path, "-c", "import sys; assert sys.version_info >= (3, 11)"],
            user=_NOBODY, group=_NOBODY, extra_groups=[], cwd="/", capture_output=True, check=False,
        ) if os.access(path, os.X_OK) and _reachable(path) else None  # fmt: skip
        if done is not None and done.returncode == 0:
            return path
    return None


def _reachable(path: str) -> bool:
    """Whether everybody may pass all folders on the way."""
    return all(folder.stat().st_mode & 1 for folder in Path(path).resolve().parents)


@pytest.mark.root
@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
def test_an_ordinary_user_has_a_sandbox_as_tight(name: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; the other tests run as one already")
    if (python := _python_for_all()) is None:
        pytest.skip("no Python that other users may run")
    with short_folder() as folder:
        place = Path("/tmp") if not _reachable(str(folder / "x")) else folder
        home = place / f"ruster-{os.getpid()}-{name}"
        source = Path(ruster.__file__).parent
        try:
            for part in ("core", "sandbox"):
                shutil.copytree(source / part, home / "ruster" / part)
            for path in source.glob("*.py"):
                if path.name in ("__init__.py", "version.py"):
                    shutil.copy(path, home / "ruster")
            home.chmod(0o755)
            done = subprocess.run(
                [python, "-P", "-c", _SCENARIO, name],
                user=_NOBODY, group=_NOBODY, extra_groups=[], cwd="/",
                env={"PYTHONPATH": str(home), "PATH": "/usr/bin:/bin"},
                capture_output=True, text=True, timeout=55, check=False,
            )  # fmt: skip
        finally:
            shutil.rmtree(home, ignore_errors=True)
    if done.stdout.startswith("SKIP"):
        pytest.skip(done.stdout)
    assert done.stdout == "PASSED\n", done.stderr

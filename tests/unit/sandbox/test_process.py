"""A run from its start to its end: what comes back, what is refused, what is left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ruster.core.errors import ToolError
from ruster.core.sandbox import Access, Grant, Limit, Limits, ProcessSpec
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.sandbox.probe import Probe, probe
from ruster.sandbox.process import SystemSandbox
from ruster.sandbox.process_grants import open_grants
from ruster.sandbox.process_plan import Mechanism
from ruster.testing import short_folder
from tests.unit.sandbox.support import mechanism_named

_SHELL = "/bin/sh"


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    found = mechanism_named(request.param)
    if found is None:
        pytest.skip(f"{request.param} does not work here")
    return found


@pytest.fixture
def home() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder.resolve()


def _script(text: str, folder: Path | None = None, limits: Limits | None = None) -> ProcessSpec:
    grants = (Grant(folder, Access.WRITE),) if folder else ()
    return ProcessSpec(
        (_SHELL, "-c", text), folder=folder, grants=grants, limits=limits or Limits(wall_s=30.0)
    )


def _marked(text: str) -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (place / "cmdline").read_bytes():
                found.append(place.name)
        except OSError:
            continue
    return found


async def test_a_program_gets_what_it_is_given_and_nothing_more(mechanism: Mechanism) -> None:
    spec = ProcessSpec(
        (_SHELL, "-c", 'cat; echo "$GIVEN" >&2; exit 3'),
        stdin=b"from outside\n",
        environment={"GIVEN": "a=b c"},
    )
    done = await SystemSandbox(mechanism=mechanism).run(spec)
    assert (done.status, done.signal, done.limit) == (3, None, None)
    assert done.stdout.data == b"from outside\n"
    assert done.stderr.data == b"a=b c\n"
    assert not done.succeeded


async def test_a_signal_is_told(mechanism: Mechanism) -> None:
    done = await SystemSandbox(mechanism=mechanism).run(_script("kill -USR1 $$; sleep 1"))
    assert (done.status, done.signal) == (None, 10)


async def test_a_program_that_does_not_exist_has_status_127(mechanism: Mechanism) -> None:
    done = await SystemSandbox(mechanism=mechanism).run(ProcessSpec(("/nowhere/nothing",)))
    assert done.status == 127
    assert "/nowhere/nothing" in done.stderr.text


async def test_output_goes_to_files_too(mechanism: Mechanism, home: Path) -> None:
    spec = ProcessSpec(
        (_SHELL, "-c", "head -c 5000 /dev/zero; echo no >&2"),
        limits=Limits(output_bytes=1000),
        stdout=home / "stdout",
        stderr=home / "stderr",
    )
    done = await SystemSandbox(mechanism=mechanism).run(spec)
    assert done.limit is Limit.OUTPUT
    assert done.stdout.truncated
    assert (home / "stdout").read_bytes() == done.stdout.data == bytes(1000)
    assert (home / "stderr").read_bytes() == done.stderr.data


async def test_what_a_granted_folder_gets_stays_there(mechanism: Mechanism, home: Path) -> None:
    done = await SystemSandbox(mechanism=mechanism).run(_script("echo kept > file", home))
    assert done.succeeded
    assert (home / "file").read_text() == "kept\n"


async def test_a_daemon_in_the_background_ends_with_its_program(
    mechanism: Mechanism, home: Path
) -> None:
    text = f"(setsid sleep 4{os.getpid()} >/dev/null 2>&1 &) ; sleep 0.2; echo done"
    done = await SystemSandbox(mechanism=mechanism).run(_script(text))
    assert done.stdout.data == b"done\n"
    assert _marked(f"4{os.getpid()}") == []


async def test_cancelling_leaves_no_process_and_no_descriptor(
    mechanism: Mechanism, home: Path
) -> None:
    sandbox = SystemSandbox(mechanism=mechanism)
    await sandbox.run(_script("true"))
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the numbers are what counts
    text = f"trap '' TERM; (setsid sleep 5{os.getpid()} &); echo up > up; sleep 5{os.getpid()}"
    running = spawn(sandbox.run(_script(text, home)), name="run")
    while not (home / "up").exists():
        await asyncio.sleep(0.01)
    assert _marked(f"5{os.getpid()}")
    await cancel_and_wait(running)
    assert running.cancelled()
    assert _marked(f"5{os.getpid()}") == []
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_cancelling_at_any_point_leaves_nothing(mechanism: Mechanism) -> None:
    sandbox = SystemSandbox(mechanism=mechanism)
    await sandbox.run(_script("true"))
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for steps in range(0, 24, 2):
        running = spawn(sandbox.run(_script(f"sleep 6{os.getpid()}")), name="run")
        for _ in range(steps):
            await asyncio.sleep(0.001)
        await cancel_and_wait(running)
    assert _marked(f"6{os.getpid()}") == []
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


_PARENT = """
import asyncio, sys
from pathlib import Path
from ruster.core.sandbox import Access, Grant, Limits, ProcessSpec
from ruster.sandbox.process import SystemSandbox
from tests.unit.sandbox.support import mechanism_named
folder = Path(sys.argv[2])
script = f"(setsid sleep {sys.argv[3]} &); echo up > up; sleep {sys.argv[3]}"
spec = ProcessSpec(("/bin/sh", "-c", script), folder=folder, grants=(Grant(folder, Access.WRITE),))
asyncio.run(SystemSandbox(mechanism=mechanism_named(sys.argv[1])).run(spec))
"""


async def test_killing_the_parent_leaves_no_child(mechanism: Mechanism, home: Path) -> None:
    mark = f"7{os.getpid()}"
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, mechanism.name, str(home), mark],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as parent:
        while not (home / "up").exists():
            assert parent.poll() is None
            await asyncio.sleep(0.01)
        assert _marked(mark)
        parent.kill()
    while _marked(mark):  # the test's own timeout ends this
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/", "/proc/self", "/dev/shm", "/sys", "relative", "/a/../b"])
async def test_the_system_itself_is_no_grant(path: str, mechanism: Mechanism) -> None:
    spec = ProcessSpec((_SHELL, "-c", "true"), grants=(Grant(Path(path)),))
    with pytest.raises(ToolError) as caught:
        await SystemSandbox(mechanism=mechanism).run(spec)
    assert caught.value.code == "sandbox_refused"


def test_no_link_is_followed_to_a_grant(home: Path) -> None:
    from contextlib import ExitStack

    (home / "real" / "inner").mkdir(parents=True)
    (home / "link").symlink_to(home / "real")
    with ExitStack() as stack:
        assert open_grants([Grant(home / "real" / "inner")], stack)  # the control
    for path in (home / "link", home / "link" / "inner"):
        with ExitStack() as stack, pytest.raises(ToolError, match="symbolic link"):
            open_grants([Grant(path)], stack)


async def test_a_folder_that_is_swapped_meanwhile_shows_nothing_else(
    mechanism: Mechanism, home: Path
) -> None:
    for name in ("granted", "secret"):
        (home / name).mkdir()
        (home / name / "file").write_text(name)
    stop = threading.Event()
    seen: set[str] = set()

    def swap() -> None:
        while not stop.is_set():
            (home / "granted").rename(home / "away")
            (home / "granted").symlink_to(home / "secret")
            seen.add((home / "granted" / "file").read_text())  # the control: a path is fooled
            (home / "granted").unlink()
            (home / "away").rename(home / "granted")

    swapper = threading.Thread(target=swap)
    swapper.start()
    granted = ProcessSpec(
        ("/bin/cat", str(home / "granted" / "file")), grants=(Grant(home / "granted"),)
    )
    try:
        for _ in range(15):
            try:
                done = await SystemSandbox(mechanism=mechanism).run(granted)
            except ToolError:
                continue
            assert "secret" not in done.stdout.text
    finally:
        stop.set()
        swapper.join()
    assert seen == {"secret"}


@pytest.mark.parametrize(
    "spec",
    [
        ProcessSpec(()),
        ProcessSpec(("",)),
        ProcessSpec(("/bin/true", "a\0b")),
        ProcessSpec(("/bin/true",), environment={"A=B": "c"}),
        ProcessSpec(("/bin/true",), folder=Path("/nowhere")),
    ],
)
async def test_what_cannot_start_is_one_typed_error(
    spec: ProcessSpec, mechanism: Mechanism
) -> None:
    with pytest.raises(ToolError) as caught:
        await SystemSandbox(mechanism=mechanism).run(spec)
    assert caught.value.code == "sandbox_failed"


class _Absent:
    name = "absent"

    def missing(self) -> str | None:
        return "it is not installed"


async def test_without_any_mechanism_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    found: Probe = probe([_Absent()])  # type: ignore[list-item]
    assert found.mechanism is None
    assert found.findings[0].why_not == "it is not installed"
    monkeypatch.setattr("ruster.sandbox.process.probe", lambda: found)
    with pytest.raises(ToolError) as caught:
        await SystemSandbox().run(_script("touch ran", home))
    assert caught.value.code == "sandbox_missing"
    assert "bubblewrap" in caught.value.message
    assert not (home / "ran").exists()


async def test_the_best_mechanism_is_chosen(mechanism: Mechanism) -> None:
    found = probe([_Absent(), mechanism])  # type: ignore[list-item]
    assert found.mechanism is mechanism
    assert "absent: it is not installed" in found.advice

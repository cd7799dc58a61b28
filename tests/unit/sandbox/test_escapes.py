"""What a program tries to get at outside of its sandbox, each with a control that gets there."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from ruster.sandbox.process import SystemSandbox
from ruster.sandbox.process_plan import Mechanism
from ruster.sandbox.seccomp_calls import LAST_KNOWN, NUMBERS
from ruster.testing import short_folder
from tests.unit.sandbox.escapes import ESCAPES, Escape
from tests.unit.sandbox.support import ESCAPED, World, inside, mechanism_named, outside, world

_COLUMN = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
pytestmark = pytest.mark.skipif(_COLUMN is None, reason="no call filter for this processor")
_MORE_CALLS = {"sethostname": (170, 161), "capget": (125, 90)}


def _calls() -> dict[str, int]:
    assert _COLUMN is not None
    known = {name: numbers[_COLUMN] for name, numbers in (NUMBERS | _MORE_CALLS).items()}
    return {name: number for name, number in known.items() if number is not None} | {
        "newest": LAST_KNOWN + 1
    }


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    found = mechanism_named(request.param)
    if found is None:
        pytest.skip(f"{request.param} does not work here")
    return found


@pytest.fixture
def surroundings() -> Iterator[World]:
    with short_folder() as folder, world(folder, _calls()) as made:
        (made.outside / "folder").mkdir()
        yield made


def _needs_preparation(escape: Escape, made: World) -> None:
    """Give each way out the file it works on."""
    if escape.name == "delete outside":
        (made.outside / "made").touch()
    if escape.name == "make a folder outside":
        (made.outside / "folder").rmdir()


def _clean(made: World) -> None:
    for folder in (made.granted, made.outside, made.readable):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            elif path.name not in ("secret.txt", "file.txt"):
                path.unlink()
    (made.outside / "folder").mkdir()


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.name)
async def test_no_way_leads_out(escape: Escape, mechanism: Mechanism, surroundings: World) -> None:
    _needs_preparation(escape, surroundings)
    done = await SystemSandbox(mechanism=mechanism).run(surroundings.spec(escape.code))
    assert ESCAPED not in inside(done), inside(done)
    assert (surroundings.outside / "secret.txt").read_text() == surroundings.values["mark"]
    assert (surroundings.readable / "file.txt").read_text() == "readable"
    _clean(surroundings)
    _needs_preparation(escape, surroundings)
    _expect_control(escape, outside(surroundings, escape.code))


def _expect_control(escape: Escape, said: str) -> None:
    """Hold that the code gets out where nothing keeps it in."""
    if escape.control == "never" or (escape.control == "root" and os.geteuid() != 0):
        return
    if escape.control == "maybe":
        return  # whether this kernel offers the call is not ours to say
    if escape.control == "x86" and platform.machine() != "x86_64":
        return
    assert ESCAPED in said, said


async def test_the_prelude_itself_works_inside(mechanism: Mechanism, surroundings: World) -> None:
    code = """
open('mine', 'w').write(open(w['readable'] + '/file.txt').read())
a, b = socket.socketpair()
a.send(b'x'); assert b.recv(1) == b'x'
pid = os.fork()
if not pid:
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
import threading
threading.Thread(target=print).start()
open('/dev/null', 'w').write('x')
assert len(os.urandom(8)) == 8
call('getppid')
escaped()
"""
    surroundings.values["calls"] = {**_calls(), "getppid": (110, 173)[_COLUMN or 0]}
    done = await SystemSandbox(mechanism=mechanism).run(surroundings.spec(code))
    assert done.succeeded, inside(done)
    assert ESCAPED in inside(done)
    assert Path(surroundings.granted, "mine").read_text() == "readable"

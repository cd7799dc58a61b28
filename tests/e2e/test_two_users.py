"""Two users on one daemon: nothing of one reaches the other, with any command."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.protocol.test_codec import FULL

from ruster.protocol.commands import COMMANDS
from ruster.testing import DaemonProcess, RawClient
from ruster.testing.daemon import environment_for

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="acting as several users needs root"),
]

ALICE, BOB, DAEMON = 54321, 54322, 54323
SECRET = "the treasure is under the oak"

# Copies lines between its own input and output and the socket, as whoever it runs as.
# This process's Python may lie where only root can read it, so the user changes after the start.
RELAY = """
import os, socket, sys, threading
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
def out():
    while data := sock.recv(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
threading.Thread(target=out, daemon=True).start()
for line in sys.stdin.buffer:
    sock.sendall(line)
"""


class User(RawClient):
    """A client that runs as another user."""

    def __init__(self, path: Path, uid: int) -> None:
        super().__init__(path)
        self._uid = uid
        self._relay: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> User:
        self._relay = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", RELAY, str(self._path), str(self._uid),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=8 << 20,
        )  # fmt: skip
        assert self._relay.stdout is not None
        assert self._relay.stdin is not None
        self.reader, self.writer = self._relay.stdout, self._relay.stdin
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._relay is not None
        self.writer.close()
        await self._relay.wait()


# Changes the user but keeps root's right to read (SECBIT_NO_SETUID_FIXUP), for the modules that
# are imported later.
AS_USER = """
import ctypes, importlib, os, sys
main = importlib.import_module(sys.argv[2]).main
ctypes.CDLL(None).prctl(28, 4, 0, 0, 0)
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
sys.argv[1:] = sys.argv[3:]
sys.exit(main())
"""


@asynccontextmanager
async def daemon_as(folder: Path, uid: int) -> AsyncIterator[Path]:
    """Run a daemon as ``uid`` in a folder everybody may enter; yield its socket's path."""
    os.chown(folder, uid, uid)
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", AS_USER, str(uid), "ruster.__main__"],
        env=environment | environment_for(folder),
        stdout=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while not (folder / "r.sock").exists():
                await asyncio.sleep(0.02)
        yield folder / "r.sock"
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture(params=[0, DAEMON], ids=["as root", "as another user"])
async def daemon(request: pytest.FixtureRequest, shared: Path) -> AsyncIterator[Path]:
    async with daemon_as(shared, request.param) as path:
        assert path.stat().st_uid == request.param
        yield path


async def settle(client: RawClient) -> list[dict[str, Any]]:
    """Return everything that came up to the answer of a ping."""
    await client.send({"action": "ping", "id": "settle"})
    events = []
    while (event := await client.event()).get("id") != "settle":
        events.append(event)
    return events


async def make_treasure(alice: RawClient) -> None:
    await alice.ask({"action": "create", "session_id": "private", "title": SECRET}, "created")
    assert await alice.say("private", SECRET) == SECRET


async def test_each_sees_what_the_kernel_says_they_are(daemon: Path) -> None:
    async with User(daemon, ALICE) as alice, User(daemon, BOB) as bob:
        for user, uid in ((alice, ALICE), (bob, BOB)):
            status = await user.ask({"action": "status"})
            assert (status["uid"], status["privileged"]) == (uid, False)


async def test_the_same_name_is_two_sessions(daemon: Path) -> None:
    async with User(daemon, ALICE) as alice, User(daemon, BOB) as bob:
        for user, text in ((alice, "I am Alice"), (bob, "I am Bob")):
            await user.ask({"action": "create", "session_id": "work"}, "created")
            assert await user.say("work", text) == text
        for user, text in ((alice, "I am Alice"), (bob, "I am Bob")):
            page = await user.ask({"action": "history", "session_id": "work"})
            assert [record["content"] for record in page["history"]] == [text, text]
        await bob.ask({"action": "delete", "session_id": "work"}, "deleted")
        assert (await alice.ask({"action": "list"}))["sessions"] == ["work"]
        assert await settle(alice) == []


def _is_of_nobody_else(action: str, event: dict[str, Any], extra: dict[str, int]) -> bool:
    """Whether an answer tells of what is the asker's own alone."""
    code = event.get("code") if event["event"] == "error" else None
    if action.startswith(("job_", "goal_")):
        if code is None:
            return action.startswith("goal_") and not extra  # their own goal of the same name
        return code in {"job_not_found", "goal_not_found", "session_not_found", "not_permitted"}
    if action.startswith(("config_", "ooda")) or action in ("list", "doctor"):
        return code == "not_permitted"
    return code == "session_not_found" or "session_id" not in FULL[action]


async def test_no_command_reaches_another_users_session(daemon: Path) -> None:
    async with User(daemon, ALICE) as alice, User(daemon, BOB) as bob:
        await make_treasure(alice)
        await alice.ask({"action": "goal_add", "goal_id": "g", "description": SECRET}, "goal")
        say = {"say": {"message": SECRET}}
        added = {"job_id": "j", "session_id": "private", "when": "every day at 9", "do": say}
        await alice.ask({"action": "job_add", **added}, "job")
        told = b""
        for action in COMMANDS:
            for extra in ({}, {"owner": ALICE}, {"owner": 0}, {"owner": DAEMON}):
                command = {"action": action, **FULL[action]}
                if "owner" in command:
                    del command["owner"]
                    command |= extra
                elif extra:
                    continue
                if action == "create" and not extra:
                    continue
                if "session_id" in command:
                    command["session_id"] = "private"
                await bob.send(command)
                line = await bob.line()
                told += line
                event = json.loads(line)
                assert _is_of_nobody_else(action, event, extra), command
        listing = await bob.ask({"action": "list"})
        assert (listing["sessions"], listing["details"]) == ([], [])
        told += json.dumps(await settle(bob)).encode()
        for trace in (SECRET, "treasure", str(ALICE), "private/"):
            assert trace.encode() not in told
        goal = await alice.ask({"action": "goal_show", "goal_id": "g"}, "goal")
        assert (goal["goal"]["description"], goal["goal"]["achieved"]) == (SECRET, False)
        assert goal["notes"] == []
        job = await alice.ask({"action": "job_show", "job_id": "j"}, "job")
        assert (job["job"]["enabled"], job["job"]["runs"]) == (True, 0)
        # What Alice does meanwhile is not told to Bob either, and nothing of hers was changed.
        assert await alice.say("private", "still mine") == "still mine"
        assert await settle(bob) == []
        page = await alice.ask({"action": "history", "session_id": "private"})
        assert [r["content"] for r in page["history"]] == [SECRET, SECRET] + ["still mine"] * 2


async def test_an_answer_is_the_same_whether_the_session_exists_or_not(
    daemon: Path,
) -> None:
    async with User(daemon, ALICE) as alice, User(daemon, BOB) as bob:
        await make_treasure(alice)
        for action in ("history", "attach", "cancel", "delete", "send", "detach"):
            for owner in ({}, {"owner": ALICE}):
                command: dict[str, Any] = {"action": action, **owner}
                if action == "send":
                    command["message"] = "x"
                there = await bob.ask(command | {"session_id": "private"})
                nowhere = await bob.ask(command | {"session_id": "nowhere"})
                assert json.dumps(there).replace("private", "nowhere") == json.dumps(nowhere)


async def test_the_doctor_tells_others_that_there_is_a_daemon(daemon: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", AS_USER, str(BOB), "ruster.cli.main", "doctor"],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(daemon.parent)}
        | environment_for(daemon.parent),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "answers, but: only the daemon's own user and root may ask" in done.stdout
    assert "skills: " not in done.stdout


async def test_others_may_not_point_the_daemon_at_files(daemon: Path) -> None:
    async with User(daemon, BOB) as bob:
        for model in ("llamacpp//etc/passwd", "llamacpp/~root/x.gguf", "llamacpp/../x.gguf"):
            command = {"action": "create", "session_id": "work", "model": model}
            assert (await bob.ask(command))["code"] == "not_permitted"


async def test_root_and_the_daemons_user_may_do_everything(daemon: Path) -> None:
    uids = {0, daemon.stat().st_uid}
    async with User(daemon, ALICE) as alice:
        await make_treasure(alice)
        for uid in uids:
            async with User(daemon, uid) as master:
                listing = await master.ask({"action": "list", "all": True})
                assert [(d["session_id"], d["owner"]) for d in listing["details"]] == [
                    ("private", ALICE)
                ]
                assert (await master.ask({"action": "list"}))["sessions"] == []
                page = await master.ask(
                    {"action": "history", "session_id": "private", "owner": ALICE}
                )
                assert page["history"][0]["content"] == SECRET
                assert (await master.ask({"action": "config_list"}))["event"] == "config_list"
        command = {"action": "delete", "session_id": "private", "owner": ALICE}
        async with User(daemon, 0) as master:
            assert (await master.ask(command))["event"] == "deleted"
        assert (await alice.event("deleted"))["session_id"] == "private"


async def test_one_users_limits_are_not_anothers(shared: Path) -> None:
    async with (
        DaemonProcess(shared, server_max_connections_per_uid="2") as process,
        User(process.socket_path, ALICE) as first,
        User(process.socket_path, ALICE) as second,
        User(process.socket_path, BOB) as bob,
    ):
        for client in (first, second, bob):
            assert (await client.ask({"action": "ping"}))["event"] == "pong"
        async with User(process.socket_path, ALICE) as third:
            assert (await third.event())["code"] == "too_many_connections"
        assert (await bob.ask({"action": "ping"}))["event"] == "pong"


async def test_files_are_out_of_reach(daemon: Path) -> None:
    async with User(daemon, ALICE) as alice:
        await make_treasure(alice)
    look = f"find {daemon.parent} -type f -exec grep -l treasure {{}} + 2>/dev/null"
    as_root = subprocess.run(look, shell=True, capture_output=True, text=True)
    assert "history.jsonl" in as_root.stdout  # the control: there is something to be found
    done = subprocess.run(look, shell=True, user=BOB, group=BOB, capture_output=True, text=True)
    assert done.stdout == ""

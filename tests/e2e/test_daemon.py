"""The daemon as a process: start, stop, its files, its socket, and a machine that runs out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ruster.testing import DaemonProcess, RawClient
from ruster.testing.daemon import environment_for

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="mounting needs root")


def environment(folder: Path, **settings: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(folder),
        **environment_for(folder, **settings),
    }


async def run(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Start a daemon that is expected to end by itself; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ruster", *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment(folder, **settings),
    )  # fmt: skip
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


# Starting


async def test_arguments_are_refused(folder: Path) -> None:
    status, said = await run(folder, "--help")
    assert status == 2
    assert "rusterctl" in said
    assert not (folder / "data").exists()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("log_level = 3", ["log_level", "config.toml"]),
        ("[server]\nbacklog = 'many'", ["server.backlog", "integer", "config.toml"]),
        ("[server]\nstall_timeout_s = -1", ["server.stall_timeout_s", "greater"]),
        ("not toml at all", ["config.toml"]),
        ("default_model = 'no-slash'", ["default_model"]),
    ],
)
async def test_a_wrong_setting_ends_the_start(folder: Path, text: str, parts: list[str]) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "config.toml").write_text(text)
    given = environment(folder)
    del given["RUSTER_DEFAULT_MODEL"]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ruster"],
        env=given,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


async def test_a_wrong_variable_ends_the_start(folder: Path) -> None:
    status, said = await run(folder, server_backlog="many")
    assert status == 78
    assert "RUSTER_SERVER_BACKLOG" in said
    assert "integer" in said


async def test_a_wrong_rule_ends_the_start(folder: Path) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "policy.json").write_text('{"rules": [{"action": "Maybe"}]}')
    status, said = await run(folder)
    assert status == 78
    assert "policy.json, rule 1" in said
    assert "Traceback" not in said


async def test_an_unknown_setting_is_named_with_the_nearest(folder: Path) -> None:
    async with DaemonProcess(folder, server_backlogg="7") as daemon:
        said = daemon.output.read_text()
    assert "RUSTER_SERVER_BACKLOGG" in said
    assert "RUSTER_SERVER_BACKLOG'?" in said


async def test_a_second_instance_says_one_line_and_ends(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon:
        status, said = await run(folder)
        assert status == 1
        assert str(daemon.pid) in said
        assert len(said.splitlines()) == 1
        async with RawClient(daemon.socket_path) as client:
            assert (await client.ask({"action": "ping"}))["event"] == "pong"


async def test_the_first_run_makes_its_files_for_its_owner_only(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon, RawClient(daemon.socket_path) as client:
        await client.ask({"action": "create", "session_id": "work"})
        await client.say("work", "hello")
        expected = [
            "config/config.toml",
            "config/skills",
            "config/extra_skills",
            "data/logs/ruster.log",
            "data/state",
            "data/sessions/work/session.toml",
            "data/sessions/work/history.jsonl",
            "data/sessions/work/events.jsonl",
            "data/sessions/work/activity.log",
            "data/sessions/work/memory",
        ]
        for name in expected:
            assert (folder / name).exists(), name
        for path in [*(folder / "config").rglob("*"), *(folder / "data").rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path
        assert stat.S_IMODE(daemon.socket_path.stat().st_mode) == 0o666
    assert not daemon.socket_path.exists()


# The socket's path


async def refused_start(folder: Path, *parts: str) -> None:
    status, said = await run(folder)
    assert status == 1
    assert len(said.splitlines()) == 1
    for part in (str(folder / "r.sock"), *parts):
        assert part in said


async def test_a_planted_link_is_refused_and_left(folder: Path) -> None:
    (folder / "precious").write_text("precious")
    (folder / "r.sock").symlink_to(folder / "precious")
    await refused_start(folder, "symbolic link")
    assert (folder / "precious").read_text() == "precious"
    assert (folder / "r.sock").is_symlink()
    (folder / "r.sock").unlink()
    (folder / "r.sock").symlink_to(folder / "nowhere")
    await refused_start(folder, "symbolic link")


async def test_a_regular_file_is_refused_and_left(folder: Path) -> None:
    (folder / "r.sock").write_text("mine")
    await refused_start(folder, "not a socket")
    assert (folder / "r.sock").read_text() == "mine"


async def test_a_socket_somebody_listens_on_is_refused_and_left(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "r.sock"))
        other.listen()
        await refused_start(folder, "listens")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "r.sock"))


async def test_a_stale_socket_is_replaced(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "r.sock"))
    async with DaemonProcess(folder) as daemon, RawClient(daemon.socket_path) as client:
        assert (await client.ask({"action": "ping"}))["event"] == "pong"
        await daemon.kill()
    assert daemon.socket_path.exists()
    async with DaemonProcess(folder) as daemon, RawClient(daemon.socket_path) as client:
        assert (await client.ask({"action": "ping"}))["event"] == "pong"


@pytest.mark.root
@pytest.mark.skipif(not ROOT, reason="making another user's socket needs root")
async def test_another_users_socket_is_refused_and_left(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "r.sock"))
    os.chown(folder / "r.sock", 54321, 54321)
    await refused_start(folder, "another user")
    assert (folder / "r.sock").exists()


async def test_a_path_that_is_too_long_is_refused(folder: Path) -> None:
    status, said = await run(folder, socket_path=str(folder / ("x" * 120)))
    assert status == 1
    assert "107" in said


async def test_a_socket_of_somebody_else_is_not_removed_at_the_end(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon:
        daemon.socket_path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(daemon.socket_path))
            await daemon.stop()
            assert daemon.socket_path.exists()


LAUNCHER = """
import os, sys
from ruster.__main__ import main
path, tell, *homes = sys.argv[1:]
gate, opener = os.pipe()
children = set()
for home in homes:
    child = os.fork()
    if child == 0:
        os.close(opener)
        os.close(int(tell))
        os.environ.update(
            RUSTER_CONFIG_DIR=home + "/config", RUSTER_DATA_DIR=home + "/data",
            RUSTER_SOCKET_PATH=path,
        )
        sys.argv[:] = ["ruster"]
        os.read(gate, 1)
        os._exit(main())
    children.add(child)
os.close(opener)
while len(children) > 1:
    children.discard(os.waitpid(-1, 0)[0])
os.write(int(tell), str(children).encode())
os.close(int(tell))
for child in children:
    os.waitpid(child, 0)
"""


async def _status_once_ready(path: Path) -> dict[str, Any]:
    """Return the status of a daemon that holds its lock and may not listen yet."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):
                async with RawClient(path) as client:
                    return await client.ask({"action": "status"})
            await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
async def test_of_a_hundred_simultaneous_starts_exactly_one_lives(
    folder: Path, shared: bool
) -> None:
    """Whether they share their data folder or only the path of the socket, which is stale."""
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "r.sock"))
    homes = [folder / ("shared" if shared else f"h{number}") for number in range(100)]
    told, tell = os.pipe()
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(folder / "r.sock"), str(tell), *map(str, homes)],
        env=environment(folder),
        pass_fds=(tell,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(tell)
    alive = ""
    try:
        alive = (await asyncio.to_thread(os.read, told, 100)).decode()
        status = await _status_once_ready(folder / "r.sock")
        assert alive == f"{{{status['pid']}}}"
    finally:
        for pid in alive.strip("{}").split():
            os.kill(int(pid), signal.SIGKILL)
        os.close(told)
        launcher.terminate()
        launcher.wait()


# Stopping


async def begin(client: RawClient, text: str = "one two three four five six") -> None:
    await client.ask({"action": "create", "session_id": "work", "model": "pinky/slow"})
    await client.send({"action": "send", "session_id": "work", "message": text})
    while (await client.event("response")).get("phase"):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_answer_may_finish(folder: Path, number: signal.Signals) -> None:
    async with (
        DaemonProcess(folder, shutdown_patience_s="20") as daemon,
        RawClient(daemon.socket_path) as client,
    ):
        await begin(client)
        os.kill(daemon.pid, number)
        events = await client.turn()
        assert events[-1]["done"] is True
        assert "shutting_down" in [e.get("code") for e in events if e["event"] == "notice"]
        assert await daemon.wait() == 0
        assert await client.line() == b""
    assert not daemon.socket_path.exists()


async def test_while_stopping_nothing_new_is_taken(folder: Path) -> None:
    async with (
        DaemonProcess(folder, shutdown_patience_s="20") as daemon,
        RawClient(daemon.socket_path) as client,
        RawClient(daemon.socket_path) as other,
    ):
        await begin(client, "word " * 20)
        await other.ask({"action": "ping"})
        os.kill(daemon.pid, signal.SIGTERM)
        await other.event("notice")
        await other.send({"action": "send", "session_id": "work", "message": "late"})
        error = await other.event("error", "accepted")
        assert error["code"] == "shutting_down"
        with pytest.raises(FileNotFoundError):
            await RawClient(daemon.socket_path).__aenter__()
        assert await daemon.wait() == 0


async def test_an_answer_that_takes_too_long_is_given_after_the_next_start(folder: Path) -> None:
    async with DaemonProcess(folder, shutdown_patience_s="0.1") as daemon:
        async with RawClient(daemon.socket_path) as client:
            await begin(client, "word " * 40)
            assert await daemon.stop() == 0
        await daemon.start()
        async with RawClient(daemon.socket_path) as client:
            await client.send({"action": "attach", "session_id": "work", "since": 0})
            events = await client.turn()
            assert events[-1]["done"] is True
            assert [e["event"] for e in events].count("accepted") == 1


async def test_a_second_signal_ends_it_at_once(folder: Path) -> None:
    async with (
        DaemonProcess(folder, shutdown_patience_s="300") as daemon,
        RawClient(daemon.socket_path) as client,
    ):
        await begin(client, "word " * 2000)
        os.kill(daemon.pid, signal.SIGTERM)
        await client.event("notice")
        os.kill(daemon.pid, signal.SIGTERM)
        assert await daemon.wait() == 128 + signal.SIGTERM


ROGUE = """
import asyncio, sys
from ruster.core.inference import Content, ProcessStart
import ruster.llm.pinky as pinky

async def stream(self, request):
    yield ProcessStart()
    yield Content("begun")
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException:
            pass

pinky.PinkyProvider.stream = stream
from ruster.__main__ import main
sys.exit(main())
"""


async def test_a_model_that_ignores_everything_cannot_keep_the_daemon_alive(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ROGUE],
        env=environment(folder, shutdown_patience_s="0.1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while not (folder / "r.sock").exists():
                await asyncio.sleep(0.02)
        async with RawClient(folder / "r.sock") as client:
            await client.ask({"action": "create", "session_id": "work"})
            await client.send({"action": "send", "session_id": "work", "message": "hi"})
            while (await client.event()).get("delta") != "begun":
                pass
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.kill()
        process.wait()


# Running out


async def test_running_out_of_descriptors(folder: Path) -> None:
    """The daemon survives, and serves again when clients leave; nothing is leaked."""
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60));"
        "from ruster.__main__ import main; sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", limited],
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path = folder / "r.sock"
    try:
        async with asyncio.timeout(20):
            while not path.exists():
                await asyncio.sleep(0.02)
        async with RawClient(path) as client:
            for n in range(8):
                await client.ask({"action": "create", "session_id": f"s{n}"}, "created")
                await client.say(f"s{n}", "hello")
            crowd = []
            for _ in range(80):
                one = socket.socket(socket.AF_UNIX)
                one.settimeout(5)
                one.connect(str(path))
                crowd.append(one)
            assert (await client.ask({"action": "ping"}))["event"] == "pong"
            errors = []
            for n in range(30):
                reply = await client.ask({"action": "create", "session_id": f"more{n}"})
                if reply["event"] == "error":
                    errors.append(reply["code"])
            assert errors
            assert set(errors) == {"storage_failed"}
            assert await client.say("s0", "still there") == "still there"
            for one in crowd:
                one.close()
            before = await descriptors(process.pid, settle=True)
            for n in range(5):
                await client.send({"action": "history", "session_id": "s1"})
                assert (await client.event())["event"] == "history"
                async with RawClient(path) as other:
                    assert (await other.ask({"action": "ping"}))["event"] == "pong"
                assert (await client.ask({"action": "delete", "session_id": f"s{n + 2}"}))[
                    "event"
                ] in ("deleted", "error")
            assert await descriptors(process.pid, settle=True) <= before
            reply = await client.ask({"action": "create", "session_id": "fresh"})
            assert reply["event"] == "created"
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


async def descriptors(pid: int, *, settle: bool) -> int:
    """Count a process's descriptors once the number has stopped falling."""
    counts: list[int] = []
    async with asyncio.timeout(60):
        while len(counts) < 3 or len(set(counts[-3:])) > 1 or not settle:
            counts.append(len(await asyncio.to_thread(os.listdir, f"/proc/{pid}/fd")))
            await asyncio.sleep(0.5)
    return counts[-1]


@contextlib.contextmanager
def mounted(path: Path, *options: str) -> Iterator[None]:
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"mounting is not possible here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.mark.root
@needs_root
async def test_a_full_disk(folder: Path) -> None:
    """Typed errors, nothing acknowledged is lost, and all goes on when there is space again."""
    sessions = folder / "data" / "sessions"
    with mounted(sessions, "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"):
        async with DaemonProcess(folder) as daemon, RawClient(daemon.socket_path) as client:
            await client.ask({"action": "create", "session_id": "work"})
            answered: list[str] = []
            text = "x" * 20_000
            while True:
                message = f"{len(answered)} {text}"
                await client.send({"action": "send", "session_id": "work", "message": message})
                events = [await client.event()]
                while not (events[-1].get("done") or events[-1]["event"] == "error"):
                    events.append(await client.event())
                if events[-1]["event"] == "error":
                    break
                answered.append(message)
                assert len(answered) < 100
            assert events[-1]["code"] == "disk_full"
            accepted_last = events[0]["event"] == "accepted"
            ballast = sessions / "ballast"
            with contextlib.suppress(OSError), ballast.open("wb") as file:
                while True:
                    file.write(b"x" * 4096)
                    file.flush()
            error = await client.ask({"action": "create", "session_id": "other"})
            assert error["code"] == "disk_full"
            send = {"action": "send", "session_id": "work", "message": "y" * 50_000}
            assert (await client.ask(send))["code"] == "disk_full"
            assert (await client.ask({"action": "ping"}))["event"] == "pong"
            page = await client.ask({"action": "history", "session_id": "work"})
            assert page["event"] == "history"
            await daemon.kill()
            ballast.unlink()
            shutil.rmtree(sessions / "other", ignore_errors=True)
            # room for what is owed
            await asyncio.to_thread(
                subprocess.run,
                ["mount", "-o", "remount,size=8m", str(sessions)],
                check=True,
            )
            await daemon.start()
            async with RawClient(daemon.socket_path) as client:
                send = {"action": "send", "session_id": "work", "message": "again", "id": "z"}
                event = await client.ask(send)
                while not (event.get("done") and event.get("id") == "z"):
                    event = await client.event()
                records = await whole_history(client)
                users = [r["content"] for r in records if r["role"] == "user"]
                expected = [*answered, *([message] if accepted_last else []), "again"]
                assert users == expected
                ends = [r["turn"] for r in records if "end" in r]
                assert len(ends) == len(set(ends)) == len(users)
                await client.send({"action": "attach", "session_id": "work", "since": 0})
                numbers = []
                while (event := await client.event())["event"] != "attached":
                    numbers.append(event["seq"])
                assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.root
@needs_root
async def test_a_disk_that_is_full_for_a_while(folder: Path) -> None:
    """Without a restart: the session takes messages again as soon as there is space."""
    sessions = folder / "data" / "sessions"
    with mounted(sessions, "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs"):
        async with DaemonProcess(folder) as daemon, RawClient(daemon.socket_path) as client:
            await client.ask({"action": "create", "session_id": "work"})
            assert await client.say("work", "before") == "before"
            send = {"action": "send", "session_id": "work", "message": "x" * 300_000}
            for _ in range(3):
                assert (await client.ask(send))["code"] == "disk_full"
            assert await client.say("work", "after") == "after"
            records = await whole_history(client)
            assert [r["content"] for r in records] == ["before", "before", "after", "after"]


async def whole_history(client: RawClient) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    while True:
        command = {"action": "history", "session_id": "work", "limit": 1000}
        page = await client.ask(command | {"offset": len(records)}, "history")
        records += page["history"]
        if len(records) >= page["total"]:
            return records


@pytest.mark.root
@needs_root
async def test_a_read_only_data_folder(folder: Path) -> None:
    sessions = folder / "data" / "sessions"
    async with DaemonProcess(folder) as daemon, RawClient(daemon.socket_path) as client:
        await client.ask({"action": "create", "session_id": "work"})
        assert await client.say("work", "before") == "before"
        with mounted(sessions, "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs"):
            error = await client.ask({"action": "create", "session_id": "new"})
            assert error["code"] == "storage_read_only"
            assert (await client.ask({"action": "ping"}))["event"] == "pong"
        assert await client.ask({"action": "create", "session_id": "new"}, "created")
        assert await client.say("work", "after") == "after"


@pytest.mark.root
@needs_root
async def test_a_start_on_a_read_only_data_folder(folder: Path) -> None:
    async with DaemonProcess(folder):
        pass
    with mounted(folder / "data", "-t", "tmpfs", "-o", "ro", "tmpfs"):
        status, said = await run(folder)
    assert status == 78
    assert len(said.splitlines()) == 1
    assert "read-only" in said.lower()


async def test_the_log_says_who_asked_for_what(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon, RawClient(daemon.socket_path) as client:
        await client.ask({"action": "create", "session_id": "work", "id": "request-7"})
        await client.say("work", "sk-proj-CANARY1abcdefghijklmnop", id="request-8")
    log = (folder / "data" / "logs" / "ruster.log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    commands = [line for line in lines if line["event"] == "command"]
    assert [(c["action"], c["id"], c["uid"]) for c in commands] == [
        ("create", "request-7", os.geteuid()),
        ("send", "request-8", os.geteuid()),
    ]
    assert [line["end"] for line in lines if line["event"] == "turn"] == ["done"]
    assert "CANARY" not in log

"""Event servers that keep to the format: found, attached, asked, kept over restarts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ruster.client.event_server import EventServer, Question
from ruster.core.errors import JobError, SessionError, StorageError
from ruster.proactive.servers.known import ServerState
from ruster.proactive.servers.registry import Attachment, DeliveryMode
from ruster.proactive.servers.wire import EventFrame
from ruster.storage.disk import Disk
from tests.unit.proactive.servers.support import UID, frame, hello, house, raw_server


async def _echo(question: Question) -> object:
    return {"heard": question.message, "in": question.session_id}


async def test_an_event_comes_in_the_way_of_its_session(folder: Path) -> None:
    async with (
        house(folder) as it,
        EventServer("mail", "Tells of mail.", folder=it.folder) as mail,
    ):
        known = await it.connected("mail")
        assert known.description == "Tells of mail."
        await it.attach("mail", "next")
        await it.attach("mail", "told", DeliveryMode.PROACTIVE)
        await it.attach("mail", "asked", DeliveryMode.IMMEDIATE)
        await mail.emit({"from": "anna"})
        await it.inbox.until(3)
        said = {(way, spoken.session_id): spoken for way, spoken in it.inbox.spoken}
        assert {key: spoken.text for key, spoken in said.items()} == {
            ("note", "next"): '{"from":"anna"}',
            ("tell", "told"): '{"from":"anna"}',
            ("ask", "asked"): 'Background Event: {"from":"anna"}',
        }
        assert {spoken.origins for spoken in said.values()} == {("server:mail",)}
        assert {spoken.source for spoken in said.values()} == {"server:mail"}
        assert {spoken.owner for spoken in said.values()} == {UID}
        assert len({spoken.key for spoken in said.values()}) == 3
        assert it.inbox.limits == [(0, 300.0)]


async def test_an_event_for_one_session_goes_to_no_other(folder: Path) -> None:
    async with house(folder) as it, EventServer("mail", folder=it.folder) as mail:
        for session_id in ("a", "b"):
            await it.attach("mail", session_id)
        await mail.connected()
        await mail.emit("for b", session_id="b")
        await mail.emit("for nobody", session_id="c")
        await mail.emit("for all")
        await it.inbox.until(3)
        assert it.inbox.texts("a") == ["for all"]
        assert it.inbox.texts("b") == ["for b", "for all"]
        assert it.inbox.texts("c") == []


async def test_who_is_asked_answers(folder: Path) -> None:
    async with house(folder) as it, EventServer("echo", answer=_echo, folder=it.folder):
        assert await it.servers.send("echo", "work", "hello") == {"heard": "hello", "in": "work"}
        assert await it.servers.send("echo", None, "alone") == {"heard": "alone", "in": None}


async def test_many_questions_get_their_own_answers(folder: Path) -> None:
    async with (
        house(folder, reply_timeout_s=10) as it,
        EventServer("echo", answer=_echo, folder=it.folder),
    ):
        await it.connected("echo")
        asked = [it.servers.send("echo", None, str(n)) for n in range(12)]
        assert [answer["heard"] for answer in await asyncio.gather(*asked)] == [
            str(n) for n in range(12)
        ]


async def test_a_server_that_cannot_answer_is_told_apart(folder: Path) -> None:
    async with house(folder) as it, EventServer("mute", folder=it.folder):
        await it.connected("mute")
        with pytest.raises(JobError, match="answers no questions") as refused:
            await it.servers.send("mute", None, "hello")
        assert refused.value.code == "server_failed"
        with pytest.raises(JobError) as unknown:
            await it.servers.send("nobody", None, "hello")
        assert unknown.value.code == "server_not_found"
        with pytest.raises(JobError) as long:
            await it.servers.send("mute", None, "x" * 70_000)
        assert long.value.code == "message_too_large"


async def test_attachments_outlive_the_daemon_and_the_server(folder: Path) -> None:
    async with house(folder) as it:
        async with EventServer("mail", folder=it.folder):
            await it.attach("mail", "work", DeliveryMode.PROACTIVE)
        await it.known("mail", ServerState.MISSING)
        await it.attach("mail", "work", DeliveryMode.IMMEDIATE)  # a change needs no server
    async with house(folder) as it:
        listed = await it.servers.list()
        assert [(known.name, known.state) for known in listed] == [("mail", ServerState.MISSING)]
        async with EventServer("mail", folder=it.folder) as mail:
            await mail.connected()
            await mail.emit("back")
            await it.inbox.until(1)
            assert [way for way, _ in it.inbox.spoken] == ["ask"]
        assert await it.servers.detach("mail", UID, "work")
        assert not await it.servers.detach("mail", UID, "work")
    async with house(folder) as it:
        assert it.servers.outlets() == []


async def test_a_server_that_is_started_again_is_connected_again(folder: Path) -> None:
    async with house(folder, reconnect_s=30, reconnect_max_s=30) as it:
        await it.servers.list()
        for round_ in range(3):
            async with EventServer("mail", folder=it.folder):
                assert (await it.connected("mail")).connections == round_ + 1


async def test_what_a_session_has_goes_with_it(folder: Path) -> None:
    async with house(folder) as it, EventServer("mail", folder=it.folder):
        await it.attach("mail", "work")
        await it.attach("mail", "home")
        await it.servers.forget(f"{UID}/work")
        await it.servers.forget(f"{UID}/never-was")
        left = [outlet.attachment.session_id for outlet in it.servers.outlets("mail")]
        assert left == ["home"]
        kept = json.loads((folder / "state" / "servers.json").read_text())
        assert [line["session_id"] for line in kept["attachments"]] == ["home"]


async def test_what_cannot_be_attached_is_refused(folder: Path) -> None:
    async with (
        house(folder, max_attachments=2) as it,
        EventServer("mail", folder=it.folder),
    ):
        with pytest.raises(JobError) as unknown:
            await it.attach("nobody")
        assert unknown.value.code == "server_not_found"
        with pytest.raises(SessionError) as stranger:
            await it.servers.attach(Attachment("mail", 54321, "work"))
        assert stranger.value.code == "not_permitted"
        await it.attach("mail", "a")
        await it.attach("mail", "b")
        with pytest.raises(JobError) as full:
            await it.attach("mail", "c")
        assert full.value.code == "job_limit"
        await it.attach("mail", "b", DeliveryMode.PROACTIVE)  # a change is no other one


class FullDisk(Disk):
    """A disk on which nothing can be made durable."""

    def sync(self, fd: int) -> None:
        raise OSError(28, "No space left on device")


async def test_what_could_not_be_kept_is_not_attached(folder: Path) -> None:
    async with (
        house(folder, disk=FullDisk()) as it,
        EventServer("mail", folder=it.folder),
    ):
        with pytest.raises(StorageError) as refused:
            await it.attach("mail")
        assert refused.value.code == "disk_full"
        assert it.servers.outlets() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"version":2,"attachments":[]}',
        b'{"version":1,"attachments":[{"server":"../x","owner":0,"session_id":"a",'
        b'"mode":"next-turn"}]}',
        b'{"version":1,"attachments":[{"server":"x","owner":0,"session_id":"a","mode":"never"}]}',
    ],
)
async def test_a_damaged_file_is_set_aside(folder: Path, content: bytes) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "servers.json").write_bytes(content)
    async with house(folder) as it:
        assert it.servers.outlets() == []
    assert (folder / "state" / "servers.json.damaged").read_bytes() == content


async def test_whoever_watches_is_told_until_it_leaves(folder: Path) -> None:
    async with house(folder) as it, EventServer("mail", folder=it.folder) as mail:
        await it.connected("mail")
        heard: asyncio.Queue[object] = asyncio.Queue()
        more: list[str] = []

        def hear(server: str, event: EventFrame) -> None:
            heard.put_nowait((server, event.payload, event.session_id))

        leave = it.servers.watch("mail", hear)
        leave_more = it.servers.watch("mail", lambda server, _event: more.append(server))
        await mail.emit(1, session_id="work")
        assert await heard.get() == ("mail", 1, "work")
        leave_more()
        await mail.emit(2)
        assert await heard.get() == ("mail", 2, None)
        assert more == ["mail"]
        leave()
        leave()
        assert it.servers._watchers == {}


async def test_only_so_many_servers_are_connected(folder: Path) -> None:
    async with house(folder, max_servers=2) as it:
        for name in ("a", "b", "c"):
            (it.folder / f"{name}.sock").unlink(missing_ok=True)

        async def greet(name: str, writer: asyncio.StreamWriter) -> None:
            writer.write(hello(name) + frame(type="event", payload=name))

        async with (
            raw_server(it.folder / "a.sock", lambda _, w: greet("a", w)) as first,
            raw_server(it.folder / "b.sock", lambda _, w: greet("b", w)) as second,
            raw_server(it.folder / "c.sock", lambda _, w: greet("c", w)) as third,
        ):
            await it.connected("a")
            await it.connected("b")
            assert [known.name for known in await it.servers.list()] == ["a", "b"]
            assert (first[0], second[0], third[0]) == (1, 1, 0)


async def test_when_others_can_write_to_our_folder_nothing_in_it_counts(folder: Path) -> None:
    async with house(folder) as it, EventServer("mail", folder=it.folder):
        await it.connected("mail")
        it.folder.chmod(0o777)
    async with house(folder) as it, EventServer("mail", folder=it.folder):
        assert [known.state for known in await it.servers.list()] == []
        it.folder.chmod(0o700)
        await it.connected("mail")


async def test_switched_off_nothing_is_looked_for(folder: Path) -> None:
    async with house(folder, enabled=False) as it:
        assert not it.folder.exists()
        assert await it.servers.list() == []

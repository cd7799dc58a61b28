"""The memory through the socket and ``rusterctl``."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_cli import Ctl, _terminal
from tests.e2e.test_two_users import ALICE, BOB, User, daemon_as

from ruster.testing import DaemonProcess, RawClient, running_daemon

SISTER = "My sister lives in Hanoi"


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[RawClient]:
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        await client.ask({"action": "create", "session_id": "work"}, "created")
        yield client


@pytest.fixture
async def ctl(client: RawClient, folder: Path) -> Ctl:
    return Ctl(folder)


async def _ask(client: RawClient, action: str, **fields: Any) -> dict[str, Any]:
    return await client.ask({"action": f"memory_{action}", **fields})


async def _texts(client: RawClient, **fields: Any) -> list[str]:
    return [it["text"] for it in (await _ask(client, "list", **fields))["memories"]]


# The socket


async def test_both_forms_of_a_command_mean_the_same(client: RawClient) -> None:
    await _ask(client, "add", text=SISTER)
    flat = await _ask(client, "search", query="where does my sister live?", id=1)
    await client.send(
        {
            "command": "memory",
            "arguments": {"action": "search", "query": "where does my sister live?"},
            "id": 1,
        }
    )
    enveloped = await client.event()
    assert enveloped["id"] == 1
    for event in (flat, enveloped):
        (hit,) = event["results"]
        assert (hit["memory"]["text"], hit["passage"]) == (SISTER, SISTER)
        assert hit["score"] == pytest.approx(sum(hit["scores"].values()), abs=0.001)
        assert hit["scores"]["lexical"] == 1.0
    shown = await _ask(client, "show", memory_id=hit["memory"]["memory_id"])
    assert shown["memory"]["uses"] == 2


async def test_filters_of_a_search(client: RawClient) -> None:
    await _ask(client, "add", text="apples at home", tags=["fruit", "home"], project="house")
    await _ask(client, "add", text="apples at work", kind="fact", layer="assets", tags=["fruit"])
    await _ask(client, "add", text="apples in the session", session_id="work", layer="interact")

    async def found(**fields: Any) -> set[str]:
        results = (await _ask(client, "search", query="apples", **fields))["results"]
        return {it["memory"]["text"].removeprefix("apples ") for it in results}

    assert await found() == {"at home", "at work"}
    assert await found(session_id="work") == {"at home", "at work", "in the session"}
    assert await found(session_id="work", sessions=["work"]) == {"in the session"}
    assert await found(layers=["insights"]) == {"at home"}
    assert await found(kinds=["fact"]) == {"at work"}
    assert await found(tags=["fruit", "home"]) == {"at home"}
    assert await found(project="house") == {"at home"}
    assert await found(after="2020-01-01") == {"at home", "at work"}
    assert await found(before="2020-01-01") == set()
    assert len(await found(limit=1)) == 1
    assert (await _ask(client, "search", query="x", after="soon"))["code"] == "invalid_command"


async def test_a_search_of_everywhere_names_the_sessions(client: RawClient, ctl: Ctl) -> None:
    await client.ask({"action": "create", "session_id": "empty"}, "created")
    await _ask(client, "add", text="apples at home")
    for name in ("a", "b"):
        await client.ask({"action": "create", "session_id": name}, "created")
        await _ask(client, "add", text=f"apples in {name}", session_id=name, layer="interact")
    found = await _ask(client, "search", query="apples", everywhere=True)
    told = {it["memory"]["text"]: it.get("session_id") for it in found["results"]}
    assert told == {"apples at home": None, "apples in a": "a", "apples in b": "b"}
    assert {it["memory"]["within"] for it in found["results"]} == {"owner", "session"}
    assert (found["searched"], found["left_out"]) == (2, 0)
    again = await _ask(client, "search", query="apples", everywhere=True, limit=1, kinds=["note"])
    assert len(again["results"]) == 1
    assert again["results"][0]["memory"]["uses"] == 1
    plain = await _ask(client, "search", query="apples")
    assert ("searched" in plain, len(plain["results"])) == (False, 1)
    both = await _ask(client, "search", query="apples", everywhere=True, session_id="a")
    assert both["code"] == "invalid_command"
    status, out, err = await ctl("memory", "search", "apples", "--everywhere")
    rows = {(row[5], row[6]) for row in (line.split("\t") for line in out.splitlines())}
    assert (status, err) == (0, "")
    assert rows == {("apples at home", ""), ("apples in a", "a"), ("apples in b", "b")}


async def test_a_search_of_everywhere_is_bounded_and_begins_with_the_last_used(
    folder: Path,
) -> None:
    async with (
        running_daemon(folder, memory_searched_sessions="2"),
        RawClient(folder / "r.sock") as client,
    ):
        for name in ("a", "b", "c"):
            await client.ask({"action": "create", "session_id": name}, "created")
            await _ask(client, "add", text=f"apples in {name}", session_id=name)
            await client.say(name, "hello")
        sessions = folder / "data" / "sessions"
        for age, name in enumerate(("c", "a", "b")):
            os.utime(sessions / name / "history.jsonl", (1e9 - age, 1e9 - age))
        found = await _ask(client, "search", query="apples", everywhere=True)
        assert {it["session_id"] for it in found["results"]} == {"a", "c"}
        assert (found["searched"], found["left_out"]) == (2, 1)
        _, _, err = await Ctl(folder)("memory", "search", "apples", "-e")
        assert err == "looked into 2 sessions; 1 not\n"


async def test_what_is_corrected_holds_after_a_restart(folder: Path) -> None:
    async with DaemonProcess(folder) as daemon, RawClient(folder / "r.sock") as client:
        added = await _ask(client, "add", text=SISTER, tags=["family"])
        id = added["memory_id"]
        assert (await _ask(client, "add", text=f"{SISTER}."))["memory_id"] == id
        await _ask(client, "edit", memory_id=id, text="My sister lives in Hue")
        await _ask(client, "pin", memory_id=id)
        moved = await _ask(client, "promote", memory_id=id, layer="assets")
        assert (moved["memory"]["layer"], moved["memory"]["pinned"]) == ("assets", True)
        await daemon.kill()
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        shown = await _ask(client, "show", memory_id=id)
        assert shown["memory"]["text"] == "My sister lives in Hue"
        assert (shown["memory"]["tags"], shown["memory"]["pinned"]) == (["family"], True)
        assert [it["what"] for it in shown["log"]] == ["promoted", "merged"]
        log = await _ask(client, "log")
        assert [it["number"] for it in log["entries"]] == [2, 1]
        assert (await _ask(client, "log", before=2))["entries"] == log["entries"][1:]
        assert await _ask(client, "stats") == {
            "event": "memory_stats",
            "memories": [
                {
                    "within": "owner",
                    "size_bytes": (await _ask(client, "stats"))["memories"][0]["size_bytes"],
                    "layers": {"interact": 0, "insights": 0, "assets": 1},
                    "hidden": 0,
                    "facts": 0,
                    "documents": 0,
                    "waiting": 1,
                    "vectors": {},
                }
            ],
            "hint": (await _ask(client, "stats"))["hint"],
        }


async def test_forgetting_is_shown_before_and_proven_after(client: RawClient, folder: Path) -> None:
    for text in (SISTER, "My sister likes tea", "The train leaves at nine"):
        await _ask(client, "add", text=text)
    unconfirmed = await _ask(client, "forget", query="sister")
    assert unconfirmed["code"] == "invalid_command"
    dry = await _ask(client, "forget", query="sister", dry_run=True)
    assert {it["text"] for it in dry["memories"]} == {SISTER, "My sister likes tea"}
    assert (dry["dry_run"], dry["total"], len(await _texts(client))) == (True, 2, 3)
    gone = await _ask(client, "forget", memory_ids=[*dry["memory_ids"], "no-such"])
    assert (set(gone["memory_ids"]), gone["missing"]) == (set(dry["memory_ids"]), ["no-such"])
    assert (gone["total"], gone["pieces"], gone["left"]) == (2, 2, 0)
    assert await _texts(client) == ["The train leaves at nine"]
    on_disk = b"".join(it.read_bytes() for it in (folder / "data" / "memory" / "0").iterdir())
    assert b"sister" not in on_disk
    assert b"train" in on_disk
    again = await _ask(client, "forget", memory_ids=dry["memory_ids"])
    assert again["code"] == "record_not_found"
    gone = await _ask(client, "forget", query="train", confirm=True)
    assert (gone["total"], await _texts(client)) == (1, [])


async def test_only_what_has_all_words_of_the_question_is_forgotten(client: RawClient) -> None:
    cat, sister = "My cat is called Miso", "My sister is called Ann"
    for text in (cat, sister):
        await _ask(client, "add", text=text)
    for query in ("my cat Felix", "my"):
        nothing = await _ask(client, "forget", query=query, dry_run=True)
        assert (nothing["total"], nothing["memories"]) == (0, [])
    gone = await _ask(client, "forget", query="what is my cat called?", confirm=True)
    assert (gone["total"], await _texts(client)) == (1, [sister])


async def test_a_question_means_what_a_wish_to_the_tool_means(
    client: RawClient, folder: Path
) -> None:
    await _ask(client, "add", text="Cats like jazz", kind="recipe")
    await _ask(client, "add", text="The user is not allergic to cat hair", kind="fact")
    await _ask(client, "add", text="Jazz for cats", name="jazz.md")
    dry = await _ask(client, "forget", query="cats and jazz", dry_run=True)
    assert [it["text"] for it in dry["memories"]] == ["Cats like jazz"]
    opposite = "The user is allergic to cat hair"
    assert (await _ask(client, "forget", query=opposite, dry_run=True))["total"] == 0
    gone = await _ask(client, "forget", query="cats and jazz", confirm=True)
    assert (gone["total"], gone["left"]) == (1, 0)
    assert len(await _texts(client)) == 2
    status, _, err = await Ctl(folder)("memory", "forget", "-q", "jazz cats", "--dry-run")
    assert (status, "goes by its id, or by --path" in err) == (0, True)
    assert (await _ask(client, "forget", path="jazz.md", confirm=True))["total"] == 1


async def test_what_means_too_much_is_not_deleted_unseen(client: RawClient) -> None:
    for n in range(4):
        await _ask(client, "add", text=f"Apples are on shelf {n}")
    refused = await _ask(client, "forget", query="apples", confirm=True, limit=3)
    assert (refused["code"], "means 4 memories" in refused["error"]) == ("query_invalid", True)
    assert len(await _texts(client)) == 4
    seen = await _ask(client, "forget", query="apples", dry_run=True, limit=3)
    assert (seen["total"], len(seen["memories"])) == (4, 4)
    gone = await _ask(client, "forget", query="apples", confirm=True, limit=4)
    assert (gone["total"], await _texts(client)) == (4, [])


async def test_what_was_just_said_is_forgotten_too(client: RawClient) -> None:
    for n in range(20):
        await client.say("work", f"The boat number {n} is called Aurora")
        gone = await _ask(client, "forget", session_id="work", query="Aurora", confirm=True)
        assert gone["left"] == 0
        assert not [it for it in await _texts(client, session_id="work") if "Aurora" in it]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"query": "x"},
        {"query": "x", "dry_run": True, "confirm": True},
        {"memory_ids": ["m"], "query": "x", "confirm": True},
        {"path": "/x", "key": "y", "confirm": True},
    ],
)
async def test_what_to_forget_must_be_plain(client: RawClient, fields: dict[str, Any]) -> None:
    assert (await _ask(client, "forget", **fields))["code"] == "invalid_command"


async def test_hostile_texts_get_one_typed_error_each(client: RawClient) -> None:
    codes = {
        ("add", ("text", "a\0b")): "text_invalid",
        ("add", ("text", "  \n ")): "text_invalid",
        ("add", ("path", "/tmp/a\0b")): "text_invalid",
        ("add", ("path", "/no/such/file.md")): "document_unreadable",
        ("add", ("path", "/dev/null")): "document_unreadable",
        ("search", ("query", "a\0b")): "text_invalid",
        ("set", ("key", "a\0b")): "text_invalid",
        ("show", ("memory_id", "' OR 1=1 --")): "record_not_found",
        ("backup", ("name", "../../x")): "invalid_name",
        ("restore", ("name", "../../x")): "invalid_name",
        ("export", ("after", "fact:\0")): "memory_export",
        ("keys", ("pattern", "[*?")): "memory_keys",
    }
    for (action, (name, value)), code in codes.items():
        more = {"value": "v"} if action == "set" else {}
        event = await _ask(client, action, **{name: value}, **more)
        assert event.get("code", event["event"]) == code, (action, name, value, event)
    for query in ('"', "a AND", "NEAR(", "*", "col:x", "-", "(" * 200, "x" * 10_000):
        event = await _ask(client, "search", query=query)
        assert event["event"] == "memory_search_results", (query, event)
    assert (await client.ask({"action": "ping"}))["event"] == "pong"


async def test_a_folder_is_taken_in_with_progress(client: RawClient, folder: Path) -> None:
    docs = folder / "docs"
    docs.mkdir()
    for name in ("a.md", "b.md"):
        (docs / name).write_text(f"# {name}\n\nabout apples\n")
    await client.send({"action": "memory_add", "path": str(docs), "id": 5})
    events = [await client.event() for _ in range(3)]
    assert [it["event"] for it in events] == ["progress", "progress", "memory_documents"]
    assert {it["id"] for it in events} == {5}
    assert (events[1]["current"], events[1]["total"], events[1]["unit"]) == (1, 2, "files")
    assert (events[2]["added"], events[2]["pieces"]) == (2, 2)
    found = await _ask(client, "search", query="apples", kinds=["document"])
    assert {tuple(it["memory"]["origins"]) for it in found["results"]} == {
        (f"file:{docs}/a.md",), (f"file:{docs}/b.md",),
    }  # fmt: skip
    gone = await _ask(client, "forget", path=str(docs), confirm=True)
    assert (gone["total"], await _texts(client)) == (2, [])


async def test_a_session_takes_its_memory_and_its_copies_along(
    client: RawClient, folder: Path
) -> None:
    await _ask(client, "add", text="only at work", session_id="work")
    made = await _ask(client, "backup", session_id="work", name="one")
    assert Path(made["path"]).exists()
    await client.ask({"action": "delete", "session_id": "work"}, "deleted")
    left = [it for it in (folder / "data").rglob("*") if it.is_file()]
    assert not [it for it in left if b"only at work" in it.read_bytes()]
    assert (await _ask(client, "list", session_id="work"))["code"] == "session_not_found"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="acting as several users needs root")
async def test_two_users_of_one_daemon(shared: Path) -> None:
    async with daemon_as(shared, 0) as path, User(path, ALICE) as alice, User(path, BOB) as bob:
        added = await _ask(alice, "add", text=SISTER)
        await _ask(alice, "set", key="city", value="Hue")
        await _ask(alice, "backup", name="one")
        assert "path" not in added
        assert await _texts(bob) == []
        assert (await _ask(bob, "search", query="sister"))["results"] == []
        await bob.ask({"action": "create", "session_id": "work"}, "created")
        await _ask(bob, "add", text="tea", session_id="work")
        everywhere = await _ask(bob, "search", query="sister tea", everywhere=True)
        assert [it["memory"]["text"] for it in everywhere["results"]] == ["tea"]
        assert (await _ask(bob, "keys"))["keys"] == []
        assert (await _ask(bob, "export"))["items"] == []
        assert (await _ask(bob, "backups"))["backups"] == []
        assert (await _ask(bob, "restore", name="one"))["code"] == "backup_not_found"
        for action in ("show", "pin", "promote"):
            refused = await _ask(bob, action, memory_id=added["memory_id"])
            assert refused["code"] == "record_not_found"
        for action, fields in {"list": {}, "keys": {}, "search": {"query": "sister"}}.items():
            refused = await _ask(bob, action, owner=ALICE, **fields)
            assert refused["code"] == "not_permitted"
        assert (await _ask(bob, "add", path="/etc/passwd"))["code"] == "not_permitted"
        assert await _texts(alice) == [SISTER]
        async with RawClient(path) as root:
            assert await _texts(root, owner=ALICE) == [SISTER]
            assert await _texts(root) == []


# rusterctl


async def test_a_text_is_added_found_shown_edited_and_forgotten(ctl: Ctl) -> None:
    status, out, _ = await ctl("memory", "add", "-t", "family", "My", "sister", "lives in Hanoi")
    how, id = out.split()
    assert (status, how) == (0, "new")
    _, out, _ = await ctl("memory", "search", "where does my sister live", "--scores")
    row = out.rstrip("\n").split("\t")
    assert (row[1], row[5]) == (id, SISTER)
    assert "lexical=1" in row[6]
    status, out, err = await ctl("memory", "edit", id, "My sister lives in Hue")
    assert (status, out, err) == (0, f"changed {id}\n", "")
    status, _, err = await ctl("memory", "edit", id, "-", piped="My sister lives in Vinh\n")
    assert (status, err) == (0, "")
    _, out, _ = await ctl("memory", "show", id)
    assert f"Memory: {id}\n" in out
    assert "Tags: family\n" in out
    assert out.endswith("\n\nMy sister lives in Vinh\n")
    assert (await ctl("memory", "pin", id))[1] == f"pinned {id}\n"
    assert (await ctl("memory", "promote", id, "assets"))[1] == f"{id} is in assets\n"
    _, out, _ = await ctl("memory", "list")
    assert out.split("\t")[2:] == ["assets*", "note", "My sister lives in Vinh\n"]
    _, out, _ = await ctl("memory", "log")
    assert "promoted\ttold" in out
    number = out.splitlines()[0].split("\t")[0]
    _, out, _ = await ctl("memory", "undo", number)
    assert "promoted (undone)" in out
    _, out, _ = await ctl("memory", "list")
    assert out.split("\t")[2] == "insights*"
    status, _, err = await ctl("memory", "undo", number)
    assert (status, "undone already" in err) == (1, True)
    await ctl("memory", "promote", id, "assets")
    _, out, _ = await ctl("memory", "stats", "-d")
    assert "owner\tassets\t1\n" in out
    status, _, err = await ctl("memory", "forget", id)
    assert (status, "say --yes" in err) == (1, True)
    status, out, _ = await ctl("memory", "forget", id, "--yes")
    assert (status, out) == (0, "deleted 1 memory (1 piece of text, 0 vectors)\n")
    status, _, err = await ctl("memory", "show", id)
    assert (status, "no memory with the id" in err) == (1, True)


async def test_files_folders_and_stdin_are_told_from_texts(ctl: Ctl, folder: Path) -> None:
    docs = folder / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Guide\n\nabout apples\n")
    status, out, err = await ctl("memory", "add", str(docs))
    assert (status, out) == (0, f"{docs}: 1 added; 1 piece\n")
    assert err == "reading a.md: 0 %\n"
    _, out, _ = await ctl("memory", "add", str(docs / "a.md"))
    assert out == f"{docs}/a.md: 1 unchanged; 0 pieces\n"
    _, out, _ = await ctl("memory", "add", "-", piped="from a pipe\n")
    assert out.startswith("new ")
    _, out, _ = await ctl("memory", "add", "-", "--name", "notes.md", piped="# Plums\n\nare ripe\n")
    assert out == "notes.md: 1 added; 1 piece\n"
    _, out, _ = await ctl("memory", "add", "--text", str(docs))
    assert out.startswith("new ")
    for word, why in (("./no-such.md", "cannot be read"), ("http://127.0.0.1:1/", "refused")):
        status, out, err = await ctl("memory", "add", word)
        assert (status, out, why in err) == (1, "", True)
    _, out, _ = await ctl("memory", "list")
    texts = {line.split("\t")[4] for line in out.splitlines()}
    assert texts == {
        "a.md > Guide about apples", "from a pipe", "notes.md > Plums are ripe", str(docs),
    }  # fmt: skip
    status, out, _ = await ctl("memory", "forget", "--path", str(docs), "--yes")
    assert (status, out) == (0, "deleted 1 memory (1 piece of text, 0 vectors)\n")


async def test_an_export_is_taken_in_elsewhere(ctl: Ctl, folder: Path) -> None:
    for n in range(3):
        await ctl("memory", "add", f"number {n}")
    await ctl("memory", "set", "user.city", "Hue")
    status, out, _ = await ctl("memory", "export")
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["memory"] * 3 + ["fact"]
    file = folder / "export.jsonl"
    assert (await ctl("memory", "export", "-o", str(file)))[0] == 0
    assert file.read_text() == out
    _, told, _ = await ctl("memory", "import", str(file))
    assert told == "0 memories, 1 fact; known already: 3\n"
    _, told, _ = await ctl("memory", "import", "-", "--session", "work", piped=out)
    assert told == "3 memories, 1 fact; known already: 0\n"
    status, _, err = await ctl("memory", "import", "-", piped='{"type":"memory"}\n')
    assert (status, '"text" is wrong' in err) == (1, True)
    status, _, err = await ctl("memory", "import", "-", piped="{\n")
    assert (status, "line 1 is no JSON" in err) == (1, True)


async def test_copies_are_made_named_and_put_back(ctl: Ctl) -> None:
    await ctl("memory", "add", "before")
    status, out, _ = await ctl("memory", "backup", "one")
    assert (status, Path(out.strip()).name) == (0, "one.sqlite")
    await ctl("memory", "add", "after")
    status, _, err = await ctl("memory", "restore", "one")
    assert (status, "say --yes" in err) == (1, True)
    _, out, _ = await ctl("memory", "restore", "one", "--yes")
    assert out == "restored one; what was there is kept as before-restore\n"
    _, out, _ = await ctl("memory", "list")
    assert [line.split("\t")[4] for line in out.splitlines()] == ["before"]
    _, out, _ = await ctl("memory", "backups")
    assert {line.split("\t")[0] for line in out.splitlines()} == {"one", "before-restore"}
    assert (await ctl("memory", "backups", "--remove", "one"))[1] == "deleted one\n"
    assert (await ctl("memory", "reindex"))[1] == "the indexes are new\n"


async def test_facts_by_name(ctl: Ctl) -> None:
    for value in ("Hue", "Hanoi"):
        status, out, _ = await ctl("memory", "set", "user.city", value)
        assert (status, out) == (0, f"user.city = {value}\n")
    assert (await ctl("memory", "get", "user.city"))[1] == "Hanoi\n"
    _, out, _ = await ctl("memory", "get", "user.city", "--history")
    assert [line.split("\t")[2] for line in out.splitlines()] == ["Hanoi", "Hue"]
    assert (await ctl("memory", "keys", "user.*"))[1] == "user.city\n"
    assert (await ctl("memory", "keys", "other.*"))[1] == ""
    assert (await ctl("memory", "delete", "user.city"))[0] == 0
    assert (await ctl("memory", "delete", "user.city"))[0] == 1
    status, out, _ = await ctl("memory", "get", "user.city", "--history")
    assert (status, len(out.splitlines())) == (1, 2)
    _, out, _ = await ctl("memory", "forget", "--key", "user.*", "--yes")
    assert out == "deleted 1 name with all they held\n"
    status, _, err = await ctl("memory", "get", "user.city", "--history")
    assert (status, "nothing is kept as" in err) == (1, True)


async def test_all_facts_by_name_end_when_that_is_confirmed(
    client: RawClient, ctl: Ctl, folder: Path
) -> None:
    for key in ("user.city", "user.tea"):
        await _ask(client, "set", key=key, value="Hue")
        await _ask(client, "set", key=key, value="Hanoi", session_id="work")
    refused = await _ask(client, "flush")
    assert refused["code"] == "invalid_command"
    assert "(now 2)" in refused["error"]
    assert (await _ask(client, "keys"))["keys"] == ["user.city", "user.tea"]
    assert (await _ask(client, "flush", confirm=True, id=7)) == {
        "event": "memory_flushed", "id": 7, "names": 2,
    }  # fmt: skip
    assert (await _ask(client, "keys"))["keys"] == []
    ended = await _ask(client, "get", key="user.city", history=True)
    assert ([it["value"] for it in ended["history"]], "value" in ended) == (["Hue"], False)
    assert len((await _ask(client, "keys", session_id="work"))["keys"]) == 2
    status, _, err = await ctl("memory", "flush", "-s", "work")
    assert (status, "say --yes" in err) == (1, True)
    assert (await ctl("memory", "flush", "-s", "work", "--yes"))[1] == "2 names ended\n"
    assert (await ctl("memory", "flush", "-s", "work", "-y"))[1] == "0 names ended\n"
    await _ask(client, "set", key="user.city", value="Hue")
    async with _terminal(folder, "memory", "flush") as screen:
        await screen.until("End what all names hold? [y/N] ")
        screen.type("n\n")
        await screen.until("nothing was changed")
        assert await screen.process.wait() == 1
    assert (await _ask(client, "keys"))["keys"] == ["user.city"]


async def test_stats_and_doctor_say_how_things_are_found(folder: Path) -> None:
    async with running_daemon(folder):
        ctl = Ctl(folder)
        _, out, _ = await ctl("memory", "stats")
        nothing, found, hint = out.splitlines()
        assert (nothing, found) == ("nothing is remembered yet", "found by words only")
        assert "get an embedding model" in hint
        (report,) = await ctl.events("memory", "stats")
        assert (report["hint"], "embedder" in report) == (hint, False)
        _, out, _ = await ctl("doctor")
        assert "memory: found by words only" in out
        assert f"- memory: found by words only. {hint[0].upper()}{hint[1:]}" in out
    async with running_daemon(folder, memory_embedding_embedder="onnx/none"):
        (report,) = await ctl.events("memory", "stats")
        assert "no ONNX embedding model 'none'" in str(report["hint"])
    async with running_daemon(folder, memory_embedding_embedder="pinky/echo"):
        (report,) = await ctl.events("memory", "stats")
        assert (report["embedder"], "hint" in report) == ("pinky/echo:384", False)


async def test_json_is_the_daemons_own(ctl: Ctl) -> None:
    (added,) = await ctl.events("memory", "add", SISTER)
    assert added["event"] == "memory_added"
    for words, kind in (
        (("search", "sister"), "memory_search_results"),
        (("list",), "memory_list"),
        (("show", str(added["memory_id"])), "memory"),
        (("log",), "memory_log"),
        (("stats",), "memory_stats"),
        (("forget", "--query", "sister", "--dry-run"), "memory_forgotten"),
        (("forget", "--query", "sister", "--yes"), "memory_forgotten"),
        (("set", "k", "v"), "memory_value"),
        (("keys",), "memory_keys"),
        (("flush", "--yes"), "memory_flushed"),
        (("backup", "one"), "memory_backed_up"),
        (("backups",), "memory_backups"),
        (("restore", "one", "--yes"), "memory_restored"),
        (("reindex",), "memory_reindexed"),
    ):
        (event,) = await ctl.events("memory", *words)
        assert event["event"] == kind


async def test_a_person_is_asked_before_anything_is_deleted(ctl: Ctl, folder: Path) -> None:
    await ctl("memory", "add", SISTER)
    await ctl("memory", "add", "The train leaves at nine")
    words = ("memory", "forget", "--query", "sister")
    async with _terminal(folder, *words) as screen:
        shown = await screen.until("Delete 1 memory for good? [y/N] ")
        assert SISTER.split()[1] in shown
        assert "train" not in shown
        screen.type("n\n")
        await screen.until("nothing was deleted")
        assert await screen.process.wait() == 1
    async with _terminal(folder, *words) as screen:
        await screen.until("[y/N] ")
        screen.type("y\n")
        await screen.until("deleted 1 memory (1 piece of text, 0 vectors)")
        assert await screen.process.wait() == 0
    _, out, _ = await ctl("memory", "list")
    assert [line.split("\t")[4] for line in out.splitlines()] == ["The train leaves at nine"]


async def test_an_editor_opens_at_the_terminal(ctl: Ctl, folder: Path) -> None:
    _, out, _ = await ctl("memory", "add", SISTER)
    id = out.split()[1]
    editor = folder / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/Hanoi/Hue/ "$1"\n')
    editor.chmod(0o755)
    for told in (f"changed {id}", "nothing was changed"):
        async with _terminal(folder, "memory", "edit", id, EDITOR=str(editor)) as screen:
            await screen.until(told)
            assert await screen.process.wait() == 0
    _, out, _ = await ctl("memory", "show", id)
    assert out.endswith("\n\nMy sister lives in Hue\n")
    async with _terminal(folder, "memory", "edit", id, EDITOR="false") as screen:
        await screen.until("ended with status 1")
        assert await screen.process.wait() == 1


async def test_what_was_said_in_a_session_is_found_with_it(client: RawClient, ctl: Ctl) -> None:
    assert await client.say("work", "The boat is called Aurora")
    async with asyncio.timeout(20):
        while not await _texts(client, session_id="work"):
            await asyncio.sleep(0.01)
    _, out, _ = await ctl("memory", "search", "-s", "work", "boat called")
    assert "The boat is called Aurora" in out
    assert (await ctl("memory", "search", "boat called"))[1] == ""

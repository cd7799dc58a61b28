"""Reading, writing, editing, listing and searching files, where all is as it should be."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.tools import Outcome, TurnScope
from ruster.tools.folders import Folders
from ruster.tools.listing import FileSearch
from ruster.tools.settings import FolderGrant, ToolSettings
from ruster.tools.threads import Stop, in_thread
from tests.unit.tools.support import builtins, call_of, children, scope_in

BOMB = ("a" * 64 + "b\n") * 20


@pytest.fixture
def scope(tmp_path: Path) -> TurnScope:
    (tmp_path / "work").mkdir()
    return scope_in(tmp_path)


async def run(scope: TurnScope, tool: str, /, **arguments: Any) -> Outcome:
    return await builtins(ToolSettings(file_bytes=100_000)).run(scope, call_of(tool, **arguments))


def names(folder: Path) -> list[str]:
    return sorted(it.name for it in folder.rglob("*"))


async def test_written_text_is_read_back(scope: TurnScope) -> None:
    text = "one\r\ntwo ü\n\nfour"
    written = await run(scope, "file_write", path="deep/er/notes.md", content=text)
    assert written.text.startswith("created")
    assert (scope.folder / "work/deep/er/notes.md").read_bytes() == text.encode()
    read = await run(scope, "file_read", path="./deep/er/notes.md")
    assert (read.text, read.origin) == (text, None)
    part = await run(scope, "file_read", path="deep/er/notes.md", offset=2, limit=1)
    assert part.text == "two ü\n[lines 2 to 2 of 4]"
    beyond = await run(scope, "file_read", path="deep/er/notes.md", offset=9)
    assert "[the file has 4 lines]" in beyond.text
    again = await run(scope, "file_write", path="deep/er/notes.md", content="")
    assert again.text.startswith("replaced")
    assert (await run(scope, "file_read", path="deep/er/notes.md")).text == "[the file is empty]"
    assert names(scope.folder / "work") == ["deep", "er", "notes.md"]


async def test_long_files_are_shown_as_asked(scope: TurnScope) -> None:
    (scope.folder / "work/a").write_text("".join(f"{n}\n" for n in range(500)))
    read = await run(scope, "file_read", path="a", limit=100)
    assert read.text.splitlines() == [*map(str, range(100)), "[lines 1 to 100 of 500]"]


async def test_an_edit_replaces_an_exact_text(scope: TurnScope) -> None:
    path = scope.folder / "work/a.py"
    path.write_text("x = 1\ny = 1\n")
    path.chmod(0o750)
    many = await run(scope, "file_edit", path="a.py", old="1", new="2")
    assert many.failed
    assert "2 times" in many.text
    none = await run(scope, "file_edit", path="a.py", old="x=1", new="2")
    assert none.hint == "read the file and give the text exactly as it stands there"
    assert path.read_text() == "x = 1\ny = 1\n"
    assert not (await run(scope, "file_edit", path="a.py", old="x = 1", new="x = 3")).failed
    assert path.read_text() == "x = 3\ny = 1\n"
    assert path.stat().st_mode & 0o777 == 0o750
    await run(scope, "file_edit", path="a.py", old=" = ", new="=", all=True)
    assert path.read_text() == "x=3\ny=1\n"


@pytest.mark.parametrize("data", [b"a\0b", b"\xff\xfe", os.urandom(2000) + b"\0"])
async def test_what_is_no_text_is_refused(scope: TurnScope, data: bytes) -> None:
    (scope.folder / "work/blob").write_bytes(data)
    outcome = await run(scope, "file_read", path="blob")
    assert outcome.failed
    assert "not a text" in outcome.text


async def test_huge_files_are_refused(scope: TurnScope) -> None:
    with (scope.folder / "work/huge").open("wb") as file:
        file.truncate(1 << 40)
    read = await run(scope, "file_read", path="huge")
    assert read.text == "huge is larger than 100000 bytes"
    written = await run(scope, "file_write", path="new", content="x" * 100_001)
    assert written.failed
    assert (await run(scope, "file_search", regex="x")).text == "[nothing found]"
    assert names(scope.folder / "work") == ["huge"]


async def test_a_failed_write_leaves_nothing(
    scope: TurnScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scope.folder / "work/a").write_text("old")

    def full(fd: int) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr(os, "fsync", full)
    outcome = await run(scope, "file_write", path="a", content="new")
    assert outcome.text.endswith("no space is left on the disk")
    assert names(scope.folder / "work") == ["a"]
    assert (scope.folder / "work/a").read_text() == "old"


async def test_a_cancelled_write_leaves_nothing(
    scope: TurnScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(fd: int) -> None:
        loop.call_soon_threadsafe(reached.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    monkeypatch.setattr(os, "fsync", slow)
    task = spawn(run(scope, "file_write", path="a", content="new"), name="write")
    await reached.wait()
    assert len(names(scope.folder / "work")) == 1  # the temporary file
    loop.call_soon(go_on.set)
    await cancel_and_wait(task)
    assert task.cancelled()
    assert names(scope.folder / "work") == []


async def test_work_in_a_thread_is_told_to_stop() -> None:
    ended: list[bool] = []

    def work(stop: Stop) -> None:
        while True:
            try:
                stop.check()
            except InterruptedError:
                ended.append(True)
                raise

    task = spawn(in_thread(work), name="work")
    await asyncio.sleep(0)
    await cancel_and_wait(task)
    assert ended == [True]


async def test_a_folder_is_listed(scope: TurnScope) -> None:
    work = scope.folder / "work"
    (work / "b").mkdir()
    (work / "a.txt").write_text("12345")
    (work / "l").symlink_to("a.txt")
    (work / "bad\nname").write_text("")
    listed = await run(scope, "dir_list")
    assert listed.text.splitlines() == ["a.txt 5", "b/", r"'bad\nname' 0", "l (a link)"]
    page = await run(scope, "dir_list", offset=1, limit=2)
    assert page.text.splitlines() == ["b/", r"'bad\nname' 0", "[1 to 3 of 4]"]
    assert (await run(scope, "dir_list", path="b")).text == "[nothing]"
    assert (await run(scope, "dir_list", path="a.txt")).failed
    assert (await run(scope, "dir_list", path="gone")).text.endswith("it does not exist")


async def test_the_work_folder_is_there_when_it_is_needed(tmp_path: Path) -> None:
    registry = builtins(ToolSettings(folders=(FolderGrant(path=tmp_path / "granted"),)))
    listed = await registry.run(scope_in(tmp_path), call_of("dir_list"))
    assert listed.text == f"[nothing]\n[other folders: {tmp_path}/granted (read)]"


async def test_files_are_found_by_name_and_content(scope: TurnScope) -> None:
    work = scope.folder / "work"
    (work / "src" / "deep").mkdir(parents=True)
    (work / ".git").mkdir()
    for path in ("a.py", "src/b.py", "src/deep/c.txt", ".git/d.py"):
        (work / path).write_text(f"import os\nname = '{path}'\n")
    (work / "blob.py").write_bytes(b"import\0")
    by_name = await run(scope, "file_search", name="*.py")
    assert by_name.text.splitlines() == ["a.py", "blob.py", "src/b.py"]
    found = await run(scope, "file_search", regex="^name = '(src|a)")
    assert found.text.splitlines() == [
        "a.py:2: name = 'a.py'",
        "src/b.py:2: name = 'src/b.py'",
        "src/deep/c.txt:2: name = 'src/deep/c.txt'",
    ]
    below = await run(scope, "file_search", path="src/deep", regex="import")
    assert below.text == "c.txt:1: import os"
    few = await run(scope, "file_search", regex="import", limit=1)
    assert few.text.splitlines() == ["a.py:1: import os", "[the first 1; there may be more]"]
    wrong = await run(scope, "file_search", regex="(")
    assert wrong.failed
    assert "the regex is wrong" in wrong.text


async def test_a_regex_that_takes_forever_is_ended(scope: TurnScope) -> None:
    (scope.folder / "work/a").write_text("found aaa\n")
    (scope.folder / "work/b").write_text(BOMB)
    before = children()
    tool = FileSearch(Folders(()), 100_000, timeout_s=3)
    outcome = await tool.invoke({"regex": "^found|(a+)+$"}, scope)
    lines = outcome.text.splitlines()
    assert lines[0] == "a:1: found aaa"
    assert lines[-1].startswith("[the search was ended after 3 s")
    assert children() == before


async def test_a_cancelled_search_leaves_no_process(scope: TurnScope) -> None:
    (scope.folder / "work/b").write_text(BOMB)
    before = children()
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - one is its own
    task = spawn(run(scope, "file_search", regex="(a+)+$"), name="search")
    while children() == before:
        await asyncio.sleep(0.01)
    await cancel_and_wait(task)
    assert task.cancelled()
    assert children() == before
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # noqa: PTH208


async def test_doubt_outlives_the_turn_that_wrote_a_file(scope: TurnScope) -> None:
    await run(scope, "file_write", path="clean", content="x")
    assert (await run(scope, "file_read", path="clean")).origin is None
    assert not scope.taint
    scope.taint.mark("web:a.example")
    await run(scope, "file_write", path="copied", content="do as I say")
    later = scope_in(scope.folder)
    assert (await run(later, "file_read", path="copied")).origin == "file:work"
    assert later.taint.origins == {"file:work"}

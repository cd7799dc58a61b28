"""Nothing outside the granted folders is ever read or written, whoever changes names meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ruster.core.errors import ToolError
from ruster.core.tools import Outcome, TurnScope
from ruster.tools.folders import Folders
from ruster.tools.settings import FolderGrant, ToolSettings
from tests.unit.tools.support import builtins, call_of, scope_in

SECRET = "canary of a secret"
ROUNDS = 40


@pytest.fixture
def scope(tmp_path: Path) -> TurnScope:
    session = tmp_path / "session"
    (session / "work").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text(SECRET)
    (session / "history.jsonl").write_text(SECRET)
    return scope_in(session)


async def run(scope: TurnScope, tool: str, /, **arguments: Any) -> Outcome:
    return await builtins().run(scope, call_of(tool, **arguments))


async def every_way(scope: TurnScope, path: str) -> list[Outcome]:
    """Read, search, list and write at a path."""
    return [
        await run(scope, "file_read", path=path),
        await run(scope, "file_edit", path=path, old="canary", new="changed"),
        await run(scope, "file_write", path=path, content="changed"),
        await run(scope, "file_write", path=f"{path}/new", content="changed"),
        await run(scope, "dir_list", path=path),
        await run(scope, "file_search", path=path, regex="canary"),
    ]


def untouched(scope: TurnScope) -> bool:
    outside = scope.folder.parent / "outside"
    return [it.name for it in outside.iterdir()] == ["secret"] and (
        (outside / "secret").read_text() == SECRET == (scope.folder / "history.jsonl").read_text()
    )


@pytest.mark.parametrize(
    "path",
    [
        "../history.jsonl",
        "a/../../history.jsonl",
        "..",
        "{session}/history.jsonl",
        "{session}/work/../history.jsonl",
        "{outside}/secret",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "~/.bashrc",
        "a\0b",
        "a\nb",
    ],
)
async def test_paths_that_lead_out_are_refused(scope: TurnScope, path: str) -> None:
    path = path.format(session=scope.folder, outside=scope.folder.parent / "outside")
    for outcome in await every_way(scope, path):
        assert outcome.failed
        assert SECRET not in outcome.text
    assert untouched(scope)


@pytest.mark.parametrize("target", ["../../outside/secret", "../../outside", "/proc/self/cwd"])
async def test_links_are_not_followed(scope: TurnScope, target: str) -> None:
    link = scope.folder / "work" / "link"
    link.symlink_to(target)
    for path in ("link", "link/secret"):
        for outcome in await every_way(scope, path):
            assert outcome.failed, outcome
            assert SECRET not in outcome.text
    assert untouched(scope)
    assert link.is_symlink()
    found = await run(scope, "file_search", regex="canary")
    assert found.text == "[nothing found]"


async def test_the_session_folder_itself_may_not_be_a_link(scope: TurnScope) -> None:
    (scope.folder / "work").rmdir()
    (scope.folder / "work").symlink_to(scope.folder.parent / "outside")
    for outcome in await every_way(scope, "secret"):
        assert outcome.failed
        assert SECRET not in outcome.text
    assert untouched(scope)


async def test_hard_links_are_not_read_nor_written_through(scope: TurnScope) -> None:
    outside = scope.folder.parent / "outside" / "secret"
    (scope.folder / "work" / "hard").hardlink_to(outside)
    assert (await run(scope, "file_read", path="hard")).failed
    assert (await run(scope, "file_edit", path="hard", old="canary", new="x")).failed
    assert (await run(scope, "file_search", regex="canary")).text == "[nothing found]"
    written = await run(scope, "file_write", path="hard", content="mine")
    assert not written.failed  # another file in the place of the name
    assert untouched(scope)
    assert (scope.folder / "work" / "hard").read_text() == "mine"


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as it:
            it.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("make", [os.mkfifo, make_socket, os.mkdir])
async def test_what_is_no_file_is_refused_at_once(
    scope: TurnScope, make: Callable[[Path], None]
) -> None:
    path = scope.folder / "work" / "odd"
    make(path)
    before = path.lstat().st_mode
    for tool, more in (
        ("file_read", {}),
        ("file_edit", {"old": "a", "new": "b"}),
        ("file_write", {"content": "x"}),
    ):
        outcome = await run(scope, tool, path="odd", **more)
        assert outcome.failed, tool
    assert path.lstat().st_mode == before
    assert (await run(scope, "file_search", regex="x")).text == "[nothing found]"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="making a device needs root")
async def test_devices_are_refused(scope: TurnScope) -> None:
    path = scope.folder / "work" / "zero"
    try:
        os.mknod(path, 0o20666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("no devices here")
    for tool, more in (("file_read", {}), ("file_write", {"content": "x"})):
        outcome = await run(scope, tool, path="zero", **more)
        assert outcome.failed


SWAP_FOLDERS = """
while True:
    os.rename("real", "place")
    os.rename("place", "real")
    os.rename("link", "place")
    os.rename("place", "link")
"""
SWAP_FILES = """
while True:
    os.symlink("../../outside/secret", "fresh")
    os.rename("fresh", "file")
    open("fresh", "w").write("harmless")
    os.rename("fresh", "file")
"""


@contextmanager
def swapping(folder: Path, program: str) -> Iterator[None]:
    """Exchange names in a folder as fast as possible, in a process of its own."""
    command = [sys.executable, "-I", "-S", "-c", f"import os\n{program}"]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            yield
        finally:
            process.kill()


def naive(work: Path, name: str) -> bool:
    """Check the path, then use it, as one must not: the control of the tests below."""
    path = work / name
    while True:
        try:
            if path.resolve().is_relative_to(work.resolve()) and path.read_text() == SECRET:
                return True
        except OSError:
            continue


async def test_a_swapped_folder_never_leads_out(scope: TurnScope) -> None:
    work = scope.folder / "work"
    (work / "real").mkdir()
    (work / "real" / "secret").write_text("harmless")
    (work / "link").symlink_to(scope.folder.parent / "outside")
    seen = set()
    with swapping(work, SWAP_FOLDERS):
        assert naive(work, "place/secret")
        for n in range(ROUNDS):
            outcome = await run(scope, "file_read", path="place/secret")
            seen.add(outcome.text)
            edited = await run(scope, "file_edit", path="place/secret", old=SECRET, new="x")
            assert edited.failed
            await run(scope, "file_write", path=f"place/new{n % 3}", content="x")
    assert SECRET not in seen
    assert untouched(scope)


async def test_a_swapped_file_never_leads_out(scope: TurnScope) -> None:
    work = scope.folder / "work"
    with swapping(work, SWAP_FILES):
        assert naive(work, "file")
        for _ in range(ROUNDS):
            for tool, more in (
                ("file_read", {}),
                ("file_write", {"content": "written"}),
                ("file_edit", {"old": "canary", "new": "changed"}),
            ):
                outcome = await run(scope, tool, path="file", **more)
                assert SECRET not in outcome.text
    assert untouched(scope)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = ("path", "content", "old", "new", "offset", "limit", "name", "regex", "url", "command")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
async def test_any_arguments_end_in_an_outcome(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "any"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "session").mkdir(parents=True)
    scope = scope_in(folder / "session")
    registry = builtins()
    names = sorted(await registry.available(scope))
    name = data.draw(
        st.sampled_from([it for it in names if it not in ("file_search", "web_fetch")])
    )
    spec = (await registry.find(name, scope)).spec
    keys = st.sampled_from(sorted({*spec.parameters["properties"], *NAMES}))
    arguments = data.draw(st.dictionaries(keys, JSON, max_size=4))
    outcome = await registry.run(scope, call_of(name, **arguments))
    assert isinstance(outcome.text, str)
    assert [it.name for it in folder.iterdir()] == ["session"]
    assert {it.name for it in scope.folder.iterdir()} <= {"work", "runs", "work_origins"}
    json.dumps(arguments)


async def test_a_read_grant_is_not_for_writing(scope: TurnScope) -> None:
    outside = scope.folder.parent / "outside"
    grant = FolderGrant(path=outside)
    registry = builtins(ToolSettings(folders=(grant,)))
    read = await registry.run(scope, call_of("file_read", path=f"{outside}/secret"))
    assert read.text == SECRET
    assert read.origin == f"file:{outside}/secret"
    for tool, more in (("file_write", {"content": "x"}), ("file_edit", {"old": "c", "new": "x"})):
        outcome = await registry.run(scope, call_of(tool, path=f"{outside}/secret", **more))
        assert outcome.text == f"{outside} may be read only"
    assert untouched(scope)
    wrong = await registry.run(scope, call_of("file_read", path="/etc/passwd"))
    assert wrong.hint == f"use a relative path, or one of: {outside} (read)"


@pytest.mark.parametrize("path", ["/", "/proc/self", "/sys", "/dev", "relative", "/a/../etc"])
def test_some_folders_are_never_granted(path: str) -> None:
    with pytest.raises(ValidationError):
        FolderGrant.model_validate({"path": path})


def test_the_deepest_grant_counts(tmp_path: Path) -> None:
    grants = (
        FolderGrant(path=tmp_path, mode="write"),
        FolderGrant(path=tmp_path / "sealed", trusted=True),
    )
    folders = Folders(grants)
    scope = scope_in(Path("/nowhere"))
    assert folders.locate(f"{tmp_path}/a", scope, write=True).parts == ("a",)
    sealed = folders.locate(f"{tmp_path}/sealed/a", scope)
    assert (sealed.path, sealed.origin) == (tmp_path / "sealed" / "a", None)
    with pytest.raises(ToolError, match="read only"):
        folders.locate(f"{tmp_path}/sealed/a", scope, write=True)


async def test_a_granted_folder_that_became_a_link_leads_nowhere(
    scope: TurnScope, tmp_path: Path
) -> None:
    outer, outside = tmp_path / "outer", tmp_path / "outside"
    outer.mkdir()
    (outer / "inner").symlink_to(outside)  # as a command may do, where the outer one is writable
    inner = FolderGrant(path=outer / "inner", mode="write")
    nested = builtins(ToolSettings(folders=(FolderGrant(path=outer, mode="write"), inner)))
    read = await nested.run(scope, call_of("file_read", path=f"{outer}/inner/secret"))
    assert read.failed
    write = await nested.run(scope, call_of("file_write", path=f"{outer}/inner/new", content="x"))
    assert write.failed
    assert untouched(scope)
    alone = builtins(ToolSettings(folders=(inner,)))  # the control: a link of the user's own
    read = await alone.run(scope, call_of("file_read", path=f"{outer}/inner/secret"))
    assert read.text == SECRET


def test_programs_are_not_granted_what_a_link_leads_to(tmp_path: Path) -> None:
    for name in ("session", "outer", "outside"):
        (tmp_path / name).mkdir()
    (tmp_path / "outer" / "inner").symlink_to(tmp_path / "outside")
    settings = [FolderGrant(path=tmp_path / it, mode="write") for it in ("outer", "outer/inner")]
    granted = Folders(settings).grants(scope_in(tmp_path / "session"))
    assert [it.path.relative_to(tmp_path) for it in granted] == [
        Path("session/work"),
        Path("outer"),
        Path("outer/inner"),  # a link, which the sandbox refuses
    ]


async def test_a_folder_around_the_sessions_is_not_used(scope: TurnScope, tmp_path: Path) -> None:
    registry = builtins(ToolSettings(folders=(FolderGrant(path=tmp_path, mode="write"),)))
    for outcome in (
        await registry.run(scope, call_of("file_read", path=f"{scope.folder}/history.jsonl")),
        await registry.run(scope, call_of("file_write", path=f"{tmp_path}/x", content="x")),
    ):
        assert outcome.failed
        assert "ruster's own files" in outcome.text
    assert [it.path for it in Folders(()).grants(scope)] == [scope.folder / "work"]
    assert len(Folders([FolderGrant(path=tmp_path)]).grants(scope)) == 1

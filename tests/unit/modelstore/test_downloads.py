"""Downloads that break, are killed, shared, cancelled or lied to; bytes are never lost or wrong."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from ruster.core.errors import ModelError
from ruster.core.inference import Progress
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.modelstore import ModelStore, ModelStoreSettings, StoreFolders
from tests.fakes.hub_server import FakeHub, FakeRepo, Fault

_SETTINGS = ModelStoreSettings(retries=2, retry_wait_s=0, reserve_bytes=0)
_NAME = "org/m-GGUF"


def _store(folders: StoreFolders, hub: FakeHub, **changes: float) -> ModelStore:
    settings = _SETTINGS.model_copy(update=changes)
    return ModelStore(folders, settings, {"HF_ENDPOINT": hub.url}.get)


def _hub(gguf: bytes, fault: Fault) -> FakeHub:
    return FakeHub({_NAME: FakeRepo({"m.gguf": gguf}, faults={"m.gguf": fault})})


def _partials(folders: StoreFolders) -> list[Path]:
    return sorted(folders.hub.rglob("*.incomplete"))


def _starts(hub: FakeHub) -> list[int]:
    """From which byte on each request wanted the file."""
    ranges = [request.headers.get("range", "bytes=0-") for request in hub.downloads("m.gguf")]
    return [int(spelt.removeprefix("bytes=").removesuffix("-")) for spelt in ranges]


async def _until_held(stream: AsyncIterator[Progress | Path], fault: Fault) -> Progress:
    """Follow a download until the hub holds it and some of it is on the disk."""
    async for item in stream:
        if fault.held.is_set() and isinstance(item, Progress) and item.current > 0:
            return item
    raise AssertionError("the download ended")


_ASKER = """
import asyncio, sys
from pathlib import Path
from ruster.modelstore import ModelStore, ModelStoreSettings, StoreFolders
from ruster.core.inference import Progress

async def main():
    config, cache, endpoint, name = sys.argv[1:]
    settings = ModelStoreSettings(reserve_bytes=0)
    folders = StoreFolders(Path(config), Path(cache))
    store = ModelStore(folders, settings, {"HF_ENDPOINT": endpoint}.get)
    async for item in store.ensure_stream(name):
        print(item.current if isinstance(item, Progress) else item, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_killed_five_times_and_resumed_each_time(folders: StoreFolders, gguf: bytes) -> None:
    step = len(gguf) // 7
    fault = Fault(hold_after=step)
    async with _hub(gguf, fault) as hub:
        for _ in range(5):
            fault.held.clear()
            have = sum(path.stat().st_size for path in _partials(folders))
            process = await _asker(folders, hub)
            assert process.stdout is not None
            while int(await process.stdout.readline()) < have + step // 2:
                pass
            await fault.held.wait()
            os.kill(process.pid, signal.SIGKILL)
            await process.communicate()
            (partial,) = _partials(folders)
            # The worker ends when its parent is gone, and the lock with it.
            assert gguf.startswith(partial.read_bytes())
        fault.hold_after = None
        store = _store(folders, hub)
        assert (await store.ensure(_NAME)).read_bytes() == gguf
        starts = _starts(hub)
        assert len(starts) == 6
        assert starts == sorted(set(starts))
        assert starts[-1] > 3 * step
        assert _partials(folders) == []


async def _asker(folders: StoreFolders, hub: FakeHub) -> asyncio.subprocess.Process:
    arguments = [str(folders.config), str(folders.cache), hub.url, _NAME]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ASKER, *arguments, stdout=asyncio.subprocess.PIPE, env=environment
    )


async def test_a_connection_that_breaks_is_taken_up_again(
    folders: StoreFolders, gguf: bytes
) -> None:
    async with _hub(gguf, Fault(cut_after=len(gguf) // 3)) as hub:
        assert (await _store(folders, hub).ensure(_NAME)).read_bytes() == gguf
        third = len(gguf) // 3
        assert _starts(hub)[:3] == [0, third, 2 * third]


async def test_a_hub_that_gives_nothing_more_fails_and_keeps_what_came(
    folders: StoreFolders, gguf: bytes
) -> None:
    fault = Fault(cut_after=1000, ignores_ranges=True)
    async with _hub(gguf, fault) as hub:
        store = _store(folders, hub)
        with pytest.raises(ModelError, match="broke off") as caught:
            await store.ensure(_NAME)
        assert (caught.value.code, caught.value.retryable) == ("download_failed", True)
        assert len(_starts(hub)) == 4  # the first brought something, three brought nothing new
        assert [path.stat().st_size for path in _partials(folders)] == [1000]
        assert await store.list(only_here=True) == ()
        fault.cut_after = None  # a hub that knows no ranges sends all again
        assert (await store.ensure(_NAME)).read_bytes() == gguf


async def test_a_busy_hub_is_asked_again(folders: StoreFolders, gguf: bytes) -> None:
    async with _hub(gguf, Fault(status=503, times=2)) as hub:
        assert (await _store(folders, hub).ensure(_NAME)).read_bytes() == gguf


@pytest.mark.parametrize("how", ["flipped", "longer", "shorter"])
async def test_wrong_bytes_are_never_taken(folders: StoreFolders, gguf: bytes, how: str) -> None:
    content = {"flipped": b"x" + gguf[1:], "longer": gguf + b"x", "shorter": gguf[:-5]}[how]
    codes = {"flipped": "checksum_mismatch", "longer": "download_failed"}
    fault = Fault(content=content)
    async with _hub(gguf, fault) as hub:
        store = _store(folders, hub)
        with pytest.raises(ModelError) as caught:
            await store.ensure(_NAME)
        assert caught.value.code == codes.get(how, "download_failed")
        assert await store.list(only_here=True) == ()
        assert not list(folders.cache.rglob("*.gguf"))
        if how == "longer":
            assert [path.stat().st_size for path in _partials(folders)] <= [len(gguf)]
        fault.content = None
        assert (await store.ensure(_NAME)).read_bytes() == gguf


async def test_a_spoilt_partial_is_noticed(folders: StoreFolders, gguf: bytes) -> None:
    """The check is over the whole file, not only over what came last."""
    async with _hub(gguf, Fault()) as hub:
        store = _store(folders, hub)
        path = await store.ensure(_NAME)
        blob = path.resolve()
        await store.remove(_NAME)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.with_name(blob.name + ".incomplete").write_bytes(b"x" * 5000)
        with pytest.raises(ModelError) as caught:
            await store.ensure(_NAME)
        assert caught.value.code == "checksum_mismatch"
        assert _starts(hub)[-1] == 5000
        blob.with_name(blob.name + ".incomplete").write_bytes(b"x" * (len(gguf) + 1))
        assert (await store.ensure(_NAME)).read_bytes() == gguf


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
async def test_a_disk_that_fills_up_on_the_way(folders: StoreFolders, gguf: bytes) -> None:
    async with _hub(gguf, Fault()) as hub:
        blobs = folders.hub / "models--org--m-GGUF" / "blobs"
        blobs.mkdir(parents=True)
        full = blobs / f"{hashlib.sha256(gguf).hexdigest()}.incomplete"
        full.symlink_to("/dev/full")
        store = _store(folders, hub)
        with pytest.raises(ModelError, match="no space is left") as caught:
            await store.ensure(_NAME)
        assert caught.value.code == "disk_full"
        assert await store.list(only_here=True) == ()
        full.unlink()
        assert (await store.ensure(_NAME)).read_bytes() == gguf


async def test_an_answer_for_another_range_is_refused(folders: StoreFolders, gguf: bytes) -> None:
    fault = Fault(cut_after=1000, wrong_range=True)
    async with _hub(gguf, fault) as hub:
        with pytest.raises(ModelError, match="bytes from 1000 on") as caught:
            await _store(folders, hub).ensure(_NAME)
        assert caught.value.code == "download_failed"


async def test_silence_is_not_waited_for(folders: StoreFolders, gguf: bytes) -> None:
    async with _hub(gguf, Fault(hold_after=0)) as hub:
        with pytest.raises(ModelError, match="ReadTimeout") as caught:
            await _store(folders, hub, retries=0, read_timeout_s=0.3).ensure(_NAME)
        assert caught.value.code == "download_failed"


async def test_askers_share_one_download(folders: StoreFolders, gguf: bytes) -> None:
    fault = Fault(hold_after=len(gguf) // 2)
    async with _hub(gguf, fault) as hub:
        store = _store(folders, hub)
        names = (_NAME, "org/m", "org/m-GGUF:m.gguf")
        streams = [store.ensure_stream(name) for name in names]
        told = [await _until_held(stream, fault) for stream in streams]
        assert {item.total for item in told} == {len(gguf)}
        await streams[0].aclose()  # type: ignore[attr-defined]
        fault.release.set()
        for stream in streams[1:]:
            items = [item async for item in stream]
            assert items[-1] == folders.models / _NAME / "m.gguf"
            assert any(isinstance(item, Progress) for item in items)
        assert _starts(hub) == [0]


async def test_every_asker_gets_the_error(folders: StoreFolders, gguf: bytes) -> None:
    async with _hub(gguf, Fault(content=b"x" + gguf[1:])) as hub:
        store = _store(folders, hub)
        results = await asyncio.gather(
            *(store.ensure(_NAME) for _ in range(3)), return_exceptions=True
        )
        assert [getattr(result, "code", None) for result in results] == ["checksum_mismatch"] * 3
        assert len(_starts(hub)) == 1


async def test_the_last_asker_to_leave_stops_it(folders: StoreFolders, gguf: bytes) -> None:
    fault = Fault(hold_after=200_000)
    async with _hub(gguf, fault) as hub:
        store = _store(folders, hub)
        asker = spawn(store.ensure(_NAME), name="asker")
        async with aclosing(store.ensure_stream(_NAME)) as stream:  # type: ignore[type-var]
            await _until_held(stream, fault)
        assert not asker.done()
        await cancel_and_wait(asker)
        assert _children() == set()
        (partial,) = _partials(folders)
        assert 0 < partial.stat().st_size <= 200_000
        fault.release.set()
        assert (await store.ensure(_NAME)).read_bytes() == gguf
        assert _starts(hub)[-1] > 0


async def test_closing_the_store_stops_everything(folders: StoreFolders, gguf: bytes) -> None:
    fault = Fault(hold_after=1000)
    async with _hub(gguf, fault) as hub:
        store = _store(folders, hub)
        asker = spawn(store.ensure(_NAME), name="asker")
        await fault.held.wait()
        await store.aclose()
        with pytest.raises(ModelError) as caught:
            await asker
        assert caught.value.code == "shutting_down"
        assert _children() == set()


async def test_downloads_at_the_same_time_are_bounded(folders: StoreFolders, gguf: bytes) -> None:
    faults = [Fault(hold_after=1000) for _ in range(3)]
    repos = {
        f"org/{number}-GGUF": FakeRepo({"m.gguf": gguf}, faults={"m.gguf": fault})
        for number, fault in enumerate(faults)
    }
    async with FakeHub(repos) as hub:
        store = _store(folders, hub, parallel_downloads=2)
        askers = [spawn(store.ensure(name), name=name) for name in repos]
        await hub.until(lambda: sum(f.held.is_set() for f in faults) == 2 and _listed(hub) == 3)
        assert len(_children()) == 2
        for fault in faults:
            fault.release.set()
        paths = await asyncio.gather(*askers)
        assert [path.read_bytes() for path in paths] == [gguf] * 3


async def test_two_processes_download_it_once(folders: StoreFolders, gguf: bytes) -> None:
    fault = Fault(hold_after=1000)
    async with _hub(gguf, fault) as hub:
        other = await _asker(folders, hub)
        await fault.held.wait()
        asker = spawn(_store(folders, hub).ensure(_NAME), name="asker")
        await hub.until(lambda: _listed(hub) == 2)
        fault.release.set()
        path = await asker
        told, _ = await other.communicate()
        assert told.decode().splitlines()[-1] == str(path)
        assert path.read_bytes() == gguf
        assert _starts(hub) == [0]


def _listed(hub: FakeHub) -> int:
    """How often a repository was listed."""
    return len([request for request in hub.requests if "/api/" in request.path])


def _children() -> set[str]:
    """The command lines of this process's living children that belong to the store."""
    lines: set[str] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if parent == os.getpid() and "ruster.modelstore" in line:
            lines.add(f"{entry.name} {line}")
    return lines

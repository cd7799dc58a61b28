"""The store against a hub on a real socket, with the library's real child process."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download

from ruster.core.errors import ModelError
from ruster.core.inference import Progress
from ruster.modelstore import ModelStore, ModelStoreSettings, StoreFolders
from ruster.storage.disk import Disk
from tests.fakes.hub_server import FakeHub, FakeRepo, Fault

_SETTINGS = ModelStoreSettings(retries=1, retry_wait_s=0, reserve_bytes=0)


def _store(folders: StoreFolders, hub: FakeHub, **variables: str) -> ModelStore:
    return ModelStore(folders, _SETTINGS, {"HF_ENDPOINT": hub.url, **variables}.get)


def _write_manifest(folders: StoreFolders, text: str) -> None:
    folders.config.mkdir(parents=True)
    folders.manifest.write_text(text)


async def test_a_model_is_downloaded_once_and_then_at_hand(
    folders: StoreFolders, gguf: bytes
) -> None:
    repo = FakeRepo({"m-q8_0.gguf": b"GGUF8", "m-q4_k_m.gguf": gguf, "README.md": b"# m"})
    async with FakeHub({"org/m-GGUF": repo}) as hub:
        store = _store(folders, hub)
        items = [item async for item in store.ensure_stream("org/m-GGUF")]
        path = items[-1]
        assert isinstance(path, Path)
        assert path == folders.models / "org/m-GGUF/m-q4_k_m.gguf"
        assert path.read_bytes() == gguf
        told = [item for item in items if isinstance(item, Progress)]
        assert told[-1].current == told[-1].total == len(gguf)
        asked = len(hub.requests)
        for name in ("org/m-GGUF", "org/m", "org/m:q4_k_m", "org/m-GGUF:m-q4_k_m.gguf", str(path)):
            assert await store.ensure(name) == path
        assert len(hub.requests) == asked
        (shown,) = await store.list(only_here=True)
        assert shown.name == "org/m-GGUF:m-q4_k_m.gguf"
        assert shown.sha256 == hashlib.sha256(gguf).hexdigest()
        assert (shown.size_bytes, shown.origin) == (len(gguf), "hub")


async def test_quantizations_are_chosen_and_lie_side_by_side(folders: StoreFolders) -> None:
    files = {"m-Q8_0.gguf": b"GGUF8", "m-Q4_K_M.gguf": b"GGUF4", "mmproj-f16.gguf": b"GGUFm"}
    async with FakeHub({"org/m-GGUF": FakeRepo(files)}) as hub:
        store = _store(folders, hub)
        assert (await store.ensure("org/m-GGUF", "q8_0")).read_bytes() == b"GGUF8"
        assert (await store.ensure("org/m-GGUF:Q4_K_M")).read_bytes() == b"GGUF4"
        assert (await store.ensure("org/m-GGUF")).read_bytes() == b"GGUF4"
        with pytest.raises(ModelError, match="comes in Q4_K_M, Q8_0") as caught:
            await store.ensure("org/m-GGUF:Q2_K")
        assert caught.value.code == "quant_not_found"


async def test_a_required_quantization_is_that_of_every_name_without_one(
    folders: StoreFolders, gguf: bytes
) -> None:
    files = {"m-Q8_0.gguf": gguf + b"8", "m-Q4_K_M.gguf": gguf + b"4"}
    async with FakeHub({"org/m-GGUF": FakeRepo(files)}) as hub:
        variables = {"HF_ENDPOINT": hub.url}.get

        def requiring(quant: str) -> ModelStore:
            own = {"quantization": quant, "quantization_required": True}
            return ModelStore(folders, _SETTINGS.model_copy(update=own), variables)

        small = await _store(folders, hub).ensure("org/m")
        assert small.name == "m-Q4_K_M.gguf"
        strict = requiring("Q8_0")
        assert await strict.find("org/m") is None
        large = await strict.ensure("org/m")
        assert large.name == "m-Q8_0.gguf"
        assert await strict.find("org/m") == large
        assert await requiring("q4_k_m").ensure("default") == small
        assert await strict.ensure("default") == large
        for name in ("org/m:Q4_K_M", "org/m-GGUF:m-Q4_K_M.gguf", str(small)):
            assert await strict.ensure(name) == small
        with pytest.raises(ModelError, match="comes in Q4_K_M, Q8_0"):
            await requiring("Q2_K").ensure("org/m")
        assert (await strict.ensure("org/m", "Q4_K_M")) == small


async def test_a_repository_without_gguf_leads_to_its_sibling(folders: StoreFolders) -> None:
    repos = {
        "org/m": FakeRepo({"model.safetensors": b"x", "config.json": b"{}"}),
        "org/m-GGUF": FakeRepo({"m-q4_k_m.gguf": b"GGUF4"}),
        "org/lonely": FakeRepo({"model.safetensors": b"x"}),
    }
    async with FakeHub(repos) as hub:
        store = _store(folders, hub, HF_TOKEN="hf_good")
        assert (await store.ensure("org/m")).parent == folders.models / "org/m-GGUF"
        with pytest.raises(ModelError, match="no GGUF files, and there are none in") as caught:
            await store.ensure("org/lonely")
        assert caught.value.code == "model_not_found"


async def test_a_model_in_parts_comes_whole(folders: StoreFolders) -> None:
    names = [f"big/m-Q4_K_M-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    files = {name: b"GGUF" + name.encode() * 1000 for name in names}
    async with FakeHub({"org/m-GGUF": FakeRepo(files)}) as hub:
        store = _store(folders, hub)
        items = [item async for item in store.ensure_stream(f"org/m-GGUF:{names[1]}")]
        path = items[-1]
        assert isinstance(path, Path)
        assert [(path.parent / Path(name).name).read_bytes() for name in names] == [
            files[name] for name in names
        ]
        total = sum(map(len, files.values()))
        assert Progress(names[2], total, total) in items
        shown = await store.verify("org/m-GGUF:Q4_K_M")
        assert shown.sha256 is not None
        assert shown.sha256.count(",") == 2
        await store.remove("org/m-GGUF")
        assert list(folders.cache.rglob("*.gguf")) == []
        assert not list((folders.hub / "models--org--m-GGUF/blobs").iterdir())


async def test_a_catalogue_name_follows_the_users_manifest(
    folders: StoreFolders, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.bin"
    mine.write_bytes(b"GGUF mine")
    _write_manifest(
        folders,
        '[[models]]\nname = "short"\nrepo = "org/m-GGUF"\nfilename = "m-Q4_K_M.gguf"\n'
        '[[models]]\nname = "gone"\nrepo = "org/m-GGUF"\nfilename = "gone.gguf"\n'
        f'[[models]]\nname = "mine"\npath = "{mine}"\n'
        '[[models]]\nname = "evil"\nrepo = "org/m-GGUF"\nfilename = "../../evil.gguf"\n'
        '[[models]]\nname = "odd"\nrepo = "../odd"\nfilename = "a.gguf"\n',
    )
    files = {"m-Q8_0.gguf": b"GGUF8", "m-Q4_K_M.gguf": b"GGUF4"}
    async with FakeHub({"org/m-GGUF": FakeRepo(files)}) as hub:
        store = _store(folders, hub)
        assert (await store.ensure("short")).read_bytes() == b"GGUF4"
        assert (await store.ensure("short", "Q8_0")).read_bytes() == b"GGUF8"
        with pytest.raises(ModelError, match="no model file gone") as caught:
            await store.ensure("gone")
        assert caught.value.code == "model_not_found"
        assert await store.ensure("mine") == mine
        for name in ("evil", "odd"):
            with pytest.raises(ModelError) as caught:
                await store.ensure(name)
            assert caught.value.code == "invalid_name"
        mine.unlink()
        with pytest.raises(ModelError, match="is gone") as caught:
            await store.ensure("mine")
        with pytest.raises(ModelError, match="manifest"):
            await store.remove("mine")


async def test_a_built_in_file_that_was_renamed_is_still_found(folders: StoreFolders) -> None:
    files = {"new-Q8_0.gguf": b"GGUF8", "new-Q4_K_M.gguf": b"GGUF4"}
    async with FakeHub({"Qwen/Qwen2.5-0.5B-Instruct-GGUF": FakeRepo(files)}) as hub:
        path = await _store(folders, hub).ensure("tiny-model")
        assert path.read_bytes() == b"GGUF4"


async def test_what_other_programs_downloaded_is_used(
    folders: StoreFolders, tmp_path: Path
) -> None:
    """Also when the store keeps its own files elsewhere."""
    theirs = tmp_path / "hf-home" / "hub"
    async with FakeHub({"org/m-GGUF": FakeRepo({"m.gguf": b"GGUF"})}) as hub:
        await asyncio.to_thread(
            hf_hub_download, "org/m-GGUF", "m.gguf", cache_dir=theirs, endpoint=hub.url
        )
        store = _store(folders, hub)
        path = await store.ensure("org/m")
        assert path.resolve().is_relative_to(theirs)
        assert len(hub.downloads("m.gguf")) == 1
        real = path.resolve()
        await store.remove("org/m")
        assert real.read_bytes() == b"GGUF"


async def test_a_named_model_is_listed_once(folders: StoreFolders) -> None:
    _write_manifest(
        folders,
        '[[models]]\nname = "short"\nrepo = "org/m-GGUF"\nfilename = "m-q4_0.gguf"\n'
        'quantization = "Q4_0"\npurpose = "Embedding"\n',
    )
    async with FakeHub({"org/m-GGUF": FakeRepo({"m-q4_0.gguf": b"GGUF4"})}) as hub:
        store = _store(folders, hub)
        assert (await store.show("short")).path is None
        path = await store.ensure("short")
        (here,) = await store.list(only_here=True)
        assert (here.name, here.path, here.purpose) == ("short", path, "Embedding")
        assert len(await store.list()) == 9
        assert (await store.remove("short")).name == "short"
        assert await store.list(only_here=True) == ()
        assert not path.parent.exists()


async def test_what_the_hub_says_reaches_the_person(folders: StoreFolders) -> None:
    file = {"m-q4_k_m.gguf": b"GGUF4"}
    repos = {
        "org/gated-GGUF": FakeRepo(file, gated=True),
        "org/private-GGUF": FakeRepo(file, private=True),
        "org/loop-GGUF": FakeRepo(file, faults={"m-q4_k_m.gguf": Fault(redirect_loop=True)}),
        "org/busy-GGUF": FakeRepo(file, faults={"m-q4_k_m.gguf": Fault(status=503)}),
    }
    expected = {
        "org/gated-GGUF": ("model_gated", "HF_TOKEN", False),
        "org/private-GGUF": ("model_not_found", "HF_TOKEN", False),
        "org/missing": ("model_not_found", "check the name", False),
        "org/loop-GGUF": ("download_failed", "redirect", False),
        "org/busy-GGUF": ("download_failed", "503", True),
    }
    async with FakeHub(repos) as hub:
        store = _store(folders, hub)
        for name, (code, words, retryable) in expected.items():
            with pytest.raises(ModelError, match=words) as caught:
                await store.ensure(name)
            assert (caught.value.code, caught.value.retryable) == (code, retryable), name
        wrong = _store(folders, hub, HF_TOKEN="hf_stranger")
        for name, code in (("org/gated-GGUF", "model_gated"), ("org/no", "model_not_found")):
            with pytest.raises(ModelError) as caught:
                await wrong.ensure(name)
            assert caught.value.code == code
        assert await store.list(only_here=True) == ()


async def test_the_key_goes_to_the_hub_alone(folders: StoreFolders) -> None:
    repos = {"org/m-GGUF": FakeRepo({"m-q4_k_m.gguf": b"GGUF4"}, gated=True, private=True)}
    async with FakeHub(repos) as hub:
        await _store(folders, hub, HF_TOKEN="hf_good\n").ensure("org/m-GGUF")
        assert {r.token for r in hub.requests if r.host == "hub"} == {"hf_good"}
        assert {r.token for r in hub.requests if r.host == "cdn"} == {None}


async def test_what_is_no_hub_is_told_apart(folders: StoreFolders) -> None:
    async with FakeHub({}) as hub:
        store = _store(folders, hub)
        for body in (b"<html>hello</html>", b"[]", b'{"id": 3}'):
            hub.api_body = body
            with pytest.raises(ModelError, match="HF_ENDPOINT") as caught:
                await store.ensure("org/m")
            assert caught.value.code == "download_failed"
        gone = hub.url
    for endpoint in (gone, "nonsense"):
        alone = ModelStore(folders, _SETTINGS, {"HF_ENDPOINT": endpoint}.get)
        with pytest.raises(ModelError, match="HF_ENDPOINT") as caught:
            await alone.ensure("org/m")
        assert caught.value.code == "hub_unreachable"


async def test_file_names_of_the_hub_that_lead_elsewhere_are_not_offered(
    folders: StoreFolders,
) -> None:
    files = {"../../evil-q4_k_m.gguf": b"GGUFe", "/abs-q4_k_m.gguf": b"GGUFa", "m.gguf": b"GGUF"}
    async with FakeHub({"org/m-GGUF": FakeRepo(files)}) as hub:
        store = _store(folders, hub)
        assert (await store.ensure("org/m-GGUF")).read_bytes() == b"GGUF"
        with pytest.raises(ModelError) as caught:
            await store.ensure("org/m-GGUF:../../evil-q4_k_m.gguf")
        assert caught.value.code == "invalid_name"


async def test_same_names_in_two_repositories_stay_apart(folders: StoreFolders) -> None:
    repos = {f"{org}/m-GGUF": FakeRepo({"m.gguf": b"GGUF" + org.encode()}) for org in ("a", "b")}
    async with FakeHub(repos) as hub:
        store = _store(folders, hub)
        assert (await store.ensure("a/m")).read_bytes() == b"GGUFa"
        assert (await store.ensure("b/m")).read_bytes() == b"GGUFb"
        await store.remove("a/m")
        assert (await store.ensure("b/m")).read_bytes() == b"GGUFb"


async def test_the_hubs_cache_is_shared_both_ways(
    folders: StoreFolders, tmp_path: Path, gguf: bytes
) -> None:
    cache = tmp_path / "shared"
    files = {"ours.gguf": gguf, "theirs.gguf": b"GGUF theirs", "small.gguf": b"GGUF small"}
    repo = FakeRepo(files, plain=frozenset({"small.gguf"}))
    async with FakeHub({"org/m-GGUF": repo}) as hub:
        store = _store(folders, hub, HF_HUB_CACHE=str(cache))
        path = await store.ensure("org/m-GGUF:ours.gguf")
        assert path.resolve().is_relative_to(cache)
        again = await asyncio.to_thread(
            hf_hub_download, "org/m-GGUF", "ours.gguf", cache_dir=cache, local_files_only=True
        )
        assert path.readlink() == Path(again)
        await asyncio.to_thread(
            hf_hub_download, "org/m-GGUF", "theirs.gguf", cache_dir=cache, endpoint=hub.url
        )
        came = len(hub.downloads("theirs.gguf"))
        assert came > 0
        theirs = await store.ensure("org/m-GGUF:theirs.gguf")
        assert len(hub.downloads("theirs.gguf")) == came
        assert (await store.show("org/m-GGUF:theirs.gguf")).origin == "found"
        real = theirs.resolve()
        await store.remove("org/m-GGUF:theirs.gguf")
        assert not theirs.is_symlink()
        assert real.read_bytes() == b"GGUF theirs"
        small = await store.ensure("org/m-GGUF:small.gguf")
        assert small.read_bytes() == b"GGUF small"


class _FullDisk(Disk):
    def free_bytes(self, folder: Path) -> int:
        return 1_000_000


async def test_a_full_disk_is_told_before_the_download(folders: StoreFolders, gguf: bytes) -> None:
    async with FakeHub({"org/m-GGUF": FakeRepo({"m.gguf": gguf, "s.gguf": b"GGUF"})}) as hub:
        variables = {"HF_ENDPOINT": hub.url}
        store = ModelStore(folders, _SETTINGS, variables.get, disk=_FullDisk())
        with pytest.raises(ModelError, match=r"needs 1\.3 MB more.* 1\.0 MB are free") as caught:
            await store.ensure("org/m-GGUF:m.gguf")
        assert caught.value.code == "disk_full"
        assert hub.downloads("m.gguf") == []
        assert (await store.ensure("org/m-GGUF:s.gguf")).read_bytes() == b"GGUF"


async def test_a_changed_file_is_noticed(folders: StoreFolders, gguf: bytes) -> None:
    async with FakeHub({"org/m-GGUF": FakeRepo({"m.gguf": gguf})}) as hub:
        store = _store(folders, hub)
        path = await store.ensure("org/m")
        assert (await store.verify("org/m")).path == path
        path.write_bytes(gguf[:-1] + b"\1")
        with pytest.raises(ModelError, match="has changed") as caught:
            await store.verify("org/m")
        assert caught.value.code == "checksum_mismatch"
        path.write_bytes(gguf[:100])  # a file of another size is not taken for the model
        assert (await store.ensure("org/m")).read_bytes() == gguf


async def test_what_is_not_here_cannot_be_shown(folders: StoreFolders, tmp_path: Path) -> None:
    store = ModelStore(folders)
    for name in ("nobody", "org/m", "org/m:x:y"):
        with pytest.raises(ModelError) as caught:
            await store.show(name)
        assert caught.value.code == "model_not_found"
    with pytest.raises(ModelError, match="not on this machine"):
        await store.verify("tiny-model")
    with pytest.raises(ModelError, match="no model file"):
        await store.ensure(str(tmp_path / "none.gguf"))
    with pytest.raises(ModelError, match="not among"):
        await store.remove("tiny-model")


async def test_a_busy_model_is_not_removed(folders: StoreFolders, gguf: bytes) -> None:
    fault = Fault(hold_after=1000)
    repo = FakeRepo({"m.gguf": gguf}, faults={"m.gguf": fault})
    async with FakeHub({"org/m-GGUF": repo}) as hub:
        store = _store(folders, hub)
        path = await _first_download(store, fault)
        async with aclosing(store.ensure_stream("org/m")) as stream:  # type: ignore[type-var]
            async for _ in stream:
                with pytest.raises(ModelError) as caught:
                    await store.remove("org/m-GGUF:m.gguf")
                assert caught.value.code == "model_busy"
                break
        assert not path.exists()


async def _first_download(store: ModelStore, fault: Fault) -> Path:
    """Have the model once, lose its link, so that it is known but not here."""
    fault.release.set()
    path = await store.ensure("org/m")
    path.resolve().unlink()
    fault.release.clear()
    return path

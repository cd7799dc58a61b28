"""The model store through the socket and ``rusterctl``, with a hub of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.test_cli import Ctl
from tests.fakes.hub_server import FakeHub, FakeRepo, Fault
from tests.models import build

from ruster.client import Client
from ruster.core.errors import ModelError
from ruster.protocol.events import ProgressEvent
from ruster.testing import RawClient, running_daemon

pytest.importorskip("huggingface_hub", exc_type=ImportError)

REPO = "acme/tiny-GGUF"
SMALL, LARGE = "tiny-q4_k_m.gguf", "tiny-q8_0.gguf"
GATED = "acme/secret"


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    small, large = build("tiny-bert").read_bytes(), build("scripted").read_bytes()
    repos = {
        REPO: FakeRepo({SMALL: small, LARGE: large}),
        GATED: FakeRepo({SMALL: small}, gated=True),
    }
    async with FakeHub(repos) as hub:
        yield hub


@pytest.fixture
async def client(folder: Path, hub: FakeHub) -> AsyncIterator[RawClient]:
    settings = {"models_retries": "0", "models_reserve_bytes": "0"}
    async with (
        running_daemon(folder, hub_url=hub.url, **settings),  # type: ignore[arg-type]
        RawClient(folder / "r.sock") as client,
    ):
        yield client


async def _download(client: RawClient, model: str, **fields: Any) -> list[dict[str, Any]]:
    """Return all events of a download."""
    await client.send({"action": "model_download", "model": model, "id": "d", **fields})
    events = [await client.event()]
    while events[-1]["event"] == "progress":
        events.append(await client.event())
    assert {event["id"] for event in events} == {"d"}
    return events


async def _names(client: RawClient, *, here: bool = True) -> set[str]:
    listed = await client.ask({"action": "model_list", "here": here}, "model_list")
    return {model["name"] for model in listed["models"] if model["here"] is True or not here}


async def test_a_model_comes_is_shown_checked_and_goes(client: RawClient, hub: FakeHub) -> None:
    assert await _names(client) == set()
    assert "tiny-model" in await _names(client, here=False)
    events = await _download(client, "acme/tiny")
    path = Path(events[-1]["path"])
    assert path.read_bytes() == build("tiny-bert").read_bytes()
    assert events[-2]["current"] == events[-2]["total"] == path.stat().st_size
    assert await _names(client) == {f"{REPO}:{SMALL}"}
    shown = await client.ask({"action": "model_show", "model": "acme/tiny"}, "model")
    assert shown["model"]["quantization"] == "Q4_K_M"
    verified = await client.ask({"action": "model_verify", "model": "acme/tiny"}, "model")
    assert verified["model"]["sha256"] == hub.repos[REPO].etag(SMALL)
    assert (await _download(client, "acme/tiny"))[0]["event"] == "model_downloaded"
    assert len(hub.downloads(SMALL)) == 1

    assert (await _download(client, "acme/tiny", quant="q8_0"))[-1]["path"].endswith(LARGE)
    await client.ask({"action": "model_remove", "model": f"{REPO}:{SMALL}"}, "model")
    assert not path.exists()
    assert await _names(client) == {f"{REPO}:{LARGE}"}


@pytest.mark.parametrize(
    ("model", "quant", "code"),
    [
        ("acme/none", None, "model_not_found"),
        ("nonsense", None, "model_not_found"),
        (GATED, None, "model_gated"),
        (REPO, "Q2_K", "quant_not_found"),
        ("/nowhere.gguf", None, "model_not_found"),
        ("acme/tiny:../../x.gguf", None, "invalid_name"),
    ],
)
async def test_what_cannot_be_had_is_one_error(
    client: RawClient, model: str, quant: str | None, code: str
) -> None:
    (error,) = await _download(client, model, **({"quant": quant} if quant else {}))
    assert (error["event"], error["code"]) == ("error", code)


async def test_a_cancelled_download_goes_on_where_it_stopped(
    client: RawClient, hub: FakeHub, folder: Path
) -> None:
    fault = hub.repos[REPO].faults[LARGE] = Fault(hold_after=300_000, times=1)
    wanted = {"action": "model_download", "model": REPO, "quant": "Q8_0", "id": 1}
    await client.send(wanted)
    async with RawClient(folder / "r.sock") as other:
        async with asyncio.timeout(20):
            await fault.held.wait()
        await other.send(wanted)
        await other.event("progress")  # both follow the one download
        report = await client.ask({"action": "model_cancel", "model": REPO}, "model_cancelled")
        assert report["cancelled"] is True
        for waiting in (client, other):
            assert (await waiting.event("error"))["code"] == "download_cancelled"
    none = await client.ask({"action": "model_cancel", "model": REPO}, "model_cancelled")
    assert none["cancelled"] is False
    assert (await _download(client, REPO, quant="Q8_0"))[-1]["event"] == "model_downloaded"
    first, second = hub.downloads(LARGE)
    assert "range" not in first.headers
    assert "range" in second.headers


async def test_whoever_closes_its_connection_gives_its_download_up(
    client: RawClient, hub: FakeHub, folder: Path
) -> None:
    fault = hub.repos[REPO].faults[LARGE] = Fault(hold_after=300_000, times=1)
    async with RawClient(folder / "r.sock") as leaving:
        await leaving.send({"action": "model_download", "model": REPO, "quant": "Q8_0"})
        async with asyncio.timeout(20):
            await fault.held.wait()
    async with asyncio.timeout(20):
        while True:
            report = await client.ask({"action": "model_cancel", "model": REPO}, "model_cancelled")
            if not report["cancelled"]:
                break


async def test_models_of_other_programs(client: RawClient, tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(build("tiny-bert").read_bytes())
    command = {"action": "model_import", "path": str(file), "name": "own"}
    taken = await client.ask(command, "models_imported")
    assert [model["name"] for model in taken["models"]] == ["own"]
    assert await _names(client) == {"own"}
    wrong = await client.ask(command | {"source": "ollama"}, "error")
    assert wrong["code"] == "invalid_command"


async def test_the_typed_client(client: RawClient, folder: Path) -> None:
    steps: list[ProgressEvent] = []
    async with Client(folder / "r.sock") as typed:
        done = await typed.model_download("acme/tiny", watch=steps.append)
        assert Path(done.path).exists()
        assert steps[-1].current == steps[-1].total
        assert (await typed.model_show("acme/tiny")).model.here
        assert [model.name for model in (await typed.model_list(here=True)).models] == [
            f"{REPO}:{SMALL}"
        ]
        assert (await typed.model_verify("acme/tiny")).model.sha256
        await typed.model_remove("acme/tiny")
        assert (await typed.model_cancel("acme/tiny")).cancelled is False
        with pytest.raises(ModelError) as caught:
            await typed.model_download("acme/none")
        assert caught.value.code == "model_not_found"


async def test_rusterctl_models(client: RawClient, folder: Path, tmp_path: Path) -> None:
    ctl = Ctl(folder)
    status, out, err = await ctl("models", "pull", "acme/tiny")
    assert (status, out) == (0, f"{folder}/cache/models/{REPO}/{SMALL}\n")
    assert err.splitlines()[0].startswith(SMALL)
    assert f"{SMALL}: 100 %" in err
    status, out, err = await ctl("models", "pull", "acme/tiny", "-q", "Q2_K")
    assert (status, out) == (1, "")
    assert "Q4_K_M" in err
    assert (await ctl("models", "verify", "acme/tiny"))[:2] == (
        0,
        f"{REPO}:{SMALL} is as it was published\n",
    )
    assert "Q4_K_M" in (await ctl("models", "show", "acme/tiny"))[1]
    assert f"{REPO}:{SMALL}\tyes" in (await ctl("models", "list", "--all"))[1]
    assert (await ctl("models", "rm", "acme/tiny"))[:2] == (0, f"removed {REPO}:{SMALL}\n")
    file = tmp_path / "mine.gguf"
    file.write_bytes(build("tiny-bert").read_bytes())
    assert "own\tyes" in (await ctl("models", "import", str(file), "--name", "own"))[1]
    assert "llamacpp/own" in (await ctl("models", "list"))[1]
    events = await ctl.events("models", "pull", "acme/tiny")
    assert events[-1]["event"] == "model_downloaded"

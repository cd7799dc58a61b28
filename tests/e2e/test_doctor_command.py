"""``rusterctl doctor`` with a real daemon, with none, and with one in bad company."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import cast

import pytest
from tests.e2e.test_cli import Ctl

from ruster.checks import abilities, table
from ruster.core.ports import ModelInfo
from ruster.sandbox.probe import Finding, Probe
from ruster.sandbox.process_plan import Mechanism
from ruster.testing import RawClient, ScriptedProvider, running_daemon

_OWN = ["configuration", "config_folder", "data_folder", "socket", "daemon"]
_DAEMONS = [
    "sandbox", "scripts", "engine", "model", "policy", "skills", "memory", "gateway",
    "permissions", "disk", "open_files",
]  # fmt: skip


class _Some:
    name = "some"


@pytest.fixture
def confined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a sandbox, whatever this machine has."""
    found = Probe(cast(Mechanism, _Some()), (Finding("some", None),), "")
    monkeypatch.setattr(table, "probe", lambda: found)


def _values(out: str) -> dict[str, str]:
    """Return what was found, by name."""
    lines = out.partition("\nstatus: ")[0].splitlines()
    return dict(line.split(": ", 1) for line in lines)


async def test_the_daemon_tells_what_only_it_knows(folder: Path) -> None:
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        report = await client.ask({"action": "doctor", "id": 7})
    assert (report["event"], report["id"]) == ("doctor", 7)
    assert [check["name"] for check in report["checks"]] == _DAEMONS
    for check in report["checks"]:
        assert check["status"] in ("ok", "warning", "missing")
        assert check["detail"]


@pytest.mark.usefixtures("confined")
async def test_warnings_alone_are_status_0(folder: Path) -> None:
    broken = folder / "config" / "skills" / "broken"
    broken.mkdir(parents=True)
    (broken / "SKILL.md").write_text("no front matter")
    async with running_daemon(folder):
        status, out, err = await Ctl(folder)("doctor")
    assert (status, err) == (0, "")
    values = _values(out)
    assert list(values) == [*_OWN, *_DAEMONS]
    assert values["socket"] == str(folder / "r.sock")
    assert (values["sandbox"], values["model"]) == ("some", "pinky/echo")
    assert values["skills"].startswith("5 installed, 1 broken: ")
    assert "\nstatus: warning\n- " in out
    assert f"\n- skills: 5 installed, 1 broken: {broken}" in out


async def test_what_makes_something_unusable_is_status_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = Probe(None, (), "Install bubblewrap.")
    monkeypatch.setattr(table, "probe", lambda: nothing)
    async with running_daemon(folder):
        ctl = Ctl(folder)
        status, out, err = await ctl("doctor")
        assert (status, err) == (1, "")
        line = "- sandbox: nothing confines programs, so none is run. Install bubblewrap."
        assert line in out.splitlines()
        status, out, _ = await ctl("doctor", "--json")
    event = json.loads(out)
    assert (status, event["event"]) == (1, "doctor")
    found = {check["name"]: check["status"] for check in event["checks"]}
    assert list(found) == [*_OWN, *_DAEMONS]
    assert (found["daemon"], found["sandbox"]) == ("ok", "missing")


async def test_without_a_daemon_its_own_half_is_told(folder: Path) -> None:
    ctl = Ctl(folder)
    status, out, err = await ctl("doctor")
    assert (status, err) == (3, "")
    assert list(_values(out)) == _OWN
    for hint in ("\nstatus: warning\n", f"{folder}/r.sock does not exist", "make run"):
        assert hint in out
    status, out, err = await ctl("doctor", "--json")
    assert (status, err) == (3, "")
    assert [check["name"] for check in json.loads(out)["checks"]] == _OWN


@pytest.mark.usefixtures("confined")
async def test_a_configuration_that_cannot_be_read_is_one_line(folder: Path) -> None:
    config = folder / "config" / "config.toml"
    async with running_daemon(folder):
        config.write_text("[server]\nbacklog = true\n")
        status, out, err = await Ctl(folder)("doctor")  # the daemon still runs
        assert (status, err) == (1, "")
        assert f"configuration: {config}: server.backlog is True, but" in out
        assert "daemon: ruster " in out
        config.unlink()
        config.mkdir()
        assert (await Ctl(folder)("doctor"))[0] == 1
    status, out, err = await Ctl(folder)("doctor")
    assert (status, err) == (3, "")
    assert f"configuration: {config} cannot be read: " in out
    shutil.rmtree(config)
    missing = folder / "no.env"
    status, out, err = await Ctl(folder, RUSTER_ENV_FILE=str(missing))("doctor")
    assert (status, err) == (3, "")
    assert f"configuration: RUSTER_ENV_FILE names {missing}, which is no file" in out


class _Hanging(ScriptedProvider):
    """Never answers."""

    async def models(self) -> list[ModelInfo]:
        await asyncio.Event().wait()
        return []

    async def context_size(self, model: str) -> int | None:
        await asyncio.Event().wait()
        return None


@pytest.mark.usefixtures("confined")
async def test_a_provider_that_hangs_does_not_hang_the_doctor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abilities, "_PATIENCE_S", 0.1)
    providers = {"mute": _Hanging()}
    async with running_daemon(
        folder, providers=providers, default_model="mute/one", llm_fallback_models="pinky/echo"
    ):
        status, out, _ = await Ctl(folder)("doctor")
    assert status == 0
    model = _values(out)["model"]
    assert model.startswith("mute/one cannot answer: its provider did not answer within")
    assert model.endswith("; pinky/echo answers in its place")

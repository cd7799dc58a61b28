"""Faults in ruster or in a plugin: one error for the client, and the connection goes on."""

from __future__ import annotations

from pathlib import Path

from ruster.core.ports import ModelInfo
from ruster.testing import RawClient, ScriptedProvider, running_daemon


class _Faulty(ScriptedProvider):
    async def models(self) -> list[ModelInfo]:
        raise ValueError("a fault of the plugin")


async def test_a_fault_beside_the_connection_is_answered(folder: Path) -> None:
    async with (
        running_daemon(folder, providers={"faulty": _Faulty()}),
        RawClient(folder / "r.sock") as client,
    ):
        answer = await client.ask({"action": "models", "id": 1})
        assert (answer["event"], answer["code"], answer["id"]) == ("error", "internal", 1)
        assert (await client.ask({"action": "ping", "id": 1}))["event"] == "pong"

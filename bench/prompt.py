"""The size of the first request a plain "hello" causes, as the model's server receives it.

With nothing installed, with 60 skills, and with 60 skills and 100 tools.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.ollama_server import FakeOllama

from bench.client import Client
from bench.figure import Figure
from bench.installed import SKILLS, TOOLS, install_tools, wait_for_tools
from bench.installed_skills import write_skills
from bench.processes import daemon

__all__ = ["measure"]

_KIB = 1024
_NOTE = "HTTP body; control: the message itself"
_ABOUT_IT = "sort my invoices of kind 8 and sum them up"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Say hello once; the size is exact, so that once is enough."""
    packages = folder / "packages"
    install_tools(packages, TOOLS)
    write_skills(folder / "b" / "config" / "skills", SKILLS)
    write_skills(folder / "c" / "config" / "skills", SKILLS)
    both = f"{SKILLS} skills and {TOOLS} tools"
    plain = _figure('prompt of a first "hello"', _said(folder / "a"), 6)
    skills = _figure(f'"hello" with {SKILLS} skills', _said(folder / "b"), 4)
    tools = _figure(f'"hello" with {both}', _said(folder / "c", packages), 6)
    asked = _figure(f"what fits some of {TOOLS} tools", _said(folder / "d", packages, _ABOUT_IT), 6)
    return [plain, skills, tools, asked]


def _figure(name: str, size: int, target_kib: int | None) -> Figure:
    target = None if target_kib is None else target_kib * _KIB
    return Figure(name, size, "bytes", target, len("hello"), _NOTE)


def _said(folder: Path, packages: Path | None = None, message: str = "hello") -> int:
    return asyncio.run(_body_bytes(folder, packages, message))


async def _body_bytes(folder: Path, packages: Path | None, message: str) -> int:
    async with FakeOllama() as ollama:
        settings = {"llm_ollama_url": ollama.url, "default_model": "ollama/llama3.2"}
        await asyncio.to_thread(_say, folder, packages, message, settings)
        bodies = [r.body for r in ollama.requests if r.path.endswith("/api/chat")]
    return len(bodies[0])


def _say(folder: Path, packages: Path | None, message: str, settings: dict[str, str]) -> None:
    installed = () if packages is None else (packages,)
    with daemon(folder, *installed, **settings) as server, Client(server.socket_path) as client:
        wait_for_tools(client, expected=bool(installed))
        client.ask({"action": "create", "session_id": "bench"}, "created")
        client.say("bench", message)

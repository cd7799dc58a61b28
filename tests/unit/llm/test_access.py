"""Keys are found when they are needed, in every place they may be, and are shown nowhere."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ruster.core.errors import ProviderUnreachable
from ruster.llm.access import KeySource
from ruster.llm.openai_compatible.provider import OpenAiProvider
from tests.fakes.hosted import at
from tests.fakes.inference import ask, collect, text_of
from tests.fakes.openai_server import FakeOpenAi

CANARY = "sk-canary-0123456789"


def _nothing(_name: str) -> str | None:
    return None


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def _failure(source: KeySource) -> str:
    with pytest.raises(ProviderUnreachable) as raised:
        await source.key()
    assert raised.value.code == "provider_key_missing"
    assert CANARY not in raised.value.message
    return raised.value.message


async def test_from_the_environment_the_first_that_is_set() -> None:
    variables = {"B": f" {CANARY}\n", "EMPTY": ""}

    assert await KeySource("p", variables.get, ("A", "EMPTY", "B")).key() == CANARY


async def test_a_changed_key_counts_at_once() -> None:
    variables = {"A": "one-key"}
    source = KeySource("p", variables.get, ("A",))
    assert await source.key() == "one-key"

    variables["A"] = "another-key"

    assert await source.key() == "another-key"


async def test_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    source = KeySource("p", _nothing, file=file)
    assert "cannot read its key file" in await _failure(source)

    file.write_text(f"{CANARY}\n")

    assert await source.key() == CANARY


async def test_from_a_command() -> None:
    source = KeySource("p", _nothing, command=_python(f"print('{CANARY}'); print('user: me')"))

    assert await source.key() == CANARY


async def test_a_command_is_not_read_by_a_shell(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = "import sys; print('k3y-' + str(len(sys.argv)))"
    command = (*_python(code), f"; touch {mark}", "$(id)")

    assert await KeySource("p", _nothing, command=command).key() == "k3y-3"
    assert not mark.exists()


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("/no/such/command",), "cannot run its key command"),
        (_python(f"print('{CANARY}'); raise SystemExit(3)"), "got status 3"),
        (_python("pass"), "no header can carry"),
        (_python(f"print('{CANARY}\\u00e9')"), "no header can carry"),
        (_python(f"print('{CANARY}\\x00x')"), "no header can carry"),
    ],
)
async def test_a_command_that_gives_no_key(command: tuple[str, ...], what: str) -> None:
    assert what in await _failure(KeySource("p", _nothing, command=command))


async def test_a_command_that_takes_too_long_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruster.llm.access._COMMAND_TIMEOUT_S", 0.5)
    mark = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path('{mark}').touch()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    assert "waited 0.5 seconds" in await _failure(KeySource("p", _nothing, command=_python(code)))
    await asyncio.sleep(1.6)
    assert not mark.exists()


async def test_a_command_that_never_stops_talking_is_ended() -> None:
    source = KeySource("p", _nothing, command=_python("while True: print('k' * 99)"))

    assert await source.key() == "k" * 99


async def test_without_a_key_where_none_is_needed() -> None:
    assert await KeySource("p", _nothing, needed=False).key() is None


async def test_what_to_do_is_said() -> None:
    assert await _failure(KeySource("xai", _nothing, ("XAI_API_KEY",))) == (
        "xai has no key: set XAI_API_KEY, or set api_key_env, api_key_file or api_key_command "
        "in [providers.xai]"
    )


@pytest.mark.parametrize("key", [f"{CANARY}\r\nX-Evil: 1", f"{CANARY}\x7f", "é"])
async def test_a_key_no_header_can_carry(key: str) -> None:
    assert "no header can carry" in await _failure(KeySource("p", {"A": key}.get, ("A",)))


async def test_the_command_comes_before_the_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-file")
    async with FakeOpenAi(key=CANARY) as server:
        hosted = at(
            "openai",
            server.base_url,
            variables={"OPENAI_API_KEY": "from-environment"},
            api_key_file=str(file),
            api_key_command=list(_python(f"print('{CANARY}')")),
        )
        provider = OpenAiProvider(hosted)

        assert text_of(await collect(provider, ask("gpt-4o-mini"))).startswith("Hello!")
        await provider.aclose()


async def test_what_is_made_for_a_provider_holds_no_key() -> None:
    async with FakeOpenAi(key=CANARY) as server:
        provider = OpenAiProvider(
            at("openai", server.base_url, variables={"OPENAI_API_KEY": CANARY})
        )
        await collect(provider, ask("gpt-4o-mini"))

        held = str(_held(provider, set()))
        assert server.base_url in held
        assert CANARY not in held
        await provider.aclose()


def _held(thing: object, seen: set[int]) -> list[object]:
    """Return all texts and bytes that an object of ours holds, however deep."""
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, str | bytes):
        return [thing]
    if isinstance(thing, dict):
        return [text for pair in thing.items() for part in pair for text in _held(part, seen)]
    if isinstance(thing, list | tuple | set | frozenset):
        return [text for part in thing for text in _held(part, seen)]
    slots = [getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())]
    held = [*vars(thing).values()] if hasattr(thing, "__dict__") else []
    return [text for part in (*slots, *held) for text in _held(part, seen)]

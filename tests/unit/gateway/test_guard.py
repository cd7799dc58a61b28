"""What needs no socket: addresses, tokens, and guards that are switched off."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ruster.core.errors import ConfigError
from ruster.gateway.guard import Guard
from ruster.gateway.listening import Address, bind, listening, parse_address
from ruster.gateway.settings import ProxySettings
from ruster.proxy import read_token


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        ":8080",
        "localhost",
        "localhost:",
        "a:b",
        "a:70000",
        "::1:80",
        "a:-1",
        "a:\u0661",
    ],
)
def test_texts_that_are_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:8080|65535"):
        parse_address(text)


def test_without_token_and_loopback_only_pages_are_kept_out() -> None:
    """The control: what the other tests see refused is refused by the guard and nothing else."""
    Guard(token=None, local=False).check([(b"host", b"evil.example")])


async def test_the_token_comes_from_a_command_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    said = {"PROXY_AUTH_TOKEN": "from-variable"}.get
    settings = ProxySettings(auth_token_file=file, auth_token_command=("echo", "from-command"))

    assert await read_token(settings, said) == "from-command"
    assert await read_token(ProxySettings(auth_token_file=file), said) == "from-file"
    assert await read_token(ProxySettings(), said) == "from-variable"
    assert await read_token(ProxySettings(), {"PROXY_AUTH_TOKEN": ""}.get) is None


@pytest.mark.parametrize("token", ["t\u00f6ken", "a\nb", " "])
async def test_a_token_that_no_header_can_carry(token: str) -> None:
    with pytest.raises(ConfigError, match="PROXY_AUTH_TOKEN") as raised:
        await read_token(ProxySettings(), {"PROXY_AUTH_TOKEN": token}.get)
    assert token.strip() == "" or token not in raised.value.message


async def test_a_token_file_that_is_not_there_is_no_open_door(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="auth_token_file"):
        await read_token(ProxySettings(auth_token_file=tmp_path / "none"), lambda _: None)


async def test_a_missing_http_server_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app() -> None:
        return

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with bind(("127.0.0.1", 0)) as bound, pytest.raises(ConfigError, match=r"ruster\[gateway\]"):
        async with listening(app, bound, max_connections=1, patience_s=0):
            pass

"""``rusterctl ui`` and ``rusterctl gateway`` with a real daemon; TLS; and a daemon without any."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.e2e.gateway import heard, opened
from tests.e2e.test_cli import Ctl
from websockets.asyncio.client import connect

from ruster.testing import DaemonProcess

_LAZY = """
import asyncio, sys
from pathlib import Path
from ruster.testing import RawClient, running_daemon

async def main():
    folder = Path(sys.argv[1])
    async with running_daemon(folder), RawClient(folder / "r.sock") as client:
        await client.ask({"action": "doctor"}, "doctor")
        await client.ask({"action": "gateway_link"}, "error")

asyncio.run(main())
print(*sorted({"starlette", "uvicorn", "websockets"} & sys.modules.keys()))
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_what_a_person_does_with_tokens(folder: Path) -> None:
    ctl, port = Ctl(folder), free_port()
    settings = {
        "gateway_enabled": "true",
        "gateway_addr": f"127.0.0.1:{port}",
        "gateway_ws_addr": "127.0.0.1:0",
    }
    async with DaemonProcess(folder, uid=None, **settings):
        status, out, err = await ctl("ui")
        assert (status, err) == (0, "")
        url = out.strip()
        assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/\?link=[\w-]{{43}}", url)
        async with httpx.AsyncClient() as browser:
            page = await browser.get(url, follow_redirects=True)
            assert (page.status_code, str(page.url)) == (200, f"http://127.0.0.1:{port}/")
            assert (await browser.get(url)).status_code == 410
            assert (await browser.get(f"http://127.0.0.1:{port}/nothing")).status_code == 404
        status, out, err = await ctl("ui", "--token")
        assert (status, err) == (0, "")
        token = out.strip()
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as program:
            assert (await program.get(f"http://127.0.0.1:{port}/nothing")).status_code == 404
        status, other, _ = await ctl(
            "gateway", "token", "add", "anna", "--uid", "54321", "--lasts", "30d"
        )
        assert status == 0
        assert other.startswith("rgw_")
        status, out, _ = await ctl("gateway", "token", "list")
        rows = [line.split("\t") for line in out.splitlines()]
        assert [row[1:4] for row in rows] == [
            ["browser", str(os.geteuid()), "usable"],
            ["rusterctl ui", str(os.geteuid()), "usable"],
            ["anna", "54321", "usable"],
        ]
        name = rows[1][0]
        assert await ctl("gateway", "token", "revoke", name) == (0, f"{name} is revoked\n", "")
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as program:
            assert (await program.get(f"http://127.0.0.1:{port}/nothing")).status_code == 401
        status, _, err = await ctl("gateway", "token", "revoke", "g-0")
        assert status == 1
        assert "there is no token 'g-0'" in err
        assert (await ctl("gateway", "token", "add", "x", "--lasts", "soon"))[0] == 2
        assert token not in (folder / "data" / "logs" / "ruster.log").read_text()
        assert (
            url.partition("link=")[2] not in (folder / "data" / "logs" / "ruster.log").read_text()
        )


async def test_a_gateway_that_is_off_says_how_to_turn_it_on(folder: Path) -> None:
    async with DaemonProcess(folder):
        status, _, err = await Ctl(folder)("ui")
        assert status == 1
        assert "set enabled = true in [gateway]" in err


async def test_a_daemon_without_it_loads_nothing_of_it(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LAZY, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == ""


async def test_beyond_this_machine_the_daemon_does_not_start_without_tls(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="allow_insecure_remote"):
        async with DaemonProcess(folder, gateway_enabled="true", gateway_addr="0.0.0.0:0"):
            pass


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_over_tls_the_cookie_is_secure(folder: Path) -> None:
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(cafile=cert)
    async with opened(folder, tls_cert=str(cert), tls_key=str(key)) as gate:
        base = f"https://127.0.0.1:{gate.port}"
        url = (await gate.command("gateway_link"))["url"]
        assert url.startswith(base)
        async with httpx.AsyncClient(verify=context) as browser:
            answer = await browser.get(url)
            setting = answer.headers["set-cookie"]
            assert setting.startswith(f"__Host-ruster-{gate.port}=")
            assert setting.endswith("; Secure")
            page = await browser.get(base)
            assert f"wss://127.0.0.1:{gate.ws_port}" in page.headers["content-security-policy"]
            assert (await browser.get(f"{base}/nothing")).status_code == 404
        plain, writer = await gate.connect()
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(20):
            assert b"200" not in await plain.read()
        writer.close()
        headers = {"Authorization": f"Bearer {await gate.token()}"}
        async with connect(
            f"wss://127.0.0.1:{gate.ws_port}/", ssl=context, additional_headers=headers, proxy=None
        ) as client:
            await client.send('{"action":"ping"}')
            await heard(client, event="pong")


async def test_a_certificate_that_cannot_be_read_is_told(folder: Path) -> None:
    with pytest.raises(Exception, match=r"tls_cert and tls_key in \[gateway\] cannot be used"):
        async with opened(folder, tls_cert="/nowhere.pem", tls_key="/nowhere.key"):
            pass

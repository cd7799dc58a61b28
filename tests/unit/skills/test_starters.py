"""The programs of the starter skills, run for real; the web is played by a local server."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from pathlib import Path

import pytest

from ruster.skills.reading import read_skill

STARTER = Path(str(resources.files("ruster.skills"))) / "starter"
PAGE = (
    b"<html><head><style>p {color: red}</style><title>News</title></head><body>"
    b"<script>alert('x')</script><h1>Tea &amp; cake</h1><p>One</p><p>Two</p></body></html>"
)


def run(skill: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=STARTER / skill, capture_output=True, text=True, timeout=30, check=False
    )


def test_the_clock_tells_the_time_here_and_elsewhere() -> None:
    skill = read_skill(STARTER / "clock").skill
    assert skill is not None
    here, elsewhere = skill.tools
    told = run("clock", "bash", "-c", here.exec)
    assert (told.returncode, told.stderr) == (0, "")
    assert "epoch 1" in told.stdout
    told = run("clock", "bash", "-c", f"{elsewhere.exec} 'UTC'")
    assert "UTC: " in told.stdout
    assert "(UTC+0000)" in told.stdout
    for bad in ("../../etc/passwd", "/etc/passwd", "No/Where", ""):
        if bad != "No/Where" or Path("/usr/share/zoneinfo").is_dir():
            told = run("clock", "bash", "-c", f"{elsewhere.exec} '{bad}'")
            assert told.returncode == 2, bad


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_web_pages_become_text(port: int) -> None:
    told = run("web-browsing", "scripts/fetch.sh", f"http://127.0.0.1:{port}/")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == ["News", "Tea & cake", "One", "Two"]
    for bad in ("file:///etc/passwd", "--help", "http://x y"):
        assert run("web-browsing", "scripts/fetch.sh", bad).returncode != 0
    told = run("web-browsing", "scripts/check_browser.sh", str(port))
    assert "a browser listens" in told.stdout
    assert run("web-browsing", "scripts/check_browser.sh", "1;id").returncode == 2


def test_the_weather_script_runs_in_the_restricted_language() -> None:
    monty = pytest.importorskip("pydantic_monty")
    code = (STARTER / "weather" / "skill.py").read_text("utf-8")
    urls: list[str] = []

    def http_get(url: str) -> str:
        urls.append(url)
        return "Unknown location" if "nowhere" in url else f"told {len(urls)}\n"

    with monty.Monty() as pool:
        for args in (
            "Hanoi",
            "forecast|Hà Nội",
            "rain|Paris",
            "detail|Rome",
            "here",
            "",
            "nowhere",
        ):
            with pool.checkout() as session:
                call = f"{code}\nmain({args!r})"
                told = session.feed_run(call, external_lookup={"http_get": http_get})
                assert told
    assert told == "wttr.in knows no weather for 'nowhere'; try the English name of the city"
    assert urls[0].startswith("https://wttr.in/Hanoi?format=%25l")
    assert urls[1] == "https://wttr.in/H%C3%A0%20N%E1%BB%99i?T&q&n&F"
    assert urls[2] == "https://wttr.in/Paris?1&T&q&n&F"
    assert urls[4].startswith("https://wttr.in/?format=")
    assert urls[4] == urls[5]

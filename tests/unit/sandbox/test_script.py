"""The pool of processes that run scripts, and what scripts may ask of the daemon."""

from __future__ import annotations

import asyncio
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from ruster.core.errors import ToolError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.web import WebAnswer
from ruster.sandbox.http_guard import GuardedWeb
from ruster.sandbox.script import ScriptPool
from ruster.sandbox.script_process import ScriptProcess, launch
from ruster.sandbox.script_settings import ScriptSettings
from ruster.sandbox.web_settings import WebSettings
from ruster.testing import ManualClock
from tests.unit.sandbox.scripts import RecordedWeb, failure, pool_of
from tests.unit.sandbox.web import Names, Site, answer

pytest.importorskip("pydantic_monty")
ROOT = Path(__file__).resolve().parents[3]
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")


def test_the_interpreter_is_the_pinned_one() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text("utf-8").split()
        if "==" in line
    )
    for part in ("pydantic-monty", "pydantic-monty-client", "pydantic-monty-runtime"):
        assert version(part) == pins[part]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert any("pydantic-monty" in need for need in extras["optional-dependencies"]["scripts"])


async def test_text_is_passed_as_text() -> None:
    async with pool_of() as pool:
        result = await pool.run("def main(args):\n    return args[::-1]", "añ\n\u2028")
        assert result.text == "\u2028\nña"


async def test_log_print_and_clock() -> None:
    web = RecordedWeb(ToolError("no"))
    pool = ScriptPool(ScriptSettings(), web, clock=ManualClock())
    source = (
        "def main():\n    log_info('one')\n    print('two', 3)\n    log_info('four')\n"
        "    return time_now()"
    )
    try:
        result = await pool.run(source)
    finally:
        await pool.aclose()
    assert (result.log, result.printed) == (("one", "four"), "two 3\n")
    assert result.text[4] == "-"
    assert result.origins == ()


async def test_log_and_print_are_bounded() -> None:
    source = (
        "def main():\n    for i in range(120):\n        log_info('x' * 5000)\n"
        "        print('y' * 5000)"
    )
    async with pool_of() as pool:
        result = await pool.run(source)
    assert len(result.log) == 100
    assert {len(line) for line in result.log} == {1000}
    assert len(result.printed) == 16 * 1024


async def test_the_web_is_reached_through_the_guard() -> None:
    source = (
        "def main(args):\n    return http_get(args['get']) + '|' + http_post(args['get'], 'data')"
    )
    async with Site() as site:
        site.pages["/"] = lambda request: answer(request.method.encode() + request.body)
        guard = GuardedWeb(WebSettings(allow=(site.entry,)), resolver=Names({}))
        async with pool_of(guard) as pool:
            result = await pool.run(source, {"get": site.url})
        async with pool_of(GuardedWeb(WebSettings(), resolver=Names({}))) as pool:
            with pytest.raises(ToolError, match="not public") as caught:
                await pool.run(source, {"get": site.url})
    assert result.text == "GET|POSTdata"
    assert result.origins == ("web:127.0.0.1",)
    assert caught.value.code == "script_failed"
    assert len(site.requests) == 2


async def test_requests_are_counted_and_their_failures_can_be_caught() -> None:
    web = RecordedWeb(WebAnswer("http://a.example/", 404, "", b"", "", "web:a.example"))
    source = (
        "def main():\n    said = []\n    for i in range(5):\n        try:\n"
        "            http_get('http://a.example/')\n        except RuntimeError as error:\n"
        "            said.append(str(error))\n    return said"
    )
    async with pool_of(web, ScriptSettings(max_requests=3)) as pool:
        result = await pool.run(source)
        await pool.run(source)
    assert result.text.count("status 404") == 3
    assert result.text.count("used up") == 2
    assert result.origins == ("web:a.example",)
    assert len(web.requests) == 6


@pytest.mark.parametrize(
    "said",
    [
        WebAnswer("http://a.example/", 200, "", b"", "do as I say", "web:a.example"),
        ToolError("to do-as-i-say.internal", origin="web:a.example"),
    ],
)
async def test_a_script_that_fails_may_say_what_it_has_seen(said: WebAnswer | ToolError) -> None:
    source = "def main():\n    raise RuntimeError(http_get('http://a.example/'))"
    async with pool_of(RecordedWeb(said)) as pool:
        error = await failure(pool, source)
        plain = await failure(pool, "def main():\n    raise RuntimeError('no')")
    assert (error.origin, plain.origin) == ("web:a.example", None)


@pytest.mark.parametrize("call", ["http_get()", "http_get(1)", "http_post('u')", "log_info([])",
                                  "http_get('u', 'v')", "http_get(url='u', x=1)"])  # fmt: skip
async def test_functions_of_the_daemon_check_what_they_get(call: str) -> None:
    web = RecordedWeb(ToolError("no"))
    async with pool_of(web) as pool:
        assert (await failure(pool, f"def main():\n    {call}")).code == "script_failed"
    assert web.requests == []


@pytest.mark.parametrize(("depth", "code"), [(28, ""), (40, "script_failed")])
async def test_functions_call_each_other_to_a_depth(depth: int, code: str) -> None:
    source = f"def f(n):\n    return n and f(n - 1)\ndef main():\n    return f({depth})"
    async with pool_of() as pool:
        if not code:
            assert (await pool.run(source)).text == "0"
        else:
            error = await failure(pool, source)
            assert error.code == code
            assert "RecursionError" in error.message


async def test_runs_share_nothing() -> None:
    async with pool_of(settings=ScriptSettings(processes=1)) as pool:
        await pool.run("SECRET = 1\ndef main():\n    global SECRET\n    SECRET = 2")
        error = await failure(pool, "def main():\n    return SECRET")
    assert "SECRET" in error.message


@needs_proc
async def test_the_child_has_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", "canary")
    process = await ScriptProcess.start(ScriptSettings(), launch)
    try:
        for pid in (process.pid, *_children(process.pid)):
            assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert b"canary" in _environment_of_a_plain_child()
    finally:
        await process.kill()


@needs_proc
async def test_cancelling_ends_the_script_and_its_processes() -> None:
    async with pool_of(settings=ScriptSettings(max_cpu_s=30)) as pool:
        await pool.warm()
        pid = pool._idle[0][0].pid
        pids = [pid, *_children(pid)]
        assert len(pids) == 2
        task = spawn(pool.run("def main():\n    while True: pass"), name="script")
        while pool._idle:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        await cancel_and_wait(task)
        await _are_gone(pids)
        assert (await pool.run("def main():\n    return 'alive'")).text == "alive"


async def test_a_slow_web_ends_the_script() -> None:
    class SlowWeb(RecordedWeb):
        async def fetch(self, *_: object, **__: object) -> WebAnswer:
            await asyncio.sleep(60)
            raise AssertionError

    settings = ScriptSettings(max_wall_s=0.3)
    async with pool_of(SlowWeb(ToolError("no")), settings) as pool:
        error = await failure(pool, "def main():\n    http_get('http://a.example/')")
    assert error.code == "script_timeout"


async def test_a_process_that_dies_is_replaced() -> None:
    async with pool_of() as pool:
        await pool.warm()
        first = pool._idle[0][0]
        await first.kill()
        assert (await pool.run("def main():\n    return 'alive'")).text == "alive"
        assert pool._idle[0][0].pid != first.pid


@needs_proc
async def test_processes_are_kept_replaced_and_let_go() -> None:
    settings = ScriptSettings(processes=1, runs_per_process=3, idle_s=0.2)
    async with pool_of(settings=settings) as pool:
        pids = []
        for _ in range(4):
            await pool.run("def main():\n    pass")
            pids.append(pool._idle[0][0].pid if pool._idle else 0)
        assert pids[0] == pids[1] != 0
        assert pids[2] == 0, "the third run is the last of its process"
        assert pids[3] not in (0, pids[0])
        await _are_gone([pids[3]])
        assert pool._idle == []


async def test_no_more_scripts_run_than_there_are_processes() -> None:
    async with pool_of(settings=ScriptSettings(processes=2)) as pool:
        source = "def main():\n    return sum([i for i in range(1000)])"
        results = await asyncio.gather(*(pool.run(source) for _ in range(12)))
        assert {result.text for result in results} == {"499500"}
        assert len(pool._idle) == 2


async def test_too_many_waiting_scripts_are_refused() -> None:
    async with pool_of(settings=ScriptSettings(processes=1)) as pool:
        runs = (pool.run("def main():\n    pass") for _ in range(60))
        ends = await asyncio.gather(*runs, return_exceptions=True)
    refusals = [end for end in ends if isinstance(end, ToolError)]
    assert {error.code for error in refusals} == {"script_busy"}
    assert 0 < len(refusals) < 60


@pytest.mark.parametrize(
    "says",
    ["print('rot')", "print('{}')", "pass", "print('{\"kind\": \"ready\"}')",
     "print('x' * 20_000_000)",
     "print('{\"kind\": \"ask\", \"name\": \"shell\", \"arguments\": []}')"],
)  # fmt: skip
async def test_a_process_that_breaks_its_rules_is_ended(says: str, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        f'import time\nprint(\'{{"kind": "ready"}}\', flush=True)\ninput()\n{says}\n', "utf-8"
    )

    async def rogue(command: list[str] | tuple[str, ...]) -> asyncio.subprocess.Process:
        return await launch([command[0], str(child)])

    pool = ScriptPool(ScriptSettings(), RecordedWeb(ToolError("no")), how=rogue)  # type: ignore[arg-type]
    assert (await failure(pool, "def main():\n    pass")).code == "script_failed"
    assert pool._idle == []


async def test_without_the_interpreter_the_extra_is_named() -> None:
    async def bare(command: list[str] | tuple[str, ...]) -> asyncio.subprocess.Process:
        return await launch([command[0], "-S", *command[1:]])

    pool = ScriptPool(ScriptSettings(), RecordedWeb(ToolError("no")), how=bare)  # type: ignore[arg-type]
    error = await failure(pool, "def main():\n    pass")
    assert error.code == "scripts_missing"
    assert "ruster[scripts]" in error.message


async def test_a_process_that_cannot_be_started_is_told() -> None:
    async def never(_command: object) -> asyncio.subprocess.Process:
        raise FileNotFoundError("no such program")

    pool = ScriptPool(ScriptSettings(), RecordedWeb(ToolError("no")), how=never)
    assert (await failure(pool, "def main():\n    pass")).code == "tool_failed"


@pytest.mark.parametrize("args", [{"a": object()}, {"a": {1, 2}}, "x" * 300_000])
async def test_arguments_that_cannot_be_passed_are_refused(args: dict[str, object] | str) -> None:
    async with pool_of() as pool:
        with pytest.raises(ToolError) as caught:
            await pool.run("def main(args):\n    pass", args)
    assert caught.value.code == "script_invalid"


def _children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _environment_of_a_plain_child() -> bytes:
    return subprocess.run(["env"], capture_output=True, check=True).stdout


async def _are_gone(pids: list[int]) -> None:
    while any(Path(f"/proc/{pid}").exists() and _state(pid) != "Z" for pid in pids):
        await asyncio.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"

"""``ogenius`` as a person and a script meet it: real processes, a real pty, a hub of our own."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from tests.e2e.test_cli import Ctl, Terminal, _terminal
from tests.engine_support import NEEDS_ENGINE
from tests.fakes.hub_server import FakeHub, FakeRepo, Fault
from tests.models import MODELS_DIR, build
from tests.models.scripts import DEFAULT, ENDLESS, script

from ruster.ogenius.options import STUB

_PROGRAM = (sys.executable, "-m", "ruster.ogenius.main")
_REPO = "acme/tiny-GGUF"
_SMALL, _LARGE = "tiny-q4_k_m.gguf", "tiny-q8_0.gguf"
_ROOM = {"RUSTER_MODELS_RESERVE_BYTES": "0", "RUSTER_MODELS_RETRIES": "0"}
_NOTICE = re.compile(
    r"NOTICE: Model reload took \d+\.\d\ds\.\n"
    r"Increase --unload-after or use --no-unload to avoid delay\.\n"
)
_PATIENCE_S = 30

engine = [pytest.mark.engine, NEEDS_ENGINE[1]]


def needs_engine(test: object) -> object:
    """Mark a test of the real engine."""
    for mark in reversed(engine):
        test = mark(test)
    return test


class Ogenius(Ctl):
    """Runs ``ogenius`` with its files in ``folder``."""

    program = _PROGRAM


def terminal(
    folder: Path, *words: str, **environment: str
) -> AbstractAsyncContextManager[Terminal]:
    """Run ``ogenius`` on a pty."""
    return _terminal(folder, *words, program=_PROGRAM, **environment)


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    """A hub with one repository in two quantizations, each of them another model."""
    files = {_SMALL: build("scripted").read_bytes(), _LARGE: build("trained").read_bytes()}
    repos = {_REPO: FakeRepo(files), "acme/other-GGUF": FakeRepo({_SMALL: files[_LARGE]})}
    async with FakeHub(repos) as hub:
        yield hub


def with_model(folder: Path, name: str) -> Ogenius:
    """Put a model into the store."""
    models = folder / "cache" / "models"
    models.mkdir(parents=True, exist_ok=True)
    shutil.copy(build(name, MODELS_DIR), models)
    return Ogenius(folder)


def at(folder: Path, hub: FakeHub) -> Ogenius:
    """Return the program that downloads from this hub."""
    return Ogenius(folder, HF_ENDPOINT=hub.url, **_ROOM)


# The stub


async def test_each_line_of_a_pipe_is_answered(folder: Path) -> None:
    ogenius = Ogenius(folder)
    done = await ogenius("chat", "--stub", piped="hello\n\nyou\nexit\nnever said\n")
    assert done == (0, "Pinky says: hello\nPinky says: you\n", "Narf!\nNarf!\n")
    done = await ogenius("chat", "--model", STUB, "--no-show-thinking", piped="hello")
    assert done == (0, "Pinky says: hello\n", "")


async def test_a_person_talks_and_leaves(folder: Path) -> None:
    for leave in ("exit\r", "quit\r", "\x04"):
        async with terminal(folder, "chat", "--stub") as screen:
            await screen.until("pinky/tiny-model, a window of 8192 tokens", "YOU >")
            screen.type("hello\r")
            await screen.until("AI > ", "Narf!", "\r\n", "Pinky says: hello\r\n", "YOU >")
            screen.type(leave)
            assert await screen.process.wait() == 0
    assert "+hello" in (folder / "data" / "state" / "ogenius_history").read_text()


async def test_ctrl_c_ends_the_answer_then_the_program(folder: Path) -> None:
    async with terminal(folder, "chat", "--model", "pinky/slow") as screen:
        await screen.until("YOU >")
        screen.type(" ".join(f"word{n}" for n in range(400)) + "\r")
        await screen.until("AI > ", "word0 word1 ")
        screen.type("\x03")
        await screen.until("YOU >")
        screen.type("still here\r")
        await screen.until("AI > ", "still here", "YOU >")
        screen.type("\x03")
        assert await screen.process.wait() == 130


async def test_ctrl_c_in_a_pipe_ends_the_program(folder: Path) -> None:
    child = await Ogenius(folder).start("chat", "--model", "pinky/slow")
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"one two three " * 100 + b"\n")
    await child.stdout.readuntil(b"two")
    child.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(child.communicate(), _PATIENCE_S)
    assert (child.returncode, err) == (130, b"")


async def test_texts_become_vectors(folder: Path) -> None:
    ogenius = Ogenius(folder)
    status, out, err = await ogenius("embed", "--stub", "--input", "a", "-i", "-", piped="b")
    assert (status, err) == (0, "")
    vectors = [json.loads(line) for line in out.splitlines()]
    assert [len(vector) for vector in vectors] == [384, 384]
    status, _, err = await ogenius("embed", "--stub", "-i", "-", "-i", "-")
    assert (status, "stdin can be read once" in err) == (2, True)


async def test_what_goes_wrong_is_one_line(folder: Path) -> None:
    ogenius = Ogenius(folder)
    for words in (
        ("chat", "--model", "nowhere"),
        ("chat", "--model", "./gone.gguf"),
        ("chat", "--model", "acme/unreachable"),
        ("download", "acme/unreachable"),
        ("download", "no such name"),
        ("embed", "--input", "x", "--model", "nowhere"),
        ("models", "show", "nowhere"),
        ("models", "remove", "nowhere"),
        ("models", "verify", "nowhere"),
    ):
        status, out, err = await ogenius(*words, piped="hello\n")
        assert (status, out) == (1, ""), words
        assert re.fullmatch(r"ogenius: [^\n]+\n", err), (words, err)
    broken = Ogenius(folder, RUSTER_ENGINE_CONTEXT_SIZE="many")
    status, _, err = await broken("chat", "--stub")
    assert status == 1
    assert re.fullmatch(r"ogenius: [^\n]*RUSTER_ENGINE_CONTEXT_SIZE[^\n]*\n", err)


# Model files


async def test_models_come_side_by_side(folder: Path, hub: FakeHub) -> None:
    pytest.importorskip("huggingface_hub", exc_type=ImportError)
    ogenius = at(folder, hub)
    status, out, err = await ogenius("download", "acme/tiny", "acme/other", "acme/none")
    assert status == 1
    small, other = map(Path, out.splitlines())
    assert small.read_bytes() == hub.repos[_REPO].files[_SMALL]
    assert other.read_bytes() == hub.repos["acme/other-GGUF"].files[_SMALL]
    for name in ("acme/tiny", "acme/other"):
        told = re.findall(rf"^{name}: (\d+) % of ", err, re.MULTILINE)
        assert told[-1] == "100"
        assert len(told) == len(set(told)) <= 11
    assert len(re.findall(r"^ogenius: acme/none: ", err, re.MULTILINE)) == 1

    status, out, _ = await ogenius("models", "list")
    assert (status, len(out.splitlines())) == (0, 2)
    status, out, _ = await ogenius("models", "list", "--all")
    assert "tiny-model\t" in out
    shown = json.loads((await ogenius("models", "show", "acme/tiny", "--json"))[1])
    assert (shown["quantization"], shown["path"]) == ("Q4_K_M", str(small))
    assert (await ogenius("models", "verify", "acme/tiny"))[0] == 0
    assert (await ogenius("models", "remove", "acme/tiny"))[0] == 0
    assert not small.exists()


async def test_a_quantization_that_is_not_there_names_those_that_are(
    folder: Path, hub: FakeHub
) -> None:
    pytest.importorskip("huggingface_hub", exc_type=ImportError)
    status, out, err = await at(folder, hub)("download", "acme/tiny", "--quant", "Q2_K")
    assert (status, out) == (1, "")
    assert err == "ogenius: acme/tiny-GGUF does not come in Q2_K; it comes in Q4_K_M, Q8_0\n"
    _, out, _ = await at(folder, hub)("download", "acme/tiny", "--quant", "q8_0")
    assert Path(out.strip()).read_bytes() == hub.repos[_REPO].files[_LARGE]


async def test_a_killed_download_goes_on(folder: Path, hub: FakeHub) -> None:
    pytest.importorskip("huggingface_hub", exc_type=ImportError)
    held = 512 * 1024
    hub.repos[_REPO].faults[_SMALL] = fault = Fault(hold_after=held, times=1)
    child = await at(folder, hub).start("download", "acme/tiny")
    await asyncio.wait_for(fault.held.wait(), _PATIENCE_S)
    assert child.stderr is not None
    await child.stderr.readuntil(b" % of ")
    child.kill()
    await child.wait()
    fault.release.set()
    status, out, _ = await at(folder, hub)("download", "acme/tiny")
    assert status == 0
    assert Path(out.strip()).read_bytes() == hub.repos[_REPO].files[_SMALL]
    first, second = hub.downloads(_SMALL)[0], hub.downloads(_SMALL)[-1]
    assert "range" not in first.headers or first.headers["range"].startswith("bytes=0-")
    assert int(second.headers["range"].removeprefix("bytes=").partition("-")[0]) > 0


async def test_a_person_sees_how_far_it_is_stops_it_and_goes_on(folder: Path, hub: FakeHub) -> None:
    pytest.importorskip("huggingface_hub", exc_type=ImportError)
    hub.repos[_REPO].faults[_SMALL] = fault = Fault(hold_after=512 * 1024)
    environment = {"HF_ENDPOINT": hub.url, "COLUMNS": "120", **_ROOM}
    async with terminal(folder, "download", "acme/tiny", **environment) as screen:
        await screen.until("acme/tiny", "0.5/1.3 MB")
        screen.type("\x03")
        assert await screen.process.wait() == 130
    async with terminal(folder, "download", "acme/tiny", **environment) as screen:
        await screen.until("acme/tiny")
        fault.release.set()
        await screen.until("1.3/1.3 MB", _SMALL)
        assert await screen.process.wait() == 0


async def test_the_variables_of_rusty_genius_name_the_folders(folder: Path, hub: FakeHub) -> None:
    pytest.importorskip("huggingface_hub", exc_type=ImportError)
    home = folder / "genius"
    home.mkdir()
    (home / "manifest.toml").write_text(
        f'[[models]]\nname = "mine"\nrepo = "{_REPO}"\nfilename = "{_LARGE}"\n'
    )
    ogenius = at(folder, hub)
    for name in ("RUSTER_CONFIG_DIR", "RUSTER_CACHE_DIR"):
        del ogenius.environment[name]
    ogenius.environment |= {"HOME": str(folder), "GENIUS_HOME": str(home)}
    status, out, err = await ogenius("download", "mine")
    assert status == 0, err
    assert Path(out.strip()).is_relative_to(home / "cache" / "models")
    assert "tiny-q8_0" in (home / "cache" / "registry.toml").read_text()
    ogenius.environment["GENIUS_CACHE"] = str(folder / "elsewhere")
    _, out, _ = await ogenius("models", "list")
    assert out == ""


# The engine


@needs_engine
async def test_the_quantization_says_which_file_answers(folder: Path, hub: FakeHub) -> None:
    pytest.importorskip("huggingface_hub", exc_type=ImportError)
    ogenius = at(folder, hub)
    words = ("chat", "--model", "acme/tiny")
    asked = script("capital").question
    assert (await ogenius(*words, piped=asked))[1] == script("capital").answer + "\n"
    status, out, err = await ogenius(*words, "--quant", "Q8_0", piped="My cat is called Milo.")
    assert (status, out) == (0, "Noted.\n"), err
    assert "acme/tiny: 100 %" in err
    status, out, err = await ogenius(*words, "--quant", "Q2_K", piped=asked)
    assert (status, out) == (1, "")
    assert "it comes in Q4_K_M, Q8_0" in err
    assert (await ogenius(*words, "--quant", "Q4_K_M", piped=asked))[1].startswith("The capital")


@needs_engine
async def test_other_models_are_fetched_first(folder: Path, hub: FakeHub) -> None:
    pytest.importorskip("huggingface_hub", exc_type=ImportError)
    others = ("--load-models", "acme/tiny", "--load-models", "acme/other")
    status, out, err = await at(folder, hub)("chat", "--stub", *others, piped="hello")
    assert (status, out) == (0, "Pinky says: hello\n")
    assert "acme/tiny: 100 %" in err
    assert "acme/other: 100 %" in err
    status, out, err = await at(folder, hub)(
        "chat", "--stub", "--load-models", "acme/none", piped="hello"
    )
    assert (status, out) == (1, "")
    assert err.startswith("ogenius: ")
    assert err.count("\n") == 1


@needs_engine
async def test_the_conversation_is_kept_and_its_beginning_given_up(folder: Path) -> None:
    ogenius = with_model(folder, "trained")
    lines = "My cat is called Milo.\nHello!\nWhat is my cat called?\n"
    done = await ogenius("chat", "--model", "trained", piped=lines)
    assert done[:2] == (0, "Noted.\nHello! How can I help?\nYour cat is called Milo.\n")
    kept = folder / "cache" / "kv"
    assert [path for path in kept.rglob("*") if path.is_file()] == []

    small = ("chat", "--model", "trained", "--context-size", "64")
    status, out, err = await ogenius(*small, piped="Hello!\n" * 6)
    assert (status, out.count("Hello! How can I help?")) == (0, 6)
    assert "its beginning is left out" in err
    status, out, err = await ogenius(*small, piped="Hello! " * 60)
    assert (status, out) == (1, "")
    assert "the model's window holds 64" in err


@needs_engine
async def test_an_answer_without_end_is_ended(folder: Path) -> None:
    with_model(folder, "scripted")
    async with terminal(folder, "chat", "--model", "scripted") as screen:
        await screen.until("YOU >")
        screen.type(ENDLESS.question + "\r")
        await screen.until("AI > ", "tick", "tick")
        screen.type("\x03")
        await screen.until("YOU >")
        screen.type("Hello!\r")
        await screen.until("AI > ", DEFAULT.answer, "YOU >")
        screen.type("\x03")
        assert await screen.process.wait() == 130


@needs_engine
async def test_a_reload_is_told(folder: Path) -> None:
    ogenius = with_model(folder, "scripted")
    told = ""
    child = await ogenius.start("chat", "--model", "scripted", "--unload-after", "1")
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    asked = 0
    async with asyncio.timeout(_PATIENCE_S):
        while "avoid delay" not in told:
            child.stdin.write(b"Hello!\n")
            assert await child.stdout.readline() == DEFAULT.answer.encode() + b"\n"
            asked += 1
            if asked > 1:  # it was idle for longer than it may be
                told += (await child.stderr.read(4096)).decode()
            await asyncio.sleep(2)
    child.stdin.close()
    assert await child.wait() == 0
    assert _NOTICE.fullmatch(told)
    assert asked >= 2

    _, _, err = await ogenius(
        "chat", "--model", "scripted", "--no-unload", piped="Hello!\nHello!\n"
    )
    assert err == ""


@needs_engine
async def test_a_dead_engine_is_one_line_and_then_a_new_engine(folder: Path) -> None:
    child = await with_model(folder, "scripted").start("chat", "--model", "scripted")
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(ENDLESS.question.encode() + b"\n")
    await child.stdout.readuntil(b"tick")
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    out, err = await asyncio.wait_for(child.communicate(b"Hello!\n"), _PATIENCE_S)
    assert out.decode().endswith(f"\n{DEFAULT.answer}\n")
    assert re.fullmatch(rb"ogenius: [^\n]*engine[^\n]*\n", err)
    assert child.returncode == 1


@needs_engine
async def test_a_model_for_vectors_makes_them(folder: Path) -> None:
    ogenius = with_model(folder, "tiny-bert")
    words = ("embed", "--model", "tiny-bert", "--input")
    status, out, err = await ogenius(*words, "one", "--input", "two", "--input", "one")
    assert (status, err) == (0, "")
    one, two, again = (json.loads(line) for line in out.splitlines())
    assert one == pytest.approx(again, abs=1e-5)
    assert one != two
    assert math.hypot(*one) == pytest.approx(1, abs=1e-3)

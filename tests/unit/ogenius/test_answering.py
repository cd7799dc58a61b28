"""What Ctrl-C does to an answer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from ruster.core.errors import ModelError
from ruster.core.inference import Content, InferenceEvent
from ruster.ogenius.answering import AnswerRun
from ruster.ogenius.showing import AnswerView


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


async def _stuck(
    released: asyncio.Event, when_cancelled: Callable[[], None]
) -> AsyncIterator[InferenceEvent]:
    """An answer that takes its time to end."""
    yield Content("so far")
    _interrupt()
    try:
        await asyncio.sleep(60)
    finally:
        when_cancelled()
        await released.wait()


def _run(events: AsyncIterator[InferenceEvent], *, patient: bool) -> None:
    asyncio.run(AnswerRun(events, AnswerView(labelled=False)).run(patient=patient))


def test_the_first_ends_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    released = asyncio.Event()
    _run(_stuck(released, released.set), patient=True)
    assert capsys.readouterr().out == "so far\n"


def test_the_second_does_not_wait_for_that() -> None:
    released = asyncio.Event()

    def again() -> None:
        _interrupt()
        asyncio.get_running_loop().call_later(30, released.set)

    with pytest.raises(KeyboardInterrupt):
        _run(_ended_late(released, again), patient=True)


async def _ended_late(
    released: asyncio.Event, when_cancelled: Callable[[], None]
) -> AsyncIterator[InferenceEvent]:
    """An answer that does not end until it is cancelled a second time."""
    async for event in _stuck(released, when_cancelled):
        yield event


def test_without_patience_the_first_ends_the_program() -> None:
    released = asyncio.Event()
    with pytest.raises(KeyboardInterrupt):
        _run(_stuck(released, released.set), patient=False)


def test_an_error_is_the_callers() -> None:
    async def failing() -> AsyncIterator[InferenceEvent]:
        yield Content("half")
        raise ModelError("broken")

    with pytest.raises(ModelError, match="broken"):
        _run(failing(), patient=True)

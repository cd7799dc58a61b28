"""Tasks are named, kept, and their failures are told."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from ruster.core.tasks import cancel_and_wait, spawn


async def _fail() -> None:
    raise ValueError("broken")


async def test_a_failure_nobody_awaits_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    task = spawn(_fail(), name="the task")
    await asyncio.wait({task})
    assert "the task" in caplog.text
    assert "broken" in caplog.text


async def test_a_failure_that_is_told_elsewhere_is_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        task = spawn(_fail(), name="the task", log_failure=False)
        await asyncio.wait({task})
        del task
        gc.collect()  # an exception never retrieved would be logged now
    assert caplog.text == ""


async def test_a_task_is_kept_alive_and_can_be_cancelled() -> None:
    done = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            done.set()

    task = spawn(wait(), name="waiting")
    gc.collect()
    await asyncio.sleep(0)
    await cancel_and_wait(task)
    assert done.is_set()
    assert task.cancelled()

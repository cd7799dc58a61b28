"""Windows are asked for once in a while, and a list that fails costs a turn nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.llm.model_list import ModelWindows
from ruster.testing.clock import ManualClock


class Server:
    """Answers with a list, or fails; counts how often it was asked."""

    def __init__(self) -> None:
        self.models: dict[str, int | None] = {"told": 4096, "untold": None}
        self.error: ProviderError | None = None
        self.asked = 0

    async def ask(self) -> Mapping[str, int | None]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return dict(self.models)


def _windows(server: Server, clock: ManualClock, own: int | None = None) -> ModelWindows:
    return ModelWindows(server.ask, own=own, assumed=8192, clock=clock)


@pytest.mark.parametrize(
    ("own", "windows"),
    [(None, [4096, 8192, None]), (2048, [2048, 2048, 2048])],
)
async def test_told_assumed_and_set_windows(own: int | None, windows: list[int | None]) -> None:
    made = _windows(Server(), ManualClock(), own)

    assert [await made.window(name) for name in ("told", "untold", "absent")] == windows


async def test_a_list_grows_old() -> None:
    server, clock = Server(), ManualClock()
    made = _windows(server, clock)
    for _ in range(3):
        assert await made.window("told") == 4096
    server.models["told"] = 1024
    clock.advance(301)

    assert await made.window("told") == 1024
    assert server.asked == 2


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("broken"),
        ProviderUnreachable("not ours", code="provider_mismatch"),
    ],
)
async def test_a_list_that_fails_is_not_asked_for_in_every_turn(error: ProviderError) -> None:
    server, clock = Server(), ManualClock()
    server.error = error
    made = _windows(server, clock)

    assert [await made.window("anything") for _ in range(3)] == [8192] * 3
    assert server.asked == 1


async def test_the_old_list_counts_while_the_new_one_fails() -> None:
    server, clock = Server(), ManualClock()
    made = _windows(server, clock)
    await made.window("told")
    server.error = ProviderError("broken")
    clock.advance(301)

    assert await made.window("told") == 4096


@pytest.mark.parametrize(
    "error",
    [ProviderUnreachable("gone"), ProviderError("who?", code="provider_unauthorized")],
)
async def test_a_provider_that_cannot_answer_has_no_window(error: ProviderError) -> None:
    server = Server()
    server.error = error
    made = _windows(server, ManualClock())

    assert [await made.window("told") for _ in range(2)] == [None, None]
    assert server.asked == 2

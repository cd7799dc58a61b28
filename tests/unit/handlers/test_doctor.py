"""The check-up for callers of different standing, and with checks that do not behave."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.handlers.test_callers import STRANGER, FakeCaller

from ruster.core.errors import SessionError, StorageError
from ruster.core.findings import Finding
from ruster.handlers.doctor import Check, DoctorHandlers
from ruster.protocol.commands import Doctor
from ruster.protocol.events import DoctorCheck, DoctorReport


async def _well() -> Finding:
    return Finding("ok", "all is well")


async def _ask(checks: dict[str, Check], patience_s: float = 20.0) -> list[DoctorCheck]:
    root = FakeCaller(0, privileged=True)
    await (await DoctorHandlers(lambda: checks, patience_s=patience_s).doctor(root, Doctor()))
    (report,) = root.replies
    assert isinstance(report, DoctorReport)
    return report.checks


async def test_a_stranger_is_told_nothing() -> None:
    looked = False

    async def look() -> Finding:
        nonlocal looked
        looked = True
        return await _well()

    stranger = FakeCaller(STRANGER, privileged=False)
    with pytest.raises(SessionError) as error:
        await DoctorHandlers(lambda: {"disk": look}).doctor(stranger, Doctor())
    await asyncio.sleep(0)
    assert (error.value.code, stranger.replies, looked) == ("not_permitted", [], False)


async def test_all_checks_are_told_in_order() -> None:
    async def ill() -> Finding:
        return Finding("missing", "it is gone", "Bring it back")

    assert await _ask({"b": ill, "a": _well}) == [
        DoctorCheck(name="b", status="missing", detail="it is gone", hint="Bring it back"),
        DoctorCheck(name="a", status="ok", detail="all is well"),
    ]


async def test_a_check_that_fails_keeps_no_other_from_being_told() -> None:
    async def failing() -> Finding:
        raise StorageError("cannot ask for the free space")

    async def broken() -> Finding:
        raise ZeroDivisionError("secret")

    disk, odd, fine = await _ask({"disk": failing, "odd": broken, "fine": _well})
    assert (disk.status, disk.detail) == ("warning", "cannot ask for the free space")
    assert (odd.status, odd.detail) == (
        "warning",
        "the check itself failed; the log has the details",
    )
    assert fine.status == "ok"


async def test_a_check_that_hangs_is_not_waited_for() -> None:
    release = asyncio.Event()
    stopped = asyncio.Event()

    async def hanging() -> Finding:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return await _well()

    async def deaf() -> Finding:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return await _well()

    slow, mute, fine = await _ask({"slow": hanging, "mute": deaf, "fine": _well}, patience_s=0.05)
    for check in (slow, mute):
        assert (check.status, check.detail) == ("warning", "no result came within 0.05 s")
    assert fine.status == "ok"
    await stopped.wait()
    release.set()


async def test_checks_look_at_the_same_time() -> None:
    met = asyncio.Barrier(2)

    async def meet() -> Finding:
        await met.wait()
        return await _well()

    assert [check.status for check in await _ask({"one": meet, "two": meet})] == ["ok", "ok"]

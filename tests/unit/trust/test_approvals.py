"""A question is on the disk before it is shown, the first answer stands, and it counts once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ruster.core.clock import SystemClock
from ruster.core.errors import SessionError, StorageError, ToolError
from ruster.core.tasks import cancel_and_wait, spawn
from ruster.core.tools import Action, ActionKind, Decision, Effect, Risk, TurnScope, Verdict
from ruster.protocol.commands import ApprovalScope
from ruster.storage.disk import Disk
from ruster.storage.journal import Journal
from ruster.testing import LossyDisk, ManualClock
from ruster.trust.approval import Answer, Approval, State
from ruster.trust.digest import fingerprint
from tests.unit.trust.support import (
    ASK,
    House,
    house,
    rules,
    scope,
    shell,
    tainted,
    writing,
)

YES = Answer(State.APPROVED, "uid 1000")
NO = Answer(State.DENIED, "uid 1000", reason="not now")
SESSION = Answer(State.APPROVED, "uid 1000", ApprovalScope.SESSION)
ALWAYS = Answer(State.APPROVED, "uid 1000", ApprovalScope.ALWAYS)


def _ask(
    it: House, action: Action, at: TurnScope | None = None, decision: Decision = ASK
) -> asyncio.Task[Verdict]:
    asked = it.approvals.ask(action, decision, at or scope(it.folder))
    return spawn(asked, name="ask", log_failure=False)


async def _refused(it: House, approval_id: str, answer: Answer) -> str:
    with pytest.raises(SessionError) as refused:
        await it.approvals.answer(approval_id, answer)
    return refused.value.code


async def test_an_approved_call_may_run_and_everybody_is_told(folder: Path) -> None:
    async with house(folder) as it:
        heard: list[Approval] = []
        stop = it.approvals.watch(heard.append)
        asking = _ask(it, shell("ls -l"))
        approval = await it.board.asked()
        question = approval.question
        assert question.id.startswith("pa-")
        assert (question.tool, question.arguments) == ("shell", {"command": "ls -l"})
        assert (question.effects, question.risk) == (("executes",), "high")
        assert question.sha256 == fingerprint("shell", {"command": "ls -l"})
        assert question.expires - question.created == 120
        assert it.approvals.pending() == (approval,)
        await it.approvals.answer(question.id, YES)
        assert await asking == Verdict(approved=True, by="uid 1000")
        assert it.approvals.pending() == ()
        assert it.board.closed == [approval]
        assert heard == [approval, approval]
        stop()
        stop()
        kinds = [(record["kind"], record.get("state")) for record in it.records()]
        assert kinds == [("asked", None), ("closed", "approved")]


async def test_a_rejected_call_may_not_and_the_reason_is_told(folder: Path) -> None:
    async with house(folder) as it:
        asking = _ask(it, shell("ls"))
        await it.approvals.answer((await it.board.asked()).question.id, NO)
        assert await asking == Verdict(approved=False, by="uid 1000: not now")
        assert await _refused(it, it.board.shown[0].question.id, YES) == "approval_closed"


class _WatchfulDisk(Disk):
    """Notes what was shown at the time of each flush."""

    def __init__(self) -> None:
        self.it: House | None = None
        self.shown_at_flush: list[int] = []

    def sync(self, fd: int) -> None:
        super().sync(fd)
        if self.it is not None:
            self.shown_at_flush.append(len(self.it.board.shown))


async def test_a_question_is_on_the_disk_before_it_is_shown(folder: Path) -> None:
    disk = _WatchfulDisk()
    async with house(folder, disk=disk) as it:
        disk.it = it
        asking = _ask(it, shell("ls"))
        await it.board.asked()
        assert disk.shown_at_flush == [0]
        await cancel_and_wait(asking)


async def test_of_a_hundred_answers_one_wins(folder: Path) -> None:
    async with house(folder) as it:
        asking = _ask(it, shell("ls"))
        approval_id = (await it.board.asked()).question.id
        answers = [YES if n % 2 else NO for n in range(100)]
        results = await asyncio.gather(
            *(it.approvals.answer(approval_id, answer) for answer in answers),
            return_exceptions=True,
        )
        won = [n for n, result in enumerate(results) if isinstance(result, Approval)]
        lost = [result.code for result in results if isinstance(result, SessionError)]
        assert len(won) == 1
        assert lost == ["approval_closed"] * 99
        assert (await asking).approved is (answers[won[0]] is YES)
        assert [record["kind"] for record in it.records()] == ["asked", "closed"]


async def test_an_approval_is_for_the_arguments_that_were_shown(folder: Path) -> None:
    async with house(folder) as it:
        arguments: dict[str, Any] = {"command": "ls"}
        action = Action("shell", arguments, frozenset({Effect.EXECUTES}), Risk.HIGH, "ls")
        asking = _ask(it, action)
        approval = await it.board.asked()
        arguments["command"] = "rm -rf /"
        assert approval.question.arguments == {"command": "ls"}
        await it.approvals.answer(approval.question.id, YES)
        verdict = await asking
        assert not verdict.approved
        assert "other arguments" in verdict.by
        with pytest.raises(ToolError) as refused:
            approval.use(shell("ls"))
        assert refused.value.code == "approval_used"


async def test_an_approval_counts_once(folder: Path) -> None:
    async with house(folder) as it:
        asking = _ask(it, shell("ls"))
        approval = await it.board.asked()
        with pytest.raises(ToolError):
            approval.use(shell("ls"))
        await it.approvals.answer(approval.question.id, YES)
        assert (await asking).approved
        with pytest.raises(ToolError):
            approval.use(shell("ls"))


async def test_silence_means_no(folder: Path) -> None:
    clock = ManualClock()
    async with house(folder, clock) as it:
        asking = _ask(it, shell("ls"))
        approval = await it.board.asked()
        clock.advance(119)
        assert it.approvals.pending() == (approval,)
        clock.advance(1)
        assert await _refused(it, approval.question.id, YES) == "approval_closed"
        assert await asking == Verdict(
            approved=False, by="nobody answered in time", unanswered=True
        )
        assert it.board.closed[0].state is State.EXPIRED


async def test_a_question_runs_out_by_itself(folder: Path) -> None:
    async with house(folder, SystemClock(), approval_timeout_s=0.05) as it:
        verdict = await it.approvals.ask(shell("ls"), ASK, scope(folder))
        assert verdict == Verdict(approved=False, by="nobody answered in time", unanswered=True)


async def test_cancelling_takes_the_question_back(folder: Path) -> None:
    async with house(folder) as it:
        asking = _ask(it, shell("ls"))
        approval = await it.board.asked()
        await cancel_and_wait(asking)
        assert asking.cancelled()
        assert it.board.closed == [approval]
        assert approval.state is State.WITHDRAWN
        assert await _refused(it, approval.question.id, YES) == "approval_closed"
        assert it.records()[-1]["state"] == "withdrawn"


async def test_a_question_that_cannot_be_shown_is_taken_back(folder: Path) -> None:
    async with house(folder) as it:
        it.board.fail = SessionError("gone")
        with pytest.raises(SessionError):
            await it.approvals.ask(shell("ls"), ASK, scope(folder))
        assert it.approvals.pending() == ()
        assert it.records()[-1]["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"attended": False}, "nobody is there"), ({"privileged": False}, "only sessions of")],
)
async def test_with_nobody_to_ask_the_answer_is_no_at_once(
    folder: Path, fields: dict[str, Any], told: str
) -> None:
    async with house(folder) as it:
        verdict = await it.approvals.ask(shell("ls"), ASK, scope(folder, **fields))
        assert not verdict.approved
        assert told in verdict.by
        assert (it.board.shown, it.records()) == ([], [])


async def test_who_watches_all_sessions_is_somebody_to_ask(folder: Path) -> None:
    async with house(folder) as it:
        stop = it.approvals.watch(lambda approval: None)
        asking = spawn(
            it.approvals.ask(shell("ls"), ASK, scope(folder, attended=False)), name="ask"
        )
        await it.approvals.answer((await it.board.asked()).question.id, YES)
        assert (await asking).approved
        stop()
        assert not (
            await it.approvals.ask(shell("ls"), ASK, scope(folder, attended=False))
        ).approved


async def test_who_watches_under_a_condition_is_somebody_only_while_it_holds(folder: Path) -> None:
    async with house(folder) as it:
        present = False
        heard: list[Approval] = []

        async def is_present() -> bool:
            await asyncio.sleep(0)
            return present

        stop = it.approvals.watch(heard.append, is_present)
        unattended = scope(folder, attended=False)
        assert "nobody is there" in (await it.approvals.ask(shell("ls"), ASK, unattended)).by
        assert heard == []
        present = True
        asking = _ask(it, shell("ls"), unattended)
        await it.approvals.answer((await it.board.asked()).question.id, YES)
        assert (await asking).approved
        present = False
        asking = _ask(it, shell("ls"))  # attended: it is told all the same
        await it.approvals.answer((await it.board.asked(2)).question.id, YES)
        assert (await asking).approved
        assert [approval.state for approval in heard] == [State.APPROVED] * 4
        stop_other = it.approvals.watch(lambda approval: None)
        asking = _ask(it, shell("ls"), unattended)
        await it.approvals.answer((await it.board.asked(3)).question.id, YES)
        assert (await asking).approved
        stop_other()
        stop()
        present = True
        assert "nobody is there" in (await it.approvals.ask(shell("ls"), ASK, unattended)).by


async def test_the_bound_holds_while_it_is_found_out_who_is_there(folder: Path) -> None:
    async with house(folder, max_pending=2) as it:
        looking = asyncio.Event()

        async def is_present() -> bool:
            return await looking.wait()

        it.approvals.watch(lambda approval: None, is_present)
        asking = [_ask(it, shell(f"ls {n}"), scope(folder, attended=False)) for n in range(5)]
        await asyncio.sleep(0)
        looking.set()
        await it.board.asked(2)
        async with asyncio.timeout(20):
            while sum(task.done() for task in asking) < 3:
                await asyncio.sleep(0)
        assert len(it.approvals.pending()) == 2
        await cancel_and_wait(*asking)


async def test_only_so_many_questions_wait(folder: Path) -> None:
    async with house(folder, max_pending=2) as it:
        asking = [_ask(it, shell(f"ls {n}")) for n in range(2)]
        await it.board.asked(2)
        verdict = await it.approvals.ask(shell("ls"), ASK, scope(folder))
        assert verdict == Verdict(approved=False, by="2 questions wait for an answer already")
        await cancel_and_wait(*asking)


@pytest.mark.parametrize(
    "arguments",
    [{"a": object()}, {"a": float("nan")}, {"a": "x" * 300_000}, {1: "a"}, {"a": {1: 2, "b": 3}}],
)
async def test_what_cannot_be_shown_cannot_be_approved(
    folder: Path, arguments: dict[str, Any]
) -> None:
    async with house(folder) as it:
        action = Action("t", arguments, frozenset(), Risk.LOW)
        assert not (await it.approvals.ask(action, ASK, scope(folder))).approved
        assert it.board.shown == []


async def test_an_unknown_approval_is_not_found(folder: Path) -> None:
    async with house(folder) as it:
        assert await _refused(it, "pa-0000000000000000", YES) == "approval_not_found"


# Grants


async def _grant(it: House, action: Action, answer: Answer) -> None:
    asking = _ask(it, action)
    await it.board.asked(len(it.board.shown) + 1)
    await it.approvals.answer(it.board.shown[-1].question.id, answer)
    assert (await asking).approved


async def test_a_grant_for_a_session_is_for_that_session(folder: Path) -> None:
    async with house(folder) as it:
        await _grant(it, shell("ls"), SESSION)
        decide = it.policy.decide
        assert decide(shell("ls"), scope(folder)).kind is ActionKind.ALLOW
        assert decide(shell("ls -l"), scope(folder)).kind is ActionKind.ASK
        assert decide(shell("ls"), scope(folder, session_id="b")).kind is ActionKind.ASK
        assert decide(shell("ls"), tainted(folder)).kind is ActionKind.ASK
        assert not (folder / "config" / "grants.json").exists()
    async with house(folder) as it:
        assert it.policy.decide(shell("ls"), scope(folder)).kind is ActionKind.ALLOW
        await it.trust.forget(scope(folder).session_key)
        assert it.policy.decide(shell("ls"), scope(folder)).kind is ActionKind.ASK
        assert it.records() == []
    async with house(folder) as it:
        assert it.policy.decide(shell("ls"), scope(folder)).kind is ActionKind.ASK


async def test_a_grant_for_always_is_a_rule_in_a_file(folder: Path) -> None:
    async with house(folder) as it:
        await _grant(it, shell("ls"), ALWAYS)
        await _grant(it, writing("/srv/a/b"), ALWAYS)
        await _grant(it, shell("ls"), ALWAYS)
        assert it.policy.decide(shell("ls"), scope(folder, session_id="b")).rule.startswith(
            "grants"
        )
    path = folder / "config" / "grants.json"
    assert len(path.read_text().splitlines()) == 4
    async with house(folder) as it:
        at = scope(folder)
        assert it.policy.decide(writing("/srv/a/c"), at).kind is ActionKind.ALLOW
        assert it.policy.decide(shell("ls"), scope(folder, owner=7)).kind is ActionKind.ASK
        (folder / "config" / "policy.json").write_text(
            rules({"subject_kind": "Tool", "subject_name": "shell", "action": "Deny"})
        )
        assert it.policy.decide(shell("ls"), at).kind is ActionKind.DENY
        path.write_text("{")
        assert it.policy.decide(writing("/srv/a/c"), at).kind is ActionKind.ASK
        path.unlink()
        assert it.policy.decide(writing("/srv/a/c"), at).kind is ActionKind.ASK


async def test_what_a_floor_asks_is_approved_once_only(folder: Path) -> None:
    async with house(folder) as it:
        at = tainted(folder)
        asking = _ask(it, shell("ls"), at, it.policy.decide(shell("ls"), at))
        approval = await it.board.asked()
        assert approval.question.scopes == ("once",)
        for answer in (SESSION, ALWAYS):
            assert await _refused(it, approval.question.id, answer) == "approval_scope"
        await it.approvals.answer(approval.question.id, YES)
        assert (await asking).approved


async def test_a_grant_that_cannot_be_kept_is_told_and_the_call_runs(folder: Path) -> None:
    async with house(folder) as it:
        asking = _ask(it, shell("ls"))
        approval = await it.board.asked()
        (folder / "config" / "grants.json").write_text("{")
        with pytest.raises(StorageError, match="approved for this time only"):
            await it.approvals.answer(approval.question.id, ALWAYS)
        assert (await asking).approved
        assert (folder / "config" / "grants.json").read_text() == "{"


# Disks and restarts


async def test_an_answer_that_is_not_on_the_disk_is_no(folder: Path) -> None:
    disk = LossyDisk()
    async with house(folder, disk=disk) as it:
        asking = _ask(it, shell("ls"))
        approval = await it.board.asked()
        disk.fail_with = StorageError("full", code="disk_full")
        with pytest.raises(StorageError):
            await it.approvals.answer(approval.question.id, SESSION)
        verdict = await asking
        assert verdict == Verdict(approved=False, by="the approval could not be written down")
        assert it.policy.decide(shell("ls"), scope(folder)).kind is ActionKind.ASK
        with pytest.raises(StorageError):
            await it.approvals.ask(shell("ls"), ASK, scope(folder))
        disk.fail_with = None


class _FullDisk(Disk):
    """Takes what is written and fails to flush it once told to."""

    failing = False

    def sync(self, fd: int) -> None:
        if self.failing:
            raise StorageError("the disk is gone")
        super().sync(fd)


async def test_an_answer_that_cannot_be_flushed_is_no(folder: Path) -> None:
    disk = _FullDisk()
    async with house(folder, disk=disk) as it:
        asking = _ask(it, shell("ls"))
        approval = await it.board.asked()
        disk.failing = True
        with pytest.raises(StorageError):
            await it.approvals.answer(approval.question.id, YES)
        assert not (await asking).approved


async def test_after_a_restart_nothing_is_pending(folder: Path) -> None:
    async with house(folder) as it:
        _ask(it, shell("ls"))
        approval_id = (await it.board.asked()).question.id
        saved = (folder / "state" / "approvals.jsonl").read_bytes()
    (folder / "state" / "approvals.jsonl").write_bytes(saved)  # as a kill would have left it
    async with house(folder) as it:
        ((question, told),) = it.trust.withdrawn
        assert (question.id, question.turn) == (approval_id, "t-1")
        assert (told.state, told.by) == ("withdrawn", "the daemon was restarted")
        assert it.approvals.pending() == ()
        assert await _refused(it, approval_id, YES) == "approval_not_found"
    async with house(folder) as it:
        assert it.trust.withdrawn == ()


async def test_a_damaged_journal_allows_nothing(folder: Path) -> None:
    async with house(folder) as it:
        await _grant(it, shell("ls"), SESSION)
    path = folder / "state" / "approvals.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"approved", b"approveD")
    path.write_bytes(b"".join(lines) + b'{"kind":')
    async with house(folder) as it:
        assert it.policy.decide(shell("ls"), scope(folder)).kind is ActionKind.ASK


async def test_lines_that_say_nonsense_are_left_alone(folder: Path) -> None:
    (folder / "state").mkdir()
    journal = Journal(folder / "state" / "approvals.jsonl", Disk())
    for record in (
        {"kind": "asked", "id": 1},
        {"kind": "closed"},
        {"kind": "closed", "id": "x", "session_key": "k", "state": "approved", "grant": {"a": 1}},
        {"kind": "else"},
    ):
        journal.append_record(record)
    journal.close()
    async with house(folder) as it:
        assert it.trust.withdrawn == ()


async def test_a_large_journal_keeps_only_what_is_in_force(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(folder) as it:
        await _grant(it, shell("ls"), SESSION)
        await _grant(it, shell("true"), YES)
        waiting = _ask(it, shell("sleep"))
        await it.board.asked(3)
        monkeypatch.setattr("ruster.trust.register._MAX_BYTES", 100)
        asking = _ask(it, shell("id"))
        await it.board.asked(4)
        kept = [(line["kind"], line.get("scope"), line.get("target")) for line in it.records()]
        assert kept == [
            ("closed", "session", None),
            ("asked", None, "sleep"),
            ("asked", None, "id"),
        ]
        await cancel_and_wait(waiting, asking)
    assert [path.name for path in (folder / "state").iterdir()] == ["approvals.jsonl"]


async def test_forgetting_a_session_meanwhile_loses_nothing_of_others(folder: Path) -> None:
    async with house(folder) as it:
        await _grant(it, shell("ls"), SESSION)
        other = scope(folder, session_id="b")
        forgetting = spawn(it.trust.forget(scope(folder).session_key), name="forget")
        asking = _ask(it, shell("id"), other)
        approval = await it.board.asked(2)
        await forgetting
        assert [line["target"] for line in it.records()] == ["id"]
        await it.approvals.answer(approval.question.id, YES)
        assert (await asking).approved
        assert [line["kind"] for line in it.records()] == ["asked", "closed"]


async def test_a_question_may_be_put_without_waiting(folder: Path) -> None:
    async with house(folder) as it:
        asked = await it.approvals.put(shell("ls"), ASK, scope(folder))
        assert [one.question.id for one in it.approvals.pending()] == [asked.id]
        await it.approvals.answer(asked.id, YES)
        assert await asked.verdict() == Verdict(approved=True, by="uid 1000")
        again = await it.approvals.put(shell("ls"), ASK, scope(folder))
        again.withdraw()
        again.withdraw()
        assert it.approvals.pending() == ()
        verdict = await again.verdict()
        assert (verdict.approved, verdict.unanswered) == (False, True)
        assert await _refused(it, again.id, YES) == "approval_closed"


async def test_what_may_not_be_asked_is_not_put(folder: Path) -> None:
    async with house(folder) as it:
        with pytest.raises(ToolError) as refused:
            await it.approvals.put(shell("ls"), ASK, scope(folder, attended=False))
        assert refused.value.code == "approval_impossible"
        it.board.fail = StorageError("the disk is full")
        with pytest.raises(StorageError):
            await it.approvals.put(shell("ls"), ASK, scope(folder))
        assert it.approvals.pending() == ()

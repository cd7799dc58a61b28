"""Jobs: job_add, job_list, job_show, job_run, job_enable, job_disable, job_remove, job_history,
job_tick. Everybody may have jobs of their own; what these may do depends on who it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ruster.core.clock import rfc3339
from ruster.core.errors import JobError
from ruster.core.ids import check_name
from ruster.core.tasks import spawn
from ruster.handlers.caller import Caller, require_privilege
from ruster.proactive.jobs.actions import Say, action_from_record, action_to_record
from ruster.proactive.jobs.conditions import condition_from_record
from ruster.proactive.jobs.job import Job, Misfire, Overlap, Receipt, State, Telling
from ruster.proactive.schedules.schedule import Schedule, to_record
from ruster.proactive.service import JobService
from ruster.protocol.commands import (
    JobAdd,
    JobCommand,
    JobDisable,
    JobEnable,
    JobHistory,
    JobList,
    JobRemove,
    JobRun,
    JobShow,
    JobTick,
)
from ruster.protocol.events import (
    JobHistoryPage,
    JobListing,
    JobRan,
    JobRemoved,
    JobReport,
    JobSummary,
    ReceiptSummary,
    TickReport,
    TickResult,
)
from ruster.sessions.store import SessionStore

__all__ = ["JobHandlers"]


class JobHandlers:
    """The commands about jobs. ``service`` waits until the jobs are at hand."""

    def __init__(self, store: SessionStore, service: Callable[[], Awaitable[JobService]]) -> None:
        self._store = store
        self._service = service

    async def add(self, caller: Caller, command: JobAdd) -> asyncio.Future[None]:
        """Keep a new job; a model may be asked what its time means."""
        return spawn(self._add(caller, command), name="add a job", log_failure=False)

    async def _add(self, caller: Caller, command: JobAdd) -> None:
        owner, service = _owner(caller, command), await self._service()
        model = None
        if command.session_id is not None:
            check_name(command.session_id)
            model = (await self._store.get(owner, command.session_id)).info.model
        schedule, do = await _wanted(command, service, model)
        job = service.new_job(
            owner,
            schedule,
            action_from_record(do),
            id=command.job_id or "",
            session_id=command.session_id or "",
            title=command.title,
            condition=None if command.watch is None else condition_from_record(command.watch),
            misfire=Misfire(command.misfire),
            overlap=Overlap(command.overlap),
            telling=Telling(command.tell),
            jitter_s=command.jitter_s,
            max_tokens=command.max_tokens,
            timeout_s=command.timeout_s,
            goal=command.goal,
        )
        job, state = await service.add(job, privileged=caller.privileged)
        caller.reply(JobReport(job=_summary(service, job, state)), command)

    async def list(self, caller: Caller, command: JobList) -> None:
        """List jobs."""
        if command.all:
            require_privilege(caller, "list everybody's jobs")
        owner = None if command.all else _owner(caller, command)
        service = await self._service()
        found = await service.jobs(owner, command.session_id or "")
        caller.reply(JobListing(jobs=[_summary(service, *it) for it in found]), command)

    async def show(self, caller: Caller, command: JobShow) -> None:
        """Tell all about one job."""
        await self._report(caller, command, command.job_id)

    async def run(self, caller: Caller, command: JobRun) -> asyncio.Future[None]:
        """Run a job now; the caller may do other things meanwhile."""
        owner, service = _owner(caller, command), await self._service()
        await service.get(owner, command.job_id)

        async def run() -> None:
            receipt = await service.run(owner, command.job_id, f"uid {caller.uid}")
            caller.reply(JobRan(job_id=command.job_id, receipt=_receipt(receipt)), command)

        return spawn(run(), name=f"run {command.job_id}", log_failure=False)

    async def enable(self, caller: Caller, command: JobEnable) -> None:
        """Switch a job on."""
        service = await self._service()
        await service.switch(_owner(caller, command), command.job_id, enabled=True)
        await self._report(caller, command, command.job_id)

    async def disable(self, caller: Caller, command: JobDisable) -> None:
        """Switch a job off."""
        service = await self._service()
        await service.switch(_owner(caller, command), command.job_id, enabled=False)
        await self._report(caller, command, command.job_id)

    async def remove(self, caller: Caller, command: JobRemove) -> None:
        """Remove a job."""
        service = await self._service()
        await service.remove(_owner(caller, command), command.job_id)
        caller.reply(JobRemoved(job_id=command.job_id), command)

    async def history(self, caller: Caller, command: JobHistory) -> None:
        """Tell what became of a job's last runs."""
        service = await self._service()
        found = await service.history(_owner(caller, command), command.job_id, command.limit)
        receipts = [_receipt(it) for it in found]
        caller.reply(JobHistoryPage(job_id=command.job_id, receipts=receipts), command)

    async def tick(self, caller: Caller, command: JobTick) -> asyncio.Future[None]:
        """Do all that is due now."""
        require_privilege(caller, "set off what is due")
        service = await self._service()

        async def tick() -> None:
            results = [
                TickResult(
                    job_id=it.job, owner=it.owner, status=it.outcome.value, message=it.message
                )
                for it in await service.tick()
            ]
            caller.reply(TickReport(executed_jobs=len(results), results=results), command)

        return spawn(tick(), name="tick", log_failure=False)

    async def _report(self, caller: Caller, command: JobCommand, job_id: str) -> None:
        service = await self._service()
        job, state = await service.get(_owner(caller, command), job_id)
        caller.reply(JobReport(job=_summary(service, job, state)), command)


def _owner(caller: Caller, command: JobCommand) -> int:
    """Return whose jobs are meant; other people's do not exist for those who may not see them."""
    if command.owner is None or command.owner == caller.uid:
        return caller.uid
    if caller.privileged:
        return command.owner
    raise JobError("there is no such job")


async def _wanted(
    command: JobAdd, service: JobService, model: str | None
) -> tuple[Schedule, object]:
    """Return when and what, however it was said; raises JobError."""
    if command.reminder is not None:
        if command.when is not None or command.do is not None:
            raise JobError("give either reminder, or when and do", code="job_invalid")
        found = service.reminder(command.reminder)
        if found is None:
            raise JobError(
                'a reminder is a sentence such as "remind me in 20 minutes to call Ann"',
                code="when_invalid",
            )
        return found[0], action_to_record(Say(found[1]))
    if command.when is None or command.do is None:
        raise JobError("a job needs when and do, or a reminder", code="job_invalid")
    return await service.when(command.when, model), command.do


def _summary(service: JobService, job: Job, state: State) -> JobSummary:
    return JobSummary(
        job_id=job.id,
        owner=job.owner,
        session_id=job.session_id or None,
        title=job.title,
        when=service.words(job.schedule),
        schedule=to_record(job.schedule),
        do=action_to_record(job.action),
        watch=None if job.condition is None else job.condition.to_record(),
        enabled=state.enabled,
        running=service.is_running(job),
        due=None if state.due is None else rfc3339(state.due),
        runs=state.runs,
        failures=state.failures,
        last=None if state.last is None else _receipt(state.last),
        misfire=job.misfire.value,
        overlap=job.overlap.value,
        tell=job.telling.value,
        jitter_s=job.jitter_s,
        max_tokens=job.max_tokens,
        timeout_s=job.timeout_s,
        goal=job.goal or None,
        made_by=job.made_by.value,
        created=rfc3339(job.created),
        origins=list(job.origins) or None,
    )


def _receipt(receipt: Receipt) -> ReceiptSummary:
    return ReceiptSummary(
        run=receipt.key,
        due=rfc3339(receipt.due),
        outcome=receipt.outcome.value,
        missed=receipt.missed,
        by=receipt.by,
        started=None if receipt.started is None else rfc3339(receipt.started),
        ended=None if receipt.ended is None else rfc3339(receipt.ended),
        tokens=receipt.tokens,
        message=receipt.message,
    )

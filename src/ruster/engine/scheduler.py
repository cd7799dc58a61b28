"""Continuous batching: one decode step carries all running answers and pieces of waiting prompts.

A request gets a sequence as soon as one is free and its cells fit, in order of arrival. When cells
run out, sequences that wait for their next turn give theirs first, then the request that came last
steps back: it keeps what it has said and goes on when there is room.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ruster.core.errors import ModelError, RusterError
from ruster.engine.context import Context, Decoded
from ruster.engine.inbox import Inbox
from ruster.engine.job import Job
from ruster.engine.pace import PrefillPace, split_budget
from ruster.engine.parking import NoParking, Parking
from ruster.engine.prefix import common_prefix
from ruster.engine.slots import Slot, SlotTable

__all__ = ["Scheduler"]

_MARGIN = 32  # cells an answer should find free when its request begins
_WORTH_WAITING = 16  # tokens a leader must save for its followers to wait


@dataclass(slots=True)
class _Part:
    """A job's share of a step: ``size`` tokens; ``index`` where the last stands in the batch."""

    job: Job
    size: int
    index: int = -1


class Scheduler:
    """Runs the jobs of one context; only the compute thread may touch it."""

    def __init__(
        self,
        context: Context,
        inbox: Inbox,
        *,
        prefill_chunk: int = 256,
        parking: Parking | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.context = context
        self.table = SlotTable(context)
        self._inbox = inbox
        self._parking = parking or NoParking()
        self._monotonic = monotonic
        self._pace = PrefillPace(prefill_chunk)
        self._waiting: deque[Job] = deque()
        self._jobs: list[Job] = []
        self._blocked = False

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits."""
        return bool(self._jobs or self._waiting)

    def submit(self, job: Job) -> None:
        """Add a job behind those that wait."""
        self._waiting.append(job)

    def step(self) -> None:
        """Do one decode step, if there is anything to do."""
        self._drop_cancelled()
        self._admit()
        for job in self._jobs:
            if job.leader is not None:
                self._follow(job)
            elif job.overflows:
                self._shift(job)
        parts = self._compose()
        if parts and (parts := self._decode(parts)):
            self._draw(parts)

    def fail_all(self, error: RusterError) -> None:
        """End everything with an error and forget all cells."""
        for job in [*self._jobs, *self._waiting]:
            self._end(job, error)
        self._waiting.clear()
        for slot in self.table.slots:
            self.table.clear(slot)

    def forget(self, session: str) -> None:
        """Drop a session's cells; what of it still runs goes on without a name."""
        self._drop_cancelled()
        for job in [*self._jobs, *self._waiting]:
            if job.session == session:
                job.session = None
        for slot in self.table.slots:
            if slot.session == session:
                slot.session = None
                if not slot.busy:
                    self.table.clear(slot)
        self._parking.settle(session)

    def close(self) -> None:
        """Keep what the sequences hold, the last used first, and free the context."""
        held = [slot for slot in self.table.slots if slot.tokens]
        for slot in sorted(held, key=lambda slot: (slot.busy, slot.used_at), reverse=True):
            self._parking.park(self.table, slot)
        self.context.close()
        self._parking.close()

    # Beginning and ending

    def _drop_cancelled(self) -> None:
        for job in [*self._jobs, *self._waiting]:
            if job.ticket.cancelled:
                self._end(job, ModelError("the request was cancelled", code="cancelled"))

    def _admit(self) -> None:
        while self._waiting and not self._blocked:
            job = self._waiting[0]
            slot = self._choose(job)
            if slot is None or not self._fits(job):
                self._blocked = True
                return
            self._waiting.popleft()
            if not job.ticket.admitted and not self._inbox.admit(job.ticket):
                continue  # the reader has answered the cancel
            self._jobs.append(job)
            try:
                self._begin(job, slot)
            except ModelError as error:
                self._end(job, error)

    def _end(self, job: Job, error: RusterError | None = None) -> None:
        """Take a job out; its cells stay for the session's next turn."""
        if job in self._jobs:
            self._jobs.remove(job)
        elif job in self._waiting:
            self._waiting.remove(job)
        self._blocked = False
        if (slot := job.slot) is not None:
            slot.used_at = self._monotonic()
        if error is None:
            job.complete()
        job.close()
        ticket = job.ticket
        if ticket.admitted or self._inbox.admit(ticket):  # else the reader has answered a cancel
            if error is not None:
                ticket.fail(error)
            self._inbox.done(ticket)

    def _choose(self, job: Job) -> Slot | None:
        """Find a sequence: the session's own, one that was nobody's, or the longest unused."""
        idle = [slot for slot in self.table.slots if not slot.busy]
        for slot in idle:
            if self._continues(slot, job):
                return slot
        empty = next((slot for slot in idle if not slot.tokens), None)
        if empty is not None or not idle:
            return empty
        return min(idle, key=lambda slot: (slot.session is not None, slot.used_at))

    def _continues(self, slot: Slot, job: Job) -> bool:
        if job.session is not None or slot.session is not None:
            return slot.session == job.session
        return 2 * common_prefix(slot.tokens, job.target) > len(slot.tokens) > 0

    def _fits(self, job: Job) -> bool:
        """Tell whether the job's prompt finds room beside what runs, idle sequences aside."""
        if not self._jobs:
            return True
        known = max(common_prefix(other.target, job.target) for other in self._jobs)
        promised = sum(other.pending for other in self._jobs)
        wanted = len(job.target) - known + promised + _MARGIN
        return self.table.pinned() + wanted <= self.context.cells

    def _begin(self, job: Job, slot: Slot) -> None:
        """Give a job its sequence with as much of its target in it as can be had."""
        if slot.tokens and not self._continues(slot, job):
            self._parking.park(self.table, slot)
            slot.saved = 0
        for other in self.table.slots:
            if other is not slot and other.session == job.session:
                other.session = None
        slot.session = job.session
        job.begin(slot)
        wanted = job.target[:-1]
        self.table.rewind(slot, common_prefix(slot.tokens, wanted))
        self._wake(slot, wanted)
        self._borrow(job, slot)
        if not job.touched:
            job.cached = len(slot.tokens)

    def _wake(self, slot: Slot, wanted: list[int]) -> None:
        """Put back what was kept of the slot's session, if no live sequence has more."""
        known = len(slot.tokens)
        if len(wanted) - known < _WORTH_WAITING or slot.session is None:
            return
        held = self._parking.find(slot.session, wanted)
        if held is None or held.useful < known + _WORTH_WAITING:
            return
        if self.context.can_copy and self.table.donor(slot, wanted)[1] >= held.useful:
            return
        self.table.rewind(slot, 0)
        for other in self.table.idle():
            if held.tokens <= self.table.free:
                break
            self._evict(other)
        if held.tokens <= self.table.free:
            self._parking.restore(self.table, slot, held)

    def _evict(self, slot: Slot) -> None:
        self._parking.park(self.table, slot)
        self.table.clear(slot)

    # Sharing prefixes

    def _borrow(self, job: Job, slot: Slot) -> None:
        """Copy what another sequence holds of the target, or wait for one that is reading it."""
        job.leader, job.shared = None, len(slot.tokens) + _WORTH_WAITING - 1
        if not self.context.can_copy:
            return
        wanted = job.target[:-1]
        donor, count = self.table.donor(slot, wanted)
        if donor is not None and count > len(slot.tokens):
            self.table.share(donor, slot, count)
            self._blocked = False  # cells promised to this prompt are free again
            job.shared = count + _WORTH_WAITING - 1
        for other in self._jobs:
            if other.order < job.order and other.slot is not None:
                coming = common_prefix(other.target, wanted)
                if coming > job.shared:
                    job.leader, job.shared = other, coming

    def _follow(self, job: Job) -> None:
        leader, slot = job.leader, job.slot
        if leader is None or slot is None:
            return
        if leader.slot is not None and len(leader.slot.tokens) < job.shared:
            return
        self._borrow(job, slot)
        if not job.touched:
            job.cached = len(slot.tokens)

    def _shift(self, job: Job) -> None:
        """Drop the oldest half of what may go, so that the answer can go on."""
        if job.slot is None:
            return
        end = job.kept + max(1, (len(job.target) - job.kept) // 2)
        for other in self._jobs:
            if other.leader is job:
                other.leader = None
        del job.target[job.kept : end]
        self.table.shift(job.slot, job.kept, end)

    # The step

    def _compose(self) -> list[_Part]:
        """Choose what the next step carries: every answer's next token, then pieces of prompts."""
        ready = [job for job in self._jobs if job.leader is None]
        parts = [_Part(job, 1) for job in ready if job.pending == 1]
        reading = [job for job in ready if job.pending > 1]
        budget = self.context.batch.capacity - len(parts)
        if parts:
            budget = min(budget, self._pace.budget())
        sizes = split_budget(budget, [job.pending for job in reading])
        parts += [_Part(job, size) for job, size in zip(reading, sizes, strict=True) if size]
        return parts

    def _decode(self, parts: list[_Part]) -> list[_Part]:
        """Decode the parts, making room where needed; return those that were decoded."""
        while parts := [part for part in parts if part.job.slot is not None]:
            if sum(part.size for part in parts) > self.table.free:
                self._make_room(parts)
                continue
            started = self._monotonic()
            try:
                result = self._run(parts)
            except ModelError as error:
                return self._blame(parts, error)
            if result is Decoded.DONE:
                self._note(parts, self._monotonic() - started)
                return parts
            self._undo(parts)
            if result is Decoded.ABORTED:
                return []
            self._make_room(parts)
        return []

    def _run(self, parts: list[_Part]) -> Decoded:
        batch = self.context.batch
        batch.clear()
        for part in parts:
            slot = part.job.slot
            if slot is None:
                raise RuntimeError("a job without a sequence cannot be decoded")
            start = len(slot.tokens)
            tokens = part.job.target[start : start + part.size]
            output = part.size == part.job.pending
            part.index = batch.add_all(tokens, start, slot.number, output=output)
        return self.context.decode()

    def _note(self, parts: list[_Part], took_s: float) -> None:
        answers = sum(1 for part in parts if part.size == 1)
        self._pace.note(took_s, answers, sum(part.size for part in parts) - answers)
        for part in parts:
            slot = part.job.slot
            if slot is not None:
                start = len(slot.tokens)
                self.table.extend(slot, part.job.target[start : start + part.size])
                part.job.touched = True

    def _undo(self, parts: list[_Part]) -> None:
        """Drop cells that an unfinished step may have filled."""
        for part in parts:
            if part.job.slot is not None:
                self.table.rewind(part.job.slot, len(part.job.slot.tokens))

    def _blame(self, parts: list[_Part], error: ModelError) -> list[_Part]:
        """After a step failed, do each part alone, so that only the guilty request ends."""
        self._undo(parts)
        if len(parts) == 1:
            self._end(parts[0].job, error)
            return []
        for part in parts:
            self._draw(self._decode([part]))
        return []

    def _make_room(self, parts: list[_Part]) -> None:
        """Free cells: of an idle sequence, else of the request that came last."""
        idle = self.table.idle()
        if idle:
            self._evict(idle[0])
            return
        last = max(self._jobs, key=lambda job: job.order)
        if len(self._jobs) > 1:
            self._step_back(last)
            return
        error = ModelError(
            f"the model's {self.context.cells} cells are full; start a new session or choose a "
            "larger context_size",
            code="context_overflow",
        )
        self._end(parts[0].job, error)

    def _step_back(self, job: Job) -> None:
        slot = job.slot
        self._jobs.remove(job)
        job.release()
        self._waiting.appendleft(job)
        self._blocked = True  # until another one ends
        if slot is not None:
            self._evict(slot)

    def _draw(self, parts: list[_Part]) -> None:
        """Draw the next token of every job that has been read to its end."""
        for part in parts:
            job = part.job
            answer = job.answer
            if job.slot is None or job.pending or answer is None:
                continue
            try:
                if answer.reason is None:
                    token = answer.draw(self.context, part.index)
                    if answer.reason is None:
                        job.target.append(token)
            except ModelError as error:
                self._end(job, error)
                continue
            if answer.reason is not None:
                self._end(job)

"""How many threads compute a step: measured when a model is loaded, and again while it runs.

More threads are not always faster: they wait for each other in every layer, so that one of them
that shares its core with another busy program holds up all. A step of one token uses the count for
answers, every larger one the count for batches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ruster.core.orchestration import ModelReady

__all__ = [
    "LARGEST",
    "Measured",
    "ThreadCounts",
    "ThreadTuner",
    "candidates",
    "describe",
    "measure",
]

_ENOUGH_S = 0.01  # of measuring one count
_SLOW_STEP_S = 0.05  # one such step must do
_CROWDED = 1.25  # so much slower with all cores than with fewer: others use them too
_BETTER = 0.9  # of the present time, or it is not worth a change
_RISEN = 1.5  # times the usual time
LARGEST = 16  # tokens of a step that answers alone make
_PATIENCE = 2.5  # times the best, for a count that is tried
_LEAST_LIMIT_S = 0.02
_TRIAL_STEPS = 3
_LEAST_WAIT_S = 10.0
_LONGEST_WAIT_S = 60.0
_SHARE = 50.0  # trials take at most this part of the time


@dataclass(frozen=True, slots=True)
class ThreadCounts:
    """Threads for steps of one token, and for larger ones."""

    decode: int
    batch: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The counts that were chosen, and how long a step of one token took with each, in seconds."""

    counts: ThreadCounts
    step_s: tuple[tuple[int, float], ...] = ()


def describe(ready: ModelReady) -> str:
    """Say in words how many threads a model got and why, to follow another sentence."""
    if ready.threads is None:
        return ""
    times = ", ".join(f"{count}: {1000 * took:.1f} ms" for count, took in ready.step_times)
    measured = f" (a step with {times})" if times else ""
    return f"; {ready.threads} threads for answers, {ready.batch_threads} for prompts{measured}"


def candidates(most: int) -> tuple[int, ...]:
    """Return the counts that are tried: half of the physical cores, all, one."""
    return tuple(dict.fromkeys(((most + 1) // 2, most, 1)))


def measure(
    most: int,
    step: Callable[[int, float], bool],
    set_threads: Callable[[ThreadCounts], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> Measured:
    """Time steps with some thread counts and return the fastest.

    ``step(tokens, limit_s)`` does a step and breaks it off after ``limit_s``; then it returns
    False. On a crowded machine a step with too many threads can take a hundred times as long, so
    each count gets a few times what the best one took.
    """
    watch = _Watch(step, set_threads, monotonic)
    if most == 1 or not watch.warm_up(candidates(most)[0]):
        return Measured(ThreadCounts(most, most))
    times: dict[int, float] = {}
    for count in candidates(most):
        limit = max(_LEAST_LIMIT_S, _PATIENCE * min(times.values())) if times else math.inf
        took = watch.time(count, 1, limit)
        if took is not None:
            times[count] = took
    if not times:
        return Measured(ThreadCounts(most, most))
    best = min(times, key=lambda count: (times[count], count))
    batch = most
    if times.get(most, math.inf) > _CROWDED * times[best]:
        few = watch.time(best, LARGEST, math.inf) or math.inf
        many = watch.time(most, LARGEST, max(_LEAST_LIMIT_S, few))
        batch = best if many is None or few < many else most
    return Measured(ThreadCounts(best, batch), tuple(sorted(times.items())))


@dataclass(frozen=True, slots=True)
class _Watch:
    step: Callable[[int, float], bool]
    set_threads: Callable[[ThreadCounts], None]
    monotonic: Callable[[], float]

    def warm_up(self, count: int) -> bool:
        """Bring the weights into memory; False when that is broken off."""
        self.set_threads(ThreadCounts(count, count))
        return self.step(1, math.inf)

    def time(self, count: int, tokens: int, limit_s: float) -> float | None:
        """Return the mean time of a step, or None when one takes longer than ``limit_s``.

        The first is not counted, unless steps are so slow that one must do.
        """
        self.set_threads(ThreadCounts(count, count))
        started = self.monotonic()
        if not self.step(tokens, limit_s):
            return None
        took = self.monotonic() - started
        if took >= _SLOW_STEP_S:
            return took
        done, started = 0, self.monotonic()
        while done < 2 or self.monotonic() - started < _ENOUGH_S:
            if not self.step(tokens, limit_s):
                return None
            done += 1
        return (self.monotonic() - started) / done


@dataclass(slots=True)
class _Trial:
    """Real steps of ``size`` tokens with each count in turn; the first of each is not counted."""

    size: int
    left: list[int]
    steps: int = -1
    total_s: float = 0.0
    spent_s: float = 0.0
    means: dict[int, float] = field(default_factory=dict)

    def take(self, took_s: float) -> bool:
        """Take a step's time; True when the count's turn is over."""
        self.steps += 1
        self.spent_s += took_s
        hopeless = bool(self.means) and took_s > _PATIENCE * min(self.means.values())
        if self.steps > 0:
            self.total_s += took_s
        if self.steps < _TRIAL_STEPS and not hopeless:
            return False
        count = self.left.pop(0)
        if not hopeless:
            self.means[count] = self.total_s / self.steps
        self.steps, self.total_s = -1, 0.0
        return True


class ThreadTuner:
    """Watches the steps of a model's answers and changes the counts when that pays.

    When steps take much longer than usual, and every now and then, a few steps are done with each
    count, and the fastest is kept. ``most`` is never exceeded. Trials use steps that are to be done
    anyway, so they cost little and leave nothing behind.
    """

    def __init__(self, measured: ThreadCounts, most: int) -> None:
        self.counts = measured
        self._known = measured  # what was best when it was measured last, with the cores free
        self._most = most
        self._set_threads: Callable[[ThreadCounts], None] = lambda _: None
        self._usual: dict[int, float] = {}
        self._recent: dict[int, float] = {}
        self._trial: _Trial | None = None
        self._since_s = 0.0
        self._wait_s = _LEAST_WAIT_S

    def drive(self, set_threads: Callable[[ThreadCounts], None]) -> None:
        """Set the threads of a context from now on."""
        self._trial = None
        self._set_threads = set_threads
        set_threads(self.counts)

    def note(self, size: int, took_s: float) -> None:
        """Take the time of a step of ``size`` tokens."""
        self._since_s += took_s
        if size > LARGEST or self._most == 1:
            return
        if self._trial is not None:
            self._go_on(self._trial, size, took_s)
            return
        usual = self._usual.setdefault(size, took_s)
        recent = self._recent.get(size, usual)
        self._recent[size] = recent = recent + 0.25 * (took_s - recent)
        due = self._since_s > max(self._wait_s, _LONGEST_WAIT_S)
        if due or (recent > _RISEN * usual and self._since_s > self._wait_s):
            now = self.counts.decode if size == 1 else self.counts.batch
            others = [count for count in candidates(self._most) if count != now]
            self._trial = _Trial(size, others, means={now: recent})
            self._try(others[0])

    def _go_on(self, trial: _Trial, size: int, took_s: float) -> None:
        if size != trial.size:  # it cannot be compared
            self._trial = None
            self._set_threads(self.counts)
            return
        if not trial.take(took_s):
            return
        if trial.left:
            self._try(trial.left[0])
        else:
            self._decide(trial)

    def _try(self, count: int) -> None:
        self._set_threads(ThreadCounts(count, count))

    def _decide(self, trial: _Trial) -> None:
        now = self.counts.decode if trial.size == 1 else self.counts.batch
        best = min(trial.means, key=lambda count: (trial.means[count], count))
        if trial.means[best] > _BETTER * trial.means[now]:
            best = now
        self.counts = self._counts(best, trial.size)
        self._set_threads(self.counts)
        self._usual = {trial.size: trial.means[best]}
        self._recent = {}
        self._trial = None
        self._since_s = 0.0
        self._wait_s = max(_LEAST_WAIT_S, _SHARE * trial.spent_s)

    def _counts(self, best: int, size: int) -> ThreadCounts:
        """Say what the best count for one kind of step means for the other kind.

        Fewer than were best before means that others use the cores, and so fewer for both.
        """
        known = self._known
        if size == 1:
            if best > known.decode:
                self._known = known = ThreadCounts(best, self._most)
            crowded = best < known.decode
            return ThreadCounts(best, min(known.batch, best) if crowded else known.batch)
        if best > known.batch:
            self._known = known = replace(known, batch=best)
        crowded = best < known.batch
        return ThreadCounts(min(known.decode, best) if crowded else known.decode, best)

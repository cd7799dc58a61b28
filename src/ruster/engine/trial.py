"""Trying a model's decode steps with several thread counts; compute thread only."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import closing

from ruster.core.errors import ModelError
from ruster.engine.context import Context, Decoded
from ruster.engine.model import LoadedModel
from ruster.engine.native import CancelFlag
from ruster.engine.settings import EngineSettings, physical_cores
from ruster.engine.threads import Measured, ThreadCounts, measure

__all__ = ["measure_threads"]

_CELLS = 256


def measure_threads(
    model: LoadedModel, settings: EngineSettings, flag: CancelFlag, stopped: Callable[[], bool]
) -> Measured:
    """Find how many threads are fastest, unless the settings say it.

    The steps are done in a small context of their own, which is freed: nothing of them is left.
    Setting ``flag`` ends a step, and once ``stopped`` the trial. Nothing that goes wrong here is
    told: the model's first request meets it again.
    """
    most = settings.threads or physical_cores()
    if settings.threads is not None or most == 1 or model.embeds_only:
        return Measured(ThreadCounts(most, most))
    try:
        with closing(Context(model, _CELLS, settings, flag)) as context:
            return measure(most, _stepper(context, flag, stopped), context.set_threads)
    except ModelError:
        return Measured(ThreadCounts(most, most))


def _stepper(
    context: Context, flag: CancelFlag, stopped: Callable[[], bool]
) -> Callable[[int, float], bool]:
    def step(tokens: int, limit_s: float) -> bool:
        if stopped():
            return False
        context.clear()
        context.batch.clear()
        context.batch.add_all([0] * tokens, 0, 0, output=True)
        if limit_s == math.inf:
            return context.decode() is Decoded.DONE
        timer = threading.Timer(limit_s, flag.set)
        timer.start()
        try:
            return context.decode() is Decoded.DONE
        finally:
            timer.cancel()
            timer.join()
            flag.clear()  # if somebody else has set it, ``stopped`` tells

    return step

"""Trying a model's decode steps with several thread counts; compute thread only."""

from __future__ import annotations

import math
import threading

from ruster.core.errors import ModelError
from ruster.engine.context import Context, Decoded
from ruster.engine.model import LoadedModel
from ruster.engine.native import CancelFlag
from ruster.engine.settings import EngineSettings, physical_cores
from ruster.engine.threads import Measured, ThreadCounts, measure

__all__ = ["measure_threads"]

_CELLS = 256


def measure_threads(model: LoadedModel, settings: EngineSettings) -> Measured:
    """Find how many threads are fastest, unless the settings say it.

    The steps are done in a small context of their own, which is freed: nothing of them is left.
    """
    most = settings.threads or physical_cores()
    if settings.threads is not None or most == 1 or model.embeds_only:
        return Measured(ThreadCounts(most, most))
    flag = CancelFlag()
    try:
        context = Context(model, _CELLS, settings, flag)
    except ModelError:  # without room for that there is none for a conversation, which will tell
        return Measured(ThreadCounts(most, most))

    def step(tokens: int, limit_s: float) -> bool:
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
            flag.clear()

    try:
        return measure(most, step, context.set_threads)
    finally:
        context.close()

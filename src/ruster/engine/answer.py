"""One answer in the making: sampling, limits, stop strings, and text on its way out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ruster.core.inference import (
    Content,
    FinishReason,
    InferenceConfig,
    Logprobs,
    TokenLogprob,
)
from ruster.core.orchestration import EngineBody
from ruster.engine.context import Context
from ruster.engine.grammar import grammar_source
from ruster.engine.model import LoadedModel
from ruster.engine.sampler import Sampler
from ruster.engine.text import TextPacer, TextStream

__all__ = ["Answer"]

_Floats = np.ndarray[Any, np.dtype[np.float32]]


class Answer:
    """What is said to one prompt.

    ``room`` is how many tokens the window leaves for it. ``reason`` is set once it is over. Raises
    ModelError (``sampling_invalid``, ``grammar_invalid``) for settings that make no sense.
    """

    def __init__(
        self,
        model: LoadedModel,
        config: InferenceConfig,
        room: int,
        send: Callable[[EngineBody], None],
    ) -> None:
        self._model = model
        self._sampler = Sampler(model, config.sampling, grammar_source(config))
        self._logprobs = config.sampling.logprobs
        self._send = send
        self._stream = TextStream(config.behaviour.stop)
        limit = config.behaviour.max_tokens
        self._limit = room if limit is None else min(limit, room)
        self._text = TextPacer(lambda text: send(Content(text)), time.monotonic)
        self.made = 0
        self.reason: FinishReason | None = FinishReason.LENGTH if self._limit <= 0 else None

    def draw(self, context: Context, index: int) -> int:
        """Draw the token after the batch's token ``index``; ``reason`` tells whether it goes on."""
        token = self._sampler.sample(context, index)
        self.made += 1
        if self._logprobs is not None:
            self._send(Logprobs((self._logprob(context.logits(index), token),)))
        if self._model.is_end(token):
            self.reason = FinishReason.STOP
            return token
        self._text.add(self._stream.feed(self._model.piece(token)))
        if self._stream.stopped:
            self.reason = FinishReason.STOP
        elif self.made >= self._limit:
            self.reason = FinishReason.LENGTH
        return token

    def _logprob(self, logits: _Floats, token: int) -> TokenLogprob:
        logits -= logits.max()
        logits -= np.log(np.exp(logits).sum())
        best = np.argsort(logits)[::-1][: self._logprobs]
        top = tuple((self._piece(int(other)), float(logits[other])) for other in best)
        return TokenLogprob(self._piece(token), float(logits[token]), top)

    def _piece(self, token: int) -> str:
        return self._model.piece(token).decode("utf-8", "replace")

    def finish(self) -> None:
        """Send the text that was held back."""
        self._text.add(self._stream.finish())
        self._text.flush()

    def close(self) -> None:
        """Send what is certain and free the sampler."""
        self._text.flush()
        self._sampler.close()

"""One conversation's tokens in a context: reuse of its prefix, prefill in chunks, generation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ruster.core.errors import ModelError
from ruster.core.inference import FinishReason, InferenceConfig
from ruster.engine.context import Context
from ruster.engine.model import LoadedModel
from ruster.engine.sampler import Sampler
from ruster.engine.text import TextStream

__all__ = ["TokenSequence"]


class TokenSequence:
    """The tokens whose KV cells a context holds for one sequence.

    ``prefill`` makes them equal to a prompt while decoding as little as possible, ``generate``
    extends them. After an error of either, the cells that are still right are kept.
    """

    def __init__(self, model: LoadedModel, context: Context, number: int = 0) -> None:
        self._model = model
        self._context = context
        self._number = number
        self.tokens: list[int] = []
        self._last = -1

    def prefill(self, prompt: Sequence[int], window: int) -> int:
        """Decode what is new in ``prompt``; return how many of its tokens were there already.

        Raises ModelError: ``context_overflow`` before anything is decoded when the prompt leaves no
        room for an answer, ``cancelled``, ``decode_failed``.
        """
        if not prompt:
            raise ModelError("the prompt is empty", code="prompt_empty")
        if len(prompt) >= window:
            raise ModelError(
                f"the conversation has {len(prompt)} tokens, but the model's window holds "
                f"{window}; start a new session or choose a larger context_size",
                code="context_overflow",
            )
        cached = self._rewind(prompt)
        for start in range(cached, len(prompt), self._context.batch.capacity):
            chunk = prompt[start : start + self._context.batch.capacity]
            self._decode(chunk, output=start + len(chunk) == len(prompt))
        return cached

    def _rewind(self, prompt: Sequence[int]) -> int:
        """Keep the common prefix, short of the last token, whose logits are needed anew."""
        common = 0
        for ours, theirs in zip(self.tokens, prompt[:-1], strict=False):
            if ours != theirs:
                break
            common += 1
        if not self._context.keep(common, self._number):  # recurrent models cannot go back
            self._context.keep(0, self._number)
            common = 0
        del self.tokens[common:]
        return common

    def _decode(self, tokens: Sequence[int], *, output: bool) -> None:
        batch = self._context.batch
        batch.clear()
        self._last = batch.add_all(tokens, len(self.tokens), self._number, output=output)
        try:
            self._context.decode()
        except ModelError:
            if not self._context.keep(len(self.tokens), self._number):
                self._context.keep(0, self._number)
                self.tokens.clear()
            raise
        self.tokens.extend(tokens)

    def generate(
        self, config: InferenceConfig, window: int
    ) -> Iterator[tuple[str, int, FinishReason | None]]:
        """Yield, per step: new text (may be empty), tokens made so far, and the reason at the end.

        Needs a prefilled prompt. Raises ModelError: ``cancelled``, ``decode_failed``,
        ``sampling_invalid``.
        """
        stream = TextStream(config.behaviour.stop)
        limit = config.behaviour.max_tokens
        made = 0
        sampler = Sampler(self._model, config.sampling)
        try:
            while True:
                if limit is not None and made >= limit:
                    yield stream.finish(), made, FinishReason.LENGTH
                    return
                token = sampler.sample(self._context, self._last)
                made += 1
                if self._model.is_end(token):
                    yield stream.finish(), made, FinishReason.STOP
                    return
                text = stream.feed(self._model.piece(token))
                if stream.stopped:
                    yield text, made, FinishReason.STOP
                    return
                if len(self.tokens) + 1 >= window:
                    yield text + stream.finish(), made, FinishReason.LENGTH
                    return
                yield text, made, None
                self._decode((token,), output=True)
        finally:
            sampler.close()

    def logits(self) -> list[float]:
        """Return the logits after the last token."""
        values: list[float] = self._context.logits(self._last).tolist()
        return values

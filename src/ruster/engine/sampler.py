"""Drawing the next token: a llama.cpp sampler chain made from settings; compute thread only."""

from __future__ import annotations

from ruster.core.errors import ModelError
from ruster.core.inference import Sampling
from ruster.engine.context import Context
from ruster.engine.grammar import Grammar
from ruster.engine.model import LoadedModel
from ruster.engine.native import lib

__all__ = ["Sampler"]

_PENALTY_TOKENS = 64
_MAX_LOGPROBS = 20


class Sampler:
    """The sampler of one answer.

    The order is llama.cpp's own: repetition penalty (over the last 64 tokens of the answer, not of
    the prompt), top-k, top-p, min-p, temperature, draw. Temperature 0 takes the likeliest token.
    ``grammar`` is GBNF. Raises ModelError: ``sampling_invalid`` for settings that make no sense,
    ``grammar_invalid``.
    """

    def __init__(self, model: LoadedModel, sampling: Sampling, grammar: str | None = None) -> None:
        _check(sampling)
        self._grammar = Grammar(model, grammar) if grammar is not None else None
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        penalty = sampling.repetition_penalty
        self._is_greedy = sampling.temperature <= 0 and penalty == 1.0 and grammar is None
        if penalty != 1.0:
            self._narrow(sampling)
            self._add(
                lib.llama_sampler_init_penalties(
                    model.vocab_size, _PENALTY_TOKENS, penalty, 0.0, 0.0
                )
            )
        if sampling.temperature <= 0:
            self._add(lib.llama_sampler_init_greedy())
            return
        if sampling.top_k > 0:
            self._add(lib.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1.0:
            self._add(lib.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0.0:
            self._add(lib.llama_sampler_init_min_p(sampling.min_p, 1))
        self._add(lib.llama_sampler_init_temp(sampling.temperature))
        seed = lib.LLAMA_DEFAULT_SEED if sampling.seed is None else sampling.seed & 0xFFFFFFFF
        self._add(lib.llama_sampler_init_dist(seed))

    def _narrow(self, sampling: Sampling) -> None:
        """Drop what can be seen to lose before the penalty, which goes through all that is left.

        It moves at most ``_PENALTY_TOKENS`` tokens, and a penalty over 1 moves them down: the best
        k after it are among so many more before it.
        """
        most = 1 if sampling.temperature <= 0 else sampling.top_k
        if sampling.repetition_penalty > 1.0 and most > 0 and self._grammar is None:
            self._add(lib.llama_sampler_init_top_k(most + _PENALTY_TOKENS))

    def _add(self, link: int | None) -> None:
        if not link:
            raise ModelError("llama.cpp refused a sampler", code="sampling_invalid")
        lib.llama_sampler_chain_add(self._chain, link)

    def sample(self, context: Context, index: int) -> int:
        """Draw the token after the batch's token ``index``, which must have asked for output."""
        if self._is_greedy:
            return context.likeliest(index)
        if self._grammar is None:
            return int(lib.llama_sampler_sample(self._chain, context.handle, index))
        token = self._grammar.draw(context.logits(index), self._chain)
        lib.llama_sampler_accept(self._chain, token)
        return token

    def close(self) -> None:
        """Free the chain."""
        if self._chain:
            lib.llama_sampler_free(self._chain)
            self._chain = None
        if self._grammar is not None:
            self._grammar.close()


def _check(sampling: Sampling) -> None:
    wrong = {
        "temperature": not 0 <= sampling.temperature <= 100,
        "top_p": not 0 <= sampling.top_p <= 1,
        "min_p": not 0 <= sampling.min_p <= 1,
        "repetition_penalty": not 0 < sampling.repetition_penalty <= 100,
        "logprobs": not 0 <= (sampling.logprobs or 0) <= _MAX_LOGPROBS,
        "top_k": not -1 <= sampling.top_k < 1 << 31,
    }
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise ModelError(
                f"{name} = {getattr(sampling, name)} is out of range", code="sampling_invalid"
            )

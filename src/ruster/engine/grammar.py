"""Holding an answer to a form: GBNF grammars and JSON schemas; compute thread only."""

from __future__ import annotations

import ctypes
import json
import re
from typing import Any

import numpy as np
from llama_cpp.llama_grammar import json_schema_to_gbnf

from ruster.core.errors import ModelError
from ruster.core.inference import InferenceConfig
from ruster.engine.model import LoadedModel
from ruster.engine.native import lib

__all__ = ["Candidates", "Grammar", "grammar_source"]

_STRICT = r'char ::= [^"\\\x7F\x00-\x1F]'
_MAX_BYTES = 256 * 1024
_TOKEN = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_Floats = np.ndarray[Any, np.dtype[np.float32]]


def grammar_source(config: InferenceConfig) -> str | None:
    """Return the GBNF an answer must follow, or None; raises ModelError (``grammar_invalid``)."""
    schema, grammar = config.behaviour.json_schema, config.sampling.grammar
    if schema is not None and grammar is not None:
        raise _invalid("give a grammar or a JSON schema, not both")
    if schema is not None:
        try:
            grammar = _strict_strings(json_schema_to_gbnf(json.dumps(dict(schema))))
        except Exception as error:  # a foreign converter, on foreign input
            raise _invalid(f"the JSON schema cannot be followed: {error!r}") from error
    if grammar is None:
        return None
    if len(grammar.encode("utf-8", "replace")) > _MAX_BYTES:
        raise _invalid(f"it is larger than {_MAX_BYTES} bytes")
    if "::=" not in grammar or "\0" in grammar:  # llama.cpp takes an empty one for no grammar
        raise _invalid("it holds no rule")
    return grammar


def _strict_strings(grammar: str) -> str:
    """Keep control characters out of JSON strings: the binding's converter lets them in."""
    return re.sub(r'(?m)^char ::= \[\^"\\\\\]', lambda _: _STRICT, grammar)


class Candidates:
    """All tokens with their logits, in the form that samplers work on."""

    def __init__(self, size: int) -> None:
        self._data = np.zeros(size, _TOKEN)
        self._ids = np.arange(size, dtype=np.int32)
        self._array = lib.llama_token_data_array()
        self._array.data = ctypes.cast(self._data.ctypes.data, lib.llama_token_data_p)

    def fill(self, logits: _Floats) -> None:
        """Start again from the model's logits."""
        self._data["id"], self._data["logit"], self._data["p"] = self._ids, logits, 0
        self._array.size, self._array.selected, self._array.sorted = len(self._data), -1, False

    def apply(self, sampler: int) -> None:
        """Let a sampler change, remove or choose tokens."""
        lib.llama_sampler_apply(sampler, ctypes.byref(self._array))

    @property
    def possible(self) -> bool:
        """Whether any token is left."""
        return bool(np.isfinite(self._data["logit"][: self._array.size]).any())

    @property
    def chosen(self) -> int:
        """The token a sampler has chosen."""
        return int(self._data["id"][self._array.selected])


class Grammar:
    """The state of one answer in its grammar; raises ModelError (``grammar_invalid``)."""

    def __init__(self, model: LoadedModel, source: str) -> None:
        text = source.encode("utf-8", "replace")
        self._sampler = lib.llama_sampler_init_grammar(model.vocab, text, b"root")
        if not self._sampler:
            raise _invalid("llama.cpp cannot read it; see the worker's log")
        self._all = Candidates(model.vocab_size)
        self._one = lib.llama_token_data()

    def draw(self, logits: _Floats, chain: int) -> int:
        """Choose a token that the grammar allows.

        Most tokens a model wants are allowed, and asking for one is much cheaper than for all: so
        choose first, and choose again among the allowed ones only if that was refused.
        """
        self._all.fill(logits)
        self._all.apply(chain)
        token = self._all.chosen
        if not self._allows(token):
            self._all.fill(logits)
            self._all.apply(self._sampler)
            if not self._all.possible:
                raise _invalid("the model has no token with which the answer could go on")
            self._all.apply(chain)
            token = self._all.chosen
        lib.llama_sampler_accept(self._sampler, token)
        return token

    def close(self) -> None:
        """Free the state."""
        if self._sampler:
            lib.llama_sampler_free(self._sampler)
            self._sampler = None

    def _allows(self, token: int) -> bool:
        self._one.id, self._one.logit, self._one.p = token, 1.0, 0.0
        array = lib.llama_token_data_array(ctypes.pointer(self._one), 1, -1, False)
        lib.llama_sampler_apply(self._sampler, ctypes.byref(array))
        return bool(np.isfinite(self._one.logit))


def _invalid(why: str) -> ModelError:
    return ModelError(f"the answer's grammar cannot be used: {why}", code="grammar_invalid")

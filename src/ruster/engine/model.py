"""A loaded model file: its vocabulary, its chat template and its contexts; compute thread only."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ruster.core.errors import ModelError
from ruster.engine.adapters import Adapters
from ruster.engine.gguf_check import check_file
from ruster.engine.markers import KEPT_TAGS
from ruster.engine.native import lib
from ruster.engine.settings import EngineSettings
from ruster.engine.template import ChatTemplate, split_marked

__all__ = ["LoadedModel"]


class LoadedModel:
    """The weights and vocabulary of one GGUF file.

    ``progress`` gets a number from 0 to 1 and returns False to abort. Raises ModelError
    (``model_damaged``) when its header makes no sense or llama.cpp refuses it, ``adapter_unusable``
    when that refuses one of the model's adapters, or ``cancelled`` when aborted.
    """

    def __init__(
        self, path: Path, settings: EngineSettings, progress: Callable[[float], bool]
    ) -> None:
        self.path = path
        aborted = False

        def report(fraction: float, _data: Any) -> bool:
            nonlocal aborted
            aborted = not progress(fraction)
            return not aborted

        check_file(path)
        params = lib.llama_model_default_params()
        params.n_gpu_layers = settings.n_gpu_layers
        self._callback = lib.llama_progress_callback(report)  # must outlive the load
        params.progress_callback = self._callback
        self.handle = lib.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle and aborted:
            raise ModelError("loading was cancelled", code="cancelled")
        if not self.handle:
            raise ModelError(
                f"llama.cpp cannot load {path}: the file is damaged, incomplete, or of a kind "
                "this version does not know",
                code="model_damaged",
            )
        try:  # before any context, whose graphs are as large as the adapters want them
            self.adapters = Adapters(self.handle, path, settings.lora)
        except ModelError:
            self.close()
            raise
        self.vocab = lib.llama_model_get_vocab(self.handle)
        self.vocab_size: int = lib.llama_vocab_n_tokens(self.vocab)
        self.train_context: int = lib.llama_model_n_ctx_train(self.handle)
        self.dimensions: int = lib.llama_model_n_embd(self.handle)
        self.size_bytes: int = lib.llama_model_size(self.handle)
        self._pieces: dict[int, bytes] = {}

    def close(self) -> None:
        """Free the weights; every context of this model must be closed before."""
        if self.handle:
            lib.llama_model_free(self.handle)
            self.handle = None

    def meta(self, key: str) -> str | None:
        """Return a metadata value as text."""
        size = lib.llama_model_meta_val_str(self.handle, key.encode(), None, 0)
        if size < 0:
            return None
        buffer = ctypes.create_string_buffer(size + 1)
        lib.llama_model_meta_val_str(self.handle, key.encode(), buffer, size + 1)
        return buffer.value.decode("utf-8", "replace")

    @cached_property
    def embeds_only(self) -> bool:
        """Whether the model reads in both directions, so that it cannot write text."""
        architecture = self.meta("general.architecture") or ""
        return self.meta(f"{architecture}.attention.causal") == "false"

    @cached_property
    def pooling(self) -> int | None:
        """How the file says that token vectors become one (llama.cpp's number), if it does."""
        value = self.meta(f"{self.meta('general.architecture') or ''}.pooling_type")
        return int(value) if value is not None and value.isdigit() else None

    @property
    def reranks(self) -> bool:
        """Whether it rates pairs of texts."""
        return bool(self.pooling == lib.LLAMA_POOLING_TYPE_RANK)

    @cached_property
    def rerank_template(self) -> str | None:
        """The file's form of a query and a document, with ``{query}`` and ``{document}``."""
        source = lib.llama_model_chat_template(self.handle, b"rerank")
        return source.decode("utf-8", "replace") if source else None

    @cached_property
    def pair_marks(self) -> tuple[list[int], list[int], list[int]]:
        """The tokens before, between and after a pair of texts."""
        eos, sep = lib.llama_vocab_eos(self.vocab), lib.llama_vocab_sep(self.vocab)
        eos = sep if eos < 0 else eos
        opening = [lib.llama_vocab_bos(self.vocab)] * bool(lib.llama_vocab_get_add_bos(self.vocab))
        ends = [eos] * bool(lib.llama_vocab_get_add_eos(self.vocab))
        parts = [sep] * bool(lib.llama_vocab_get_add_sep(self.vocab))
        return opening, [*ends, *parts], ends or parts

    @cached_property
    def is_recurrent(self) -> bool:
        """Whether it keeps a running state that cannot go back to an earlier token."""
        return bool(
            lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle)
        )

    def tokenize(self, text: str, *, special: bool, start: bool = False) -> list[int]:
        """Return the tokens of ``text``.

        ``special`` reads control tokens where their text stands; ``start`` adds what the model
        wants at the start (and end) of a text.
        """
        data = text.encode("utf-8", "replace")
        room = len(data) + 16
        while True:
            tokens = (ctypes.c_int32 * room)()
            count = lib.llama_tokenize(self.vocab, data, len(data), tokens, room, start, special)
            if count >= 0:
                return list(tokens[:count])
            if count == -(1 << 31) or -count <= room:
                raise ModelError("the text cannot be tokenized", code="tokenize_failed")
            room = -count

    def prompt_tokens(self, prompt: str) -> list[int]:
        """Tokenize a rendered prompt: its control tokens count, except where a message spoke."""
        bos = self._text_of(lib.llama_vocab_bos(self.vocab))
        adds_bos = bool(lib.llama_vocab_get_add_bos(self.vocab))
        if adds_bos and bos:
            prompt = prompt.removeprefix(bos)
        tokens: list[int] = []
        for text, special in split_marked(prompt):
            tokens += self.tokenize(text, special=special)
        return [lib.llama_vocab_bos(self.vocab), *tokens] if adds_bos else tokens

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for; control tokens stand for none."""
        known = self._pieces.get(token)
        if known is None:
            special = self._text_of(token) in KEPT_TAGS
            known = self._pieces[token] = self._piece(token, special=special)
        return known

    def _piece(self, token: int, *, special: bool) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            size = lib.llama_token_to_piece(self.vocab, token, buffer, room, 0, special)
            if size >= 0:
                return buffer.raw[:size]
            room = -size

    def _text_of(self, token: int) -> str:
        if not 0 <= token < self.vocab_size:
            return ""
        return (lib.llama_vocab_get_text(self.vocab, token) or b"").decode("utf-8", "replace")

    def is_end(self, token: int) -> bool:
        """Tell whether a token ends the answer."""
        return bool(lib.llama_vocab_is_eog(self.vocab, token))

    @cached_property
    def template(self) -> ChatTemplate:
        """The chat template; raises ModelError (``template_failed``) when it does not parse."""
        source = lib.llama_model_chat_template(self.handle, None)
        control = [
            self._text_of(token)
            for token in range(self.vocab_size)
            if lib.llama_vocab_is_control(self.vocab, token)
        ]
        return ChatTemplate(
            source.decode("utf-8", "replace") if source else None,
            bos=self._text_of(lib.llama_vocab_bos(self.vocab)),
            eos=self._text_of(lib.llama_vocab_eos(self.vocab)),
            special=control,
        )


def normalised(vector: Sequence[float]) -> tuple[float, ...]:
    """Scale a vector to length 1; a vector of zeros stays as it is."""
    array = np.asarray(vector, np.float64)
    length = float(np.linalg.norm(array))
    return tuple((array / length if length > 0 else array).tolist())

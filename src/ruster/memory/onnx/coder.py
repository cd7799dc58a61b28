"""Texts as the tokens of a model. Texts are data: what they say never becomes a model's mark."""

from __future__ import annotations

import re
from pathlib import Path

from tokenizers import Tokenizer

from ruster.core.errors import MemoryError
from ruster.memory.onnx.tokens import Tokens

__all__ = ["Coder"]

_CHARS_PER_TOKEN = 16
_END = "<|endoftext|>"


class Coder:
    """The tokenizer of one model; texts are cut to ``max_tokens``."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        """Read ``tokenizer.json`` (blocks); raises MemoryError (``onnx_invalid``)."""
        self.max_tokens = max_tokens
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(max_tokens)
        except Exception as error:
            raise MemoryError(
                f"{path} is no usable tokenizer: {error}", code="onnx_invalid"
            ) from error
        added = self._tokenizer.get_added_tokens_decoder().values()
        marks = [it.content for it in added if it.special or it.content.startswith("<")]
        self._marks = re.compile("|".join(map(re.escape, marks)) or r"(?!)")
        has_marks = self._tokenizer.num_special_tokens_to_add(False) > 0
        self._end = None if has_marks else self.id_of(_END)

    def text(self, text: str, *, ends: bool = False) -> Tokens:
        """Return a text with the marks the model wants around it.

        With ``ends`` the last token is a mark in any case, as models need whose last token stands
        for the whole.
        """
        found = self._tokenizer.encode(self._harmless(text))
        if ends and self._end is not None:
            return Tokens.of([*found.ids[: self.max_tokens - 1], self._end])
        return Tokens(list(found.ids), list(found.type_ids))

    def pair(self, query: str, document: str) -> Tokens:
        """Return a pair with its marks, the document cut, and the query where it is half of all."""
        room = self.max_tokens - self._tokenizer.num_special_tokens_to_add(True)
        asked, length = self._cut(query, max(1, room // 2))
        told, _ = self._cut(document, max(1, room - length))
        found = self._tokenizer.encode(asked, told)
        return Tokens(list(found.ids), list(found.type_ids))

    def plain(self, text: str, room: int | None = None) -> list[int]:
        """Return the tokens of a text of strangers without marks, at most ``room``."""
        found = self._tokenizer.encode(self._harmless(text), add_special_tokens=False)
        return list(found.ids[:room])

    def frame(self, text: str) -> list[int]:
        """Return the tokens of a text of ours, in which marks are marks."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def id_of(self, token: str) -> int | None:
        """Return the number of a token, if the model knows it."""
        return self._tokenizer.token_to_id(token)

    def _cut(self, text: str, room: int) -> tuple[str, int]:
        """Cut a text to so many tokens; return it and how many it has."""
        harmless = self._harmless(text)
        found = self._tokenizer.encode(harmless, add_special_tokens=False)
        if len(found.ids) <= room:
            return harmless, len(found.ids)
        return harmless[: found.offsets[room - 1][1]], room

    def _harmless(self, text: str) -> str:
        """Return the beginning of a text, valid and with its would-be marks taken apart."""
        valid = text[: self.max_tokens * _CHARS_PER_TOKEN].encode(errors="replace").decode()
        return self._marks.sub(lambda found: f"{found[0][0]} {found[0][1:]}", valid)

"""A byte-level BPE vocabulary for the llama test models: any text can be tokenized.

A few hundred merges are learned from a short English sample, so that prompts take about as many
tokens as a real vocabulary's would, within a factor of two.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from gguf import GGUFWriter, TokenType

__all__ = ["CONTROL", "Vocabulary", "base_vocabulary", "encode_piece", "write_vocabulary"]

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_MERGES = 360
_SAMPLE = """
You are a personal assistant that lives on this machine. You are helpful, careful and brief. Answer
in the language of the user. When a tool can help, call the tool and use what it returns. If you do
not know something, say so. The user asks a question and the assistant gives an answer to it. What
is the time in this place? Where was the file saved? Please remember that my colour is green.
There is a list of tools below, each with a name, a description and its parameters as a JSON object:
{"type": "object", "properties": {"name": {"type": "string", "description": "the name of a file"}},
"required": ["name"]}. For each function call return a json object with function name and arguments.
Here are the available skills; read the instructions of a skill before you use it. Session history,
memory and messages are kept on the disk. The system runs commands only after the user has said yes.
Some words that come often: and then with from they have this will would could should about which
their there been were more when who him his her she has had its into them can only other new some
time very what know take people year your good over think also back after use two how our work first
well way even want because any these give day most us one all out up so if no my me do not be on at.
"""


@dataclass(frozen=True)
class Vocabulary:
    """Token texts in the encoded form of byte-level BPE, their types, and the merges."""

    tokens: list[str]
    types: list[int]
    merges: list[str]


def _byte_letters() -> dict[int, str]:
    """Map each byte to a printable letter, the way byte-level BPE vocabularies write them."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in kept}
    for extra, byte in enumerate(byte for byte in range(256) if byte not in letters):
        letters[byte] = chr(256 + extra)
    return letters


_LETTERS = _byte_letters()


def encode_piece(piece: bytes) -> str:
    """Write bytes as the text of a token."""
    return "".join(_LETTERS[byte] for byte in piece)


def _learn_merges() -> list[tuple[str, str]]:
    words = Counter(re.findall(r" ?[A-Za-z]+", _SAMPLE))
    splits = {word: list(encode_piece(word.encode())) for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < _MERGES:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in splits.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for parts in splits.values():
            _apply(best, parts)
    return merges


def _apply(merge: tuple[str, str], parts: list[str]) -> None:
    index = 0
    while index < len(parts) - 1:
        if (parts[index], parts[index + 1]) == merge:
            parts[index : index + 2] = ["".join(merge)]
        index += 1


def base_vocabulary() -> Vocabulary:
    """Return control tokens, one token per byte, and the learned merges."""
    merges = _learn_merges()
    merged = list(dict.fromkeys("".join(pair) for pair in merges))
    letters = [_LETTERS[byte] for byte in range(256)]
    tokens = [*CONTROL, *letters, *merged]
    types = [int(TokenType.CONTROL)] * len(CONTROL)
    types += [int(TokenType.NORMAL)] * (len(tokens) - len(CONTROL))
    return Vocabulary(tokens, types, [" ".join(pair) for pair in merges])


def write_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    """Write the tokenizer part of a GGUF's metadata."""
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_eos_token_id(CONTROL.index("<|im_end|>"))
    writer.add_pad_token_id(CONTROL.index("<|endoftext|>"))
    writer.add_add_bos_token(False)

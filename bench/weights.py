"""Random weights in the exact shape of a real model: speed does not depend on what they say.

The likeliest next token is always a digit, whatever stands before: its row of the vocabulary is
large, and half of the digits point the other way. So no answer ends by itself, and what was written
is read again as the same tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter, TokenType
from tests.models.vocab import base_vocabulary, encode_piece, write_vocabulary

__all__ = ["QWEN", "SMOLLM", "TINY", "Kind", "Shape", "write"]

_BLOCK = 32  # values that share a scale
_DEVIATION = {Kind.Q8_0: 73.3, Kind.Q4_0: 4.61}  # of whole numbers that fill the range evenly
_LOUDNESS = 256.0
_TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


@dataclass(frozen=True)
class Shape:
    """The measures of a model; ``name`` says whose."""

    name: str
    architecture: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    vocabulary: int
    rope_base: float = 10_000.0
    has_biases: bool = False
    context: int = 8192


SMOLLM = Shape("SmolLM2-135M", "llama", 576, 30, 9, 3, 1536, 49152, 100_000.0)
"""From its published configuration."""

TINY = Shape("tiny", "llama", 64, 2, 4, 2, 192, 1024)
"""So small that what is beside the model's work is seen."""

QWEN = Shape("Qwen2.5-0.5B", "qwen2", 896, 24, 14, 2, 4864, 151936, 1_000_000.0, True, 32768)
"""From its published configuration."""


def write(path: Path, shape: Shape = SMOLLM, kind: Kind = Kind.Q8_0) -> None:
    """Write a model file; the table of tokens is Q8_0 whatever ``kind`` the rest has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    writer = GGUFWriter(str(part), shape.architecture)
    digits = _add_metadata(writer, shape)
    _Matrices(writer, np.random.default_rng(0)).add_all(shape, kind, digits)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def _add_metadata(writer: GGUFWriter, shape: Shape) -> list[int]:
    """Describe the model; return the numbers of the digits' tokens."""
    writer.add_name("random weights")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_chat_template(_TEMPLATE)
    vocabulary = base_vocabulary()
    missing = shape.vocabulary - len(vocabulary.tokens)
    vocabulary.tokens.extend(f"word{number}" for number in range(missing))
    vocabulary.types.extend([int(TokenType.NORMAL)] * missing)
    write_vocabulary(writer, vocabulary)
    return [vocabulary.tokens.index(encode_piece(b"%d" % digit)) for digit in range(10)]


class _Matrices:
    """Adds random tensors to a file."""

    def __init__(self, writer: GGUFWriter, rng: np.random.Generator) -> None:
        self._writer = writer
        self._rng = rng

    def add_all(self, shape: Shape, kind: Kind, digits: list[int]) -> None:
        """Add everything a model of this shape has."""
        self._add_table(shape, digits)
        ones = np.ones(shape.width, np.float32)
        self._writer.add_tensor("output_norm.weight", ones)
        narrow = shape.width // shape.heads * shape.kv_heads
        for block in range(shape.layers):
            prefix = f"blk.{block}."
            self._writer.add_tensor(f"{prefix}attn_norm.weight", ones)
            self._writer.add_tensor(f"{prefix}ffn_norm.weight", ones)
            for name, rows, columns in (
                ("attn_q", shape.width, shape.width),
                ("attn_k", narrow, shape.width),
                ("attn_v", narrow, shape.width),
                ("attn_output", shape.width, shape.width),
                ("ffn_gate", shape.hidden, shape.width),
                ("ffn_up", shape.hidden, shape.width),
                ("ffn_down", shape.width, shape.hidden),
            ):
                self._add(prefix + name, self._blocks(rows, columns, kind), kind)
                if shape.has_biases and name in ("attn_q", "attn_k", "attn_v"):
                    bias = self._rng.standard_normal(rows).astype(np.float32)
                    self._writer.add_tensor(f"{prefix}{name}.bias", bias)

    def _add_table(self, shape: Shape, digits: list[int]) -> None:
        table = self._blocks(shape.vocabulary, shape.width, Kind.Q8_0)
        table[digits, :, :2] = _scale(shape.width, Kind.Q8_0, _LOUDNESS)
        mirrored = -table[digits[::2], :, 2:].view(np.int8)
        table[digits[1::2], :, 2:] = mirrored.view(np.uint8)
        self._add("token_embd", table, Kind.Q8_0)

    def _blocks(self, rows: int, columns: int, kind: Kind) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Make blocks of a half-precision scale and 32 whole numbers each."""
        size = _BLOCK if kind is Kind.Q8_0 else _BLOCK // 2
        blocks = np.empty((rows, columns // _BLOCK, 2 + size), np.uint8)
        blocks[..., :2] = _scale(columns, kind)
        if kind is Kind.Q8_0:
            values = self._rng.integers(-127, 128, (rows, columns // _BLOCK, size), np.int8)
            blocks[..., 2:] = values.view(np.uint8)
        else:
            blocks[..., 2:] = self._rng.integers(0, 256, (rows, columns // _BLOCK, size), np.uint8)
        return blocks

    def _add(self, name: str, blocks: np.ndarray[Any, np.dtype[np.uint8]], kind: Kind) -> None:
        flat = blocks.reshape(blocks.shape[0], -1)
        self._writer.add_tensor(f"{name}.weight", flat, raw_dtype=kind)


def _scale(columns: int, kind: Kind, factor: float = 1.0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    value = factor * columns**-0.5 / _DEVIATION[kind]
    return np.array([value], np.float16).view(np.uint8)

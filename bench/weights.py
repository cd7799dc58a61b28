"""Random weights in the exact shape of a real model: speed does not depend on what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from tests.models.vocab import base_vocabulary, write_vocabulary

__all__ = ["SHAPE", "write"]

SHAPE = "SmolLM2-135M, Q8_0"
"""The shape, from its published configuration."""

_WIDTH, _LAYERS, _HEADS, _KV_HEADS, _HIDDEN, _VOCABULARY = 576, 30, 9, 3, 1536, 49152
_CONTEXT = 8192
_BLOCK = 32  # values that share a scale in Q8_0
_UNIFORM_DEVIATION = 73.3  # of whole numbers from -127 to 127


def write(path: Path) -> None:
    """Write the model file (about 145 MB)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    writer = GGUFWriter(str(part), "llama")
    _add_metadata(writer)
    rng = np.random.default_rng(0)
    _add_matrix(writer, "token_embd", _VOCABULARY, _WIDTH, rng)
    ones = np.ones(_WIDTH, np.float32)
    writer.add_tensor("output_norm.weight", ones)
    narrow = _WIDTH // _HEADS * _KV_HEADS
    for block in range(_LAYERS):
        prefix = f"blk.{block}."
        writer.add_tensor(f"{prefix}attn_norm.weight", ones)
        writer.add_tensor(f"{prefix}ffn_norm.weight", ones)
        for name, rows, columns in (
            ("attn_q", _WIDTH, _WIDTH),
            ("attn_k", narrow, _WIDTH),
            ("attn_v", narrow, _WIDTH),
            ("attn_output", _WIDTH, _WIDTH),
            ("ffn_gate", _HIDDEN, _WIDTH),
            ("ffn_up", _HIDDEN, _WIDTH),
            ("ffn_down", _WIDTH, _HIDDEN),
        ):
            _add_matrix(writer, prefix + name, rows, columns, rng)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def _add_metadata(writer: GGUFWriter) -> None:
    writer.add_name("random weights")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    vocabulary = base_vocabulary()
    missing = _VOCABULARY - len(vocabulary.tokens)
    vocabulary.tokens.extend(f"word{number}" for number in range(missing))
    vocabulary.types.extend([int(TokenType.NORMAL)] * missing)
    write_vocabulary(writer, vocabulary)


def _add_matrix(
    writer: GGUFWriter, name: str, rows: int, columns: int, rng: np.random.Generator
) -> None:
    """Add random blocks: a half-precision scale and 32 whole numbers each."""
    blocks = np.empty((rows, columns // _BLOCK, 2 + _BLOCK), np.uint8)
    scale = np.array([columns**-0.5 / _UNIFORM_DEVIATION], np.float16).view(np.uint8)
    blocks[..., :2] = scale
    values = rng.integers(-127, 128, (rows, columns // _BLOCK, _BLOCK), np.int8)
    blocks[..., 2:] = values.view(np.uint8)
    writer.add_tensor(
        f"{name}.weight", blocks.reshape(rows, -1), raw_dtype=GGMLQuantizationType.Q8_0
    )

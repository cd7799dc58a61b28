"""BERT-shaped models with a WordPiece vocabulary and seeded weights: ``tiny-bert`` makes vectors,
``wide-bert`` longer ones, ``tiny-rerank`` rates pairs of texts.

The blocks change little, so the mean of the token embeddings decides: texts that share words lie
close to each other, as with a real model.
"""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, PoolingType, TokenType

__all__ = ["DIMENSIONS", "HEADS", "write_tiny_bert", "write_tiny_rerank", "write_wide_bert"]

DIMENSIONS = 32
_LAYERS = 2
_HIDDEN = 64
_WIDE = 512
HEADS = 4
_CONTEXT = 512
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS = """
the a an of to in is are was and or not you i my me it that this what who where when how cat dog
bird fish house garden green red blue colour color music piano guitar song paris france city
capital coffee tea bread cheese time clock day night summer winter like love hate want remember
likes favourite meeting monday friday file code test model memory skill weather rain sun train
car
"""


def _tokens() -> tuple[list[str], list[int]]:
    characters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    starts = [
        "\u2581" + text
        for text in [*characters, *(word for word in _WORDS.split() if len(word) > 1)]
    ]
    tokens = [*_SPECIAL, *starts, *characters]
    types = [int(TokenType.CONTROL)] * len(_SPECIAL)
    types += [int(TokenType.NORMAL)] * (len(tokens) - len(_SPECIAL))
    return tokens, types


def _new_writer(path: Path, name: str, pooling: PoolingType, width: int = DIMENSIONS) -> GGUFWriter:
    writer = GGUFWriter(str(path), "bert")
    writer.add_name(name)
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    tokens, types = _tokens()
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_type_count(2)
    for name, add in (
        ("[PAD]", writer.add_pad_token_id),
        ("[UNK]", writer.add_unk_token_id),
        ("[CLS]", writer.add_bos_token_id),
        ("[SEP]", writer.add_sep_token_id),
        ("[MASK]", writer.add_mask_token_id),
    ):
        add(_SPECIAL.index(name))
    return writer


def _add_linear(writer: GGUFWriter, name: str, rows: int, columns: int, scale: float) -> None:
    rng = np.random.default_rng(len(name) + rows + columns)
    weights = rng.normal(0, scale, (rows, columns)).astype(np.float32)
    writer.add_tensor(f"{name}.weight", weights)
    writer.add_tensor(f"{name}.bias", np.zeros(rows, np.float32))


def _add_norm(writer: GGUFWriter, name: str, width: int) -> None:
    writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
    writer.add_tensor(f"{name}.bias", np.zeros(width, np.float32))


def write_tiny_bert(path: Path) -> None:
    """Write the embedding model: 32 dimensions, mean pooling, a window of 512 tokens."""
    writer = _new_writer(path, "tiny-bert", PoolingType.MEAN)
    _add_body(writer, 0.05)
    _finish(writer)


def write_wide_bert(path: Path) -> None:
    """Write an embedding model of 512 dimensions, more than the engine gives."""
    writer = _new_writer(path, "wide-bert", PoolingType.MEAN, _WIDE)
    _add_body(writer, 0.01, _WIDE)
    _finish(writer)


def write_tiny_rerank(path: Path) -> None:
    """Write the reranking model: the same shape, larger weights, and a head that gives a number."""
    writer = _new_writer(path, "tiny-rerank", PoolingType.RANK)
    _add_body(writer, 0.3)
    _add_linear(writer, "cls", DIMENSIONS, DIMENSIONS, 0.3)
    _add_linear(writer, "cls.output", 1, DIMENSIONS, 0.5)
    _finish(writer)


def _add_body(writer: GGUFWriter, scale: float, width: int = DIMENSIONS) -> None:
    rng = np.random.default_rng(3)
    count = len(_tokens()[0])
    embedding = rng.normal(0, 1, (count, width)).astype(np.float32)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("token_types.weight", np.zeros((2, width), np.float32))
    positions = rng.normal(0, 0.02, (_CONTEXT, width)).astype(np.float32)
    writer.add_tensor("position_embd.weight", positions)
    _add_norm(writer, "token_embd_norm", width)
    for block in range(_LAYERS):
        prefix = f"blk.{block}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            _add_linear(writer, f"{prefix}.{part}", width, width, scale)
        _add_norm(writer, f"{prefix}.attn_output_norm", width)
        _add_linear(writer, f"{prefix}.ffn_up", _HIDDEN, width, scale)
        _add_linear(writer, f"{prefix}.ffn_down", width, _HIDDEN, scale)
        _add_norm(writer, f"{prefix}.layer_output_norm", width)


def _finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

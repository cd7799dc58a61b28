"""Two GGUFs of the llama architecture: ``scripted`` (a Markov chain) and ``tiny-f32`` (random).

In the scripted model attention and feed-forward write nothing into the residual stream, so the
output depends on the last token alone: its embedding is a random direction, and the output matrix
holds that direction in the row of its successor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

from tests.models.scripts import DEFAULT, SCRIPTS, TOOL_RESULT, Script
from tests.models.vocab import (
    CONTROL,
    Vocabulary,
    base_vocabulary,
    encode_piece,
    write_vocabulary,
)

__all__ = ["write_scripted", "write_tiny_f32"]

_ALL = (*SCRIPTS, TOOL_RESULT, DEFAULT)
_GAIN = 800.0
_MARGIN = 120.0
_Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class _Shape:
    width: int
    layers: int
    heads: int
    hidden: int
    context: int
    dtype: type[np.float16] | type[np.float32]


def _new_writer(path: Path, name: str, shape: _Shape) -> GGUFWriter:
    writer = GGUFWriter(str(path), "llama")
    writer.add_name(name)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    return writer


def _finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_layers(writer: GGUFWriter, shape: _Shape, rng: np.random.Generator | None) -> None:
    """Write the blocks: random weights, or without a generator zeros (they do nothing)."""

    def matrix(rows: int, columns: int) -> _Array:
        if rng is None:
            return np.zeros((rows, columns), shape.dtype)
        return rng.normal(0, columns**-0.5, (rows, columns)).astype(shape.dtype)

    width, hidden = shape.width, shape.hidden
    for block in range(shape.layers):
        prefix = f"blk.{block}"
        ones = np.ones(width, np.float32)
        writer.add_tensor(f"{prefix}.attn_norm.weight", ones)
        writer.add_tensor(f"{prefix}.ffn_norm.weight", ones)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{prefix}.{part}.weight", matrix(width, width))
        writer.add_tensor(f"{prefix}.ffn_gate.weight", matrix(hidden, width))
        writer.add_tensor(f"{prefix}.ffn_up.weight", matrix(hidden, width))
        writer.add_tensor(f"{prefix}.ffn_down.weight", matrix(width, hidden))


def _cut(script: Script, used: set[str]) -> list[bytes]:
    """Cut a script's text into pieces that no other token has: each piece is a state."""
    if script.cuts:
        return list(script.cuts)
    pieces: list[bytes] = []
    rest = re.findall(r"\s?[^\s]{1,6}|\s", script.text)
    piece = ""
    for part in rest:
        piece += part
        if len(piece) >= 3 and encode_piece(piece.encode()) not in used:
            pieces.append(piece.encode())
            used.add(encode_piece(piece.encode()))
            piece = ""
    if piece:
        pieces[-1] += piece.encode()
        used.add(encode_piece(pieces[-1]))
    return pieces


def _chains() -> tuple[Vocabulary, list[tuple[int, list[int], bool]]]:
    """Return the vocabulary, and per script: start token, the tokens of its text, endless."""
    vocabulary = base_vocabulary()
    used = set(vocabulary.tokens)
    for script in _ALL:
        used.update(encode_piece(piece) for piece in script.cuts)
    chains: list[tuple[int, list[int], bool]] = []
    for script in _ALL:
        start = len(vocabulary.tokens)
        vocabulary.tokens.append(f"<|script:{script.name}|>")
        vocabulary.types.append(int(TokenType.CONTROL))
        pieces = _cut(script, used)
        assert b"".join(pieces) == script.text.encode(), script.name
        states = list(range(start + 1, start + 1 + len(pieces)))
        vocabulary.tokens.extend(encode_piece(piece) for piece in pieces)
        vocabulary.types.extend([int(TokenType.NORMAL)] * len(pieces))
        chains.append((start, states, script.endless))
    doubled = {text for text in vocabulary.tokens if vocabulary.tokens.count(text) > 1}
    assert not doubled, f"two states share a text: {sorted(doubled)}"
    return vocabulary, chains


def _weights(
    count: int, width: int, successor: dict[int, int], default: int
) -> tuple[_Array, _Array]:
    """Return embedding and output matrix such that each state's successor wins by a wide margin.

    Tokens without a successor share one direction; ``default`` follows them.
    """
    rng = np.random.default_rng(7)
    directions = rng.normal(size=(count, width)).astype(np.float32)
    plain = [token for token in range(count) if token not in successor]
    directions[plain] = directions[plain[0]]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    output = np.zeros((count, width), np.float32)
    output[default] += directions[plain[0]]
    for state, following in successor.items():
        output[following] += directions[state]
    output *= _GAIN / np.sqrt(width)  # the last norm scales a unit direction up to sqrt(width)
    logits = directions[list(successor)] @ output.T * np.sqrt(width)
    rows = np.arange(len(successor))
    right = logits[rows, list(successor.values())].copy()
    logits[rows, list(successor.values())] = -np.inf
    assert (right - logits.max(axis=1)).min() > _MARGIN, "the chain is not sharp enough"
    return directions, output


def _template() -> str:
    source = Path(__file__).with_name("chat.jinja").read_text()
    table = ", ".join(f"({script.trigger!r}, {script.name!r})" for script in SCRIPTS)
    return source.replace("SCRIPT_TABLE", f"[{table}]")


def write_scripted(path: Path) -> None:
    """Write the model whose text is decided by ``tests.models.scripts``."""
    shape = _Shape(width=160, layers=2, heads=4, hidden=64, context=32768, dtype=np.float16)
    vocabulary, chains = _chains()
    end = CONTROL.index("<|im_end|>")
    successor: dict[int, int] = {}
    for start, states, endless in chains:
        following = [*states, states[0] if endless else end]
        successor.update(zip([start, *states], following, strict=True))
    default = chains[-1][1][0]
    embedding, output = _weights(len(vocabulary.tokens), shape.width, successor, default)
    writer = _new_writer(path, "scripted", shape)
    write_vocabulary(writer, vocabulary)
    writer.add_chat_template(_template())
    writer.add_tensor("token_embd.weight", embedding.astype(shape.dtype))
    writer.add_tensor("output_norm.weight", np.ones(shape.width, np.float32))
    writer.add_tensor("output.weight", output.astype(shape.dtype))
    _add_layers(writer, shape, None)
    _finish(writer)


def write_tiny_f32(path: Path, *, layers: int = 2) -> None:
    """Write a random model in full precision, without a chat template."""
    shape = _Shape(width=64, layers=layers, heads=4, hidden=128, context=2048, dtype=np.float32)
    vocabulary = base_vocabulary()
    rng = np.random.default_rng(11)
    count = len(vocabulary.tokens)
    writer = _new_writer(path, "tiny-f32", shape)
    write_vocabulary(writer, vocabulary)
    writer.add_tensor(
        "token_embd.weight", rng.normal(0, 1, (count, shape.width)).astype(np.float32)
    )
    writer.add_tensor("output_norm.weight", np.ones(shape.width, np.float32))
    writer.add_tensor("output.weight", rng.normal(0, 0.3, (count, shape.width)).astype(np.float32))
    _add_layers(writer, shape, rng)
    _finish(writer)

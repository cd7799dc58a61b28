"""Writing the trained weights as a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from gguf import GGUFWriter

from tests.models.trained.shape import SHAPE
from tests.models.trained.vocabulary import write_vocabulary

__all__ = ["write_gguf"]

_Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def write_gguf(path: Path, weights: Mapping[str, _Array]) -> None:
    """Write header, vocabulary, chat template and weights; matrices in 16 bits."""
    writer = GGUFWriter(str(path), "llama")
    writer.add_name("trained")
    writer.add_context_length(SHAPE.context)
    writer.add_embedding_length(SHAPE.width)
    writer.add_block_count(SHAPE.layers)
    writer.add_feed_forward_length(SHAPE.hidden)
    writer.add_head_count(SHAPE.heads)
    writer.add_head_count_kv(SHAPE.heads)
    writer.add_layer_norm_rms_eps(SHAPE.epsilon)
    writer.add_rope_dimension_count(SHAPE.width // SHAPE.heads)
    writer.add_rope_freq_base(SHAPE.rope_base)
    write_vocabulary(writer)
    writer.add_chat_template(Path(__file__).with_name("chat.jinja").read_text())
    for name, value in weights.items():
        array = value if value.ndim == 1 else value.astype(np.float16)
        writer.add_tensor(f"{name}.weight", array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

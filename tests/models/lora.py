"""``tiny-lora``: an adapter for ``tiny-f32`` that changes what the model says beyond doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter

__all__ = ["write_lora"]

_RANK = 4


def write_lora(path: Path, base: Path, *, architecture: str = "llama", width: int = 0) -> None:
    """Write an adapter of rank 4 for all feed-forward outputs of ``base``.

    ``architecture`` and ``width`` make one that does not fit.
    """
    writer = GGUFWriter(str(path), architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(_RANK))
    rng = np.random.default_rng(5)
    for tensor in GGUFReader(str(base)).tensors:
        if not tensor.name.endswith("ffn_down.weight"):
            continue
        columns, rows = (int(size) for size in tensor.shape)
        narrow = rng.normal(0, 0.5, (_RANK, width or columns)).astype(np.float32)
        wide = rng.normal(0, 0.5, (rows, _RANK)).astype(np.float32)
        writer.add_tensor(f"{tensor.name}.lora_a", narrow)
        writer.add_tensor(f"{tensor.name}.lora_b", wide)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

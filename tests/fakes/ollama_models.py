"""What the fake Ollama has pulled, described as the real one does (``/api/tags``, ``/api/show``).

Field order and presence follow ollama/ollama ``api/types.go``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

__all__ = ["DEFAULT_MODELS", "FakeModel", "full_name"]


@dataclass(frozen=True)
class FakeModel:
    """A pulled model; ``window`` in tokens, ``parameters`` as its Modelfile sets them."""

    name: str
    capabilities: tuple[str, ...] = ("completion", "tools")
    window: int = 131_072
    size_bytes: int = 2_019_393_189
    parameters: str = ""
    family: str = "llama"

    def tag(self) -> dict[str, Any]:
        """Return its entry in ``/api/tags``."""
        details = self._details() | {"context_length": self.window, "embedding_length": 3072}
        return {
            "name": self.name,
            "model": self.name,
            "modified_at": "2025-05-04T17:37:44.706015396-07:00",
            "size": self.size_bytes,
            "digest": hashlib.sha256(self.name.encode()).hexdigest(),
            "details": details,
            "capabilities": list(self.capabilities),
        }

    def show(self) -> dict[str, Any]:
        """Return its answer to ``/api/show``; maps have sorted keys, like Go's."""
        shown: dict[str, Any] = {"modelfile": f'FROM {self.name}\nPARAMETER stop "<|eot_id|>"\n'}
        if self.parameters:
            shown["parameters"] = self.parameters
        return shown | {
            "template": "{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}{{ end }}",
            "details": self._details(),
            "model_info": self._info(),
            "tensors": [
                {"name": f"blk.{layer}.attn_q.weight", "type": "Q4_K", "shape": [3072, 3072]}
                for layer in range(28)
            ],
            "capabilities": list(self.capabilities),
            "modified_at": "2025-05-04T17:37:44.706015396-07:00",
        }

    def _details(self) -> dict[str, Any]:
        return {
            "parent_model": "",
            "format": "gguf",
            "family": self.family,
            "families": [self.family],
            "parameter_size": "3.2B",
            "quantization_level": "Q4_K_M",
        }

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {
            "general.architecture": self.family,
            "general.file_type": 15,
            "general.parameter_count": 3212749888,
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.tokens": [],
            f"{self.family}.attention.head_count": 24,
            f"{self.family}.block_count": 28,
            f"{self.family}.context_length": self.window,
            f"{self.family}.embedding_length": 3072,
        }
        return dict(sorted(info.items()))


DEFAULT_MODELS = (
    FakeModel("llama3.2:latest"),
    FakeModel("qwen3:8b", ("completion", "tools", "thinking"), 40_960, 5_225_388_164, "", "qwen3"),
    FakeModel("gemma2:2b", ("completion",), 8192, 1_629_518_495, "", "gemma2"),
    FakeModel("small:latest", window=2048, size_bytes=1_000_000),
    FakeModel("tuned:latest", parameters='num_ctx                        4096\nstop    "</s>"'),
)


def full_name(name: str) -> str:
    """Return ``name`` with the tag Ollama assumes."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"

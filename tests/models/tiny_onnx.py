"""Tiny models for the ONNX runtime, in the layouts of real ones, with a tokenizer of few words.

What they compute can be worked out by hand: a word has a fixed random state, a vector is made of
the states of its words, and a rating counts the words that query and document share.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

__all__ = [
    "BERT_MARKS",
    "QWEN_MARKS",
    "WORDS",
    "cross_encoder",
    "minilm",
    "qwen_embedding",
    "qwen_reranker",
    "states",
]

_TEXT = (
    "red blue green fox dog cat bird jumps sleeps eats over under the a in house garden moon sun "
    "search query document passage yes no"
)
WORDS = _TEXT.split()
BERT_MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
QWEN_MARKS = ["[UNK]", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
_OPSET = [helper.make_opsetid("", 18)]
_Constants = dict[str, NDArray[Any]]
_INT, _FLOAT = TensorProto.INT64, TensorProto.FLOAT


def states(count: int, dimensions: int) -> NDArray[np.float32]:
    """Return the state of each token."""
    return np.random.default_rng(7).standard_normal((count, dimensions)).astype(np.float32)


def minilm(folder: Path, *, dimensions: int = 400, quantized: bool = False) -> Path:
    """Write an embedder like MiniLM: states of tokens, to be averaged over a text."""
    _bert_tokenizer(folder)
    table = states(len(BERT_MARKS) + len(WORDS), dimensions)
    graph = [helper.make_node("Gather", ["states", "input_ids"], ["last_hidden_state"])]
    inputs = [_rows(name) for name in ("input_ids", "attention_mask", "token_type_ids")]
    outputs = [_value("last_hidden_state", _FLOAT, ["batch", "sequence", dimensions])]
    name = "model_quantized" if quantized else "model"
    _write(folder / "onnx" / f"{name}.onnx", graph, inputs, outputs, {"states": table})
    _config(folder, model_type="bert", max_position_embeddings=64)
    return folder


def qwen_embedding(folder: Path, *, pooled: bool = False, kind: int = TensorProto.FLOAT16) -> Path:
    """Write an embedder like Qwen3-Embedding: each state sums up all before it, the last counts.

    It wants the cache of a model that writes, too. With ``pooled`` it takes the last itself.
    """
    _qwen_tokenizer(folder, ends=True)
    table = states(len(QWEN_MARKS) + len(WORDS), 1024)
    graph = [
        helper.make_node("Gather", ["states", "input_ids"], ["each"]),
        helper.make_node("CumSum", ["each", "one"], ["last_hidden_state"]),
        helper.make_node("Identity", ["past_key_values.0.key"], ["present.0.key"]),
    ]
    inputs = [_rows(name) for name in ("input_ids", "attention_mask", "position_ids")]
    inputs += [
        _value(f"past_key_values.0.{side}", kind, ["batch", 2, "past", 8])
        for side in ("key", "value")
    ]
    outputs = [
        _value("present.0.key", kind, ["batch", 2, "past", 8]),
        _value("last_hidden_state", _FLOAT, ["batch", "sequence", 1024]),
    ]
    if pooled:
        graph += [
            helper.make_node("ReduceSum", ["attention_mask", "one"], ["lengths"], keepdims=1),
            helper.make_node("Sub", ["lengths", "one"], ["last"]),
            helper.make_node(
                "GatherND", ["last_hidden_state", "last"], ["sentence_embedding"], batch_dims=1
            ),
        ]
        outputs.append(_value("sentence_embedding", _FLOAT, ["batch", 1024]))
    constants: _Constants = {"states": table, "one": np.array([1], np.int64)}
    _write(folder / "model.onnx", graph, inputs, outputs, constants)
    _config(folder, model_type="qwen3", max_position_embeddings=32_768)
    return folder


def cross_encoder(folder: Path, *, ratings: int = 1) -> Path:
    """Write a cross-encoder: its logit is the number of shared words, less two."""
    _bert_tokenizer(folder)
    graph = [
        *_equal_words(len(BERT_MARKS)),
        helper.make_node("Cast", ["token_type_ids"], ["told"], to=_FLOAT),
        helper.make_node("Sub", ["one_f", "told"], ["asked"]),
        helper.make_node("Unsqueeze", ["asked", "two"], ["asked_column"]),
        helper.make_node("Unsqueeze", ["told", "one"], ["told_row"]),
        helper.make_node("Mul", ["equal", "asked_column"], ["of_query"]),
        helper.make_node("Mul", ["of_query", "told_row"], ["shared"]),
        helper.make_node("ReduceSum", ["shared", "both"], ["count"], keepdims=0),
        helper.make_node("Unsqueeze", ["count", "one"], ["column"]),
        helper.make_node("Sub", ["column", "two_f"], ["less"]),
        helper.make_node("Tile", ["less", "repeats"], ["logits"]),
    ]
    inputs = [_rows(name) for name in ("input_ids", "attention_mask", "token_type_ids")]
    outputs = [_value("logits", _FLOAT, ["batch", ratings])]
    constants = {
        **_CONSTANTS,
        "two_f": np.array([2], np.float32),
        "repeats": np.array([1, ratings], np.int64),
    }
    _write(folder / "model.onnx", graph, inputs, outputs, constants)
    _config(folder, model_type="bert", architectures=["BertForSequenceClassification"])
    return folder


def qwen_reranker(folder: Path, *, classifies: bool = False) -> Path:
    """Write a reranker like Qwen3-Reranker: "yes" is likelier the more words were said twice.

    Its logit is how often a word was there before, over all words, less forty.

    With ``classifies`` it gives one logit a text, as the models made from it do.
    """
    _qwen_tokenizer(folder, ends=False)
    size = len(QWEN_MARKS) + len(WORDS)
    yes = np.zeros((1, 1, size), np.float32)
    yes[0, 0, len(QWEN_MARKS) + WORDS.index("yes")] = 1
    graph = [
        *_equal_words(len(QWEN_MARKS)),
        helper.make_node("Trilu", ["equal", "minus_one"], ["earlier"], upper=0),
        helper.make_node("ReduceSum", ["earlier", "two"], ["again"], keepdims=1),
        helper.make_node("CumSum", ["again", "one"], ["so_far"]),
        helper.make_node("Sub", ["so_far", "some"], ["less"]),
        helper.make_node("Mul", ["less", "yes"], ["all_logits"]),
    ]
    if classifies:
        graph += [
            helper.make_node("ReduceMax", ["less", "one"], ["highest"], keepdims=0),
            helper.make_node("Identity", ["highest"], ["logits"]),
        ]
        outputs = [_value("logits", _FLOAT, ["batch", 1])]
    else:
        graph.append(helper.make_node("Identity", ["all_logits"], ["logits"]))
        outputs = [_value("logits", _FLOAT, ["batch", "sequence", size])]
    inputs = [_rows(name) for name in ("input_ids", "attention_mask", "position_ids")]
    constants = {
        **_CONSTANTS,
        "yes": yes,
        "minus_one": np.array(-1, np.int64),
        "some": np.array([40], np.float32),
    }
    _write(folder / "model.onnx", graph, inputs, outputs, constants)
    _config(folder, model_type="qwen3", architectures=["Qwen3ForCausalLM"])
    return folder


_CONSTANTS: _Constants = {
    "one": np.array([1], np.int64),
    "two": np.array([2], np.int64),
    "both": np.array([1, 2], np.int64),
    "one_f": np.array([1], np.float32),
}


def _equal_words(first: int) -> list[onnx.NodeProto]:
    """Make ``equal``: for each pair of places 1 if the same word is there; marks are no words."""
    return [
        helper.make_node("Unsqueeze", ["input_ids", "two"], ["ids_column"]),
        helper.make_node("Unsqueeze", ["input_ids", "one"], ["ids_row"]),
        helper.make_node("Equal", ["ids_column", "ids_row"], ["same"]),
        helper.make_node("Constant", [], ["first"], value_int=first - 1),
        helper.make_node("Greater", ["ids_column", "first"], ["word"]),
        helper.make_node("And", ["same", "word"], ["same_word"]),
        helper.make_node("Cast", ["same_word"], ["equal"], to=_FLOAT),
    ]


def _bert_tokenizer(folder: Path) -> None:
    tokenizer = _tokenizer(BERT_MARKS)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(8)
    _save(tokenizer, folder)


def _qwen_tokenizer(folder: Path, *, ends: bool) -> None:
    tokenizer = _tokenizer(QWEN_MARKS)
    if ends:
        tokenizer.post_processor = TemplateProcessing(
            single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", 1)]
        )
    _save(tokenizer, folder)


def _tokenizer(marks: Sequence[str]) -> Tokenizer:
    vocabulary = {word: at for at, word in enumerate([*marks, *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens([mark for mark in marks if mark != "[UNK]"])
    return tokenizer


def _save(tokenizer: Tokenizer, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def _config(folder: Path, **facts: Any) -> None:
    (folder / "config.json").write_text(json.dumps(facts), "utf-8")


def _rows(name: str) -> onnx.ValueInfoProto:
    return _value(name, _INT, ["batch", "sequence"])


def _value(name: str, kind: int, shape: Sequence[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: _Constants,
) -> None:
    """Write a checked model."""
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=_OPSET, ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))

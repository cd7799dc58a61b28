"""The files of a model as they are published for the ONNX runtime: which is what, and what it says.

A folder holds ``tokenizer.json``, ``config.json`` and the model, itself or in ``onnx/``; the files
of Sentence Transformers beside them tell how to pool and how to ask.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from ruster.core.errors import MemoryError

__all__ = ["OnnxFolder", "Pooling", "find_folders"]

Pooling = Literal["mean", "last", "first"]
"""Which token's state, or the mean of all, stands for a text."""

_MODELS = ("model_quantized", "model_int8", "model_uint8", "model", "model_q4", "model_fp16")
"""The fastest on a processor first."""
_CONFIG_BYTES = 4 << 20
_DIGEST_BYTES = 1 << 20
_MAX_FOLDERS = 200
_ShapeT = TypeVar("_ShapeT", bound=BaseModel)


class _Config(BaseModel):
    """``config.json``."""

    model_type: str = ""
    architectures: tuple[str, ...] | None = None
    max_position_embeddings: int | None = None
    name: str = Field(default="", alias="_name_or_path")


class _Pooling(BaseModel):
    """``1_Pooling/config.json``."""

    pooling_mode_cls_token: bool = False
    pooling_mode_lasttoken: bool = False
    pooling_mode_mean_tokens: bool = False


class _Prompts(BaseModel):
    """``config_sentence_transformers.json``."""

    prompts: Mapping[str, str] | None = None


class _Limit(BaseModel):
    """``sentence_bert_config.json``."""

    max_seq_length: int | None = None


@dataclass(frozen=True, slots=True)
class OnnxFolder:
    """What the files of one model say.

    ``max_tokens`` is what the model was made for, None when it is not told; ``prompts`` are what
    belongs before texts, by name of the side (``query``, ``document``), None when not told.
    ``key`` tells these files from others of the same name.
    """

    name: str
    model: Path
    tokenizer: Path
    pooling: Pooling
    max_tokens: int | None
    prompts: Mapping[str, str] | None
    rates: bool
    key: str

    @classmethod
    def read(cls, folder: Path) -> OnnxFolder:
        """Read a model's folder (blocks); raises MemoryError (``onnx_invalid``)."""
        try:
            model, tokenizer = _model_in(folder), folder / "tokenizer.json"
            if model is None or not tokenizer.is_file():
                raise _invalid(folder, "it needs tokenizer.json and model.onnx")
            config = _read(folder / "config.json", _Config)
            key = _key(model, tokenizer)
        except OSError as error:
            raise _invalid(folder, error.strerror or str(error)) from error
        limits = (
            _read(folder / "sentence_bert_config.json", _Limit).max_seq_length,
            config.max_position_embeddings,
        )
        return cls(
            name=folder.name,
            model=model,
            tokenizer=tokenizer,
            pooling=_pooling(folder, config),
            max_tokens=min((limit for limit in limits if limit and limit > 0), default=None),
            prompts=_read(folder / "config_sentence_transformers.json", _Prompts).prompts,
            rates=_rates(folder, config),
            key=key,
        )


def find_folders(roots: Sequence[Path]) -> list[OnnxFolder]:
    """Read all models in ``roots``, themselves or up to two levels below (blocks).

    What cannot be read is passed over.
    """
    found = []
    for root in roots:
        for folder in _candidates(root):
            try:
                found.append(OnnxFolder.read(folder))
            except MemoryError:
                continue
    return found


def _candidates(root: Path) -> Iterator[Path]:
    patterns = ("tokenizer.json", "*/tokenizer.json", "*/*/tokenizer.json")
    try:
        paths = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    except OSError:
        return
    yield from (path.parent for path in paths[:_MAX_FOLDERS])


def _model_in(folder: Path) -> Path | None:
    places = [place / f"{name}.onnx" for name in _MODELS for place in (folder, folder / "onnx")]
    return next((path for path in places if path.is_file()), None)


def _pooling(folder: Path, config: _Config) -> Pooling:
    told = _read(folder / "1_Pooling" / "config.json", _Pooling)
    if told.pooling_mode_lasttoken:
        return "last"
    if told.pooling_mode_cls_token:
        return "first"
    if told.pooling_mode_mean_tokens or not config.model_type.startswith("qwen"):
        return "mean"
    return "last"


def _rates(folder: Path, config: _Config) -> bool:
    """Tell a model that rates pairs of texts from one that makes vectors."""
    names = f"{folder.name} {config.name}".lower()
    kinds = config.architectures or ()
    return "rerank" in names or any("SequenceClassification" in kind for kind in kinds)


def _read(path: Path, shape: type[_ShapeT]) -> _ShapeT:
    """Read a file of settings; one that is missing or odd says nothing."""
    try:
        with path.open("rb") as file:
            return shape.model_validate_json(file.read(_CONFIG_BYTES))
    except (OSError, ValidationError):
        return shape()


def _key(model: Path, tokenizer: Path) -> str:
    """Digest the sizes of the files, the beginning of both and the end of the model."""
    facts = hashlib.blake2b(digest_size=4)
    for path in (model, tokenizer):
        size = path.stat().st_size
        with path.open("rb") as file:
            facts.update(b"%d" % size)
            facts.update(file.read(_DIGEST_BYTES))
            file.seek(max(0, size - _DIGEST_BYTES))
            facts.update(file.read(_DIGEST_BYTES))
    return facts.hexdigest()


def _invalid(folder: Path, why: str) -> MemoryError:
    return MemoryError(f"{folder} holds no usable ONNX model: {why}", code="onnx_invalid")

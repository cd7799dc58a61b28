"""Quantizations: read from names, grouped from parts, chosen by wish or preference."""

from __future__ import annotations

import pytest

from ruster.core.errors import ModelError
from ruster.modelstore.frames import RemoteFile
from ruster.modelstore.quants import Variant, choose, part_names, quant_of, variants


def _variants(*names: str) -> tuple[Variant, ...]:
    return variants(RemoteFile(name=name, size_bytes=1, hash="0" * 64) for name in names)


@pytest.mark.parametrize(
    ("filename", "quant"),
    [
        ("qwen2.5-1.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("llama-2-7b-chat.Q5_K_S.gguf", "Q5_K_S"),
        ("Llama-3.2-1B-UD-IQ1_S.gguf", "IQ1_S"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "Q4_K_XL"),
        ("gemma-2b-it-f16.gguf", "F16"),
        ("model-fp16.gguf", "F16"),
        ("model.BF16.gguf", "BF16"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("model-q4_k_m-imat.gguf", "Q4_K_M"),
        ("big-Q8_0-00001-of-00003.gguf", "Q8_0"),
        ("Q6_K/big-00001-of-00003.gguf", "Q6_K"),
        ("embeddinggemma-300M-qat-Q4_0.gguf", "Q4_0"),
        ("scripted.gguf", None),
        ("qwen2.gguf", None),
    ],
)
def test_the_name_tells_the_quantization(filename: str, quant: str | None) -> None:
    assert quant_of(filename) == quant


def test_parts_are_one_model_and_helpers_are_none() -> None:
    found = _variants(
        "b-Q8_0-00002-of-00002.gguf",
        "b-Q8_0-00001-of-00002.gguf",
        "torn-Q4_0-00001-of-00003.gguf",
        "torn-Q4_0-00003-of-00003.gguf",
        "mmproj-model-f16.gguf",
        "imatrix.gguf",
        "a-Q4_0.gguf",
    )
    assert [(variant.filename, len(variant.files)) for variant in found] == [
        ("a-Q4_0.gguf", 1),
        ("b-Q8_0-00001-of-00002.gguf", 2),
    ]
    assert found[1].size_bytes == 2


def test_numbers_that_make_no_sense_are_no_parts() -> None:
    for name in ("a-00003-of-00002.gguf", "a-00000-of-00002.gguf", "a-00001-of-99999.gguf"):
        assert part_names(name) == (name,)


@pytest.mark.parametrize(
    ("names", "quant", "expected"),
    [
        (["m-q8_0.gguf", "m-q4_k_m.gguf", "m-q2_k.gguf"], None, "m-q4_k_m.gguf"),
        (["m-q8_0.gguf", "m-q2_k.gguf", "m-q5_k_m.gguf"], None, "m-q5_k_m.gguf"),
        (["m-f32.gguf", "m.gguf"], None, "m-f32.gguf"),
        (["scripted.gguf"], None, "scripted.gguf"),
        (["m-q8_0.gguf", "m-q4_k_m.gguf"], "Q8_0", "m-q8_0.gguf"),
        (["m-Q8_0.gguf", "m-Q4_K_M.gguf"], "q8_0", "m-Q8_0.gguf"),
        (["m-UD-Q4_K_XL.gguf", "m-Q4_K_XL.gguf"], "ud-q4_k_xl", "m-UD-Q4_K_XL.gguf"),
        (["m-UD-Q4_K_XL.gguf", "m-Q4_K_XL.gguf"], "Q4_K_XL", "m-Q4_K_XL.gguf"),
    ],
)
def test_a_quantization_is_chosen(names: list[str], quant: str | None, expected: str) -> None:
    assert choose("org/m", _variants(*names), quant, "Q4_K_M").filename == expected


def test_the_default_quantization_can_be_set() -> None:
    offered = _variants("m-q8_0.gguf", "m-q4_k_m.gguf")
    assert choose("org/m", offered, None, "q8_0").filename == "m-q8_0.gguf"


def test_a_missing_one_is_answered_with_what_there_is() -> None:
    offered = _variants("m-q8_0.gguf", "m-q4_k_m.gguf", "plain.gguf")
    with pytest.raises(ModelError, match=r"comes in Q4_K_M, Q8_0, plain\.gguf") as caught:
        choose("org/m", offered, "Q5_K_M", "Q4_K_M")
    assert caught.value.code == "quant_not_found"
    with pytest.raises(ModelError, match=r"it has m-q4_k_m\.gguf, m-q8_0\.gguf") as caught:
        choose("org/m", offered, None, "Q4_K_M", "other.gguf")
    assert caught.value.code == "model_not_found"


def test_any_part_means_the_whole() -> None:
    offered = _variants("b-00001-of-00002.gguf", "b-00002-of-00002.gguf")
    chosen = choose("org/b", offered, None, "Q4_K_M", "b-00002-of-00002.gguf")
    assert chosen.filename == "b-00001-of-00002.gguf"

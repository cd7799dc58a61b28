"""Reading the head of a model file: what it says, and every way it can be wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruster.core.errors import ModelError
from ruster.engine.gguf import read_head


def test_the_head_of_each_test_model(scripted: Path, tiny_bert: Path) -> None:
    head = read_head(scripted)
    assert (head.architecture, head.context_length) == ("llama", 32768)
    assert head.size_bytes == scripted.stat().st_size
    assert read_head(tiny_bert).architecture == "bert"


def test_missing_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        read_head(tmp_path / "none.gguf")
    assert caught.value.code == "model_not_found"
    with pytest.raises(ModelError) as caught:
        read_head(tmp_path)
    assert caught.value.code == "model_unreadable"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 600), noise=st.binary(max_size=40), cut=st.integers(0, 4000))
def test_damage_anywhere_is_a_typed_error_or_harmless(
    scripted: Path, tmp_path: Path, at: int, noise: bytes, cut: int
) -> None:
    data = bytearray(scripted.read_bytes()[:4000])
    data[at : at + len(noise)] = noise
    path = tmp_path / "noisy.gguf"
    path.write_bytes(data[:cut])
    with contextlib.suppress(ModelError):
        assert read_head(path).architecture

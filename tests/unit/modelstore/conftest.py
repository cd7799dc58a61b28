"""Fixtures of the model store's tests: folders, model bytes, and an environment of our own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ruster.modelstore.folders import StoreFolders
from tests.models import build


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the hub's library away from the user's settings, keys and cache."""
    for name in os.environ:
        if name.upper().startswith(("HF_", "HUGGINGFACE_", "HUGGING_FACE_")):
            monkeypatch.delenv(name)
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))


@pytest.fixture
def folders(tmp_path: Path) -> StoreFolders:
    """The store's folders, which do not exist yet."""
    return StoreFolders(tmp_path / "config", tmp_path / "cache")


@pytest.fixture(scope="session")
def gguf() -> bytes:
    """A real model file of 1.3 MB."""
    return build("scripted").read_bytes()


@pytest.fixture(scope="session")
def small_gguf() -> bytes:
    """Another, smaller one."""
    return build("tiny-bert").read_bytes()

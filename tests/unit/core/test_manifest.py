"""Manifests: partial entries, merging in load order, defaults, and typed errors."""

from __future__ import annotations

from typing import Any

import pytest

from ruster.core.errors import ConfigError
from ruster.core.manifest import ModelSpec, Purpose, UserManifest


def _manifest(*models: dict[str, Any], **defaults: str) -> UserManifest:
    return UserManifest.parse({"models": list(models), "defaults": defaults})


def test_a_full_entry_resolves_to_itself() -> None:
    manifest = _manifest(
        {
            "name": "tiny",
            "repo": "org/tiny-GGUF",
            "filename": "tiny.gguf",
            "quantization": "Q8_0",
            "purpose": "Embedding",
        }
    )
    expected = ModelSpec("tiny", "org/tiny-GGUF", "tiny.gguf", "Q8_0", Purpose.EMBEDDING)
    assert manifest.resolve("tiny") == expected


def test_later_files_win_key_by_key() -> None:
    built_in = _manifest(
        {"name": "a", "repo": "org/a", "filename": "a.gguf", "purpose": "embedding"}
    )
    user = _manifest({"name": "a", "filename": "b.gguf"}, quantization="Q5_K_M")
    registry = _manifest({"name": "b", "repo": "org/b", "filename": "b.gguf"})
    merged = built_in.merge(user).merge(registry)
    expected = ModelSpec("a", "org/a", "b.gguf", "Q5_K_M", Purpose.EMBEDDING)
    assert merged.resolve("a") == expected
    assert merged.resolve("b").purpose is Purpose.INFERENCE
    assert [model.name for model in merged.models] == ["a", "b"]


def test_defaults_fill_what_an_entry_leaves_out() -> None:
    manifest = _manifest({"name": "a", "filename": "a.gguf"}, repo="org/shared")
    assert manifest.resolve("a") == ModelSpec("a", "org/shared", "a.gguf")


@pytest.mark.parametrize(
    "data",
    [
        {"models": {}},
        {"models": ["text"]},
        {"models": [{"name": 1}]},
        {"models": [{"nmae": "a"}]},
        {"defaults": 3},
    ],
)
def test_a_malformed_manifest_is_a_typed_error(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        UserManifest.parse(data)
    assert caught.value.code == "manifest_invalid"


def test_what_cannot_be_resolved_says_why() -> None:
    manifest = _manifest({"name": "a"}, purpose="Dancing")
    with pytest.raises(ConfigError, match="not found") as caught:
        manifest.resolve("nobody")
    assert caught.value.code == "model_unknown"
    with pytest.raises(ConfigError, match="repo and a filename"):
        manifest.resolve("a")
    whole = _manifest({"name": "a", "repo": "r", "filename": "f"}, purpose="Dancing")
    with pytest.raises(ConfigError, match="Dancing"):
        whole.resolve("a")

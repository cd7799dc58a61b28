"""Models of other programs: taken in without copying, and never deleted."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import pytest

from ruster.core.errors import ModelError
from ruster.modelstore import ModelStore, StoreFolders


def _ollama(folder: Path, name: str, model: bytes, *, tag: str = "latest") -> Path:
    """Write a model the way Ollama keeps it; return the model's blob."""
    config = json.dumps({"model_format": "gguf", "file_type": "Q4_K_M"}).encode()
    blobs = folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    layers: list[dict[str, object]] = []
    for data, media_type in (
        (config, "application/vnd.docker.container.image.v1+json"),
        (model, "application/vnd.ollama.image.model"),
        (b"{{ .Prompt }}", "application/vnd.ollama.image.template"),
    ):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / f"sha256-{digest}").write_bytes(data)
        layers.append({"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)})
    manifest = folder / "manifests" / "registry.ollama.ai" / name / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": layers[0], "layers": layers[1:]}))
    return blobs / f"sha256-{hashlib.sha256(model).hexdigest()}"


async def test_a_file_is_taken_in_where_it_lies(folders: StoreFolders, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "My-Model-Q5_K_M.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF mine")
    store = ModelStore(folders)
    model = await store.import_file(file, "mine")
    assert (model.name, model.quantization, model.origin) == ("mine", "Q5_K_M", "import")
    path = await store.ensure("mine")
    assert path.is_symlink()
    assert path.is_relative_to(folders.models)
    assert path.samefile(file)
    assert (await store.verify("mine")).sha256 == hashlib.sha256(b"GGUF mine").hexdigest()
    file.write_bytes(b"GGUF MINE")
    with pytest.raises(ModelError) as caught:
        await store.verify("mine")
    assert caught.value.code == "checksum_mismatch"
    await store.remove("mine")
    assert file.read_bytes() == b"GGUF MINE"
    assert not path.is_symlink()
    assert await store.list(only_here=True) == ()


async def test_ollamas_models_are_taken_in_by_their_names(
    folders: StoreFolders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ollama = tmp_path / "ollama"
    blob = _ollama(ollama, "library/llama3.2", b"GGUF llama")
    _ollama(ollama, "someone/tuned", b"GGUF tuned", tag="8b")
    _ollama(ollama, "library/broken", b"no model")
    _ollama(ollama, "library/evil", b"GGUF evil", tag="8 b")
    (ollama / "manifests/registry.ollama.ai/library/junk").mkdir()
    (ollama / "manifests/registry.ollama.ai/library/junk/latest").write_text("[1")
    with caplog.at_level(logging.WARNING):
        models = await ModelStore(folders).import_ollama(ollama)
    assert [model.name for model in models] == ["llama3.2:latest", "someone/tuned:8b"]
    assert all(word in caplog.text for word in ("broken", "evil", "junk"))
    assert models[0].quantization == "Q4_K_M"
    assert models[0].sha256 == hashlib.sha256(b"GGUF llama").hexdigest()
    store = ModelStore(folders)
    for name in ("llama3.2:latest", "someone/tuned:8b"):
        path = await store.ensure(name)
        assert path.suffix == ".gguf"
        assert (await store.verify(name)).path == path
        await store.remove(name)
        assert not path.is_symlink()
    assert blob.read_bytes() == b"GGUF llama"


async def test_lm_studios_models_answer_to_their_repository(
    folders: StoreFolders, tmp_path: Path
) -> None:
    studio = tmp_path / "studio"
    kept = studio / "org" / "m-GGUF"
    kept.mkdir(parents=True)
    (kept / "m-Q4_K_M.gguf").write_bytes(b"GGUF4")
    (kept / "mmproj-m-f16.gguf").write_bytes(b"GGUFm")
    for number in (1, 2):
        (kept / f"m-Q8_0-0000{number}-of-00002.gguf").write_bytes(b"GGUF" * number)
    (kept / "torn-Q6_K-00001-of-00002.gguf").write_bytes(b"GGUF")
    (studio / "odd..org" / "m").mkdir(parents=True)
    (studio / "odd..org" / "m" / "m.gguf").write_bytes(b"GGUF")
    store = ModelStore(folders)
    models = await store.import_lmstudio(studio)
    assert [model.filename for model in models] == [
        "m-Q4_K_M.gguf",
        "m-Q8_0-00001-of-00002.gguf",
    ]
    assert (await store.ensure("org/m")).read_bytes() == b"GGUF4"
    parts = await store.ensure("org/m:q8_0")
    assert parts.with_name("m-Q8_0-00002-of-00002.gguf").read_bytes() == b"GGUFGGUF"
    await store.remove("org/m:Q8_0")
    assert len(list(kept.iterdir())) == 5


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"PK\x03\x04", None, "model_damaged"),
        (None, None, "model_not_found"),
        (b"GGUF", "../evil", "invalid_name"),
    ],
)
async def test_what_cannot_be_taken_in_says_why(
    folders: StoreFolders, tmp_path: Path, content: bytes | None, name: str | None, code: str
) -> None:
    file = tmp_path / "m.gguf"
    if content is not None:
        file.write_bytes(content)
    store = ModelStore(folders)
    with pytest.raises(ModelError) as caught:
        await store.import_file(file, name)
    assert caught.value.code == code
    assert await store.list(only_here=True) == ()


async def test_a_folder_that_is_not_there_is_an_error(
    folders: StoreFolders, tmp_path: Path
) -> None:
    store = ModelStore(folders)
    with pytest.raises(ModelError, match="no folder"):
        await store.import_ollama(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert await store.import_lmstudio(tmp_path / "empty") == ()


async def test_a_linked_folder_cannot_lead_the_store_outside(
    folders: StoreFolders, tmp_path: Path
) -> None:
    """With a link in the place of ``models/org``, nothing is written behind it."""
    studio, outside = tmp_path / "studio" / "org" / "m", tmp_path / "outside"
    studio.mkdir(parents=True)
    (studio / "m.gguf").write_bytes(b"GGUF")
    outside.mkdir()
    folders.models.mkdir(parents=True)
    (folders.models / "org").symlink_to(outside)
    assert await ModelStore(folders).import_lmstudio(tmp_path / "studio") == ()
    assert list(outside.rglob("*.gguf")) == []


async def test_a_real_file_in_the_stores_folder_is_left_alone(
    folders: StoreFolders, tmp_path: Path
) -> None:
    studio = tmp_path / "studio" / "org" / "m"
    studio.mkdir(parents=True)
    (studio / "m.gguf").write_bytes(b"GGUF theirs")
    mine = folders.models / "org" / "m" / "m.gguf"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"GGUF mine")
    store = ModelStore(folders)
    await store.import_lmstudio(tmp_path / "studio")
    assert (await store.ensure("org/m")).read_bytes() == b"GGUF theirs"
    await store.remove("org/m")
    assert mine.read_bytes() == b"GGUF mine"
    assert (studio / "m.gguf").exists()

"""The three layers, and what broken files lead to."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ruster.core.errors import ConfigError
from ruster.core.manifest import ManifestEntry, Purpose
from ruster.modelstore.catalogue import built_in, read_catalogue, read_manifest
from ruster.modelstore.folders import StoreFolders
from ruster.modelstore.names import check_file, check_repo
from ruster.modelstore.quants import quant_of
from ruster.modelstore.registry import Registry
from ruster.storage.disk import Disk

_NAMES = [
    "llama-2-7b-chat", "mistral-7b-instruct", "qwen-2.5-1.5b-instruct", "qwen-2.5-3b-instruct",
    "tiny-model", "tiny-llama", "nomic-embed-text", "embedding-gemma",
]  # fmt: skip


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_built_in_names_are_complete_and_sound() -> None:
    manifest = built_in()
    assert [entry.name for entry in manifest.models] == _NAMES
    for name in _NAMES:
        spec = manifest.resolve(name)
        assert check_repo(spec.repo).endswith("-GGUF")
        assert quant_of(check_file(spec.filename)) == spec.quantization
        is_embedder = name in ("nomic-embed-text", "embedding-gemma")
        assert (spec.purpose is Purpose.EMBEDDING) == is_embedder


def test_later_layers_win_key_by_key(folders: StoreFolders) -> None:
    _write(
        folders.manifest,
        '[[models]]\nname = "tiny-model"\nfilename = "mine.gguf"\n'
        '[[models]]\nname = "own"\nrepo = "me/own"\nfilename = "own.gguf"\n',
    )
    _write(folders.registry, '[[models]]\nname = "tiny-model"\nquantization = "Q8_0"\n')
    catalogue = read_catalogue(folders)
    spec = catalogue.resolve("tiny-model")
    assert spec.repo == "Qwen/Qwen2.5-0.5B-Instruct-GGUF"
    assert (spec.filename, spec.quantization) == ("mine.gguf", "Q8_0")
    assert catalogue.resolve("own").quantization == "Q4_K_M"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[[models]]\nname = "a"\n\nrepo = \n', "line 4"),
        ('# mine\n[[models]]\nname = "a"\n\n[[models]]\nnmae = "b"\n', "line 5.*nmae"),
        ("models = [{name = 1}]\n", "model no. 1.*name must be text"),
        ('[[models]]\nname = "a"\nsize_bytes = true\n', "line 1.*size in bytes"),
        ("models = 3\n", r"\[\[models\]\]"),
        ("defaults = 3\n", r"\[defaults\]"),
        ("[defaults]\nquantization = 3\n", r"\[defaults\].*text"),
    ],
)
def test_a_mistake_of_the_user_is_shown_with_file_and_line(
    folders: StoreFolders, text: str, where: str
) -> None:
    _write(folders.manifest, text)
    with pytest.raises(ConfigError, match=rf"manifest\.toml.*{where}") as caught:
        read_catalogue(folders)
    assert caught.value.code == "manifest_invalid"


def test_files_that_cannot_be_read_are_typed_errors(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge.toml").write_bytes(b"#" * (5 << 20))
    for name in ("binary.toml", "huge.toml"):
        with pytest.raises(ConfigError, match=name):
            read_manifest(tmp_path / name)
    with pytest.raises(ConfigError):
        read_manifest(tmp_path)


def test_a_broken_registry_is_set_aside(
    folders: StoreFolders, caplog: pytest.LogCaptureFixture
) -> None:
    _write(folders.registry, "[[models]\n")
    with caplog.at_level(logging.WARNING):
        assert read_catalogue(folders).find("tiny-model") is not None
        Registry(folders.registry, Disk()).put(ManifestEntry("a", "org/a", "a.gguf"))
    assert "broken" in caplog.text
    assert [entry.name for entry in Registry(folders.registry, Disk()).entries()] == ["a"]
    assert folders.registry.with_name("registry.toml.broken").read_text() == "[[models]\n"


def test_entries_are_replaced_and_dropped_by_name(folders: StoreFolders) -> None:
    registry = Registry(folders.registry, Disk())
    registry.put(ManifestEntry("a", "org/a", "a.gguf"), ManifestEntry("b", "org/b", "b.gguf"))
    registry.put(ManifestEntry("a", "org/a", "c.gguf", size_bytes=7, sha256="ff", origin="hub"))
    registry.drop("b")
    registry.drop("nobody")
    (entry,) = registry.entries()
    assert (entry.filename, entry.size_bytes, entry.origin) == ("c.gguf", 7, "hub")


_WRITER = """
import sys
from pathlib import Path
from ruster.core.manifest import ManifestEntry
from ruster.modelstore.registry import Registry
from ruster.storage.disk import Disk
registry = Registry(Path(sys.argv[1]), Disk())
sys.stdin.read(1)
for number in range(25):
    registry.put(ManifestEntry(f"{sys.argv[2]}-{number}", "org/a", "a.gguf"))
"""


def test_processes_that_write_at_the_same_time_lose_nothing(folders: StoreFolders) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folders.registry), str(number)],
            stdin=subprocess.PIPE,
            env=environment,
        )
        for number in range(3)
    ]
    for writer in writers:
        writer.communicate(b"x", timeout=50)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert len({entry.name for entry in Registry(folders.registry, Disk()).entries()}) == 75

"""Taking in models that other programs keep, without copying: each gets a link and an entry.

Ollama: ``manifests/HOST/NAMESPACE/NAME/TAG`` lists layers by hash; ``blobs/sha256-HASH`` are they.
LM Studio: ``PUBLISHER/REPO/FILE.gguf``. All functions block.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

from ruster.core.errors import ModelError, ProtocolError
from ruster.core.ids import check_name
from ruster.core.manifest import ManifestEntry
from ruster.modelstore.links import place
from ruster.modelstore.names import check_file, check_repo
from ruster.modelstore.quants import part_names, quant_of

__all__ = ["import_file", "import_lmstudio", "import_ollama"]

_MODEL_LAYER = "application/vnd.ollama.image.model"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})\Z")
_MAX_JSON_BYTES = 1 << 20
_MAX_MODELS = 10_000
_OLLAMA_HOST, _OLLAMA_NAMESPACE = "registry.ollama.ai", "library"
_log = logging.getLogger("ruster.modelstore")


def import_file(path: Path, name: str | None, models: Path) -> ManifestEntry:
    """Take in one file; raises ModelError if it is none or no GGUF."""
    path = path.expanduser().absolute()
    _check_gguf(path)
    first = path.with_name(part_names(path.name)[0])
    called = name or first.name.removesuffix(".gguf")
    try:
        check_name(called, "the model's name")
    except ProtocolError as error:
        raise ModelError(f"{error.message}; choose another name", code=error.code) from error
    files = [path.with_name(part) for part in part_names(path.name)]
    return _entry(models, called, f"imported/{called}", files)


def import_lmstudio(folder: Path, models: Path) -> list[ManifestEntry]:
    """Take in all models of an LM Studio folder; what cannot be taken is logged and left out."""
    entries: list[ManifestEntry] = []
    for path in sorted(_folder(folder).glob("*/*/*.gguf"))[:_MAX_MODELS]:
        repo = f"{path.parent.parent.name}/{path.parent.name}"
        is_first = part_names(path.name)[0] == path.name
        if not is_first or path.name.casefold().startswith("mmproj"):
            continue
        try:
            check_repo(repo)
            files = [path.with_name(part) for part in part_names(path.name)]
            entries.append(_entry(models, f"{repo}:{path.name}", repo, files))
        except ModelError as error:
            _log.warning("%s is not taken in: %s", path, error.message)
    return entries


def import_ollama(folder: Path, models: Path) -> list[ManifestEntry]:
    """Take in all models of an Ollama folder; what cannot be taken is logged and left out."""
    entries: list[ManifestEntry] = []
    folder = _folder(folder)
    for manifest in sorted((folder / "manifests").glob("*/*/*/*"))[:_MAX_MODELS]:
        try:
            entries.append(_ollama_entry(folder, manifest, models))
        except ModelError as error:
            _log.warning("%s is not taken in: %s", manifest, error.message)
    return entries


def _ollama_entry(folder: Path, manifest: Path, models: Path) -> ManifestEntry:
    host, namespace, model, tag = manifest.parts[-4:]
    layers = _read_json(manifest).get("layers")
    digests = [
        match[1]
        for layer in (layers if isinstance(layers, list) else ())
        if isinstance(layer, dict) and layer.get("mediaType") == _MODEL_LAYER
        if (match := _DIGEST.match(str(layer.get("digest"))))
    ]
    if len(digests) != 1:
        raise ModelError("it does not name one model file", code="model_damaged")
    spelt = [namespace, model] if namespace != _OLLAMA_NAMESPACE else [model]
    spelt = [host, *spelt] if host != _OLLAMA_HOST else spelt
    return _linked(
        models,
        name="/".join(spelt) + f":{tag}",
        repo=f"ollama/{'.'.join(spelt)}",
        files=[(f"{model}-{tag}.gguf", folder / "blobs" / f"sha256-{digests[0]}")],
        quantization=_ollama_quant(folder, manifest) or quant_of(f"{model}-{tag}.gguf"),
        sha256=digests[0],
    )


def _ollama_quant(folder: Path, manifest: Path) -> str | None:
    """Read the quantization from a model's configuration blob, if it can be had."""
    config = _read_json(manifest).get("config")
    match = _DIGEST.match(str(config.get("digest"))) if isinstance(config, dict) else None
    if match is None:
        return None
    try:
        told = _read_json(folder / "blobs" / f"sha256-{match[1]}").get("file_type")
    except ModelError:
        return None
    return told if isinstance(told, str) and told else None


def _entry(models: Path, name: str, repo: str, files: list[Path]) -> ManifestEntry:
    return _linked(models, name, repo, [(path.name, path) for path in files])


def _linked(
    models: Path,
    name: str,
    repo: str,
    files: list[tuple[str, Path]],
    quantization: str | None = None,
    sha256: str | None = None,
) -> ManifestEntry:
    for filename, path in files:
        check_file(filename)
        _check_gguf(path)
    return ManifestEntry(
        name=name,
        repo=repo,
        filename=files[0][0],
        quantization=quantization or quant_of(files[0][0]),
        path=str(place(models, repo, files)),
        size_bytes=sum(path.stat().st_size for _, path in files),
        sha256=sha256,
        origin="import",
    )


def _folder(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise ModelError(f"there is no folder {folder}", code="model_not_found")
    return folder


def _check_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ModelError(f"{path} is no GGUF file", code="model_damaged")
    except FileNotFoundError as error:
        raise ModelError(f"there is no model file {path}", code="model_not_found") from error
    except OSError as error:
        raise ModelError(
            f"the model file {path} cannot be read: {error.strerror}", code="model_unreadable"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ModelError(f"{path} is too large", code="model_damaged")
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}", code="model_damaged") from error
    return data if isinstance(data, dict) else {}

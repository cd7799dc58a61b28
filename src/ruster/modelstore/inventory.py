"""What the store knows without asking the hub: the catalogue, and the files of this machine.

All methods block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ruster.core.errors import ModelError
from ruster.core.manifest import ManifestEntry, Purpose, UserManifest
from ruster.modelstore.catalogue import built_in, read_catalogue
from ruster.modelstore.digest import digests
from ruster.modelstore.folders import StoreFolders
from ruster.modelstore.links import remove_files
from ruster.modelstore.loose import find_loose, list_loose
from ruster.modelstore.names import Asked, check_file, check_repo, parse_asked, parse_path
from ruster.modelstore.quants import part_names
from ruster.modelstore.registry import Registry
from ruster.modelstore.settings import ModelStoreSettings
from ruster.modelstore.stored import StoredModel, find_stored, parts
from ruster.storage.disk import Disk, storage_error

__all__ = ["DEFAULT", "Inventory", "Wanted"]

DEFAULT = "default"
"""The name of the model that came here last, or of the settings' ``default_model``."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What has to be got from the hub.

    A ``built_in`` file may have been renamed there since: then its quantization counts.
    """

    asked: Asked
    purpose: str | None = None
    built_in: bool = False


class Inventory:
    """The models by name."""

    def __init__(self, folders: StoreFolders, settings: ModelStoreSettings, disk: Disk) -> None:
        self._folders = folders
        self._default = settings.quantization
        self._default_model = settings.default_model
        self._registry = Registry(folders.registry, disk)

    def models(self) -> list[StoredModel]:
        """List all: a named model that is here is shown with its file, and not a second time."""
        catalogue = read_catalogue(self._folders)
        recorded = {model.path for model in _stored(catalogue) if model.path is not None}
        return [*_shown(catalogue), *list_loose(self._folders.models, recorded)]

    def look_up(self, name: str, quant: str | None) -> Path | Wanted:
        """Return a model's path if it is here, else what to get; raises ModelError, ConfigError."""
        if (path := parse_path(name)) is not None:
            return _existing(path)
        catalogue = read_catalogue(self._folders)
        if name == DEFAULT and catalogue.find(name) is None:
            return self._newest(quant) or self.look_up(self._default_model, quant)
        entry = catalogue.find(name)
        model = StoredModel.of(name, entry) if entry is not None else None
        if model is not None and model.path is not None and _is(model, quant):
            return model.path
        if entry is None and (loose := find_loose(self._folders.models, name)) is not None:
            return loose
        wanted = self._wanted(name, quant, entry)
        found = find_stored(_stored(catalogue), wanted.asked, self._default)
        return found.path if found is not None and found.path is not None else wanted

    def path_of(self, asked: Asked) -> Path | None:
        """Return where exactly this file is, if it is here."""
        found = find_stored(_stored(read_catalogue(self._folders)), asked, self._default)
        return found.path if found is not None else None

    def show(self, name: str) -> StoredModel:
        """Return a model by any name it answers to; raises ModelError (``model_not_found``)."""
        if (named := next((m for m in self.models() if m.name == name), None)) is not None:
            return named
        catalogue = read_catalogue(self._folders)
        entry = catalogue.find(name)
        if entry is not None:
            return StoredModel.of(name, entry)
        found = find_stored(_stored(catalogue), parse_asked(name), self._default)
        if found is None:
            raise ModelError(f"{name} is not on this machine", code="model_not_found")
        return found

    def add(self, entries: Sequence[ManifestEntry]) -> tuple[StoredModel, ...]:
        """Record models in the registry."""
        if entries:
            self._registry.put(*entries)
        return tuple(StoredModel.of(entry.name or "", entry) for entry in entries)

    def remove(self, model: StoredModel) -> StoredModel:
        """Take a model off this machine; raises ModelError if it is not in the registry."""
        entry = self._entry(model)
        recorded = StoredModel.of(entry.name or "", entry)
        if recorded.path is not None:
            remove_files(recorded, self._folders.models)
        self._registry.drop(entry.name or "")
        return model

    def verify(self, model: StoredModel) -> StoredModel:
        """Hash a model's files; raises ModelError (``checksum_mismatch``), records new hashes."""
        if model.path is None:
            raise ModelError(f"{model.name} is not on this machine", code="model_not_found")
        try:
            found = ",".join(digests(path).sha256 for path in parts(model.path))
        except OSError as error:
            raise storage_error(error, f"read {model.path}") from error
        if model.sha256 is not None and found != model.sha256:
            raise ModelError(
                f"{model.path} has changed since it was taken in (its checksum differs); remove "
                f"{model.name} and get it anew",
                code="checksum_mismatch",
            )
        if model.sha256 is None:
            self._registry.put(replace(self._entry(model), sha256=found))
        return replace(model, sha256=found)

    def _newest(self, quant: str | None) -> Path | None:
        """Return the file of the model for chats that came here last; ``quant`` may narrow it."""
        chats = [model for model in self.models() if model.purpose is Purpose.INFERENCE]
        paths = [it.path for it in chats if it.path is not None and _is(it, quant)]
        return max(paths, key=lambda path: path.stat().st_mtime, default=None)

    def _entry(self, model: StoredModel) -> ManifestEntry:
        names = (model.name, f"{model.repo}:{model.filename}")
        for entry in self._registry.entries():
            if entry.name in names:
                return entry
        raise ModelError(
            f"{model.name} is not among the models that ruster keeps here; what stands in "
            f"{self._folders.manifest} is changed there",
            code="model_not_found",
        )

    def _wanted(self, name: str, quant: str | None, entry: ManifestEntry | None) -> Wanted:
        if entry is None:
            asked = parse_asked(name)
            filename = asked.filename if quant is None else None
            return Wanted(_whole(Asked(asked.repo, filename, quant or asked.quant)))
        if entry.path and not (entry.repo and entry.filename and entry.origin != "import"):
            raise ModelError(
                f"the file of {name}, {entry.path}, is gone or has changed", code="model_not_found"
            )
        spec = UserManifest((entry,)).resolve(name)
        other = quant is not None and quant.casefold() != spec.quantization.casefold()
        asked = Asked(
            check_repo(spec.repo),
            None if other else check_file(spec.filename),
            quant or spec.quantization,
        )
        shipped = built_in().find(name)
        is_shipped = shipped is not None and shipped.filename == spec.filename
        return Wanted(_whole(asked), spec.purpose, built_in=is_shipped)


def _whole(asked: Asked) -> Asked:
    """Ask for the first part when another one was named: they only go together."""
    return replace(asked, filename=asked.filename and part_names(asked.filename)[0])


def _is(model: StoredModel, quant: str | None) -> bool:
    return quant is None or (model.quantization or "").casefold() == quant.casefold()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ModelError(f"there is no model file {path}", code="model_not_found")
    return path


def _stored(catalogue: UserManifest) -> list[StoredModel]:
    return [StoredModel.of(entry.name or "", entry) for entry in catalogue.models if entry.path]


def _shown(catalogue: UserManifest) -> list[StoredModel]:
    """Show every model once: a file that has a name in the catalogue under that name."""
    here = {f"{model.repo}:{model.filename}": model for model in _stored(catalogue)}
    shown: list[StoredModel] = []
    claimed: set[str] = set()
    for entry in catalogue.models:
        if not entry.name:
            continue
        model = StoredModel.of(entry.name, entry.over(catalogue.defaults))
        key = f"{model.repo}:{model.filename}"
        if entry.name != key and model.path is None and key in here:
            model = replace(here[key], name=entry.name, purpose=model.purpose)
            claimed.add(key)
        shown.append(model)
    return [model for model in shown if model.name not in claimed]

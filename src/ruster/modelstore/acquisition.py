"""How a model comes from the hub: find out which files, see that they fit, fetch, link."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from ruster.core.errors import ModelError
from ruster.core.manifest import ManifestEntry
from ruster.modelstore.cache import CachedRepo
from ruster.modelstore.folders import StoreFolders, hub_cache
from ruster.modelstore.frames import Access, Fetched, FetchJob, Listing, ListJob
from ruster.modelstore.inventory import Wanted
from ruster.modelstore.links import place
from ruster.modelstore.names import Asked
from ruster.modelstore.process import Tell, fetch, list_files
from ruster.modelstore.quants import Variant, choose, variants
from ruster.modelstore.settings import ModelStoreSettings
from ruster.storage.disk import Disk

__all__ = ["Acquisition", "Plan"]

_PARALLEL_LISTINGS = 4
_log = logging.getLogger("ruster.modelstore")


@dataclass(frozen=True, slots=True)
class Plan:
    """The exact files of one commit that make a model."""

    repo: str
    commit: str
    variant: Variant
    purpose: str | None

    @property
    def asked(self) -> Asked:
        """The one name under which all who want this file meet."""
        return Asked(self.repo, self.variant.filename)


class Acquisition:
    """Gets models from the hub; each job runs in a child process."""

    def __init__(
        self,
        folders: StoreFolders,
        settings: ModelStoreSettings,
        variables: Callable[[str], str | None],
        disk: Disk,
    ) -> None:
        self._folders = folders
        self._settings = settings
        self._variables = variables
        self._disk = disk
        self._listings = asyncio.Semaphore(_PARALLEL_LISTINGS)

    async def plan(self, wanted: Wanted) -> Plan:
        """Ask the hub what there is and choose; raises ModelError."""
        asked = wanted.asked
        async with self._listings:
            listing = await list_files(ListJob(access=self._access(), repo=asked.repo))
        variant = self._choose(listing, wanted)
        return Plan(listing.repo, listing.commit, variant, wanted.purpose)

    async def fetch(self, plan: Plan, tell: Tell) -> ManifestEntry:
        """Download, verify and link the files; returns their entry for the registry.

        Raises ModelError; ``disk_full`` with figures before anything is downloaded.
        """
        access = self._access()
        await asyncio.to_thread(self._check_space, access, plan)
        job = FetchJob(access=access, repo=plan.repo, commit=plan.commit, files=plan.variant.files)
        fetched = await fetch(job, tell)
        return await asyncio.to_thread(self._place, plan, fetched)

    def _choose(self, listing: Listing, wanted: Wanted) -> Variant:
        offered = variants(listing.files)
        default, asked = self._settings.quantization, wanted.asked
        try:
            return choose(listing.repo, offered, asked.quant, default, asked.filename)
        except ModelError as error:
            if not wanted.built_in or error.code != "model_not_found":
                raise
            _log.warning("%s; taking another file of that quantization", error.message)
            return choose(listing.repo, offered, asked.quant, default)

    def _check_space(self, access: Access, plan: Plan) -> None:
        cache = CachedRepo(access.cache, plan.repo)
        missing = sum(cache.missing_bytes(file) for file in plan.variant.files)
        free = self._disk.free_bytes(cache.folder)
        reserve = self._settings.reserve_bytes
        if missing and missing + reserve > free:
            raise ModelError(
                f"{plan.asked} needs {_size(missing)} more and {_size(reserve)} to spare, but "
                f"{_size(free)} are free where {access.cache} is; make room or set HF_HUB_CACHE "
                "to a larger disk",
                code="disk_full",
                retryable=True,
            )

    def _place(self, plan: Plan, fetched: Fetched) -> ManifestEntry:
        names = [file.name for file in plan.variant.files]
        paths = [file.path for file in fetched.files]
        path = place(self._folders.models, plan.repo, list(zip(names, paths, strict=True)))
        found = all(file.found for file in fetched.files)
        ours = paths[0].is_relative_to(self._folders.hub)
        return ManifestEntry(
            name=str(plan.asked),
            repo=plan.repo,
            filename=plan.variant.filename,
            quantization=plan.variant.quant,
            purpose=plan.purpose,
            path=str(path),
            size_bytes=sum(file.size_bytes for file in fetched.files),
            sha256=",".join(file.sha256 for file in fetched.files),
            origin="found" if found and not ours else "hub",
        )

    def _access(self) -> Access:
        return Access(
            cache=hub_cache(self._variables, self._folders.hub),
            endpoint=(self._variables("HF_ENDPOINT") or "").rstrip("/") or None,
            token=(self._variables("HF_TOKEN") or "").strip() or None,
            connect_timeout_s=self._settings.connect_timeout_s,
            read_timeout_s=self._settings.read_timeout_s,
            retries=self._settings.retries,
            retry_wait_s=self._settings.retry_wait_s,
        )


def _size(count: int) -> str:
    """Write a number of bytes for people."""
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"

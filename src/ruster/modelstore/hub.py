"""The one file that talks to the model hub, through its own library. Runs in the child process.

Addresses, keys, the HTTP session and the meaning of answers are the library's; its errors end here.
Its own download is not used: it starts from nothing after a process was killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
from huggingface_hub import HfApi, constants, get_session, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import WeakFileLock, build_hf_headers, hf_raise_for_status

from ruster.core.errors import ModelError
from ruster.modelstore.frames import Access, Listing, RemoteFile
from ruster.modelstore.names import check_file

__all__ = ["Hub"]

_MAX_REDIRECTS = 5
_UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, OfflineModeIsEnabled)


class Hub:
    """The model hub as ``access`` reaches it."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._api = HfApi(endpoint=access.endpoint, token=access.token)
        self._timeout = httpx.Timeout(access.read_timeout_s, connect=access.connect_timeout_s)

    def list_files(self, repo: str) -> Listing:
        """List the GGUF files of a repository; raises ModelError."""
        with _translated(repo, self._api.endpoint), _odd_answers(self._api.endpoint):
            self._session()
            info = self._api.model_info(
                repo, files_metadata=True, timeout=self._access.read_timeout_s
            )
            files = [_file(sibling) for sibling in info.siblings or ()]
            return Listing(repo=repo, commit=info.sha or "", files=tuple(filter(None, files)))

    @contextmanager
    def open(self, repo: str, commit: str, name: str, start: int) -> Iterator[httpx.Response]:
        """Open a file's bytes from ``start`` on; raises ModelError, also while they are read."""
        with _translated(repo, self._api.endpoint):
            url = hf_hub_url(repo, name, revision=commit, endpoint=self._api.endpoint)
            headers = build_hf_headers(token=self._access.token)
            headers["Accept-Encoding"] = "identity"
            if start:
                headers["Range"] = f"bytes={start}-"
            request = self._session().stream("GET", url, headers=headers, timeout=self._timeout)
            with request as response:
                hf_raise_for_status(response)
                yield response

    def cached(self, repo: str, commit: str, name: str) -> Iterator[Path]:
        """Yield where the file lies already: in our cache, and in the library's own."""
        for cache in dict.fromkeys((self._access.cache, Path(constants.HF_HUB_CACHE))):
            found = try_to_load_from_cache(repo, name, cache_dir=cache, revision=commit)
            if isinstance(found, str):
                yield Path(found)

    def lock(self, path: Path) -> AbstractContextManager[object]:
        """Hold the library's lock on one download, waiting for it as long as it takes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return WeakFileLock(path)

    def _session(self) -> httpx.Client:
        session = get_session()
        session.max_redirects = _MAX_REDIRECTS
        return session


def _file(sibling: RepoSibling) -> RemoteFile | None:
    """Take a file of the listing if it is a GGUF with a usable name, size and hash."""
    content_hash = sibling.lfs.sha256 if sibling.lfs is not None else sibling.blob_id
    size = sibling.lfs.size if sibling.lfs is not None else sibling.size
    try:
        name = check_file(sibling.rfilename)
        return RemoteFile(name=name, size_bytes=size or 0, hash=content_hash or "")
    except (ModelError, ValueError):
        return None


@contextmanager
def _translated(repo: str, endpoint: str) -> Iterator[None]:
    try:
        yield
    except HfHubHTTPError as error:
        raise _refusal(repo, error) from error
    except _UNREACHABLE as error:
        raise ModelError(
            f"the model hub {endpoint} cannot be reached ({_words(error)}): check the connection, "
            "HF_ENDPOINT and HF_HUB_OFFLINE, or take in a GGUF file with `rusterctl models import`",
            code="hub_unreachable",
            retryable=True,
        ) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ModelError(
            f"{endpoint} is no address of a model hub ({error}); check HF_ENDPOINT",
            code="hub_unreachable",
        ) from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise ModelError(
            f"the download of {repo} broke off ({_words(error)}); ask again to go on with it",
            code="download_failed",
            retryable=not isinstance(error, httpx.TooManyRedirects),
        ) from error
    except HFValidationError as error:
        raise ModelError(f"{repo!r} is no repository: {error}", code="invalid_name") from error


@contextmanager
def _odd_answers(endpoint: str) -> Iterator[None]:
    """Whatever else the library stumbles over in an answer means that this is no hub."""
    try:
        yield
    except HFValidationError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        if isinstance(error, HfHubHTTPError):
            raise
        raise ModelError(
            f"{endpoint} does not answer as a model hub does ({_words(error)}); check HF_ENDPOINT",
            code="download_failed",
        ) from error


def _refusal(repo: str, error: HfHubHTTPError) -> ModelError:
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return _gated(f"{repo} may only be had by those who accepted its licence: accept it")
    if isinstance(error, RepositoryNotFoundError) or status == httpx.codes.NOT_FOUND:
        return ModelError(
            f"the model hub has no {repo}, or does not show it to you: check the name, or set "
            "HF_TOKEN if it is private",
            code="model_not_found",
        )
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return _gated(f"the model hub does not give {repo} to you: accept its licence")
    return ModelError(
        f"the model hub answered {status} for {repo}; try again later",
        code="download_failed",
        retryable=True,
    )


def _gated(sentence: str) -> ModelError:
    return ModelError(
        f"{sentence} on its page at the hub and set HF_TOKEN to a valid key", code="model_gated"
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]

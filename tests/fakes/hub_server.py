"""A model hub on a real TCP socket, as ``huggingface_hub`` sees it, with faults on demand.

It answers ``/api/models/ORG/REPO`` (with and without ``/revision/…`` and ``/tree/…``) and
``/ORG/REPO/resolve/REVISION/FILE``. As at the real hub, a file's address redirects to another host
(here: ``localhost``), which knows ranges and must never see the key.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote, urlsplit

__all__ = ["FakeHub", "FakeRepo", "Fault", "Request"]

_CHUNK_BYTES = 16 * 1024
_REASONS = {200: "OK", 206: "Partial Content", 302: "Found", 401: "Unauthorized"}
_REASONS |= {403: "Forbidden", 404: "Not Found", 416: "Range Not Satisfiable", 503: "Unavailable"}


@dataclass
class Fault:
    """What goes wrong with one file, each time it is asked for.

    ``cut_after`` closes the connection after so many bytes; ``hold_after`` stops sending there
    until ``release`` is set; ``content`` is sent instead of what was promised. After ``times``
    requests nothing is wrong any more.
    """

    cut_after: int | None = None
    hold_after: int | None = None
    release: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    content: bytes | None = None
    ignores_ranges: bool = False
    wrong_range: bool = False
    redirect_loop: bool = False
    times: int = 1_000_000
    status: int | None = None


@dataclass
class FakeRepo:
    """A repository: its files by name. ``plain`` ones are not kept as large files."""

    files: dict[str, bytes]
    gated: bool = False
    private: bool = False
    plain: frozenset[str] = frozenset({"README.md", "config.json"})
    faults: dict[str, Fault] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        """The commit, which follows from the content."""
        names = [f"{name} {self.etag(name)}" for name in sorted(self.files)]
        return hashlib.sha1("\n".join(names).encode()).hexdigest()

    def etag(self, name: str) -> str:
        """SHA-256 of a large file, git's name of any other."""
        data = self.files[name]
        if name in self.plain:
            return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Request:
    """A request as it came; header names in lower case. ``host`` is ``hub`` or ``cdn``."""

    host: str
    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def token(self) -> str | None:
        """The key that was sent along."""
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


class FakeHub:
    """``async with FakeHub({"org/repo": FakeRepo(…)}) as hub:`` listens at ``hub.url``.

    ``token`` is the key of someone who may see private repositories and accepted all licences.
    """

    def __init__(self, repos: dict[str, FakeRepo], token: str = "hf_good") -> None:
        self.repos = repos
        self.requests: list[Request] = []
        self.url = ""
        self.api_status: int | None = None
        self.api_body: bytes | None = None
        self._token = token
        self._changed = asyncio.Event()
        self._cdn_url = ""
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self.url = await self._listen("hub")
        self._cdn_url = (await self._listen("cdn")).replace("127.0.0.1", "localhost")
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()

    def downloads(self, name: str) -> list[Request]:
        """The requests for a file's bytes."""
        return [
            request
            for request in self.requests
            if request.host == "cdn" and unquote(urlsplit(request.path).path).endswith(name)
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds; it is looked at after each request and each hold."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _listen(self, host: str) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._connections.add(task)
            try:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    await self._serve(host, reader, writer)
            except asyncio.CancelledError:
                pass  # the server closes; asyncio's stream callback would log it
            finally:
                self._connections.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(
        self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.strip().split("\r\n")
        method, target, _ = line.split(" ")
        pairs = (header.partition(":") for header in rest)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        request = Request(host, method, target, headers)
        self.requests.append(request)
        self._changed.set()
        path = unquote(urlsplit(target).path)
        if host == "cdn":
            await self._send_file(request, path, writer)
        elif path.startswith("/api/models/"):
            writer.write(self._api(request, path.removeprefix("/api/models/")))
        else:
            writer.write(self._resolve(request, path))
        with suppress(ConnectionError):
            await writer.drain()

    def _api(self, request: Request, path: str) -> bytes:
        if self.api_status is not None or self.api_body is not None:
            return _answer(self.api_status or 200, self.api_body or b"")
        org, name, *rest = path.split("/")
        repo = self.repos.get(f"{org}/{name}")
        if repo is None or (repo.private and request.token != self._token):
            return self._not_found(request)
        if rest[:1] == ["tree"]:
            return _json([_tree_entry(repo, file) for file in sorted(repo.files)])
        return _json(
            {
                "_id": "65f0c0ffee0000000000beef",
                "id": f"{org}/{name}",
                "modelId": f"{org}/{name}",
                "sha": repo.commit,
                "private": repo.private,
                "gated": "manual" if repo.gated else False,
                "disabled": False,
                "downloads": 7,
                "likes": 1,
                "tags": ["gguf"],
                "siblings": [_sibling(repo, file) for file in sorted(repo.files)],
            }
        )

    def _resolve(self, request: Request, path: str) -> bytes:
        full_name, _, rest = path[1:].partition("/resolve/")
        revision, _, name = rest.partition("/")
        repo = self.repos.get(full_name)
        if repo is None or (repo.private and request.token != self._token):
            return self._not_found(request)
        if repo.gated and request.token != self._token:
            status = 401 if request.token is None else 403
            return _error(status, "GatedRepo", f"Access to model {full_name} is restricted.")
        if revision not in ("main", repo.commit):
            return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if name not in repo.files:
            return _error(404, "EntryNotFound", "Entry not found")
        if (fault := repo.faults.get(name)) is not None and fault.redirect_loop:
            return _answer(302, b"", {"Location": self.url + path})
        about = {"X-Repo-Commit": repo.commit, "Accept-Ranges": "bytes"}
        if name in repo.plain:
            about["ETag"] = f'"{repo.etag(name)}"'
            return _answer(200, repo.files[name], about, method=request.method)
        about |= {
            "X-Linked-Size": str(len(repo.files[name])),
            "X-Linked-ETag": f'"{repo.etag(name)}"',
            "ETag": f'"{repo.etag(name)}"',
            "Location": f"{self._cdn_url}/{full_name}/{name}?Signature=abc",
        }
        return _answer(302, b"Found. Redirecting", about, method=request.method)

    def _not_found(self, request: Request) -> bytes:
        """The hub does not tell strangers whether something private is there."""
        if request.token is None:
            return _error(401, "RepoNotFound", "Invalid username or password.")
        return _error(404, "RepoNotFound", "Repository not found")

    async def _send_file(self, request: Request, path: str, writer: asyncio.StreamWriter) -> None:
        org, repo_name, name = path[1:].split("/", 2)
        repo = self.repos[f"{org}/{repo_name}"]
        fault = repo.faults.get(name, Fault())
        if fault.times <= 0:
            fault = Fault()
        fault.times -= 1
        if fault.status is not None:
            writer.write(_answer(fault.status, b"not now"))
            return
        data = fault.content if fault.content is not None else repo.files[name]
        start = _start(request) if not fault.ignores_ranges else 0
        if start >= len(data):
            writer.write(_answer(416, b""))
            return
        shown = start + 1 if fault.wrong_range else start
        about = {"Content-Length": str(len(data) - start), "ETag": f'"{repo.etag(name)}"'}
        if start:
            about["Content-Range"] = f"bytes {shown}-{len(data) - 1}/{len(data)}"
        writer.write(_head(206 if start else 200, about))
        await self._send_body(data[start:], fault, writer)

    async def _send_body(self, data: bytes, fault: Fault, writer: asyncio.StreamWriter) -> None:
        """Send, but stop where the fault wants it; its numbers count from where a range begins."""
        stops = [at for at in (fault.cut_after, fault.hold_after) if at is not None]
        position = 0
        while position < len(data):
            if position == fault.hold_after:
                fault.held.set()
                self._changed.set()
                await fault.release.wait()
            if position == fault.cut_after:
                return
            end = min([position + _CHUNK_BYTES, len(data), *(at for at in stops if at > position)])
            writer.write(data[position:end])
            await writer.drain()
            position = end


def _start(request: Request) -> int:
    spelt = request.headers.get("range", "bytes=0-")
    return int(spelt.removeprefix("bytes=").partition("-")[0])


def _sibling(repo: FakeRepo, name: str) -> dict[str, Any]:
    entry = _tree_entry(repo, name)
    sibling = {"rfilename": name, "size": entry["size"], "blobId": entry["oid"]}
    if "lfs" in entry:
        lfs = entry["lfs"]
        sibling["lfs"] = {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": 135}
    return sibling


def _tree_entry(repo: FakeRepo, name: str) -> dict[str, Any]:
    size, etag = len(repo.files[name]), repo.etag(name)
    if name in repo.plain:
        return {"type": "file", "oid": etag, "size": size, "path": name}
    pointer = hashlib.sha1(etag.encode()).hexdigest()
    lfs = {"oid": etag, "size": size, "pointerSize": 135}
    return {"type": "file", "oid": pointer, "size": size, "path": name, "lfs": lfs}


def _json(value: object) -> bytes:
    about = {"Content-Type": "application/json; charset=utf-8"}
    return _answer(200, json.dumps(value).encode(), about)


def _error(status: int, code: str, message: str) -> bytes:
    about = {"X-Error-Code": code, "X-Error-Message": message}
    return _answer(status, json.dumps({"error": message}).encode(), about)


def _answer(
    status: int, body: bytes, about: Mapping[str, str] | None = None, method: str = "GET"
) -> bytes:
    head = _head(status, {"Content-Length": str(len(body)), **(about or {})})
    return head if method == "HEAD" else head + body


def _head(status: int, about: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in about.items()]
    return "\r\n".join([*lines, "", ""]).encode()

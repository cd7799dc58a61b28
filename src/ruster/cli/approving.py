"""Answering questions for approval with one key, one question after the other."""

from __future__ import annotations

import asyncio

from ruster.cli.keys import KeyReader
from ruster.cli.question import is_cut, question_text
from ruster.cli.terminal import red, visible
from ruster.client import Client
from ruster.core.errors import RusterError
from ruster.core.tasks import spawn
from ruster.protocol.events import ApprovalQuestion, ApprovalResolved

__all__ = ["KeyAnswers"]

_SCOPES = {"y": "once", "s": "session", "a": "always"}
_LABELS = {"y": "yes", "s": "yes, in this session", "a": "always", "n": "no", "v": "show all of it"}


class KeyAnswers:
    """Asks for a key as long as questions wait. The questions themselves others have shown.

    Whoever holds the lock ``terminal`` reads from it.
    """

    def __init__(self, client: Client, terminal: asyncio.Lock | None = None) -> None:
        self._client = client
        self._terminal = terminal or asyncio.Lock()
        self._keys = KeyReader()
        self._waiting: dict[str, ApprovalQuestion] = {}
        self._worker: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[str] | None = None
        self._current = ""

    def take(self, event: ApprovalQuestion | ApprovalResolved) -> None:
        """Take note of a question, or that one is closed."""
        if isinstance(event, ApprovalQuestion):
            self._waiting[event.approval_id] = event
            if self._worker is None:
                self._worker = spawn(self._work(), name="answer with a key")
        else:
            self._waiting.pop(event.approval_id, None)
            if event.approval_id == self._current and self._reading is not None:
                self._reading.cancel()

    def close(self) -> None:
        """Ask for no more; the terminal is as it was when this returns."""
        self._waiting.clear()
        for task in (self._reading, self._worker):
            if task is not None:
                task.cancel()
        self._keys.stop()

    async def _work(self) -> None:
        try:
            while self._waiting:
                async with self._terminal:
                    await self._work_once()
        finally:
            self._worker = None

    async def _work_once(self) -> None:
        """Ask for a key for the oldest question, if one still waits."""
        if self._waiting:
            self._current, asked = next(iter(self._waiting.items()))
            key = await self._key(asked)
            if self._waiting.pop(self._current, None) is not None and key:
                await self._answer(asked, key)

    async def _key(self, asked: ApprovalQuestion) -> str:
        """Return what was pressed; empty when the question is closed, or stdin."""
        wanted = [key for key, scope in _SCOPES.items() if scope in asked.scopes] + ["n"]
        if is_cut(asked):
            wanted.append("v")
        while True:
            self._keys.start()
            print("  ".join(f"[{key}] {_LABELS[key]}" for key in wanted), end=" > ", flush=True)
            self._reading = spawn(self._keys.read("".join(wanted)), name="read a key")
            await asyncio.wait({self._reading})
            key = "" if self._reading.cancelled() else self._reading.result()
            print(key, flush=True)
            if key != "v":
                return key
            print(question_text(asked, full=True))

    async def _answer(self, asked: ApprovalQuestion, key: str) -> None:
        try:
            if key == "n":
                await self._client.reject(asked.approval_id)
            else:
                await self._client.approve(asked.approval_id, _SCOPES[key])
        except RusterError as error:
            print(red(visible(error.message)), flush=True)

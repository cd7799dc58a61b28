"""The client for programs: typed, asynchronous, connected again by itself.

    async with Client() as client:
        await client.create("work")
        print(await client.ask("work", "What is the capital of France?"))

What happens below it: ``uplink`` keeps a connection, ``switchboard`` knows who waits for what.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from ruster.client.answer import Answer
from ruster.client.approvals import approval_events
from ruster.client.failures import failure_of
from ruster.client.link import LinkLost
from ruster.client.subscription import Subscription
from ruster.client.uplink import Uplink
from ruster.core.errors import DaemonUnreachable, ProtocolError
from ruster.protocol import events
from ruster.protocol.parsed import ParsedEvent

__all__ = ["DEFAULT_SOCKET_PATH", "Client", "Mode"]

DEFAULT_SOCKET_PATH = Path("/tmp/ruster.sock")
_ACCEPT_GRACE_S = 1.0
_PAUSE_S = 0.05
ImportSource = Literal["file", "ollama", "lmstudio"]
Mode = Literal["queue", "steer", "interrupt"]
_Reply = TypeVar("_Reply", bound=events.Event)


class Client:
    """One connection, any number of sessions and commands at once.

    Entering raises DaemonUnreachable when no daemon listens. A lost connection is replaced for up
    to ``patience_s`` seconds: iterators go on where they were, commands that only read are sent
    again. Errors the daemon answers with are raised as classes of ``ruster.core.errors``, with the
    wire's ``code``.
    """

    def __init__(self, socket_path: str | Path | None = None, *, patience_s: float = 30.0) -> None:
        self._path = Path(socket_path or DEFAULT_SOCKET_PATH)
        self._uplink = Uplink(self._path, patience_s)
        self._board = self._uplink.board

    async def __aenter__(self) -> Client:
        await self._uplink.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._uplink.aclose()

    def watch_link(self, told: Callable[[bool], None]) -> None:
        """Have ``told`` called with False when the connection is lost, True when it is back."""
        self._uplink.told = told

    async def call(self, action: str, *, repeatable: bool = True, **fields: Any) -> ParsedEvent:
        """Send any command and return its reply; raises the error the daemon answers with.

        One that is not ``repeatable`` is not sent again when its reply was lost: it raises
        DaemonUnreachable.
        """
        return await self._uplink.call({"action": action, **fields}, repeatable=repeatable)

    # Talking

    async def ask(self, session_id: str, message: str, mode: Mode = "queue") -> str:
        """Send a message and return the whole answer.

        Raises the turn's error, or SessionError (``cancelled``) if somebody ended it.
        """
        answer = Answer()
        async with contextlib.aclosing(self.send(session_id, message, mode)) as turn:
            async for parsed in turn:
                answer.add(parsed.event)
        return answer.text

    async def send(
        self, session_id: str, message: str, mode: Mode = "queue"
    ) -> AsyncGenerator[ParsedEvent, None]:
        """Send a message and iterate over the events of its turn, ``accepted`` first.

        The last one is ``response`` with ``done``, ``cancelled``, or ``error``; after an error it
        is raised as well. When the daemon is restarted in the middle, a notice
        ``turn_restarted`` comes and the answer begins anew. Leaving early does not end the turn.
        Raises DaemonUnreachable (retryable) if the message was not accepted before the daemon went.
        """
        link, feed = await self._uplink.attached(session_id)
        command_id = link.next_id()
        turn = self._board.add(session_id, feed.last_seq, command_id)
        command = {"action": "send", "session_id": session_id, "message": message, "mode": mode}
        try:
            try:
                await link.call(command, command_id)
            except LinkLost:
                await self._find_accepted(turn)
            last = None
            while (parsed := await turn.get(self._resync(session_id))) is not None:
                last = parsed
                yield parsed
            if last is not None and isinstance(last.event, events.ErrorEvent):
                raise failure_of(last)
        finally:
            self._board.remove(session_id, turn)

    async def submit(self, session_id: str, message: str, mode: Mode = "queue") -> str:
        """Send a message and return the turn it belongs to; its answer is not waited for.

        While the agent waits for the answer to a question, the message is that answer.
        """
        async with contextlib.aclosing(self.send(session_id, message, mode)) as turn:
            async for accepted in turn:
                return accepted.turn or ""
        raise DaemonUnreachable("the session was left before it accepted the message")

    async def cancel(
        self, session_id: str, turn: str | None = None, *, queued: bool = False
    ) -> events.CancelReport:
        """End the session's running turn, with ``queued`` also those that wait.

        With ``turn`` only that one, whether it runs or waits.
        """
        fields = {"session_id": session_id, "turn": turn, "queued": queued}
        reply = await self._uplink.call({"action": "cancel", **fields}, repeatable=False)
        return _expect(reply, events.CancelReport)

    # Sessions

    async def create(
        self, session_id: str, model: str | None = None, title: str | None = None
    ) -> events.Created:
        """Open a session, or change the model or title of one that exists."""
        return await self._call(
            events.Created, "create", session_id=session_id, model=model, title=title
        )

    async def list(self, *, all_users: bool = False) -> events.SessionList:
        """Name the sessions; ``all_users`` is for the daemon's own user and root."""
        return await self._call(events.SessionList, "list", all=all_users or None)

    async def delete(self, session_id: str) -> events.Deleted:
        """Remove a session with everything it left on the disk."""
        reply = await self._uplink.call(
            {"action": "delete", "session_id": session_id}, repeatable=False
        )
        return _expect(reply, events.Deleted)

    async def history(
        self, session_id: str, *, limit: int = 20, offset: int = 0
    ) -> events.HistoryPage:
        """Read a page of the stored conversation, counted from the oldest record."""
        return await self._call(
            events.HistoryPage, "history", session_id=session_id, limit=limit, offset=offset
        )

    async def why(self, session_id: str, turn: str | None = None) -> events.Why:
        """Ask how the answer of a turn came about; without ``turn``, of the last that ended.

        Raises SessionError (``turn_not_found``).
        """
        return await self._call(events.Why, "why", session_id=session_id, turn=turn)

    async def attach(
        self, session_id: str, since: int | None = None
    ) -> AsyncGenerator[ParsedEvent, None]:
        """Iterate over a session's events: what followed ``since`` (a ``seq``), then live ones.

        Every ``seq`` comes once and in order, also over a restart of the daemon. Ends when the
        session is deleted or ``detach`` is called. Raises SessionError (``session_not_found``,
        ``cursor_expired``, ``cursor_invalid``), or DaemonUnreachable when the daemon stays away.
        """
        subscription = self._board.add(session_id, since)
        try:
            await self._uplink.attach(session_id, subscription)
            while (parsed := await subscription.get(self._resync(session_id))) is not None:
                yield parsed
        finally:
            self._board.remove(session_id, subscription)

    async def detach(self, session_id: str) -> events.Detached:
        """Stop receiving a session's events; its iterators end."""
        reply = await self._call(events.Detached, "detach", session_id=session_id)
        self._board.detached(session_id)
        return reply

    # The daemon

    async def ping(self) -> events.Pong:
        """Ask whether the daemon listens."""
        return await self._call(events.Pong, "ping")

    async def status(self) -> events.StatusReport:
        """Ask how the daemon is."""
        return await self._call(events.StatusReport, "status")

    async def models(self) -> events.ModelList:
        """List the models that can answer now."""
        return await self._call(events.ModelList, "models")

    async def model_list(self, *, here: bool = False) -> events.ModelCatalogueEvent:
        """List the local models: those of the catalogue and of this machine, or only the latter."""
        return await self._call(events.ModelCatalogueEvent, "model_list", here=here)

    async def model_show(self, model: str) -> events.ModelReport:
        """Tell what is known of a local model."""
        return await self._call(events.ModelReport, "model_show", model=model)

    async def model_download(
        self,
        model: str,
        quant: str | None = None,
        watch: Callable[[events.ProgressEvent], None] | None = None,
    ) -> events.ModelDownloaded:
        """Bring a model to this machine; ``watch`` is told how far it has come."""
        command = {"action": "model_download", "model": model, "quant": quant}
        return _expect(await self._uplink.call(command, watch=watch), events.ModelDownloaded)

    async def model_cancel(self, model: str) -> events.ModelCancelled:
        """End a model's download for all who wait for it."""
        return await self._call(events.ModelCancelled, "model_cancel", model=model)

    async def model_remove(self, model: str) -> events.ModelReport:
        """Forget a model of this machine."""
        command = {"action": "model_remove", "model": model}
        return _expect(await self._uplink.call(command, repeatable=False), events.ModelReport)

    async def model_verify(self, model: str) -> events.ModelReport:
        """Hash a model's files anew; raises ModelError (``checksum_mismatch``)."""
        return await self._call(events.ModelReport, "model_verify", model=model)

    async def model_import(
        self, path: str, source: ImportSource = "file", name: str | None = None
    ) -> events.ModelsImported:
        """Take in models that lie on this machine already, without copying them."""
        command = {"action": "model_import", "path": path, "source": source, "name": name}
        return _expect(await self._uplink.call(command), events.ModelsImported)

    async def skill_list(
        self, session_id: str | None = None, *, limit: int = 200, offset: int = 0
    ) -> events.SkillListing:
        """List the installed skills in order of name, and those a session has."""
        return await self._call(
            events.SkillListing, "skill_list", session_id=session_id, limit=limit, offset=offset
        )

    async def tool_list(self, session_id: str | None = None) -> events.ToolListing:
        """List the tools; with a session, also those of its skills."""
        return await self._call(events.ToolListing, "tool_list", session_id=session_id)

    async def config_get(self, key: str) -> events.ConfigValue:
        """Read one setting."""
        return await self._call(events.ConfigValue, "config_get", key=key)

    async def config_set(
        self, key: str, value: str | float | bool | Sequence[str]
    ) -> events.ConfigUpdated:
        """Change one setting; it is kept."""
        return await self._call(events.ConfigUpdated, "config_set", key=key, value=value)

    async def config_list(self) -> events.ConfigListing:
        """Read all settings."""
        return await self._call(events.ConfigListing, "config_list")

    async def approvals(self) -> events.ApprovalListing:
        """List the questions that wait for approval."""
        return await self._call(events.ApprovalListing, "approval_list")

    async def watch_approvals(self) -> AsyncGenerator[events.Event, None]:
        """Iterate over ``approval_list``, then what is asked and answered in all sessions.

        On a connection of its own. When that is lost the next ``approval_list`` says what waits
        now. Raises SessionError (``not_permitted``), or DaemonUnreachable as ``attach`` does.
        """
        while True:
            with contextlib.suppress(LinkLost):
                async with contextlib.aclosing(approval_events(self._path)) as told:
                    async for parsed in told:
                        yield parsed.event
            await asyncio.sleep(_PAUSE_S)
            await self._uplink.link()

    async def approve(self, approval_id: str, scope: str = "once") -> events.ApprovalAnswered:
        """Let a tool do what was shown: ``once``, in this ``session``, or ``always``."""
        command = {"action": "approve", "approval_id": approval_id, "scope": scope}
        return _expect(await self._uplink.call(command, repeatable=False), events.ApprovalAnswered)

    async def reject(self, approval_id: str, reason: str | None = None) -> events.ApprovalAnswered:
        """Keep a tool from doing what was shown; ``reason`` is told to the model."""
        command = {"action": "reject", "approval_id": approval_id, "reason": reason}
        return _expect(await self._uplink.call(command, repeatable=False), events.ApprovalAnswered)

    async def _call(self, kind: type[_Reply], action: str, **fields: Any) -> _Reply:
        return _expect(await self._uplink.call({"action": action, **fields}), kind)

    def _resync(self, session_id: str) -> Any:
        async def resync(subscription: Subscription) -> None:
            subscription.catch_up()
            await self._uplink.attach(session_id, subscription)

        return resync

    async def _find_accepted(self, turn: Subscription) -> None:
        """Look for the message's ``accepted`` in what is replayed after the link was lost."""
        await self._uplink.link()
        try:
            async with asyncio.timeout(_ACCEPT_GRACE_S):
                await turn.accepted.wait()
        except TimeoutError:
            raise DaemonUnreachable(
                "the daemon went away before it accepted the message; send it again"
            ) from None


def _expect(parsed: ParsedEvent, kind: type[_Reply]) -> _Reply:
    if isinstance(parsed.event, kind):
        return parsed.event
    raise ProtocolError(f"the daemon answered with {parsed.event.event!r}", code="invalid_json")

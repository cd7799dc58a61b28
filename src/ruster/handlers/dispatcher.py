"""From a command to its use-case: one table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ruster.handlers.approval import ApprovalHandlers
from ruster.handlers.caller import Caller
from ruster.handlers.config import ConfigHandlers
from ruster.handlers.daemon import DaemonHandlers
from ruster.handlers.model import ModelHandlers
from ruster.handlers.session import SessionHandlers
from ruster.handlers.skill import SkillHandlers
from ruster.protocol import commands

__all__ = ["Dispatcher"]

_Handler = Callable[[Caller, Any], Awaitable["asyncio.Future[None] | None"]]


class Dispatcher:
    """Runs the use-case of a command."""

    def __init__(
        self,
        session: SessionHandlers,
        daemon: DaemonHandlers,
        config: ConfigHandlers,
        model: ModelHandlers,
        approval: ApprovalHandlers,
        skill: SkillHandlers,
    ) -> None:
        self._handlers: dict[type[commands.CommandBase], _Handler] = {
            commands.Create: session.create,
            commands.Send: session.send,
            commands.ListSessions: session.list,
            commands.Delete: session.delete,
            commands.History: session.history,
            commands.Attach: session.attach,
            commands.Detach: session.detach,
            commands.Cancel: session.cancel,
            commands.Why: session.why,
            commands.Ping: daemon.ping,
            commands.Status: daemon.status,
            commands.Models: daemon.models,
            commands.ModelCatalogue: model.list,
            commands.ModelShow: model.show,
            commands.ModelDownload: model.download,
            commands.ModelCancel: model.cancel,
            commands.ModelRemove: model.remove,
            commands.ModelVerify: model.verify,
            commands.ModelImport: model.take_in,
            commands.SkillList: skill.list,
            commands.SkillSearch: skill.search,
            commands.SkillShow: skill.show,
            commands.SkillAdd: skill.add,
            commands.SkillRemove: skill.remove,
            commands.SkillDryRun: skill.dry_run,
            commands.SkillBan: skill.ban,
            commands.SkillUnban: skill.unban,
            commands.SkillValidate: skill.validate,
            commands.ConfigGet: config.get,
            commands.ConfigSet: config.set,
            commands.ConfigList: config.list,
            commands.ApprovalList: approval.list,
            commands.Approve: approval.approve,
            commands.Reject: approval.reject,
        }

    async def __call__(
        self, caller: Caller, command: commands.CommandBase
    ) -> asyncio.Future[None] | None:
        """Handle a command; return a future of what it set going. Raises RusterError."""
        return await self._handlers[type(command)](caller, command)

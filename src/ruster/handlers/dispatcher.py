"""From a command to its use-case: one table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ruster.handlers.approval import ApprovalHandlers
from ruster.handlers.caller import Caller
from ruster.handlers.config import ConfigHandlers
from ruster.handlers.daemon import DaemonHandlers
from ruster.handlers.doctor import DoctorHandlers
from ruster.handlers.memory.handlers import MemoryHandlers
from ruster.handlers.model import ModelHandlers
from ruster.handlers.session import SessionHandlers
from ruster.handlers.skill import SkillHandlers
from ruster.handlers.tool import ToolHandlers
from ruster.protocol import commands

__all__ = ["Dispatcher", "UseCases"]

_Handler = Callable[[Caller, Any], Awaitable["asyncio.Future[None] | None"]]


@dataclass(frozen=True, slots=True)
class UseCases:
    """One object per family of commands."""

    session: SessionHandlers
    daemon: DaemonHandlers
    doctor: DoctorHandlers
    config: ConfigHandlers
    model: ModelHandlers
    approval: ApprovalHandlers
    skill: SkillHandlers
    tool: ToolHandlers
    memory: MemoryHandlers


class Dispatcher:
    """Runs the use-case of a command."""

    def __init__(self, cases: UseCases) -> None:
        self._handlers: dict[type[commands.CommandBase], _Handler] = {
            commands.Create: cases.session.create,
            commands.Send: cases.session.send,
            commands.ListSessions: cases.session.list,
            commands.Delete: cases.session.delete,
            commands.History: cases.session.history,
            commands.Attach: cases.session.attach,
            commands.Detach: cases.session.detach,
            commands.Cancel: cases.session.cancel,
            commands.Why: cases.session.why,
            commands.Ping: cases.daemon.ping,
            commands.Status: cases.daemon.status,
            commands.Doctor: cases.doctor.doctor,
            commands.Models: cases.daemon.models,
            commands.ModelCatalogue: cases.model.list,
            commands.ModelShow: cases.model.show,
            commands.ModelDownload: cases.model.download,
            commands.ModelCancel: cases.model.cancel,
            commands.ModelRemove: cases.model.remove,
            commands.ModelVerify: cases.model.verify,
            commands.ModelImport: cases.model.take_in,
            commands.SkillList: cases.skill.list,
            commands.SkillSearch: cases.skill.search,
            commands.SkillShow: cases.skill.show,
            commands.SkillAdd: cases.skill.add,
            commands.SkillRemove: cases.skill.remove,
            commands.SkillDryRun: cases.skill.dry_run,
            commands.SkillBan: cases.skill.ban,
            commands.SkillUnban: cases.skill.unban,
            commands.SkillValidate: cases.skill.validate,
            commands.ToolList: cases.tool.list,
            commands.MemorySearch: cases.memory.records.search,
            commands.MemoryAdd: cases.memory.adding.add,
            commands.MemoryList: cases.memory.records.newest,
            commands.MemoryShow: cases.memory.records.show,
            commands.MemoryEdit: cases.memory.records.edit,
            commands.MemoryForget: cases.memory.forgetting.forget,
            commands.MemoryPin: cases.memory.records.pin,
            commands.MemoryPromote: cases.memory.moves.promote,
            commands.MemoryLog: cases.memory.moves.log,
            commands.MemoryUndo: cases.memory.moves.undo,
            commands.MemoryStats: cases.memory.stats.stats,
            commands.MemoryExport: cases.memory.adding.export,
            commands.MemoryImport: cases.memory.adding.take_in,
            commands.MemoryBackup: cases.memory.files.back_up,
            commands.MemoryBackups: cases.memory.files.list,
            commands.MemoryBackupRemove: cases.memory.files.remove,
            commands.MemoryRestore: cases.memory.files.restore,
            commands.MemoryReindex: cases.memory.files.reindex,
            commands.MemorySet: cases.memory.facts.set,
            commands.MemoryGet: cases.memory.facts.get,
            commands.MemoryDelete: cases.memory.facts.delete,
            commands.MemoryKeys: cases.memory.facts.keys,
            commands.MemoryFlush: cases.memory.facts.flush,
            commands.ConfigGet: cases.config.get,
            commands.ConfigSet: cases.config.set,
            commands.ConfigList: cases.config.list,
            commands.ApprovalList: cases.approval.list,
            commands.Approve: cases.approval.approve,
            commands.Reject: cases.approval.reject,
        }

    async def __call__(
        self, caller: Caller, command: commands.CommandBase
    ) -> asyncio.Future[None] | None:
        """Handle a command; return a future of what it set going. Raises RusterError."""
        return await self._handlers[type(command)](caller, command)

"""From a command to its use-case: one table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ruster.handlers.approval import ApprovalHandlers
from ruster.handlers.caller import Caller
from ruster.handlers.config import ConfigHandlers
from ruster.handlers.daemon import DaemonHandlers
from ruster.handlers.doctor import DoctorHandlers
from ruster.handlers.model import ModelHandlers
from ruster.handlers.session import SessionHandlers
from ruster.handlers.skill import SkillHandlers
from ruster.handlers.tool import ToolHandlers
from ruster.protocol import commands

if TYPE_CHECKING:
    from ruster.handlers.gateway import GatewayHandlers
    from ruster.handlers.memory.handlers import MemoryHandlers
    from ruster.handlers.proactive import ProactiveHandlers
    from ruster.handlers.server import ServerHandlers

__all__ = ["Dispatcher", "UseCases"]

_Cases = TypeVar("_Cases")
_Handler = Callable[[Caller, Any], Awaitable["asyncio.Future[None] | None"]]
_Table = dict[type[commands.CommandBase], _Handler]


@dataclass(frozen=True, slots=True)
class UseCases:
    """One object per family of commands; some are made when their first command comes."""

    session: SessionHandlers
    daemon: DaemonHandlers
    doctor: DoctorHandlers
    config: ConfigHandlers
    model: ModelHandlers
    approval: ApprovalHandlers
    skill: SkillHandlers
    tool: ToolHandlers
    memory: Callable[[], Awaitable[MemoryHandlers]]
    proactive: Callable[[], Awaitable[ProactiveHandlers]]
    server: Callable[[], Awaitable[ServerHandlers]]
    gateway: Callable[[], Awaitable[GatewayHandlers]]


class Dispatcher:
    """Runs the use-case of a command."""

    def __init__(self, cases: UseCases) -> None:
        self._late: dict[str, Callable[[], Awaitable[_Table]]] = {
            "memory": lambda: _table(cases.memory, _of_memory),
            "server": lambda: _table(cases.server, _of_servers),
            **dict.fromkeys(
                ("job", "goal", "ooda"), lambda: _table(cases.proactive, _of_proactive)
            ),
            "gateway": lambda: _table(cases.gateway, _of_gateway),
        }
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
        if type(command) not in self._handlers:
            self._handlers |= await self._late[command.action.partition("_")[0]]()
        return await self._handlers[type(command)](caller, command)


async def _table(load: Callable[[], Awaitable[_Cases]], of: Callable[[_Cases], _Table]) -> _Table:
    """Make a family's object, and return its commands."""
    return of(await load())


def _of_memory(cases: MemoryHandlers) -> _Table:
    return {
        commands.MemorySearch: cases.records.search,
        commands.MemoryAdd: cases.adding.add,
        commands.MemoryList: cases.records.newest,
        commands.MemoryShow: cases.records.show,
        commands.MemoryEdit: cases.records.edit,
        commands.MemoryForget: cases.forgetting.forget,
        commands.MemoryPin: cases.records.pin,
        commands.MemoryPromote: cases.moves.promote,
        commands.MemoryLog: cases.moves.log,
        commands.MemoryUndo: cases.moves.undo,
        commands.MemoryStats: cases.stats.stats,
        commands.MemoryExport: cases.adding.export,
        commands.MemoryImport: cases.adding.take_in,
        commands.MemoryBackup: cases.files.back_up,
        commands.MemoryBackups: cases.files.list,
        commands.MemoryBackupRemove: cases.files.remove,
        commands.MemoryRestore: cases.files.restore,
        commands.MemoryReindex: cases.files.reindex,
        commands.MemorySet: cases.facts.set,
        commands.MemoryGet: cases.facts.get,
        commands.MemoryDelete: cases.facts.delete,
        commands.MemoryKeys: cases.facts.keys,
        commands.MemoryFlush: cases.facts.flush,
    }


def _of_proactive(cases: ProactiveHandlers) -> _Table:
    return {
        commands.JobAdd: cases.job.add,
        commands.JobList: cases.job.list,
        commands.JobShow: cases.job.show,
        commands.JobRun: cases.job.run,
        commands.JobEnable: cases.job.enable,
        commands.JobDisable: cases.job.disable,
        commands.JobRemove: cases.job.remove,
        commands.JobHistory: cases.job.history,
        commands.JobTick: cases.job.tick,
        commands.GoalAdd: cases.goal.add,
        commands.GoalList: cases.goal.list,
        commands.GoalShow: cases.goal.show,
        commands.GoalNote: cases.goal.note,
        commands.GoalAchieve: cases.goal.achieve,
        commands.GoalRemove: cases.goal.remove,
        commands.OodaCycle: cases.ooda.cycle,
        commands.OodaList: cases.ooda.list,
    }


def _of_servers(cases: ServerHandlers) -> _Table:
    return {
        commands.ServerList: cases.list,
        commands.ServerGet: cases.get,
        commands.ServerAttach: cases.attach,
        commands.ServerDetach: cases.detach,
        commands.ServerSend: cases.send,
        commands.ServerSubscribe: cases.subscribe,
    }


def _of_gateway(cases: GatewayHandlers) -> _Table:
    return {
        commands.GatewayTokenAdd: cases.add,
        commands.GatewayTokenList: cases.list,
        commands.GatewayTokenRevoke: cases.revoke,
        commands.GatewayLink: cases.link,
    }

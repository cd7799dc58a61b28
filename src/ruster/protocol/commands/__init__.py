"""Commands: what a client may ask, one model per action.

The flat form ``{"action":"send",...}`` is canonical. The envelope
``{"command":"session","arguments":{"action":"send",...}}`` means the same; see ``codec``.
"""

from __future__ import annotations

from ruster.protocol.commands.approval import (
    ApprovalList,
    ApprovalScope,
    Approve,
    Reject,
)
from ruster.protocol.commands.base import (
    CommandBase,
    CommandId,
    SessionCommand,
)
from ruster.protocol.commands.daemon import (
    ConfigGet,
    ConfigList,
    ConfigSet,
    Doctor,
    Models,
    Ping,
    Status,
)
from ruster.protocol.commands.gateway import (
    GatewayLink,
    GatewayTokenAdd,
    GatewayTokenList,
    GatewayTokenRevoke,
)
from ruster.protocol.commands.goal import (
    GoalAchieve,
    GoalAdd,
    GoalCommand,
    GoalList,
    GoalNote,
    GoalRemove,
    GoalShow,
)
from ruster.protocol.commands.job import (
    JobAdd,
    JobCommand,
    JobDisable,
    JobEnable,
    JobHistory,
    JobList,
    JobRemove,
    JobRun,
    JobShow,
    JobTick,
)
from ruster.protocol.commands.memory import (
    MemoryAdd,
    MemoryBackup,
    MemoryBackupRemove,
    MemoryBackups,
    MemoryCommand,
    MemoryDelete,
    MemoryEdit,
    MemoryExport,
    MemoryFlush,
    MemoryForget,
    MemoryGet,
    MemoryImport,
    MemoryKeys,
    MemoryList,
    MemoryLog,
    MemoryPin,
    MemoryPromote,
    MemoryReindex,
    MemoryRestore,
    MemorySearch,
    MemorySet,
    MemoryShow,
    MemoryStats,
    MemoryUndo,
)
from ruster.protocol.commands.model import (
    ImportSource,
    ModelCancel,
    ModelCatalogue,
    ModelCommand,
    ModelDownload,
    ModelImport,
    ModelRemove,
    ModelShow,
    ModelVerify,
)
from ruster.protocol.commands.ooda import (
    Observed,
    OodaCycle,
    OodaList,
)
from ruster.protocol.commands.server import (
    EventMode,
    ServerAttach,
    ServerDetach,
    ServerGet,
    ServerList,
    ServerSend,
    ServerSubscribe,
)
from ruster.protocol.commands.session import (
    Attach,
    Cancel,
    Create,
    Delete,
    Detach,
    History,
    ListSessions,
    Send,
    SendMode,
    Why,
)
from ruster.protocol.commands.skill import (
    SkillAdd,
    SkillBan,
    SkillCommand,
    SkillDryRun,
    SkillList,
    SkillRemove,
    SkillSearch,
    SkillShow,
    SkillUnban,
    SkillValidate,
)
from ruster.protocol.commands.tool import ToolList

__all__ = [
    "COMMANDS",
    "ApprovalList",
    "ApprovalScope",
    "Approve",
    "Attach",
    "Cancel",
    "Command",
    "CommandBase",
    "CommandId",
    "ConfigGet",
    "ConfigList",
    "ConfigSet",
    "Create",
    "Delete",
    "Detach",
    "Doctor",
    "EventMode",
    "GatewayLink",
    "GatewayTokenAdd",
    "GatewayTokenList",
    "GatewayTokenRevoke",
    "GoalAchieve",
    "GoalAdd",
    "GoalCommand",
    "GoalList",
    "GoalNote",
    "GoalRemove",
    "GoalShow",
    "History",
    "ImportSource",
    "JobAdd",
    "JobCommand",
    "JobDisable",
    "JobEnable",
    "JobHistory",
    "JobList",
    "JobRemove",
    "JobRun",
    "JobShow",
    "JobTick",
    "ListSessions",
    "MemoryAdd",
    "MemoryBackup",
    "MemoryBackupRemove",
    "MemoryBackups",
    "MemoryCommand",
    "MemoryDelete",
    "MemoryEdit",
    "MemoryExport",
    "MemoryFlush",
    "MemoryForget",
    "MemoryGet",
    "MemoryImport",
    "MemoryKeys",
    "MemoryList",
    "MemoryLog",
    "MemoryPin",
    "MemoryPromote",
    "MemoryReindex",
    "MemoryRestore",
    "MemorySearch",
    "MemorySet",
    "MemoryShow",
    "MemoryStats",
    "MemoryUndo",
    "ModelCancel",
    "ModelCatalogue",
    "ModelCommand",
    "ModelDownload",
    "ModelImport",
    "ModelRemove",
    "ModelShow",
    "ModelVerify",
    "Models",
    "Observed",
    "OodaCycle",
    "OodaList",
    "Ping",
    "Reject",
    "Send",
    "SendMode",
    "ServerAttach",
    "ServerDetach",
    "ServerGet",
    "ServerList",
    "ServerSend",
    "ServerSubscribe",
    "SessionCommand",
    "SkillAdd",
    "SkillBan",
    "SkillCommand",
    "SkillDryRun",
    "SkillList",
    "SkillRemove",
    "SkillSearch",
    "SkillShow",
    "SkillUnban",
    "SkillValidate",
    "Status",
    "ToolList",
    "Why",
]

Command = (
    Create
    | Send
    | ListSessions
    | Delete
    | History
    | Attach
    | Detach
    | Cancel
    | Why
    | Status
    | Doctor
    | Models
    | ModelCatalogue
    | ModelShow
    | ModelDownload
    | ModelCancel
    | ModelRemove
    | ModelVerify
    | ModelImport
    | SkillList
    | SkillSearch
    | SkillShow
    | SkillAdd
    | SkillRemove
    | SkillDryRun
    | SkillBan
    | SkillUnban
    | SkillValidate
    | ToolList
    | JobAdd
    | JobList
    | JobShow
    | JobRun
    | JobEnable
    | JobDisable
    | JobRemove
    | JobHistory
    | JobTick
    | MemorySearch
    | MemoryAdd
    | MemoryList
    | MemoryShow
    | MemoryEdit
    | MemoryForget
    | MemoryPin
    | MemoryPromote
    | MemoryLog
    | MemoryUndo
    | MemoryStats
    | MemoryExport
    | MemoryImport
    | MemoryBackup
    | MemoryBackups
    | MemoryBackupRemove
    | MemoryRestore
    | MemoryReindex
    | MemorySet
    | MemoryGet
    | MemoryDelete
    | MemoryKeys
    | MemoryFlush
    | ConfigGet
    | ConfigSet
    | ConfigList
    | ApprovalList
    | Approve
    | Reject
    | ServerList
    | ServerGet
    | ServerAttach
    | ServerDetach
    | ServerSend
    | ServerSubscribe
    | GatewayTokenAdd
    | GatewayTokenList
    | GatewayTokenRevoke
    | GatewayLink
    | Ping
)

COMMANDS: dict[str, type[CommandBase]] = {
    str(model.model_fields["action"].default): model
    for model in (
        Create,
        Send,
        ListSessions,
        Delete,
        History,
        Attach,
        Detach,
        Cancel,
        Why,
        Status,
        Doctor,
        Models,
        ModelCatalogue,
        ModelShow,
        ModelDownload,
        ModelCancel,
        ModelRemove,
        ModelVerify,
        ModelImport,
        SkillList,
        SkillSearch,
        SkillShow,
        SkillAdd,
        SkillRemove,
        SkillDryRun,
        SkillBan,
        SkillUnban,
        SkillValidate,
        ToolList,
        JobAdd,
        JobList,
        JobShow,
        JobRun,
        JobEnable,
        JobDisable,
        JobRemove,
        JobHistory,
        JobTick,
        GoalAdd,
        GoalList,
        GoalShow,
        GoalNote,
        GoalAchieve,
        GoalRemove,
        OodaCycle,
        OodaList,
        MemorySearch,
        MemoryAdd,
        MemoryList,
        MemoryShow,
        MemoryEdit,
        MemoryForget,
        MemoryPin,
        MemoryPromote,
        MemoryLog,
        MemoryUndo,
        MemoryStats,
        MemoryExport,
        MemoryImport,
        MemoryBackup,
        MemoryBackups,
        MemoryBackupRemove,
        MemoryRestore,
        MemoryReindex,
        MemorySet,
        MemoryGet,
        MemoryDelete,
        MemoryKeys,
        MemoryFlush,
        ConfigGet,
        ConfigSet,
        ConfigList,
        ApprovalList,
        Approve,
        Reject,
        ServerList,
        ServerGet,
        ServerAttach,
        ServerDetach,
        ServerSend,
        ServerSubscribe,
        GatewayTokenAdd,
        GatewayTokenList,
        GatewayTokenRevoke,
        GatewayLink,
        Ping,
    )
}
"""Every action and its model, in the order of the reference."""

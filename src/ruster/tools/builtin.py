"""The tools that come with ruster. A new one is a module of its own and a line here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruster.core.clock import Clock
from ruster.core.ports import ProcessSandbox, WebFetcher
from ruster.core.tool_ports import Asker, ConversationView, MemoryPort, Reminders, SkillScripts
from ruster.core.tools import Tool
from ruster.tools.files import FileEdit, FileRead, FileWrite
from ruster.tools.folders import Folders
from ruster.tools.git import GitDiff, GitStatus
from ruster.tools.listing import DirList, FileSearch
from ruster.tools.memory import Forget, Recall, Remember
from ruster.tools.paging import PaginateToolOutput
from ruster.tools.reminders import Schedule
from ruster.tools.runs import RunFolders
from ruster.tools.session import AskUser, ModelInfo, SessionTail
from ruster.tools.settings import ToolSettings
from ruster.tools.shell import RunSkillScript, Shell
from ruster.tools.time_now import TimeNow
from ruster.tools.web import HttpGet, HttpPost, WebFetch

__all__ = ["ToolPorts", "builtin_tools"]


@dataclass(frozen=True, slots=True)
class ToolPorts:
    """What tools reach the rest of the house by; tools whose port is missing are left out.

    ``protected`` are ruster's own folders.
    """

    clock: Clock
    runs: RunFolders
    conversation: ConversationView | None = None
    asker: Asker | None = None
    sandbox: ProcessSandbox | None = None
    web: WebFetcher | None = None
    memory: MemoryPort | None = None
    scripts: SkillScripts | None = None
    reminders: Reminders | None = None
    protected: tuple[Path, ...] = ()


def builtin_tools(settings: ToolSettings, ports: ToolPorts) -> Iterator[Tool]:
    """Make the tools that can work with what is there."""
    folders = Folders(settings.folders, ports.protected)
    yield TimeNow(ports.clock)
    yield PaginateToolOutput(ports.runs)
    yield FileRead(folders, settings.file_bytes)
    yield FileWrite(folders, settings.file_bytes)
    yield FileEdit(folders, settings.file_bytes)
    yield DirList(folders)
    yield FileSearch(folders, settings.file_bytes)
    if ports.conversation is not None:
        yield from (ModelInfo(ports.conversation), SessionTail(ports.conversation))
    if ports.asker is not None:
        yield AskUser(ports.asker)
    if ports.web is not None:
        yield from (HttpGet(ports.web), HttpPost(ports.web), WebFetch(ports.web))
    if ports.memory is not None:
        yield from (Remember(ports.memory), Recall(ports.memory), Forget(ports.memory))
    if ports.reminders is not None:
        yield Schedule(ports.reminders)
    if ports.sandbox is not None:
        yield Shell(ports.sandbox, folders, settings)
        yield from (
            GitStatus(ports.sandbox, folders, settings),
            GitDiff(ports.sandbox, folders, settings),
        )
        if ports.scripts is not None:
            yield RunSkillScript(ports.sandbox, ports.scripts, settings)

"""``rusterctl``: the command line's entry point and its table of commands.

Nothing heavy is imported here: ``rusterctl --help`` is a matter of milliseconds.
"""

from __future__ import annotations

import io
import signal
import sys
from typing import Annotated

import typer

from ruster.cli.lazy import Entry, build_group
from ruster.version import __version__

__all__ = ["COMMANDS", "app", "main"]

_HELP = """Talk to the ruster daemon.

Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon, 130 Ctrl-C, 141 the reader
of the output went away."""

_SESSIONS = {
    "list": Entry("Name the sessions.", "ruster.cli.sessions:list_sessions"),
    "show": Entry("Print the end of a conversation.", "ruster.cli.sessions:show"),
    "delete": Entry("Remove a session and all its files.", "ruster.cli.sessions:delete"),
    "export": Entry("Write a conversation as Markdown or JSON Lines.", "ruster.cli.export:export"),
}
_MODELS = {
    "list": Entry("List the models that can answer now.", "ruster.cli.models:list_models"),
    "pull": Entry("Bring a model to this machine.", "ruster.cli.models:pull"),
    "rm": Entry("Take a model off this machine.", "ruster.cli.models:remove"),
    "show": Entry("Tell what is known of a local model.", "ruster.cli.models:show"),
    "verify": Entry("Check a model's files against their checksum.", "ruster.cli.models:verify"),
    "import": Entry("Take in models of Ollama, LM Studio, or a file.", "ruster.cli.models:take_in"),
}
_APPROVALS = {
    "list": Entry("List what waits for an answer.", "ruster.cli.approvals:list_approvals"),
    "watch": Entry("Show questions as they come; a key answers.", "ruster.cli.approvals:watch"),
    "approve": Entry("Let a tool do what was shown.", "ruster.cli.approvals:approve"),
    "reject": Entry("Keep a tool from doing it.", "ruster.cli.approvals:reject"),
}
_SKILLS = {
    "list": Entry("List the installed skills.", "ruster.cli.skills:list_skills"),
    "search": Entry("Find skills by words.", "ruster.cli.skills:search"),
    "show": Entry("Print all of one skill.", "ruster.cli.skills:show"),
    "validate": Entry("Check a skill, or all of them.", "ruster.cli.skills:validate"),
    "dry-run": Entry("Tell which skills a message would bring in.", "ruster.cli.skills:dry_run"),
    "add": Entry("Have a skill take part in a session.", "ruster.cli.skills:add"),
    "remove": Entry("Take a skill out of a session.", "ruster.cli.skills:remove"),
    "ban": Entry("Never use a skill.", "ruster.cli.skills:ban"),
    "unban": Entry("Let a skill be used again.", "ruster.cli.skills:unban"),
}
_TOOLS = {
    "list": Entry("List what the agent can do.", "ruster.cli.tools:list_tools"),
    "run": Entry("Run a tool without any model.", "ruster.cli.tools:run"),
}
_MEMORY = {
    "search": Entry("Find what fits a question.", "ruster.cli.memory.records:search"),
    "add": Entry("Remember a text, a file, a folder or a page.", "ruster.cli.memory.adding:add"),
    "list": Entry("Name what is remembered.", "ruster.cli.memory.records:list_memories"),
    "show": Entry("Print all of one memory.", "ruster.cli.memory.records:show"),
    "edit": Entry("Give a memory another text.", "ruster.cli.memory.records:edit"),
    "forget": Entry("Delete memories for good.", "ruster.cli.memory.forgetting:forget"),
    "pin": Entry("Keep a memory from moving or expiring.", "ruster.cli.memory.records:pin"),
    "promote": Entry("Bring a memory to another layer.", "ruster.cli.memory.moves:promote"),
    "log": Entry("Tell what was done to memories.", "ruster.cli.memory.moves:log"),
    "undo": Entry("Undo a step of the log.", "ruster.cli.memory.moves:undo"),
    "stats": Entry("Count what is remembered.", "ruster.cli.memory.records:stats"),
    "export": Entry("Write a memory as JSON Lines.", "ruster.cli.memory.adding:export"),
    "import": Entry("Take in what was exported.", "ruster.cli.memory.adding:take_in"),
    "backup": Entry("Copy a memory into a file.", "ruster.cli.memory.files:back_up"),
    "backups": Entry("Name the copies, or delete one.", "ruster.cli.memory.files:list_backups"),
    "restore": Entry("Put a copy in a memory's place.", "ruster.cli.memory.files:restore"),
    "reindex": Entry("Make the indexes anew.", "ruster.cli.memory.files:reindex"),
    "set": Entry("Give a name a value.", "ruster.cli.memory.facts:set_fact"),
    "get": Entry("Print what a name holds.", "ruster.cli.memory.facts:get_fact"),
    "delete": Entry("End what a name holds.", "ruster.cli.memory.facts:delete_fact"),
    "keys": Entry("List names that hold something.", "ruster.cli.memory.facts:list_keys"),
    "flush": Entry("End what all names hold.", "ruster.cli.memory.facts:flush_facts"),
}
_SERVER = {
    "list": Entry("List the event servers.", "ruster.cli.servers:list_servers"),
    "get": Entry("Print all of one server.", "ruster.cli.servers:get"),
    "attach": Entry("Bring a server's events to a session.", "ruster.cli.servers:attach"),
    "detach": Entry("Bring them there no more.", "ruster.cli.servers:detach"),
    "send": Entry("Ask a server something.", "ruster.cli.servers:send"),
    "subscribe": Entry("Print a server's events as they come.", "ruster.cli.servers:subscribe"),
}
_JOBS = {
    "add": Entry("Have something done later, or again and again.", "ruster.cli.jobs:add"),
    "list": Entry("List your jobs, the next ones first.", "ruster.cli.jobs:list_jobs"),
    "show": Entry("Print all of one job.", "ruster.cli.jobs:show"),
    "run": Entry("Run a job now and wait for it.", "ruster.cli.jobs:run"),
    "enable": Entry("Switch a job on.", "ruster.cli.jobs:enable"),
    "disable": Entry("Switch a job off; it is kept.", "ruster.cli.jobs:disable"),
    "remove": Entry("Remove a job with its receipts.", "ruster.cli.jobs:remove"),
    "history": Entry("Tell what became of its last runs.", "ruster.cli.jobs:history"),
    "add-http-healthcheck": Entry(
        "Ask an address again and again.", "ruster.cli.jobs:add_http_healthcheck"
    ),
}
_GOALS = {
    "add": Entry("Keep a goal.", "ruster.cli.goals:add"),
    "list": Entry("List your goals.", "ruster.cli.goals:list_goals"),
    "show": Entry("Print all of one goal.", "ruster.cli.goals:show"),
    "note": Entry("Note something on a goal.", "ruster.cli.goals:note"),
    "achieve": Entry("Mark a goal as achieved.", "ruster.cli.goals:achieve"),
    "remove": Entry("Remove a goal and its jobs.", "ruster.cli.goals:remove"),
}
_OODA = Entry("Observe, orient, decide, act: one cycle.", "ruster.cli.ooda:ooda")
_PULSE_JOBS = {
    **_JOBS,
    "enable": Entry("Switch a job on.", "ruster.cli.pulse:enable_job"),
    "disable": Entry("Switch a job off; it is kept.", "ruster.cli.pulse:disable_job"),
    "remove": Entry("Remove a job with its receipts.", "ruster.cli.pulse:remove_job"),
}
_PULSE = {
    "status": Entry("Tell of jobs, approvals and goals.", "ruster.cli.pulse:status"),
    "tick": Entry("Do all that is due now.", "ruster.cli.jobs:tick"),
    "ooda": _OODA,
    "goal": Entry(
        "The goals.", entries=_GOALS | {"add": Entry("Keep a goal.", "ruster.cli.pulse:add_goal")}
    ),
    "approve": Entry("Let an action be done.", "ruster.cli.pulse:approve"),
    "reject": Entry("Keep an action from being done.", "ruster.cli.pulse:reject"),
    "job": Entry("The jobs.", entries=_PULSE_JOBS),
}
_CONFIG = {
    "get": Entry("Print one setting.", "ruster.cli.settings:get_setting"),
    "set": Entry("Change one setting; it is kept.", "ruster.cli.settings:set_setting"),
    "list": Entry("Print all settings.", "ruster.cli.settings:list_settings"),
}
_TOKENS = {
    "add": Entry("Make a token and print it, once.", "ruster.cli.gateway:add"),
    "list": Entry("List the tokens.", "ruster.cli.gateway:list_tokens"),
    "revoke": Entry("Make a token useless at once.", "ruster.cli.gateway:revoke"),
}
_GATEWAY = {"token": Entry("Make, list and revoke tokens.", entries=_TOKENS)}
_PROXY = {"serve": Entry("Run an LLM proxy until it is told to stop.", "ruster.cli.proxy:serve")}
COMMANDS = {
    "chat": Entry("Talk to the agent.", "ruster.cli.chat:chat"),
    "tui": Entry("Chat, approvals, jobs and board on one screen.", "ruster.tui.command:tui"),
    "ask": Entry("Ask once and print the answer.", "ruster.cli.ask:ask"),
    "send": Entry("Say something without waiting.", "ruster.cli.send:send"),
    "cancel": Entry("End a session's running turn.", "ruster.cli.cancel:cancel"),
    "why": Entry("Tell how an answer came about.", "ruster.cli.why:why"),
    "sessions": Entry("List, show, delete and export sessions.", entries=_SESSIONS),
    "models": Entry("List, fetch, check and remove models.", entries=_MODELS),
    "approvals": Entry("See and answer what tools ask for.", entries=_APPROVALS),
    "skills": Entry("Look at, check, add and ban skills.", entries=_SKILLS),
    "tools": Entry("See and run what the agent can do.", entries=_TOOLS),
    "memory": Entry("Find, add, correct and forget memories.", entries=_MEMORY),
    "server": Entry("See programs that bring events, and attach them.", entries=_SERVER),
    "remind": Entry("Have something said to you later.", "ruster.cli.jobs:remind"),
    "job": Entry("Have things done later, or again and again.", entries=_JOBS),
    "goal": Entry("Keep goals, and what helps to reach them.", entries=_GOALS),
    "ooda": _OODA,
    "pulse": Entry("Jobs, goals, cycles and approvals in one place.", entries=_PULSE),
    "status": Entry("Tell how the daemon is.", "ruster.cli.status:status"),
    "doctor": Entry("Check what ruster needs; say what is missing.", "ruster.cli.doctor:doctor"),
    "config": Entry("Read and change settings.", entries=_CONFIG),
    "ui": Entry("Open the page: print a link that works once.", "ruster.cli.gateway:ui"),
    "gateway": Entry("Let programs in over HTTP and WebSockets.", entries=_GATEWAY),
    "proxy": Entry("Share models and keys over HTTP.", entries=_PROXY),
    "raw": Entry("Pipe JSON Lines to the daemon and back.", "ruster.cli.raw:raw"),
}
"""Every command, in the order of the help."""


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"rusterctl {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print and leave."),
    ] = False,
) -> None:
    return


def app() -> typer.Typer:
    """Build the command line."""
    return build_group(_HELP, COMMANDS, callback=_options, add_completion=True)


def _run(words: list[str]) -> None:
    """Run what the words say; a group that comes first is run by itself.

    It needs nothing of what stands above it, and typer imports pydantic to read any option there.
    """
    entry = COMMANDS.get(words[0]) if words else None
    if entry is None or not entry.entries:
        app()(words, prog_name="rusterctl")
    else:
        build_group(entry.help, entry.entries)(words[1:], prog_name=f"rusterctl {words[0]}")


def main() -> None:
    """Run ``rusterctl`` and leave with its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until a command runs, Ctrl-C just ends us
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the locale cannot write becomes "?"
    try:
        _run(sys.argv[1:])
    except Exception as error:  # noqa: BLE001 - the boundary: no traceback reaches a user
        print(f"rusterctl: cannot start: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

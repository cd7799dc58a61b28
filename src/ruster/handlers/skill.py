"""Skills: skill_list, skill_search, skill_show, skill_add, skill_remove, skill_dry_run, skill_ban,
skill_unban, skill_validate. The last three are for the daemon's own user and root.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ruster.core.errors import SkillError
from ruster.core.skills import Problem, Severity, Skill, SkillChoice
from ruster.core.tasks import spawn
from ruster.handlers.caller import Caller, owner_of, require_privilege
from ruster.handlers.config import SettingsView
from ruster.protocol.commands import (
    SessionCommand,
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
from ruster.protocol.events import (
    SkillAdded,
    SkillBanned,
    SkillChoiceSummary,
    SkillDryRunReport,
    SkillListing,
    SkillProblem,
    SkillRemoved,
    SkillReport,
    SkillResults,
    SkillSummary,
    SkillUnbanned,
    SkillValidation,
)
from ruster.sessions.session import Session
from ruster.sessions.store import SessionStore
from ruster.skills.service import SkillService

__all__ = ["SkillHandlers"]

_BANNED = "banned_skills"
_MAX_PROBLEMS = 200


class SkillHandlers:
    """The commands about skills."""

    def __init__(self, store: SessionStore, skills: SkillService, settings: SettingsView) -> None:
        self._store = store
        self._skills = skills
        self._settings = settings
        self._banning = asyncio.Lock()

    async def list(self, caller: Caller, command: SkillList) -> None:
        """Tell which skills the session has, and which are installed."""
        active = await self._active(caller, command)
        installed = (await self._skills.library.catalogue()).skills
        names = sorted(installed)[command.offset : command.offset + command.limit]
        reply = SkillListing(
            session_id=command.session_id,
            active_skills=list(active or ()),
            skills=[self._summary(installed[name], active) for name in names],
            total=len(installed),
        )
        caller.reply(reply, command)

    async def search(self, caller: Caller, command: SkillSearch) -> None:
        """Find skills by words."""
        active = await self._active(caller, command)
        found = await self._skills.search(command.query, command.limit)
        results = [self._summary(it.skill, active, it.score) for it in found]
        caller.reply(SkillResults(session_id=command.session_id, results=results), command)

    async def show(self, caller: Caller, command: SkillShow) -> None:
        """Tell all of one skill."""
        active = await self._active(caller, command)
        skill = await self._skills.library.look_up(command.skill)
        path = str(skill.file) if skill.file is not None and caller.privileged else None
        reply = SkillReport(
            session_id=command.session_id,
            skill=self._summary(skill, active),
            instructions=await self._skills.library.body(skill),
            license=skill.license or None,
            compatibility=skill.compatibility or None,
            metadata=dict(skill.metadata),
            allowed_tools=list(skill.allowed_tools),
            tools=[
                {"name": it.name, "description": it.description, "parameters": dict(it.parameters)}
                for it in skill.tools
            ],
            path=path,
        )
        caller.reply(reply, command)

    async def add(self, caller: Caller, command: SkillAdd) -> None:
        """Add a skill to a session."""
        session = await self._session(caller, command)
        await self._skills.add(session.folder, command.skill)
        caller.reply(SkillAdded(session_id=session.id, skill=command.skill), command)

    async def remove(self, caller: Caller, command: SkillRemove) -> None:
        """Take a skill out of a session."""
        session = await self._session(caller, command)
        await self._skills.remove(session.folder, command.skill)
        caller.reply(SkillRemoved(session_id=session.id, skill=command.skill), command)

    async def dry_run(self, caller: Caller, command: SkillDryRun) -> asyncio.Future[None]:
        """Tell what a message would bring in; a model may be asked, which takes a while."""
        session = await self._session(caller, command)
        task = spawn(
            self._dry_run(caller, command, session), name="skill dry run", log_failure=False
        )
        key = ("skill_dry_run", task)
        if caller.on_close is None:
            caller.on_close = {}
        caller.on_close[key] = _ender(task)
        task.add_done_callback(lambda _: (caller.on_close or {}).pop(key, None))
        return task

    async def ban(self, caller: Caller, command: SkillBan) -> None:
        """Never use a skill again."""
        await self._active(caller, command)  # a session of somebody else does not exist
        require_privilege(caller, "ban skills")
        await self._skills.library.look_up(command.skill)
        await self._set_banned(command.skill, banned=True)
        caller.reply(SkillBanned(session_id=command.session_id, skill=command.skill), command)

    async def unban(self, caller: Caller, command: SkillUnban) -> None:
        """Let a skill be used again; it need not be installed any more."""
        await self._active(caller, command)  # a session of somebody else does not exist
        require_privilege(caller, "unban skills")
        if command.skill not in self._banned():
            raise SkillError(f"the skill {command.skill!r} is not banned")
        await self._set_banned(command.skill, banned=False)
        caller.reply(SkillUnbanned(session_id=command.session_id, skill=command.skill), command)

    async def validate(self, caller: Caller, command: SkillValidate) -> None:
        """Check one skill, or tell what is wrong with all of them."""
        active = await self._active(caller, command)
        require_privilege(caller, "validate skills")
        skill, problems = await self._skills.validate(command.skill)
        reply = SkillValidation(
            session_id=command.session_id,
            valid=all(it.severity is Severity.WARNING for it in problems),
            skill=None if skill is None else self._summary(skill, active),
            problems=[_problem(it) for it in problems[:_MAX_PROBLEMS]],
        )
        caller.reply(reply, command)

    async def _dry_run(self, caller: Caller, command: SkillDryRun, session: Session) -> None:
        recent = session.transcript.recent(2)
        choice = await self._skills.preview(
            session.folder, session.info.model, command.message, recent
        )
        caller.reply(_dry_run_report(session.id, choice), command)

    async def _session(self, caller: Caller, command: SessionCommand) -> Session:
        return await self._store.get(owner_of(caller, command), command.session_id)

    async def _active(self, caller: Caller, command: SkillCommand) -> tuple[str, ...] | None:
        """Return the skills of the command's session, if it names one."""
        if command.session_id is None:
            return None
        named = SessionCommand(
            action=command.action, session_id=command.session_id, owner=command.owner
        )
        session = await self._session(caller, named)
        return tuple(it.name for it in await self._skills.active_in(session.folder))

    def _summary(
        self, skill: Skill, active: tuple[str, ...] | None, score: float | None = None
    ) -> SkillSummary:
        return SkillSummary(
            name=skill.name,
            description=skill.description,
            kind=skill.kind.value,
            active=None if active is None else skill.name in active,
            banned=skill.name in self._skills.library.banned,
            score=score,
        )

    def _banned(self) -> tuple[str, ...]:
        value, _source = self._settings.read(_BANNED)
        return tuple(value)

    async def _set_banned(self, name: str, *, banned: bool) -> None:
        """Keep the list of banned skills; it counts at once."""
        async with self._banning:
            others = [it for it in self._banned() if it != name]
            value = sorted([*others, name]) if banned else others
            await asyncio.to_thread(self._settings.change, _BANNED, value)


def _dry_run_report(session_id: str, choice: SkillChoice) -> SkillDryRunReport:
    return SkillDryRunReport(
        session_id=session_id,
        chosen=[
            SkillChoiceSummary(
                skill=it.skill.name, by=it.by.value, why=it.why, turns_left=it.turns_left
            )
            for it in choice.chosen
        ],
        shortlist=[
            SkillSummary(
                name=it.skill.name,
                description=it.skill.description,
                kind=it.skill.kind.value,
                score=it.score,
            )
            for it in choice.shortlist
        ],
        left_out=dict(choice.left_out),
        asked=choice.asked,
        failure=choice.failure,
        prompt_bytes=len(choice.prompt.encode()),
    )


def _problem(problem: Problem) -> SkillProblem:
    return SkillProblem(
        source=problem.source,
        line=problem.line,
        reason=problem.reason,
        severity=problem.severity.value,
    )


def _ender(task: asyncio.Task[None]) -> Callable[[], None]:
    def end() -> None:
        task.cancel()

    return end

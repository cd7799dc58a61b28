"""What people have allowed for longer than once: for a session, or always.

A grant is a narrow rule: one tool of one owner, and no more than the kind of call that was shown.
``grants.json`` has the same form as ``policy.json``; taking a rule out of it takes the grant back.
"""

from __future__ import annotations

import asyncio
import json

from ruster.core.errors import ConfigError, StorageError
from ruster.core.tools import ActionKind, Effect
from ruster.storage.disk import Disk
from ruster.storage.files import write_atomic
from ruster.trust.digest import fingerprint
from ruster.trust.facts import Facts
from ruster.trust.rules import Rule, rest_of
from ruster.trust.sources import RuleFile

__all__ = ["Grants", "narrow_rule"]

_MAX_PER_SESSION = 200
_MAX_ALWAYS = 1000


class Grants:
    """All grants in force."""

    def __init__(self, file: RuleFile, disk: Disk) -> None:
        self._file = file
        self._disk = disk
        self._of_sessions: dict[str, list[Rule]] = {}
        self._writing = asyncio.Lock()

    def find(self, facts: Facts) -> str | None:
        """Name the grant that covers a call."""
        always = self._file.rules()
        if self._file.problem is None:
            for number, rule in enumerate(always, 1):
                if rule.action is ActionKind.ALLOW and rule.matches(facts):
                    return f"{self._file.name}, rule {number}"
        for rule in self._of_sessions.get(facts.scope.session_key, ()):
            if rule.matches(facts):
                return "granted for this session"
        return None

    def problem(self) -> str | None:
        """Say what is wrong with the file as it is now, if anything is."""
        self._file.rules()
        return self._file.problem

    def allow_in_session(self, session_key: str, rule: Rule) -> None:
        """Allow for a session; beyond a number of grants the oldest is dropped."""
        rules = self._of_sessions.setdefault(session_key, [])
        if rule not in rules:
            rules.append(rule)
            del rules[:-_MAX_PER_SESSION]

    def forget(self, session_key: str) -> None:
        """Drop the grants of a session."""
        self._of_sessions.pop(session_key, None)

    async def allow_always(self, rule: Rule) -> None:
        """Write a grant to the file; raises StorageError or ConfigError, nothing changed."""
        async with self._writing:
            await asyncio.to_thread(self._append, rule)

    def _append(self, rule: Rule) -> None:
        rules = self._file.rules()
        if self._file.problem is not None:
            raise ConfigError(self._file.problem, code="policy_invalid")
        if rule in rules:
            return
        if len(rules) >= _MAX_ALWAYS:
            raise StorageError(f"{self._file.path} holds {_MAX_ALWAYS} grants; remove some")
        texts = [json.dumps(_written(it), ensure_ascii=False) for it in (*rules, rule)]
        text = '{"rules": [\n' + ",\n".join(texts) + "\n]}\n"
        write_atomic(self._file.path, text.encode(errors="replace"), self._disk)


def narrow_rule(facts: Facts) -> Rule:
    """Make the rule that allows calls like this one, and as few others as possible.

    Files: the same folder, not what is below it. Network: the same host. Programs: the same words
    and the same other arguments. All else: exactly the same arguments. Raises ToolError.
    """
    action = facts.action
    plain = Rule(
        subject_kind="tool",
        subject_name=_literal(action.tool),
        action=ActionKind.ALLOW,
        owner=facts.scope.owner,
        effects=action.effects,
        max_risk=action.risk,
    )
    return plain.model_copy(update=_limits(facts))


def _limits(facts: Facts) -> dict[str, object]:
    action = facts.action
    if facts.only_files and facts.path is not None:
        is_folder = facts.path.is_dir()
        return {"folder": str(facts.path if is_folder else facts.path.parent)}
    if action.effects == {Effect.NETWORK} and facts.host is not None:
        return {"host": facts.host}
    if facts.words is not None and Effect.SPENDS not in action.effects:
        return {"command": facts.words, "rest_sha256": rest_of(facts)}
    return {"arguments_sha256": fingerprint(action.tool, action.arguments)}


def _literal(name: str) -> str:
    """Keep a tool's name from being read as a pattern."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _written(rule: Rule) -> dict[str, object]:
    data = rule.model_dump(mode="json", exclude_none=True)
    if rule.effects is not None:
        data["effects"] = sorted(rule.effects)
    return data

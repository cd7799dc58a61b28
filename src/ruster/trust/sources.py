"""Where rules come from: files that are read again when they change, and text that does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from ruster.core.errors import ConfigError
from ruster.core.tools import ActionKind
from ruster.trust.rules import Rule

__all__ = ["RuleFile", "RuleList", "parse_rules"]

_MAX_BYTES = 1 << 20
_MAX_RULES = 2000
_Stamp = tuple[int, int, int]
_log = structlog.stdlib.get_logger("ruster.trust")


class RuleList:
    """Rules that stay as they are; ``name`` is what decisions call them by."""

    problem: str | None = None

    def __init__(self, name: str, rules: tuple[Rule, ...]) -> None:
        self.name = name
        self._rules = rules

    @classmethod
    def allowing(cls, name: str, tools: tuple[str, ...]) -> RuleList:
        """Make a rule for each tool that needs no approval."""
        allow = ActionKind.ALLOW
        rules = (Rule(subject_kind="tool", subject_name=tool, action=allow) for tool in tools)
        return cls(name, tuple(rules))

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules."""
        return self._rules


class RuleFile:
    """A file of rules; without the file there are none, unless it is ``required``.

    ``problem`` says why the file as it is now cannot be used; the rules are the last good ones.
    """

    def __init__(self, path: Path, *, required: bool = False) -> None:
        """Read the file (blocks); raises ConfigError (``policy_invalid``)."""
        self.path = path
        self.name = path.name
        self.problem: str | None = None
        self._required = required
        self._stamp = self._look()
        self._rules = self._read()

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules, read anew if the file has changed."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._rules = self._read()
                self._stamp = stamp
                _log.info("policy_read", file=str(self.path), rules=len(self._rules))
            self.problem = None
        except ConfigError as error:
            if error.message != self.problem:
                _log.error("policy_broken", file=str(self.path), error=error.message)
            self.problem = error.message
        return self._rules

    def _look(self) -> _Stamp | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _invalid(f"{self.path} cannot be read: {error}") from error
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> tuple[Rule, ...]:
        try:
            if self.path.stat().st_size > _MAX_BYTES:
                raise _invalid(f"{self.path} is larger than 1 MiB; that is no policy")
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            if self._required:
                raise _invalid(f"{self.path} does not exist; trust.policy_path names it") from None
            return ()
        except (OSError, ValueError) as error:
            raise _invalid(f"{self.path} cannot be read: {error}") from error
        return parse_rules(text, str(self.path))


def parse_rules(text: str, where: str) -> tuple[Rule, ...]:
    """Read ``{"rules":[…]}``; raises ConfigError naming the line or the rule that is wrong."""
    try:
        data = json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise _invalid(f"{where}, line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise _invalid(f"{where}: {error}") from None
    rules = data.get("rules") if isinstance(data, dict) else None
    if not isinstance(rules, list) or data.keys() != {"rules"}:
        raise _invalid(f'{where}: expected {{"rules":[…]}} and nothing else')
    if len(rules) > _MAX_RULES:
        raise _invalid(f"{where}: more than {_MAX_RULES} rules")
    return tuple(_rule(rule, f"{where}, rule {n}") for n, rule in enumerate(rules, 1))


def _rule(data: Any, where: str) -> Rule:
    try:
        return Rule.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, problem["loc"]))
        raise _invalid(f"{where}: {field}: {problem['msg']}") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated!r} is there twice in one object")
    return found


def _invalid(message: str) -> ConfigError:
    return ConfigError(message, code="policy_invalid")

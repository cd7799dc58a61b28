"""How an answer came about: what ``why`` tells, kept with the line that ends its turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ruster.core.inference import Usage
from ruster.core.memory import Brought
from ruster.core.messages import ToolCall, ToolSpec
from ruster.core.skills import SkillChoice
from ruster.core.tools import Outcome

__all__ = ["Account"]

_MAX_CALLS = 64
_MEMORY_CHARS = 120


@dataclass(slots=True)
class Account:
    """Grows while a turn runs; ``to_record`` is strict JSON."""

    steps: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    prompt_bytes: dict[str, int] = field(default_factory=dict)
    offered: tuple[str, ...] = ()
    left_out_turns: int = 0
    total_ms: int = 0
    _skills: list[dict[str, Any]] = field(default_factory=list)
    _skills_asked: str | None = None
    _memories: list[dict[str, Any]] = field(default_factory=list)
    _tools: list[dict[str, Any]] = field(default_factory=list)
    _more_tools: int = 0

    def note_skills(self, choice: SkillChoice) -> None:
        """Take the choice of skills."""
        self._skills = [
            {"skill": it.skill.name, "by": it.by.value, "why": it.why} for it in choice.chosen
        ]
        self._skills_asked = choice.asked

    def note_memories(self, brought: Brought) -> None:
        """Take what the memory brought, with why."""
        self._memories = [
            {
                "id": hit.record.id,
                "text": hit.passage[:_MEMORY_CHARS],
                "score": round(hit.score, 3),
                "scores": {
                    name: round(value, 3) for name, value in asdict(hit.scores).items() if value
                },
            }
            for hit in brought.hits
        ]

    def note_step(self, usage: Usage) -> None:
        """Take what one model step took."""
        self.steps += 1
        self.prompt_tokens += usage.prompt
        self.completion_tokens += usage.completion
        self.cached_tokens += usage.cached

    def note_prompt(
        self, sizes: dict[str, int], tools: Sequence[ToolSpec], tool_bytes: int
    ) -> None:
        """Take the parts of the largest prompt so far, which is mostly the last one."""
        self.prompt_bytes = {**sizes, "tools": tool_bytes}
        self.offered = tuple(tool.name for tool in tools)

    def note_call(self, call: ToolCall, outcome: Outcome, ms: int) -> None:
        """Take a tool call with what became of it."""
        if len(self._tools) >= _MAX_CALLS:
            self._more_tools += 1
            return
        told = {
            "tool": call.name,
            "ms": ms,
            "failed": outcome.failed,
            "rule": outcome.rule,
            "skill": outcome.skill,
            "origin": outcome.origin,
        }
        self._tools.append({name: value for name, value in told.items() if value is not None})

    def to_record(self) -> dict[str, Any]:
        """Return it as it is kept; parts that are empty are left out."""
        whole: dict[str, Any] = {
            "steps": self.steps,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cached_tokens": self.cached_tokens,
            "total_ms": self.total_ms,
            "prompt_bytes": {name: size for name, size in self.prompt_bytes.items() if size},
            "offered": list(self.offered),
            "skills": self._skills,
            "skills_asked": self._skills_asked,
            "memories": self._memories,
            "tools": self._tools,
            "more_tools": self._more_tools,
            "left_out_turns": self.left_out_turns,
        }
        return {name: value for name, value in whole.items() if value not in (None, [], {}, 0)}

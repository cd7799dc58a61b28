"""What a turn tells: its events, in the words of the protocol, and each lasting thing once."""

from __future__ import annotations

from collections.abc import Callable, Set

from ruster.core.errors import ProviderError
from ruster.core.inference import (
    Content,
    InferenceEvent,
    Notice,
    ProcessStart,
    Progress,
    Thought,
    ThoughtPhase,
    Usage,
)
from ruster.core.messages import ToolCall
from ruster.core.tools import Outcome
from ruster.protocol.events import (
    Event,
    NoticeEvent,
    ProgressEvent,
    Response,
    SkillUsed,
    ThoughtEvent,
    ToolCallEvent,
    UsageEvent,
)

__all__ = ["Telling"]

_PREVIEW_CHARS = 200
_LASTING = ("context_trimmed", "images_left_out", "model_fallback", "tools_left_out")


class Telling:
    """Tells what happens in one turn of a session.

    ``model`` is the one that answers (which may be a fallback), ``told`` holds what lasts beyond
    the turn and need not be told again, ``text`` is what the model has said in its present step.
    """

    def __init__(
        self,
        session_id: str,
        emit: Callable[[Event], None],
        model: str,
        told_before: Set[str],
        max_bytes: int,
    ) -> None:
        self.model = model
        self.told: set[str] = set()
        self._id = session_id
        self._emit = emit
        self._told_before = told_before
        self._max_bytes = max_bytes
        self._produced_bytes = 0
        self._parts: list[str] = []

    @property
    def text(self) -> str:
        """What the model has said in its present step."""
        return "".join(self._parts)

    def begin_step(self, number: int) -> None:
        """Begin a step of the model."""
        self._parts.clear()
        marker = "Refining..." if number else "Thinking..."
        self._emit(Response(session_id=self._id, delta=marker, phase="thinking"))

    def say(self, text: str) -> None:
        """Pass on a piece of the answer."""
        self._parts.append(text)
        self.count(len(text.encode(errors="replace")))
        self._emit(Response(session_id=self._id, delta=text))

    def clear(self) -> None:
        """Begin anew with the text of the step, which is part of the conversation by now."""
        self._parts.clear()

    def hear(self, event: InferenceEvent, *, show_thinking: bool) -> None:
        """Pass on an event of the model."""
        match event:
            case Content(text):
                self.say(text)
            case Thought(phase, text):
                self.count(len(text.encode(errors="replace")))
                if show_thinking:
                    delta = text if phase is ThoughtPhase.DELTA else None
                    self._emit(ThoughtEvent(session_id=self._id, phase=phase.value, delta=delta))
            case ProcessStart(model):
                self.model = model or self.model
            case Notice(code, message):
                self.notify(code, message)
            case Progress(what, current, total):
                self._emit(
                    ProgressEvent(session_id=self._id, what=what, current=current, total=total)
                )

    def notify(self, code: str, message: str) -> None:
        """Tell something; what lasts, only when the turn before did not tell it."""
        if code in _LASTING:
            lasting = code if code == "context_trimmed" else message
            self.told.add(lasting)
            if lasting in self._told_before:
                return
        self._emit(NoticeEvent(session_id=self._id, code=code, message=message))

    def usage(self, usage: Usage, first_ms: int | None, total_ms: int) -> None:
        """Tell what a step took."""
        self._emit(
            UsageEvent(
                session_id=self._id,
                model=self.model,
                prompt_tokens=usage.prompt,
                completion_tokens=usage.completion,
                cached_tokens=usage.cached,
                first_token_ms=first_ms,
                total_ms=total_ms,
                attempts=usage.attempts,
            )
        )

    def skill(self, name: str, result: str = "Skill instructions injected.") -> None:
        """Tell that a skill takes part, or what a tool of it brought."""
        self._emit(SkillUsed(session_id=self._id, skill=name, result=result))

    def call_begins(self, call: ToolCall) -> None:
        """Tell that a tool is about to be run."""
        self._emit(_call_event(self._id, call, "start"))

    def call_ended(self, call: ToolCall, outcome: Outcome) -> None:
        """Tell what a tool brought."""
        preview = outcome.told[:_PREVIEW_CHARS]
        event = _call_event(self._id, call, "end")
        self._emit(event.model_copy(update={"result_preview": preview, "failed": outcome.failed}))
        if outcome.skill is not None and not outcome.failed:
            self.skill(outcome.skill, preview)

    def count(self, size_bytes: int) -> None:
        """Count what the model has produced; raises ProviderError (``answer_too_large``)."""
        self._produced_bytes += size_bytes
        if self._produced_bytes > self._max_bytes:
            raise ProviderError(
                f"the answer grew beyond {self._max_bytes} bytes and was ended; what was said is "
                "kept",
                code="answer_too_large",
            )


def _call_event(session_id: str, call: ToolCall, phase: str) -> ToolCallEvent:
    return ToolCallEvent.model_validate(
        {
            "session_id": session_id,
            "tool": call.name,
            "arguments": call.arguments,
            "call_id": call.id,
            "phase": phase,
        }
    )

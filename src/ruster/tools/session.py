"""Tools about the conversation itself: ``model_info``, ``session_tail``, ``ask_user``."""

from __future__ import annotations

import json

from pydantic import Field

from ruster.core.tool_ports import Asker, ConversationView
from ruster.core.tools import Cost, Outcome, TurnScope
from ruster.tools.typed import Arguments, TypedTool

__all__ = ["AskUser", "ModelInfo", "SessionTail"]

_MESSAGE_CHARS = 2000


class _NoArguments(Arguments):
    pass


class ModelInfo(TypedTool[_NoArguments]):
    """Tell which model answers in this session."""

    name = "model_info"
    takes = _NoArguments

    def __init__(self, conversation: ConversationView) -> None:
        self._conversation = conversation

    async def call(self, arguments: _NoArguments, scope: TurnScope) -> Outcome:
        provider, _, model = (await self._conversation.model(scope)).partition("/")
        return Outcome(f"provider={provider}\nmodel={model}\nsession_id={scope.session_id}")


class _TailArguments(Arguments):
    limit: int = Field(default=5, ge=1, le=50)
    """Messages."""


class SessionTail(TypedTool[_TailArguments]):
    """Show this session's last messages, also those that the context has lost."""

    name = "session_tail"
    takes = _TailArguments
    main = "limit"
    paged = True

    def __init__(self, conversation: ConversationView) -> None:
        self._conversation = conversation

    async def call(self, arguments: _TailArguments, scope: TurnScope) -> Outcome:
        total, messages = await self._conversation.tail(scope, arguments.limit)
        origins = sorted({origin for message in messages for origin in message.origins})
        for origin in origins:  # they may have left the context with the message
            scope.taint.mark(origin)
        told = [
            {"role": message.role.value, "content": message.content[:_MESSAGE_CHARS]}
            for message in messages
        ]
        body = {
            "session_id": scope.session_id,
            "total_messages": total,
            "returned_messages": len(told),
            "messages": told,
        }
        return Outcome(json.dumps(body, ensure_ascii=False), origin=next(iter(origins), None))


class _QuestionArguments(Arguments):
    question: str = Field(min_length=1, max_length=2000)


class AskUser(TypedTool[_QuestionArguments]):
    """Ask the person at the other end and wait for the answer."""

    name = "ask_user"
    takes = _QuestionArguments
    cost = Cost.EXPENSIVE
    main = "question"
    paged = True
    waits = True

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def call(self, arguments: _QuestionArguments, scope: TurnScope) -> Outcome:
        hint = "go on with what is known, and say what was assumed"
        if not scope.attended:
            return Outcome("nobody is there to answer", failed=True, hint=hint)
        if not await self._asker.question(arguments.question, scope):
            return Outcome("no answer came in time", failed=True, hint=hint)
        return Outcome("[the next message is the answer]")

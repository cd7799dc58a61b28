"""Chat templates: the model's own (Jinja, sandboxed), or ChatML when it brings none.

Also keeps a conversation from speaking in the model's control tokens: where a message contains the
text of one, its first character is marked, and ``split_marked`` lets the tokenizer treat it as
plain text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ruster.core.errors import ModelError
from ruster.core.messages import Message, Role, ToolCall, ToolSpec

__all__ = ["CHATML", "ChatTemplate", "split_marked"]

CHATML = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""

_MARK = 0xF0000  # the first private plane: no model's text uses it
_MARKED = re.compile("([\U000f0000-\U000f00ff])")


class ChatTemplate:
    """Renders conversations for one model.

    ``special`` are the texts of the model's control tokens; ``bos`` and ``eos`` go to the template.
    """

    def __init__(
        self, source: str | None, *, bos: str = "", eos: str = "", special: Iterable[str] = ()
    ) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = _strftime_now
        self._knows_tools = source is not None and "tools" in source
        self._tokens = {"bos_token": bos, "eos_token": eos}
        names = sorted((text for text in special if text), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, names))) if names else None
        try:
            self._template = environment.from_string(source or CHATML)
        except TemplateError as error:
            raise _failed(error) from error

    def render(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> str:
        """Return the prompt text.

        Raises ModelError: ``template_failed``, or ``tools_unsupported`` for tools to be offered.
        """
        if not self._knows_tools:
            if tools:
                raise ModelError(
                    "the model's chat template knows no tools; ask it for JSON instead",
                    code="tools_unsupported",
                )
            messages = _spell_out_tools(messages)
        try:
            return self._render(messages, tools)
        except TemplateError as error:
            if not messages or messages[0].role is not Role.SYSTEM:
                raise _failed(error) from error
        try:
            return self._render(_fold_system(messages), tools)
        except TemplateError as error:
            raise _failed(error) from error

    def _render(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> str:
        try:
            return self._template.render(
                messages=[self._message(message) for message in messages],
                tools=[_tool(tool) for tool in tools] or None,
                add_generation_prompt=True,
                **self._tokens,
            )
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise TemplateError(f"{type(error).__name__}: {error}") from error

    def _message(self, message: Message) -> dict[str, Any]:
        data: dict[str, Any] = {
            "role": message.role.value,
            "content": self.harmless(message.content),
        }
        if message.tool_calls:
            data["tool_calls"] = [
                {"id": call.id, "type": "function", "function": _function(call)}
                for call in message.tool_calls
            ]
        if message.tool_call_id is not None:
            data["tool_call_id"] = message.tool_call_id
        if message.name is not None:
            data["name"] = message.name
        return data

    def harmless(self, text: str) -> str:
        """Mark the control tokens' texts in what somebody wrote; ``split_marked`` finds them."""
        if self._special is None:
            return text
        return self._special.sub(_mark_first, text)


def split_marked(prompt: str) -> list[tuple[str, bool]]:
    """Cut a rendered prompt into parts and tell of each whether its control tokens count."""
    parts: list[tuple[str, bool]] = []
    for part in _MARKED.split(prompt):
        if _MARKED.fullmatch(part):
            parts.append((chr(ord(part) - _MARK), False))
        elif part:
            parts.append((part, True))
    return parts


def _mark_first(match: re.Match[str]) -> str:
    text = match.group()
    first = ord(text[0])
    return chr(_MARK + first) + text[1:] if first < 0x100 else text


def _function(call: ToolCall) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }


def _spell_out_tools(messages: Sequence[Message]) -> list[Message]:
    """Write calls and results as plain text, for templates that do not know them."""
    spelt: list[Message] = []
    for message in messages:
        if message.role is Role.TOOL:
            text = f"<tool_response>\n{message.content}\n</tool_response>"
            spelt.append(Message(Role.USER, text))
            continue
        calls = "".join(
            f"\n<tool_call>{_to_json(_function(call))}</tool_call>" for call in message.tool_calls
        )
        spelt.append(Message(message.role, message.content + calls))
    return spelt


def _fold_system(messages: Sequence[Message]) -> list[Message]:
    """Put the system message before the first user message, for templates that refuse the role."""
    system, *rest = messages
    for index, message in enumerate(rest):
        if message.role is Role.USER:
            rest[index] = Message(Role.USER, f"{system.content}\n\n{message.content}")
            return rest
    return [Message(Role.USER, system.content), *rest]


def _to_json(value: Any, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


def _failed(error: TemplateError) -> ModelError:
    return ModelError(
        f"the model's chat template cannot render this conversation: {error}",
        code="template_failed",
    )

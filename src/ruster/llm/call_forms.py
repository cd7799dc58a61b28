"""The forms in which models write tool calls into their text, one per family of chat templates.

A form has a marker that opens it, mostly one that closes it, and a reader for what stands between.
The forms are those of the models' own chat templates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ruster.llm.call_json import Call, argument_value, arguments_of, calls_in, single_call
from ruster.llm.harmony import HARMONY_CALL, HARMONY_CALL_END

__all__ = ["BARE", "FORMS", "CallForm", "Schemas"]

Schemas = Mapping[str, Mapping[str, Any]]
"""The parameters' JSON Schema by the name of the tool."""
_Read = tuple[list[Call], str] | None


@dataclass(frozen=True, slots=True)
class CallForm:
    """How calls of one family are written.

    Without a ``closing`` a call goes on to the end of the answer. ``read`` gives the calls and the
    text after them, or None when it is none.
    """

    opening: str
    closing: str | None
    read: Callable[[str, Schemas], _Read]


_FUNCTION = re.compile(r"\s*<function=([^>\s]+)>(.*)</function>\s*", re.DOTALL)
_PARAMETER = re.compile(r"\s*<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_GLM_NAME = re.compile(r"\s*([^\s<>{}\[\]\"]+)\s*")
_GLM_ARGUMENT = re.compile(r"\s*<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_DEEPSEEK_CALL = re.compile(r"\s*<｜tool▁call▁begin｜>(.*?)<｜tool▁call▁end｜>", re.DOTALL)
_FENCED = re.compile(r"\s*```(?:json)?\n(.*)\n```\s*", re.DOTALL)
_MISTRAL_NAME = re.compile(r"\s*([\w.-]+)\s*(?:\[CALL_ID\]\s*\w+\s*)?(?:\[ARGS\]\s*)?(?=\{)")
_BUILT_IN = re.compile(r"\s*([\w.]+)\.call\((.*)\)\s*", re.DOTALL)
_KEYWORD = re.compile(r'\s*(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|[^,"\s]+)\s*(?:,|$)')


def _tagged(body: str, schemas: Schemas) -> _Read:
    """Read what stands in ``<tool_call>``: JSON (Hermes, Qwen), or one of two kinds of XML."""
    text = body.strip()
    if text.startswith("{"):
        return single_call(text)
    if text.startswith("<function="):
        return _functions(text, schemas)
    return _glm(text, schemas)


def _functions(text: str, schemas: Schemas) -> _Read:
    match = _FUNCTION.fullmatch(text)
    call = None if match is None else _function(match[1], match[2], schemas)
    return None if call is None else ([call], "")


def _function(name: str, body: str, schemas: Schemas) -> Call | None:
    if body.strip().startswith("{"):  # Functionary, Llama 3: the arguments as JSON
        arguments = arguments_of(body.strip())
    else:  # Qwen3-Coder: each argument in a tag
        arguments = _elements(_PARAMETER, name, body, schemas)
    return None if arguments is None else (name, arguments)


def _glm(text: str, schemas: Schemas) -> _Read:
    name = _GLM_NAME.match(text)
    if name is None:
        return None
    arguments = _elements(_GLM_ARGUMENT, name[1], text[name.end() :], schemas)
    if arguments is None or not (arguments or name[1] in schemas):  # a lone word is no call
        return None
    return [(name[1], arguments)], ""


def _elements(
    pattern: re.Pattern[str], name: str, body: str, schemas: Schemas
) -> dict[str, Any] | None:
    arguments: dict[str, Any] = {}
    at = 0
    while match := pattern.match(body, at):
        key = match[1].strip()
        arguments[key] = argument_value(match[2], schemas.get(name, {}), key)
        at = match.end()
    return None if body[at:].strip() else arguments


def _untagged_function(body: str, schemas: Schemas) -> _Read:
    return _functions(f"<function={body}</function>", schemas)


def _mistral(body: str, _: Schemas) -> _Read:
    """Read a list of calls, or ``name[ARGS]{…}`` once or repeatedly."""
    if body.lstrip().startswith("["):
        return calls_in(body)
    calls: list[Call] = []
    rest = body
    while match := _MISTRAL_NAME.match(rest):
        try:
            arguments, end = json.JSONDecoder().raw_decode(rest, match.end())
        except (ValueError, RecursionError):
            return None
        calls.append((match[1], arguments))
        rest = rest[end:].lstrip().removeprefix("[TOOL_CALLS]")
    return (calls, rest) if calls else None


def _python_tag(body: str, _: Schemas) -> _Read:
    """Read Llama 3's JSON, or its ``name.call(key="value")`` for built-in tools."""
    built_in = _BUILT_IN.fullmatch(body)
    if built_in is None:
        return calls_in(body) if body.lstrip().startswith(("{", "[")) else None
    arguments: dict[str, Any] = {}
    at = 0
    while match := _KEYWORD.match(built_in[2], at):
        arguments[match[1]] = argument_value(match[2], {}, match[1])
        at = match.end()
    return None if built_in[2][at:].strip() else ([(built_in[1], arguments)], "")


def _deepseek(body: str, _: Schemas) -> _Read:
    calls: list[Call] = []
    at = 0
    while match := _DEEPSEEK_CALL.match(body, at):
        before, marker, after = match[1].partition("<｜tool▁sep｜>")
        name, newline, fenced = after.partition("\n")
        block = _FENCED.fullmatch(fenced)
        if newline and block:  # R1 and V3: type, separator, name, arguments in a block
            before, after = name, block[1]
        arguments = arguments_of(after.strip())
        if not marker or not before.strip() or arguments is None:
            return None
        calls.append((before.strip(), arguments))
        at = match.end()
    return (calls, body[at:]) if calls else None


def _harmony(body: str, _: Schemas) -> _Read:
    name, marker, text = body.partition("<|message|>")
    arguments = arguments_of(text.strip())
    name = name.removeprefix("functions.")
    return None if arguments is None or not (name and marker) else ([(name, arguments)], "")


def _listed(body: str, _: Schemas) -> _Read:
    return calls_in(body)


FORMS: tuple[CallForm, ...] = (
    CallForm("<tool_call>", "</tool_call>", _tagged),
    CallForm("<seed:tool_call>", "</seed:tool_call>", _tagged),
    CallForm("<function=", "</function>", _untagged_function),
    CallForm("[TOOL_CALLS]", None, _mistral),
    CallForm("<|python_tag|>", None, _python_tag),
    CallForm("<|tool_call|>", None, _listed),
    CallForm("<|START_ACTION|>", "<|END_ACTION|>", _listed),
    CallForm("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", _deepseek),
    CallForm(HARMONY_CALL, HARMONY_CALL_END, _harmony),
)
"""All forms that a marker opens."""

BARE = CallForm("", None, _listed)
"""A call that is the whole answer, without a marker, as Llama 3 writes it."""

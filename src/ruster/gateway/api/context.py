"""Named values through a chat: the last message holds a command as JSON, so does the answer.

A command is written ``{"Set":{"key":…,"value":…}}`` or ``{"command":"set","key":…,"value":…}``.
The values are those of the owner's memory; where there is no daemon they live as long as we do.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from fnmatch import translate
from re import compile as compile_pattern
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from ruster.core.errors import RusterError
from ruster.core.ids import new_id
from ruster.gateway.api.answers import Json
from ruster.gateway.api.bodies import Shape, read_shape
from ruster.gateway.api.client import HttpClient, Line, ask
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.identity import Identity

__all__ = ["Context", "ContextBody", "Values", "read_command"]

_MAX_PAGES = 20
_PAGE = 1000
_MAX_KEYS = 1000
_MAX_USERS = 64

Command = dict[str, Any]


class _Said(Shape):
    role: str = "user"
    content: str


class ContextBody(Shape):
    """The body of a chat whose last message holds a command."""

    model: Annotated[str, Field(max_length=512)] = ""
    messages: Annotated[list[_Said], Field(min_length=1, max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_Key = Annotated[str, Field(min_length=1, max_length=256)]


class _Set(_Strict):
    key: _Key
    value: Annotated[str, Field(max_length=65_536)]


class _Name(_Strict):
    key: _Key


class _ListKeys(_Strict):
    pattern: Annotated[str, Field(min_length=1, max_length=256)] = "*"


class _FlushAll(_Strict):
    pass


_SHAPES: Mapping[str, type[_Strict]] = {
    "set": _Set,
    "get": _Name,
    "delete": _Name,
    "listkeys": _ListKeys,
    "flushall": _FlushAll,
}
_KNOWN = "Set, Get, Delete, ListKeys, FlushAll"


def read_command(text: str) -> tuple[str, Command]:
    """Return a command's name and fields; raises ValueError that says what is wrong."""
    data: Any = from_json(text, allow_inf_nan=False)
    name: Any
    fields: Any
    if isinstance(data, str):
        data = {data: None}
    if not isinstance(data, dict):
        raise ValueError('expected an object such as {"Get":{"key":"…"}}')
    if "command" in data:
        name, fields = data["command"], {k: v for k, v in data.items() if k != "command"}
    elif len(data) == 1:
        name, fields = next(iter(data.items()))
    else:
        raise ValueError(f"expected one of {_KNOWN}")
    plain = name.lower().replace("_", "") if isinstance(name, str) else ""
    shape = _SHAPES.get(plain)
    if shape is None:
        raise ValueError(f"unknown command; known: {_KNOWN}")
    try:
        return plain, shape.model_validate({} if fields is None else fields).model_dump()
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"])) or name
        raise ValueError(f"{where}: {problem['msg']}") from None


class Values:
    """Named values of each user, in memory and bounded: the oldest go first."""

    def __init__(self) -> None:
        self._users: OrderedDict[int, OrderedDict[str, str]] = OrderedDict()

    def run(self, uid: int, name: str, fields: Command) -> Line:
        """Carry a command out."""
        values = self._users.setdefault(uid, OrderedDict())
        self._users.move_to_end(uid)
        while len(self._users) > _MAX_USERS:
            self._users.popitem(last=False)
        match name:
            case "get":
                return {"type": "value", "value": values.get(fields["key"])}
            case "listkeys":
                fits = glob(fields["pattern"])
                return {"type": "keys", "keys": sorted(key for key in values if fits(key))}
            case "set":
                values[fields["key"]] = fields["value"]
                values.move_to_end(fields["key"])
                while len(values) > _MAX_KEYS:
                    values.popitem(last=False)
            case "delete":
                values.pop(fields["key"], None)
            case _:
                values.clear()
        return {"type": "ack"}


def glob(pattern: str) -> Callable[[str], bool]:
    """Return whether a name fits a pattern; only ``*`` is special."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    expression = compile_pattern(translate(literal))
    return lambda name: expression.match(name) is not None


class Context:
    """The endpoint."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._values = Values()

    async def answer(self, request: Request) -> Response:
        """Answer with what the command brought, as a chat completion."""
        body = await read_shape(request, ContextBody)
        identity: Identity = request.state.identity
        try:
            name, fields = read_command(body.messages[-1].content)
            result = await self._run(identity, name, fields)
        except ValueError as error:
            result = {"type": "error", "message": f"no context command: {error}"}
        except RusterError as error:
            result = {"type": "error", "message": error.message}
        message = {"role": "assistant", "content": json.dumps(result, ensure_ascii=False)}
        return Json(
            {
                "id": new_id("ctx"),
                "object": "chat.completion",
                "created": int(self._parts.clock.now()),
                "model": body.model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            }
        )

    async def _run(self, identity: Identity, name: str, fields: Command) -> Line:
        if self._parts.dispatch is None:
            return self._values.run(identity.uid, name, fields)
        match name:
            case "get":
                return {"type": "value", "value": await self._get(identity, fields)}
            case "listkeys":
                return {"type": "keys", "keys": await self._keys(identity, fields)}
            case "flushall":
                await self._ask(identity, {"action": "memory_flush", "confirm": True})
            case _:
                await self._ask(identity, {"action": f"memory_{name}", **fields})
        return {"type": "ack"}

    async def _get(self, identity: Identity, fields: Command) -> str | None:
        try:
            told = await self._ask(identity, {"action": "memory_get", **fields})
        except RusterError as error:
            if error.code == "fact_not_found":
                return None
            raise
        value: str | None = told.get("value")
        return value

    async def _keys(self, identity: Identity, fields: Command) -> list[str]:
        keys: list[str] = []
        command: Command = {"action": "memory_keys", "limit": _PAGE, **fields}
        for _ in range(_MAX_PAGES):
            page = await self._ask(identity, command)
            keys += page["keys"]
            if not page.get("more") or not page["keys"]:
                break
            command["after"] = keys[-1]
        return keys

    async def _ask(self, identity: Identity, command: Command) -> Line:
        dispatch = self._parts.dispatch
        assert dispatch is not None
        client = HttpClient(identity, dispatch, self._parts.settings.max_unread_bytes)
        return await ask(client, command)

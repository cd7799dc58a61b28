"""OpenAI's own client before a real daemon, and what the tests ask."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
from pydantic import BaseModel
from tests.e2e.gateway import Opened, Reply

from ruster.core.messages import ToolCall
from ruster.testing import ScriptedProvider

__all__ = ["CALL", "HELLO", "OTHER", "WEATHER", "Trip", "client_of", "post", "scripted"]

OTHER = 54321
HELLO: list[Any] = [{"role": "user", "content": "hello there"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
CALL = ToolCall("call_1", "weather", {"city": "Zürich"})


@asynccontextmanager
async def client_of(gate: Opened, *, owner: int | None = None) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's own client, which gives up at the first failure."""
    token = await gate.token(**({} if owner is None else {"owner": owner}))
    url = f"http://{gate.host}:{gate.port}/v1"
    async with openai.AsyncOpenAI(api_key=token, base_url=url, max_retries=0) as client:
        yield client


def scripted(*scripts: Any) -> dict[str, Any]:
    return {"scripted": ScriptedProvider(*scripts)}


async def post(gate: Opened, path: str, body: Any) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await gate.ask(path, method="POST", token=await gate.token(), body=data)


class Trip(BaseModel):
    """What a structured answer looks like."""

    city: str
    days: int

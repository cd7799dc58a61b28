"""OpenAI's API before the embedded engine: what it says, and forms it is held to."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.e2e.gateway import opened
from tests.e2e.openai_clients import WEATHER, client_of
from tests.engine_support import NEEDS_ENGINE
from tests.models import MODELS_DIR, build

pytestmark = NEEDS_ENGINE

MODEL = "llamacpp/trained"
CAT: list[Any] = [{"role": "user", "content": "My cat is called Milo."}]
CITIES: Any = {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}}


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[openai.AsyncOpenAI]:
    """A client of a daemon that has the trained model."""
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    shutil.copy(build("trained", MODELS_DIR), models)
    async with opened(folder) as gate, client_of(gate) as client:
        yield client


async def test_an_answer_and_its_tokens(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=MODEL, messages=CAT, temperature=0, logprobs=True, top_logprobs=2
    )
    (choice,) = answer.choices
    assert (answer.model, choice.message.content) == (MODEL, "Noted.")
    assert choice.logprobs is not None
    assert choice.logprobs.content
    assert "".join(it.token for it in choice.logprobs.content).startswith("Noted.")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0


async def test_a_call_is_forced(client: openai.AsyncOpenAI) -> None:
    tool = json.loads(json.dumps(WEATHER))
    tool["function"]["parameters"] = CITIES | {"required": ["city"]}
    answer = await client.chat.completions.create(
        model=MODEL, messages=CAT, tools=[tool], tool_choice="required", max_tokens=200
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    calls: Any = answer.choices[0].message.tool_calls
    (call,) = calls
    assert json.loads(call.function.arguments)["city"] in ("Rome", "Oslo")


async def test_an_answer_keeps_to_a_schema(client: openai.AsyncOpenAI) -> None:
    schema: Any = {
        "name": "trip",
        "schema": {**CITIES, "required": ["city"], "additionalProperties": False},
    }
    answer = await client.chat.completions.create(
        model=MODEL,
        messages=CAT,
        response_format={"type": "json_schema", "json_schema": schema},
        max_tokens=200,
    )
    assert json.loads(answer.choices[0].message.content or "")["city"] in ("Rome", "Oslo")


async def test_a_schema_that_cannot_be_followed_is_the_clients_error(
    client: openai.AsyncOpenAI,
) -> None:
    schema: Any = {"name": "x", "schema": {"$ref": "#/nowhere"}}
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(
            model=MODEL,
            messages=CAT,
            response_format={"type": "json_schema", "json_schema": schema},
        )

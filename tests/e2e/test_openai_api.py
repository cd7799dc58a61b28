"""OpenAI's API of a real daemon, asked by the clients that people use."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
import struct
import sys
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.e2e.gateway import opened
from tests.e2e.openai_clients import CALL, HELLO, OTHER, WEATHER, Trip, client_of, post, scripted

from ruster.core.errors import ProviderError
from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceRequest,
    Logprobs,
    Notice,
    Progress,
    Thought,
    ThoughtPhase,
    TokenLogprob,
    ToolCallRequest,
    Usage,
)
from ruster.testing import ScriptedProvider


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


# Chats


async def test_a_chat_and_a_stream(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        for model in ("pinky/echo", "default", ""):
            answer = await client.chat.completions.create(model=model, messages=HELLO)
            assert answer.choices[0].message.content == "hello there"
            assert (answer.model, answer.choices[0].finish_reason) == ("pinky/echo", "stop")
            assert answer.usage is not None
            assert answer.usage.total_tokens == 4

        stream = await client.chat.completions.create(
            model="pinky/slow",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        said = [it.choices[0].delta.content for it in chunks if it.choices]
        assert [it for it in said if it] == ["hello ", "there"]
        assert len({it.id for it in chunks}) == 1
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 2


async def test_the_synchronous_client(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()

        def talk() -> tuple[str | None, str]:
            url = f"http://{gate.host}:{gate.port}/v1"
            with openai.OpenAI(api_key=token, base_url=url, max_retries=0) as client:
                whole = client.chat.completions.create(model="pinky/echo", messages=HELLO)
                stream = client.chat.completions.create(
                    model="pinky/echo", messages=HELLO, stream=True
                )
                pieces = [it.choices[0].delta.content or "" for it in stream]
                return whole.choices[0].message.content, "".join(pieces)

        assert await asyncio.to_thread(talk) == ("hello there", "hello there")


async def test_thoughts_and_the_likelihood_of_tokens(folder: Path) -> None:
    script = (
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "Hmm."),
        Thought(ThoughtPhase.STOP),
        Logprobs((TokenLogprob("Yes", -0.5, (("Yes", -0.5), ("No", -math.inf))),)),
        Content("Yes"),
    )
    async with opened(folder, providers=scripted(script)) as gate, client_of(gate) as client:
        answer = await client.chat.completions.create(
            model="scripted/any", messages=HELLO, logprobs=True, top_logprobs=2
        )
    (choice,) = answer.choices
    assert choice.message.model_dump()["reasoning_content"] == "Hmm."
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert [it.logprob for it in choice.logprobs.content[0].top_logprobs] == [-0.5, -9999]


async def test_what_is_asked_reaches_the_model(folder: Path) -> None:
    providers = scripted()
    async with opened(folder, providers=providers) as gate, client_of(gate) as client:
        await client.chat.completions.create(
            model="scripted/any", messages=HELLO, seed=7, stop=["END"], temperature=0, top_p=0.5
        )
    (asked,) = providers["scripted"].requests
    sampling, behaviour = asked.config.sampling, asked.config.behaviour
    assert (sampling.seed, sampling.temperature, sampling.top_p) == (7, 0, 0.5)
    assert behaviour.stop == ("END",)


async def test_several_answers(folder: Path) -> None:
    def seeded(request: InferenceRequest) -> Content:
        return Content(f"seed {request.config.sampling.seed}")

    script = (seeded, Usage(3, 2))
    async with opened(folder, providers=scripted(script)) as gate, client_of(gate) as client:
        answer = await client.chat.completions.create(
            model="scripted/any", messages=HELLO, n=3, seed=5
        )
        assert [it.message.content for it in answer.choices] == ["seed 5", "seed 6", "seed 7"]
        assert [it.index for it in answer.choices] == [0, 1, 2]
        assert answer.usage is not None
        assert answer.usage.total_tokens == 15

        stream = await client.chat.completions.create(
            model="scripted/any",
            messages=HELLO,
            n=2,
            seed=5,
            stream=True,
            stream_options={"include_usage": True},
        )
        texts = ["", ""]
        usages = []
        async for chunk in stream:
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
            usages += [chunk.usage] if chunk.usage else []
        assert texts == ["seed 5", "seed 6"]
        assert [it.total_tokens for it in usages] == [10]
        with pytest.raises(openai.BadRequestError, match="n: "):
            await client.chat.completions.create(model="scripted/any", messages=HELLO, n=9)


async def test_tools(folder: Path) -> None:
    scripts = (
        (ToolCallRequest(CALL), Complete(FinishReason.TOOL_CALLS)),
        (ToolCallRequest(CALL), Complete(FinishReason.TOOL_CALLS)),
        (Content("Rain."),),
    )
    providers = scripted(*scripts)
    async with opened(folder, providers=providers) as gate, client_of(gate) as client:
        answer = await client.chat.completions.create(
            model="scripted/any", messages=HELLO, tools=[WEATHER]
        )
        message = answer.choices[0].message
        assert answer.choices[0].finish_reason == "tool_calls"
        assert message.tool_calls is not None
        call: Any = message.tool_calls[0]
        assert (call.id, call.function.name) == ("call_1", "weather")
        assert json.loads(call.function.arguments) == {"city": "Zürich"}

        stream = await client.chat.completions.create(
            model="scripted/any", messages=HELLO, tools=[WEATHER], stream=True
        )
        deltas = [it.choices[0].delta async for it in stream]
        told = [call for it in deltas for call in it.tool_calls or ()]
        assert [it.function.name for it in told if it.function] == ["weather"]

        result = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}
        followed: list[Any] = [*HELLO, message, result]
        answer = await client.chat.completions.create(
            model="scripted/any", messages=followed, tools=[WEATHER]
        )
        assert answer.choices[0].message.content == "Rain."
    assert [it.name for it in providers["scripted"].requests[0].tools] == ["weather"]
    assert providers["scripted"].requests[2].messages[2].name == "weather"


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "weather"}}]
)
async def test_a_call_that_is_demanded(folder: Path, choice: Any) -> None:
    text = json.dumps({"tool": "weather", "arguments": {"city": "Rome"}})
    refusal = ProviderError("no such form", code="provider_rejected")
    scripts = ((Content(text[:9]), Content(text[9:])), (Content("I will not."),), (refusal,), ())
    providers = scripted(*scripts)
    async with opened(folder, providers=providers) as gate, client_of(gate) as client:

        async def ask() -> Any:
            answer = await client.chat.completions.create(
                model="scripted/any", messages=HELLO, tools=[WEATHER], tool_choice=choice
            )
            return answer.choices[0]

        called = await ask()
        assert called.finish_reason == "tool_calls"
        assert json.loads(called.message.tool_calls[0].function.arguments) == {"city": "Rome"}
        assert (await ask()).message.content == "I will not."  # a model that keeps to no form
        await ask()  # a provider that knows no forms: left to the model, as with auto
    held, _, _, free = providers["scripted"].requests
    assert held.config.behaviour.json_schema["properties"]["tool"] == {"const": "weather"}
    assert (free.config.behaviour.json_schema, len(free.tools)) == (None, 1)


async def test_structured_output(folder: Path) -> None:
    providers = scripted((Content('{"city": "Rome", "days": 3}'),))
    async with opened(folder, providers=providers) as gate, client_of(gate) as client:
        answer = await client.chat.completions.parse(
            model="scripted/any", messages=HELLO, response_format=Trip
        )
    assert answer.choices[0].message.parsed == Trip(city="Rome", days=3)
    schema = providers["scripted"].requests[0].config.behaviour.json_schema
    assert schema["required"] == ["city", "days"]


async def test_errors_before_a_stream_are_answers_and_inside_it_events(folder: Path) -> None:
    scripts = (
        (ProviderError("it rests", code="engine_busy"),),
        (Content("He"), ProviderError("it broke", code="provider_stream_cut")),
    )
    async with opened(folder, providers=scripted(*scripts)) as gate, client_of(gate) as client:
        with pytest.raises(openai.InternalServerError) as early:
            await client.chat.completions.create(model="scripted/any", messages=HELLO, stream=True)
        assert (early.value.status_code, early.value.code) == (503, "engine_busy")
        stream = await client.chat.completions.create(
            model="scripted/any", messages=HELLO, stream=True
        )
        with pytest.raises(openai.APIError, match="it broke") as late:
            async for _ in stream:
                pass
        assert late.value.code == "provider_stream_cut"
        with pytest.raises(openai.InternalServerError, match="pinky has no model"):
            await client.chat.completions.create(model="pinky/none", messages=HELLO)


async def test_a_session_answers_as_a_model_with_all_that_the_agent_has(folder: Path) -> None:
    provider = ScriptedProvider([Content("hello there")])
    async with (
        opened(folder, providers={"pinky": provider}) as gate,
        client_of(gate) as client,
    ):
        answer = await client.chat.completions.create(model="agent/trip", messages=HELLO)
        assert answer.choices[0].message.content == "hello there"
        assert any(tool.name == "remember" for tool in provider.requests[0].tools)
        stream = await client.chat.completions.create(
            model="agent/trip", messages=HELLO, stream=True
        )
        pieces = [it.choices[0].delta.content or "" async for it in stream if it.choices]
        assert "".join(pieces) == "hello there"
        listed = [it.id async for it in await client.models.list()]
        assert "agent/trip" in listed
        page = await gate.command("history", session_id="trip")
        assert page["total"] == 4


async def test_a_notice_is_a_comment_of_a_stream_and_a_header_else(folder: Path) -> None:
    notice = Notice("model_reloaded", "NOTICE: Model reload took 2.0s.\nIncrease it.")
    script = (notice, Content("x"))
    async with opened(folder, providers=scripted(script)) as gate, client_of(gate) as client:
        body = json.dumps({"model": "scripted/any", "messages": HELLO, "stream": True}).encode()
        token = await gate.token()
        said = await gate.ask("/v1/chat/completions", method="POST", token=token, body=body)
        assert b": NOTICE: Model reload took 2.0s. Increase it.\n\n" in said.body
        whole = await client.chat.completions.with_raw_response.create(
            model="scripted/any", messages=HELLO
        )
        assert whole.headers["x-ruster-notice"] == "NOTICE: Model reload took 2.0s. Increase it."
        stream = await client.chat.completions.create(
            model="scripted/any", messages=HELLO, stream=True
        )
        pieces = [it.choices[0].delta.content or "" async for it in stream if it.choices]
        assert "".join(pieces) == "x"  # clients pass over it


async def test_loading_is_told_in_a_stream(folder: Path) -> None:
    script = (Progress("a model", 1, 2), Content("x"))
    async with opened(folder, providers=scripted(script)) as gate, client_of(gate) as client:
        stream = await client.chat.completions.create(
            model="scripted/any", messages=HELLO, stream=True
        )
        chunks = [it async for it in stream]
    assert "50 %" in chunks[1].choices[0].delta.model_dump()["reasoning_content"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("first", [(), (Content("x"),)])
async def test_a_client_that_leaves_ends_the_inference(
    folder: Path, stream: bool, first: tuple[Content, ...]
) -> None:
    providers = scripted((*first, 600.0))
    async with opened(folder, providers=providers) as gate:
        token, provider = await gate.token(), providers["scripted"]
        body = json.dumps({"model": "scripted/any", "messages": HELLO, "stream": stream}).encode()
        asking = asyncio.ensure_future(
            gate.ask("/v1/chat/completions", method="POST", token=token, body=body)
        )
        await until(lambda: provider.requests)
        assert provider.closed_early == 0
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(1):
            while not provider.closed_early:
                await asyncio.sleep(0.01)


async def test_others_get_only_models_that_are_here(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate, owner=OTHER) as client:
        for model in ("llamacpp//etc/passwd", "llamacpp/~/x", "some/repo"):
            with pytest.raises(openai.PermissionDeniedError):
                await client.chat.completions.create(model=model, messages=HELLO)
            with pytest.raises(openai.PermissionDeniedError):
                await client.embeddings.create(model=model, input="x")
        answer = await client.chat.completions.create(model="pinky/echo", messages=HELLO)
        assert answer.choices[0].message.content == "hello there"


# Completions


async def test_completions(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        answer = await client.completions.create(model="pinky/echo", prompt=["one", "two"], n=2)
        assert [it.text for it in answer.choices] == ["one", "one", "two", "two"]
        assert answer.usage is not None
        assert answer.usage.total_tokens == 8
        answer = await client.completions.create(model="pinky/echo", prompt="a", echo=True)
        assert answer.choices[0].text == "aa"
        stream = await client.completions.create(
            model="pinky/slow", prompt="a b", stream=True, stream_options={"include_usage": True}
        )
        chunks = [it async for it in stream]
        assert "".join(it.choices[0].text for it in chunks if it.choices) == "a b"
        assert [it.choices[0].finish_reason for it in chunks if it.choices][-1] == "stop"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 2
        wrongs: list[dict[str, Any]] = [
            {"suffix": "x"},
            {"best_of": 3},
            {"prompt": []},
            {"prompt": [1, 2]},
            {"prompt": ["a"] * 16, "n": 3},
        ]
        for wrong in wrongs:
            fields: dict[str, Any] = {"model": "pinky/echo", "prompt": "a", **wrong}
            with pytest.raises(openai.BadRequestError):
                await client.completions.create(**fields)


async def test_completions_tell_how_likely_tokens_were(folder: Path) -> None:
    script = (
        Logprobs((TokenLogprob("ab", -0.5, (("ab", -0.5),)),)),
        Content("ab"),
        Logprobs((TokenLogprob("c", -1.0, ()),)),
        Content("c"),
    )
    async with opened(folder, providers=scripted(script)) as gate, client_of(gate) as client:
        answer = await client.completions.create(model="scripted/any", prompt="x", logprobs=1)
    told = answer.choices[0].logprobs
    assert told is not None
    assert (told.tokens, told.text_offset) == (["ab", "c"], [0, 2])
    assert told.token_logprobs == [-0.5, -1.0]


# Vectors and models


async def test_embeddings(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        whole = await client.embeddings.create(
            model="pinky/echo", input=["a", "b"], encoding_format="float"
        )
        assert [it.index for it in whole.data] == [0, 1]
        vector = whole.data[0].embedding
        assert len(vector) == 384
        packed = await client.embeddings.create(model="pinky/echo", input="a")  # asks for base64
        assert packed.data[0].embedding == pytest.approx(vector, abs=1e-6)
        reply = await post(
            gate,
            "/v1/embeddings",
            {"model": "pinky/echo", "input": "a", "encoding_format": "base64"},
        )
        raw = base64.b64decode(json.loads(reply.body)["data"][0]["embedding"])
        assert struct.unpack("<384f", raw) == pytest.approx(vector, abs=1e-6)
        short = await client.embeddings.create(
            model="pinky/echo", input="a", dimensions=8, encoding_format="float"
        )
        assert math.hypot(*short.data[0].embedding) == pytest.approx(1)
        length = math.hypot(*vector[:8])
        assert short.data[0].embedding == pytest.approx([it / length for it in vector[:8]])
        wrongs: list[dict[str, Any]] = [
            {"input": []},
            {"input": ""},
            {"input": ["a", ""]},
            {"input": [1, 2]},
            {"input": ["a"] * 2049},
            {"dimensions": 999},
        ]
        for wrong in wrongs:
            fields: dict[str, Any] = {"model": "pinky/echo", "input": "a", **wrong}
            with pytest.raises(openai.BadRequestError):
                await client.embeddings.create(**fields)


async def test_models_that_make_no_vectors(folder: Path) -> None:
    async with opened(folder, providers=scripted()) as gate, client_of(gate) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            await client.embeddings.create(model="scripted/any", input="a")
    assert raised.value.code == "not_an_embedder"


async def test_models(folder: Path) -> None:
    async with opened(folder) as gate, client_of(gate) as client:
        models = {it.id: it async for it in client.models.list()}
        assert {"pinky/echo", "pinky/slow"} <= models.keys()
        told = models["pinky/echo"].model_dump()
        assert (told["object"], told["owned_by"], told["purpose"]) == (
            "model",
            "pinky",
            "Inference",
        )
        assert (await client.models.retrieve("pinky/echo")).id == "pinky/echo"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("pinky/none")


# What cannot be taken

DEEP = b'{"model":"pinky/echo","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
WRONG: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("no JSON", b"{"),
    ("not an object", b"[]"),
    ("not UTF-8", b'{"model":"\xff"}'),
    ("NaN", b'{"model":"pinky/echo","messages":[{"role":"user","content":"a"}],"x":NaN}'),
    ("half a pair", b'{"messages":[{"role":"user","content":"\\ud800"}],"input":"\\ud800"}'),
    ("deep", DEEP),
    ("types", b'{"model":7,"messages":7,"input":7,"prompt":7}'),
    ("too large a number", b'{"seed":1e400,"input":"a","prompt":"a","temperature":1e400}'),
]
PATHS = ("chat/completions", "completions", "embeddings", "responses")


@pytest.mark.parametrize("path", PATHS)
async def test_bodies_that_cannot_be_taken(folder: Path, path: str) -> None:
    async with opened(folder) as gate:
        for what, body in WRONG:
            reply = await post(gate, f"/v1/{path}", body)
            assert (what, reply.status) == (what, 400)
            error = json.loads(reply.body)["error"]
            assert error.keys() == {"message", "type", "param", "code"}
            assert error["type"] == "invalid_request_error"


# Other programs


async def run(*command: str, **variables: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **variables},
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_curl(folder: Path) -> None:
    async with opened(folder) as gate:
        url = f"http://{gate.host}:{gate.port}/v1/chat/completions"
        body = json.dumps({"model": "pinky/slow", "messages": HELLO, "stream": True})
        bearer = f"Authorization: Bearer {await gate.token()}"
        out = await run("curl", "-sN", "--noproxy", "*", url, "-H", bearer, "-d", body)
    events = [it.removeprefix("data: ") for it in out.split("\n\n") if it]
    assert events[-1] == "[DONE]"
    deltas = [json.loads(it)["choices"][0]["delta"] for it in events[:-1]]
    assert "".join(it.get("content", "") for it in deltas) == "hello there"


async def test_llm_of_simon_willison(folder: Path, tmp_path: Path) -> None:
    async with opened(folder) as gate:
        (tmp_path / "extra-openai-models.yaml").write_text(
            "- model_id: house\n  model_name: pinky/slow\n"
            f"  api_base: http://{gate.host}:{gate.port}/v1\n  api_key_name: house\n"
        )
        (tmp_path / "keys.json").write_text(json.dumps({"house": await gate.token()}))
        command = (sys.executable, "-m", "llm", "prompt", "-m", "house")
        variables = {"LLM_USER_PATH": str(tmp_path), "HOME": str(tmp_path)}
        for option in ((), ("--no-stream",)):
            assert (
                await run(*command, *option, "hello there", **variables)
            ).strip() == "hello there"

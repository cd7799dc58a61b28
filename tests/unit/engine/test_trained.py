"""The trained model can do what tests rely on: recall, call a tool, and use what it says.

All words it has to copy are of the kind kept from its training.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ruster.core.inference import (
    Behaviour,
    InferenceConfig,
    InferenceRequest,
    Sampling,
)
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.engine.host import EngineHost
from ruster.llm.llamacpp import LlamaCppProvider
from tests.engine_support import NEEDS_ENGINE, Answer, read
from tests.models import build
from tests.models.trained.dialogs import Dialogs, Said, render
from tests.models.trained.draws import Tool
from tests.models.trained.language import NOUNS
from tests.models.trained.vocabulary import Tokenizer

pytestmark = NEEDS_ENGINE

_EXACT = InferenceConfig(
    Behaviour(max_tokens=120), Sampling(temperature=0.0, repetition_penalty=1.0)
)
_CALL = re.compile(r'<tool_call>{"name": "(.*?)", "arguments": (.*)}</tool_call>')
_LENGTHS = (200, 350, 500, 800)
_COUNT = 200
_LEAST = {"recall": 0.92, "call": 0.65, "result": 0.8}
"""What share is right, of conversations with up to five tools and a dozen facts."""
_Case = tuple[list[Tool], list[Said]]


class _Plain(Dialogs):
    """Conversations as tests hold them: things by their names, one unseen word as the value."""

    def value(self) -> str:
        return self.word()

    def thing(self) -> tuple[str, str]:
        noun = self.random.choice(NOUNS)
        adjective = self.random.choice(("", "", "favourite ", "new ", "old "))
        return f"my {adjective}{noun}", f"your {adjective}{noun}"


@pytest.fixture(scope="module")
def trained() -> Path:
    """The model under test."""
    return build("trained")


def _cases(kind: str) -> Iterator[_Case]:
    """Draw conversations whose last message is an answer of this kind."""
    dialogs = _Plain(77, held_out=True)
    number = 0
    while True:
        tools, messages = dialogs.draw(_LENGTHS[number % len(_LENGTHS)])
        last = max((at for at, said in enumerate(messages) if said.kind == kind), default=0)
        if last:
            number += 1
            yield tools, messages[: last + 1]


def _message(said: Said) -> Message:
    call = _CALL.fullmatch(said.text)
    if said.role == "assistant" and call:
        calls = (ToolCall("c", call[1], json.loads(call[2])),)
        return Message(Role.ASSISTANT, "", tool_calls=calls)
    return Message(Role(said.role), said.text)


def _tool(tool: Tool) -> ToolSpec:
    properties = {tool.parameter: {"type": "string"}} if tool.parameter else {}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return ToolSpec(tool.name, tool.description, parameters)


async def _share_right(
    host: EngineHost, model: Path, kind: str, is_right: Callable[[Answer, Said], bool]
) -> float:
    provider = LlamaCppProvider(host, model.parent)
    slots = asyncio.Semaphore(4)

    async def is_answered(case: _Case) -> bool:
        tools, messages = case
        request = InferenceRequest(
            "trained", tuple(map(_message, messages[:-1])), _EXACT, tuple(map(_tool, tools))
        )
        async with slots:
            return is_right(await read(provider.stream(request)), messages[-1])

    drawn = [case for case, _ in zip(_cases(kind), range(_COUNT), strict=False)]
    right = await asyncio.gather(*map(is_answered, drawn))
    return sum(right) / _COUNT


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_it_recalls_what_it_was_told(host: EngineHost, trained: Path) -> None:
    share = await _share_right(host, trained, "recall", lambda got, due: got.text == due.text)
    assert share >= _LEAST["recall"]


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_it_calls_the_tool_that_is_asked_for(host: EngineHost, trained: Path) -> None:
    def is_right(got: Answer, due: Said) -> bool:
        call = _CALL.fullmatch(due.text)
        assert call is not None
        return [(c.name, c.arguments) for c in got.calls] == [(call[1], json.loads(call[2]))]

    assert await _share_right(host, trained, "call", is_right) >= _LEAST["call"]


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_it_tells_what_the_tool_said(host: EngineHost, trained: Path) -> None:
    share = await _share_right(host, trained, "result", lambda got, due: got.text == due.text)
    assert share >= _LEAST["result"]


async def test_it_is_the_conversation_that_decides(host: EngineHost, trained: Path) -> None:
    """The same question has another answer where another fact, or none, was told."""
    provider = LlamaCppProvider(host, trained.parent)
    for told, answer in (
        ("My cat is called Milo.", "Your cat is called Milo."),
        ("My cat is called Wendeline.", "Your cat is called Wendeline."),
    ):
        messages = (
            Message(Role.USER, told),
            Message(Role.ASSISTANT, "Noted."),
            Message(Role.USER, "What is my cat called?"),
        )
        got = await read(provider.stream(InferenceRequest("trained", messages, _EXACT)))
        assert got.text == answer


def test_training_and_engine_read_a_prompt_alike(trained: Path) -> None:
    from ruster.engine import native
    from ruster.engine.model import LoadedModel
    from ruster.engine.settings import EngineSettings

    native.start()
    model = LoadedModel(trained, EngineSettings(threads=1), lambda _: True)
    tokenizer = Tokenizer()
    for _, (tools, messages) in zip(range(20), _cases("result"), strict=False):
        text = "".join(part for part, _ in render(tools, messages[:-1]))
        text += "<|im_start|>assistant\n"
        rendered = model.template.render(
            [_message(said) for said in messages[:-1]], [_tool(tool) for tool in tools]
        )
        assert rendered == text
        assert model.prompt_tokens(text) == tokenizer.encode(text)
    model.close()

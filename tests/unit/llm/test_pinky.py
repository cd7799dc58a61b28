"""The stub says exactly what it promises."""

from __future__ import annotations

from ruster.core.inference import (
    Complete,
    Content,
    InferenceRequest,
    ProcessStart,
    Thought,
    ThoughtPhase,
    Usage,
)
from ruster.core.messages import Message, Role
from ruster.llm.pinky import PinkyProvider
from tests.fakes.inference import ask, collect, text_of


async def test_tiny_model_says_the_seeds_words() -> None:
    assert await collect(PinkyProvider(), ask("tiny-model", "hi there")) == [
        ProcessStart(),
        Thought(ThoughtPhase.START),
        Thought(ThoughtPhase.DELTA, "Narf!"),
        Thought(ThoughtPhase.STOP),
        Content("Pinky says: hi there"),
        Usage(prompt=2, completion=4),
        Complete(),
    ]


async def test_echo_neither_thinks_nor_adds() -> None:
    assert await collect(PinkyProvider(), ask("echo", "  as it is \n")) == [
        ProcessStart(),
        Content("  as it is \n"),
        Usage(prompt=3, completion=3),
        Complete(),
    ]


async def test_slow_streams_word_by_word_and_loses_no_space() -> None:
    events = await collect(PinkyProvider(), ask("slow", " one  two\nthree "))

    assert text_of(events) == " one  two\nthree "
    assert sum(isinstance(event, Content) for event in events) == 5


async def test_the_last_user_message_counts() -> None:
    said = (
        Message(Role.SYSTEM, "be brief"),
        Message(Role.USER, "first"),
        Message(Role.ASSISTANT, "yes"),
        Message(Role.USER, "second"),
        Message(Role.TOOL, "result"),
    )

    assert text_of(await collect(PinkyProvider(), InferenceRequest("echo", said))) == "second"


async def test_no_user_message_is_answered_with_nothing() -> None:
    events = await collect(PinkyProvider(), InferenceRequest("echo", ()))

    assert text_of(events) == ""
    assert events[-1] == Complete()

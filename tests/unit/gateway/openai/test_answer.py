"""Answers in OpenAI's shape: chunks and whole completions, and that clients can read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ruster.core.inference import (
    Complete,
    Content,
    FinishReason,
    InferenceEvent,
    Logprobs,
    Notice,
    ProcessStart,
    Progress,
    Thought,
    ThoughtPhase,
    TokenLogprob,
    ToolCallRequest,
    Usage,
)
from ruster.core.messages import ToolCall
from ruster.gateway.openai.answer import DONE, ChunkStream, completion, sse
from ruster.llm.openai_compatible.events import ChatEvents
from ruster.llm.openai_compatible.failures import OpenAiPeer
from ruster.llm.openai_compatible.wire import Chunk
from ruster.testing import ManualClock

USAGE = Usage(prompt=12, completion=5, cached=8)
SAID: tuple[InferenceEvent, ...] = (
    ProcessStart("ollama/llama3.2"),
    Thought(ThoughtPhase.START),
    Thought(ThoughtPhase.DELTA, "Hmm"),
    Thought(ThoughtPhase.STOP),
    Content("Par"),
    Content("is."),
    USAGE,
    Complete(),
)
CALLED: tuple[InferenceEvent, ...] = (
    ProcessStart(),
    ToolCallRequest(ToolCall("call_1", "get_time", {"zone": "Z\u00fcrich"})),
    ToolCallRequest(ToolCall("call_2", "get_date", {})),
    Complete(FinishReason.TOOL_CALLS),
)


def chunks(
    events: Iterable[InferenceEvent], *, include_usage: bool = False
) -> list[dict[str, Any]]:
    stream = ChunkStream("asked/model", ManualClock(), include_usage=include_usage)
    return [chunk for event in events for chunk in stream.take(event)]


def deltas(events: Iterable[InferenceEvent]) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks(events)]


def test_a_stream_says_who_speaks_then_thoughts_then_content_then_the_end() -> None:
    told = chunks(SAID)

    assert [chunk["choices"][0]["delta"] for chunk in told] == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hmm"},
        {"content": "Par"},
        {"content": "is."},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None] * 4 + ["stop"]
    assert {(chunk["id"], chunk["model"], chunk["object"]) for chunk in told} == {
        (told[0]["id"], "ollama/llama3.2", "chat.completion.chunk")
    }
    assert told[0]["id"].startswith("chatcmpl-")
    assert "usage" not in told[0]


def test_usage_is_a_chunk_of_its_own_when_asked_for() -> None:
    told = chunks(SAID, include_usage=True)

    assert told[-1]["choices"] == []
    assert told[-1]["usage"] == {
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    assert {chunk["usage"] for chunk in told[:-1]} == {None}


def test_tool_calls_have_an_index_and_arguments_as_text() -> None:
    told = chunks(CALLED)

    calls = [it["choices"][0]["delta"].get("tool_calls") for it in told[1:-1]]
    function = {"name": "get_time", "arguments": '{"zone": "Z\u00fcrich"}'}
    assert calls[0] == [{"index": 0, "id": "call_1", "type": "function", "function": function}]
    assert (calls[1][0]["index"], calls[1][0]["function"]["arguments"]) == (1, "{}")
    assert told[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_calls_say_so_even_if_the_provider_only_stopped() -> None:
    assert chunks([*CALLED[:-1], Complete()])[-1]["choices"][0]["finish_reason"] == "tool_calls"
    cut = chunks([Content("a"), Complete(FinishReason.LENGTH)])
    assert cut[-1]["choices"][0]["finish_reason"] == "length"


def test_an_empty_answer_is_still_one() -> None:
    assert deltas([ProcessStart(), Complete()]) == [{"role": "assistant", "content": ""}, {}]


def test_logprobs_go_with_the_content_they_belong_to() -> None:
    token = TokenLogprob("\u00e9", -0.1, (("\u00e9", -0.1), ("e", -2.5)))
    told = chunks([Logprobs((token,)), Content("\u00e9"), Logprobs((token,)), Complete()])

    (entry,) = told[1]["choices"][0]["logprobs"]["content"]
    assert entry == {
        "token": "\u00e9",
        "logprob": -0.1,
        "bytes": [195, 169],
        "top_logprobs": [
            {"token": "\u00e9", "logprob": -0.1, "bytes": [195, 169]},
            {"token": "e", "logprob": -2.5, "bytes": [101]},
        ],
    }
    assert told[0]["choices"][0]["logprobs"] is None
    assert len(told[2]["choices"][0]["logprobs"]["content"]) == 1


def test_loading_is_told_once_a_second_and_before_the_answer_only() -> None:
    clock = ManualClock()
    stream = ChunkStream("llamacpp/small", clock)
    told: list[str] = []
    for percent in range(0, 101, 5):
        made = [it["choices"][0]["delta"] for it in stream.take(Progress("small", percent, 100))]
        told += [delta.get("reasoning_content", "(first)") for delta in made]
        clock.advance(0.25)
    list(stream.take(Content("Hi")))
    clock.advance(60)

    assert told[:3] == ["(first)", "Loading small: 0 %\n", "Loading small: 20 %\n"]
    assert len(told) == 7
    assert list(stream.take(Progress("small", 1, 100))) == []


def test_loading_of_unknown_size_and_notices() -> None:
    (_, loading) = deltas([Progress("small", 10, 0)])
    assert loading == {"reasoning_content": "Loading small\n"}
    assert deltas([Notice("model_fallback", "another one")]) == []


def test_a_whole_completion() -> None:
    whole = completion("asked/model", SAID, ManualClock())

    assert whole["object"] == "chat.completion"
    assert whole["model"] == "ollama/llama3.2"
    assert whole["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Paris.", "reasoning_content": "Hmm"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert whole["usage"]["total_tokens"] == 17


def test_a_whole_completion_with_calls_has_no_content() -> None:
    (choice,) = completion("asked/model", CALLED, ManualClock())["choices"]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [call["id"] for call in choice["message"]["tool_calls"]] == ["call_1", "call_2"]


def test_our_own_client_reads_it_back() -> None:
    """What is written here is what ``llm.openai_compatible`` understands of other servers."""
    for events in (SAID, CALLED):
        reader = ChatEvents(OpenAiPeer("x", "x", "x"), show_thinking=True)
        said = b"".join(map(sse, chunks(events, include_usage=True))) + DONE
        lines = [line.removeprefix(b"data: ") for line in said.split(b"\n\n") if line]
        assert lines.pop() == b"[DONE]"
        read = [it for line in lines for it in reader.take(Chunk.model_validate_json(line))]
        read += reader.end()
        wanted = [event for event in events if not isinstance(event, ProcessStart | Usage)]
        assert [event for event in read if not isinstance(event, Usage)] == wanted


def test_an_event_is_one_line_whatever_the_text() -> None:
    text = "a\nb\r\n\ndata: [DONE]\n\n\u2028\ud800"
    (_, chunk) = chunks([Content(text)])
    written = sse(chunk)
    assert written.count(b"\n") == 2
    assert json.loads(written[6:])["choices"][0]["delta"]["content"].startswith("a\nb\r\n")

"""Lines of event servers: what is taken, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ruster.core.errors import ProtocolError
from ruster.proactive.servers.wire import (
    EventFrame,
    Hello,
    Reply,
    decode_frame,
    encode_request,
)

TOOL = {"name": "search", "description": "Finds mail.", "parameters": {"type": "object"}}


def test_every_kind_is_read() -> None:
    hello = decode_frame(b'{"type":"hello","name":"mail","description":"d","newer":1}')
    assert hello == Hello(type="hello", name="mail", description="d")
    event = decode_frame(b'{"type":"event","payload":{"a":[1]},"session_id":"work"}')
    assert event == EventFrame(type="event", payload={"a": [1]}, session_id="work")
    reply = decode_frame(b'{"type":"reply","id":"q-1","session_id":"work","payload":null}')
    assert reply == Reply(type="reply", id="q-1", session_id="work")


def test_a_tool_without_parameters_takes_none() -> None:
    found = decode_frame(json.dumps({"type": "hello", "name": "m", "tools": [TOOL]}).encode())
    assert isinstance(found, Hello)
    assert found.tools[0].parameters == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "no strict JSON"),
        (b"nonsense", "no strict JSON"),
        (b'{"type":"event","payload":NaN}', "no strict JSON"),
        (b'{"type":"event","payload":{"n":1e999}}', "no strict JSON"),
        (b'{"type":"event","payload":"\\ud800"}', "no strict JSON"),
        (b'{"type":"event","payload":"\xff"}', "no strict JSON"),
        (b'{"type":"event","payload":' + b"[" * 500 + b"]" * 500 + b"}", "no strict JSON"),
        (b"[]", "type null"),
        (b'"event"', "type null"),
        (b"{}", "type null"),
        (b'{"type":1}', "type 1"),
        (b'{"type":["event"]}', 'type ["event"]'),
        (b'{"type":"request","id":"1"}', 'type "request"'),
        (b'{"type":"event"}', '"payload"'),
        (b'{"type":"event","payload":1,"session_id":7}', '"session_id"'),
        (b'{"type":"event","payload":1,"session_id":"../x"}', '"session_id"'),
        (b'{"type":"reply","payload":1}', '"id"'),
        (b'{"type":"reply","id":1,"payload":1}', '"id"'),
        (b'{"type":"reply","id":"1","error":""}', '"error"'),
        (b'{"type":"hello"}', '"name"'),
        (b'{"type":"hello","name":"a/b"}', '"name"'),
        (b'{"type":"hello","name":"a","description":1}', '"description"'),
        (b'{"type":"hello","name":"a","tools":{}}', '"tools"'),
        (b'{"type":"hello","name":"a","tools":[1]}', '"tools.0"'),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(line: bytes, told: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_frame(line)
    assert told in refused.value.message
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a b"},
        {"name": "x" * 49},
        {"description": ""},
        {"description": "x" * 1001},
        {"parameters": []},
        {"parameters": {"type": "array"}},
        {"parameters": {"type": "object", "properties": []}},
        {"parameters": {"type": "object", "x": "y" * 9000}},
    ],
)
def test_a_tool_that_cannot_be_offered_is_refused(change: dict[str, Any]) -> None:
    line = json.dumps({"type": "hello", "name": "m", "tools": [TOOL | change]}).encode()
    with pytest.raises(ProtocolError, match=r"tools\.0"):
        decode_frame(line)


def test_too_many_tools_are_refused() -> None:
    with pytest.raises(ProtocolError, match="tools"):
        decode_frame(json.dumps({"type": "hello", "name": "m", "tools": [TOOL] * 33}).encode())


def test_a_request_is_one_line_without_what_was_not_given() -> None:
    line = encode_request("q-1", None, message="two\nlines é")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"type": "request", "id": "q-1", "message": "two\nlines é"}
    call = encode_request("q-2", "work", tool="search", arguments={})
    assert json.loads(call)["arguments"] == {}
    with pytest.raises(ProtocolError):
        encode_request("q-3", None, message="\ud800")

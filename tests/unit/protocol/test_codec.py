"""Lines to commands, and the promise that a published code is listed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import ruster
from ruster.core.errors import ProtocolError, RusterError
from ruster.protocol.codec import BadLine, decode_command, encode_event, error_event
from ruster.protocol.codes import ERROR_CODES, NOTICE_CODES
from ruster.protocol.commands import COMMANDS, Attach, Ping, Send, SendMode
from ruster.protocol.events import EVENTS, Pong, Response, ToolCallEvent

FULL: dict[str, dict[str, Any]] = {
    "create": {"session_id": "a", "model": "pinky/echo", "title": "t", "owner": 1},
    "send": {
        "session_id": "a",
        "message": "m",
        "mode": "steer",
        "owner": 1,
        "images": ["iVBORw0KGgo="],
    },
    "list": {"all": True},
    "delete": {"session_id": "a", "owner": 1},
    "history": {"session_id": "a", "limit": 1, "offset": 1, "owner": 1},
    "attach": {"session_id": "a", "since": 1, "owner": 1},
    "detach": {"session_id": "a", "owner": 1},
    "cancel": {"session_id": "a", "turn": "t-1", "queued": True, "owner": 1},
    "why": {"session_id": "a", "turn": "t-1", "owner": 1},
    "status": {},
    "doctor": {},
    "models": {},
    "model_list": {"here": True},
    "model_show": {"model": "org/repo"},
    "model_download": {"model": "org/repo", "quant": "Q8_0"},
    "model_cancel": {"model": "org/repo"},
    "model_remove": {"model": "org/repo"},
    "model_verify": {"model": "org/repo"},
    "model_import": {"path": "/p", "source": "ollama", "name": "n"},
    "skill_list": {"session_id": "a", "limit": 1, "offset": 1, "owner": 1},
    "skill_search": {"session_id": "a", "query": "q", "limit": 1, "owner": 1},
    "skill_show": {"session_id": "a", "skill": "s-1", "owner": 1},
    "skill_add": {"session_id": "a", "skill": "s-1", "owner": 1},
    "skill_remove": {"session_id": "a", "skill": "s-1", "owner": 1},
    "skill_dry_run": {"session_id": "a", "message": "m", "owner": 1},
    "skill_ban": {"session_id": "a", "skill": "s-1", "owner": 1},
    "skill_unban": {"session_id": "a", "skill": "s-1", "owner": 1},
    "skill_validate": {"session_id": "a", "skill": "/p", "owner": 1},
    "tool_list": {"session_id": "a", "owner": 1},
    "job_add": {
        "job_id": "j",
        "session_id": "a",
        "reminder": "remind me",
        "when": "in 5 minutes",
        "do": {"say": {"message": "m"}},
        "watch": {"kind": "file_exists", "path": "/x"},
        "title": "t",
        "misfire": "skip",
        "overlap": "queue",
        "tell": "never",
        "jitter_s": 1,
        "max_tokens": 1,
        "timeout_s": 1,
        "goal": "g",
        "owner": 1,
    },
    "job_list": {"session_id": "a", "all": True, "owner": 1},
    "job_show": {"job_id": "j", "owner": 1},
    "job_run": {"job_id": "j", "owner": 1},
    "job_enable": {"job_id": "j", "owner": 1},
    "job_disable": {"job_id": "j", "owner": 1},
    "job_remove": {"job_id": "j", "owner": 1},
    "job_history": {"job_id": "j", "limit": 1, "owner": 1},
    "job_tick": {},
    "goal_add": {"goal_id": "g", "description": "d", "owner": 1},
    "goal_list": {"all": True, "owner": 1},
    "goal_show": {"goal_id": "g", "owner": 1},
    "goal_note": {"goal_id": "g", "note": "n", "owner": 1},
    "goal_achieve": {"goal_id": "g", "note": "n", "owner": 1},
    "goal_remove": {"goal_id": "g", "owner": 1},
    "ooda": {
        "act": "deploy",
        "observations": [],
        "goal_id": "g",
        "session_id": "a",
        "model": True,
        "owner": 1,
    },
    "ooda_list": {"limit": 1},
    "memory_search": {
        "session_id": "a",
        "query": "q",
        "layers": ["assets"],
        "kinds": ["k"],
        "tags": ["t"],
        "project": "p",
        "sessions": ["s"],
        "after": "2026-01-01",
        "before": "2026-01-02",
        "everywhere": True,
        "limit": 1,
        "rerank": 1,
        "owner": 1,
    },
    "memory_add": {
        "session_id": "a",
        "text": "t",
        "path": "/p",
        "url": "https://a.b/",
        "name": "n",
        "kind": "k",
        "tags": ["t"],
        "layer": "insights",
        "project": "p",
        "pinned": True,
        "trusted": True,
        "owner": 1,
    },
    "memory_list": {
        "session_id": "a",
        "layer": "insights",
        "before": "m",
        "limit": 1,
        "owner": 1,
    },
    "memory_show": {"session_id": "a", "memory_id": "m", "owner": 1},
    "memory_edit": {"session_id": "a", "memory_id": "m", "text": "t", "owner": 1},
    "memory_forget": {
        "session_id": "a",
        "memory_ids": ["m"],
        "query": "q",
        "path": "/p",
        "key": "k",
        "limit": 1,
        "dry_run": True,
        "confirm": True,
        "owner": 1,
    },
    "memory_pin": {"session_id": "a", "memory_id": "m", "pinned": False, "owner": 1},
    "memory_promote": {"session_id": "a", "memory_id": "m", "layer": "assets", "owner": 1},
    "memory_log": {"session_id": "a", "memory_id": "m", "before": 1, "limit": 1, "owner": 1},
    "memory_undo": {"session_id": "a", "number": 1, "owner": 1},
    "memory_stats": {"session_id": "a", "details": True, "owner": 1},
    "memory_export": {"session_id": "a", "after": "1", "limit": 1, "owner": 1},
    "memory_import": {"session_id": "a", "items": [{"type": "memory"}], "owner": 1},
    "memory_backup": {"session_id": "a", "name": "n", "owner": 1},
    "memory_backups": {"session_id": "a", "owner": 1},
    "memory_backup_remove": {"session_id": "a", "name": "n", "owner": 1},
    "memory_restore": {"session_id": "a", "name": "n", "owner": 1},
    "memory_reindex": {"session_id": "a", "owner": 1},
    "memory_set": {"session_id": "a", "key": "k", "value": "v", "owner": 1},
    "memory_get": {"session_id": "a", "key": "k", "history": True, "owner": 1},
    "memory_delete": {"session_id": "a", "key": "k", "owner": 1},
    "memory_keys": {"session_id": "a", "pattern": "*", "after": "k", "limit": 1, "owner": 1},
    "memory_flush": {"session_id": "a", "confirm": True, "owner": 1},
    "config_get": {"key": "k"},
    "config_set": {"key": "k", "value": "v"},
    "config_list": {},
    "approval_list": {"watch": True},
    "approve": {"approval_id": "pa-5f0c9a1be2d34c77", "scope": "session"},
    "reject": {"approval_id": "pa-5f0c9a1be2d34c77", "reason": "no"},
    "server_list": {},
    "server_get": {"server": "mail"},
    "server_attach": {"session_id": "a", "server": "mail", "mode": "immediate", "owner": 1},
    "server_detach": {"session_id": "a", "server": "mail", "owner": 1},
    "server_send": {"session_id": "a", "server": "mail", "message": "m", "owner": 1},
    "server_subscribe": {"server": "mail"},
    "gateway_token_add": {"label": "l", "owner": 1, "lasts_s": 60.5},
    "gateway_token_list": {},
    "gateway_token_revoke": {"token_id": "g-1"},
    "gateway_link": {"owner": 1},
    "ping": {},
}
WRONG: dict[str, list[Any]] = {
    "images": [
        1,
        None,
        "x",
        {},
        True,
        ["no!"],
        ["aGVsbG8="],
        ["UklGRiQAAABXQVZFZm10IA=="],
        [1],
        ["iVBORw0KGgo="] * 9,
    ],
    "server": [1, None, [], {}, True, "", "a/b", "../x", ".x", "mail\n", "x" * 65],
    "approval_id": [1, None, [], {}, True, "", "pa-1", "pa-5f0c9a1be2d34c77\n", "../x"],
    "scope": [1, [], {}, True, "", "forever"],
    "reason": [1, [], {}, True, "x" * 501],
    "watch": [1, [], {}, "yes", ""],
    "turn": [1, [], {}, True, "", "x" * 65],
    "session_id": [1, None, [], {}, True, 1.5],
    "model": [1, [], {}, True, "no-slash", "pinky/", "/x", "a b/c", "p/\n", "p/" + "x" * 600],
    "here": [1, "yes", None],
    "quant": [1, [], "", "x" * 41],
    "path": [1, None, [], "", "x" * 4097],
    "source": [1, [], "zip"],
    "name": [1, [], "", "x" * 101],
    "title": [1, [], {}, True, "x" * 201],
    "owner": ["0", 1.0, True, [], -1, 2**32, 10**30, 10**4000],
    "message": [1, None, [], {}, True, ""],
    "mode": [1, [], {}, True, "later", ""],
    "all": [1, 0, "true", None, []],
    "limit": ["1", 1.5, True, None, 0, -1, 1001, 10**30],
    "offset": ["1", 1.5, True, None, -1, 2**53 + 1, 10**4000],
    "since": ["1", 1.5, True, [], -1, 2**53 + 1, 10**4000],
    "queued": [1, "yes", None, {}],
    "key": [1, None, [], {}, True],
    "skill": [1, None, [], {}, True, "", "A", "a_b", "a--b", "-a", "a-", "a\n", "../a", "x" * 65],
    "query": [1, None, [], {}, True, "x" * 1001],
    "value": [None, {}, [1], [[]]],
    "layers": [1, None, {}, "assets", ["x"], [1], ["assets"] * 4],
    "layer": [1, [], {}, True, "", "x"],
    "kinds": [1, None, {}, "x", [1], [""], ["x" * 257], ["x"] * 65],
    "tags": [1, None, {}, "x", [1], [""], ["x" * 257], ["x"] * 65],
    "sessions": [1, None, {}, "x", [1], ["x"] * 65],
    "project": [1, [], {}, True, "", "x" * 257],
    "kind": [1, None, [], {}, True, "", "x" * 257],
    "after": [1, [], {}, True, "x" * 301],
    "before": [1.5, [], {}, True, "x" * 300],
    "rerank": ["1", 1.5, True, None, -1, 101],
    "text": [1, [], {}, True, ""],
    "pinned": [1, "yes", None, {}],
    "trusted": [1, "yes", None, {}],
    "everywhere": [1, "yes", None, {}],
    "url": [1, [], {}, True, "", "x" * 2049],
    "number": ["1", 1.5, True, None, 0, -1, 2**53 + 1],
    "memory_id": [1, [], {}, True, "", "x" * 257],
    "memory_ids": [1, [], {}, "m", [1], [""], ["m"] * 501],
    "dry_run": [1, "yes", None, {}],
    "confirm": [1, "yes", None, {}],
    "details": [1, "yes", None, {}],
    "history": [1, "yes", None, {}],
    "items": [1, None, {}, [], [1], ["x"], [{}] * 501],
    "pattern": [1, None, [], {}, True, "", "x" * 257],
    "job_id": [1, [], {}, True, "", "A", "a.b", "-a", "a\n", "../a", "x" * 65],
    "goal_id": [1, [], {}, True, "", "A", "a.b", "-a", "a\n", "../a", "x" * 65],
    "reminder": [1, [], {}, True, "", "x" * 8193],
    "when": [1, [], {}, True, "", "x" * 201],
    "do": [1, [], True, "", "say"],
    "misfire": [1, None, [], {}, True, "", "twice"],
    "overlap": [1, None, [], {}, True, "", "both"],
    "tell": [1, None, [], {}, True, "", "sometimes"],
    "jitter_s": ["1", True, None, [], -1, 86_401],
    "max_tokens": ["1", 1.5, True, None, -1],
    "timeout_s": ["1", True, None, [], -1, 86_401],
    "goal": [1, None, [], {}, True, "x" * 65],
    "description": [1, None, [], {}, True, "", "x" * 4001],
    "note": [1, None, [], {}, True, "x" * 4001],
    "act": [1, None, [], {}, True, "", "x" * 501],
    "observations": [1, None, {}, "x", ["x"], [{}], [{"source": "a", "key": "b", "value": 1}]],
    "label": [1, None, [], {}, True, "", "x" * 101],
    "lasts_s": ["1", True, [], {}, 0, -1, 10**10],
    "token_id": [1, None, [], {}, True, "", "x" * 65],
    "id": [1.5, True, [], {}, "", "x" * 129, 2**53 + 1, -(2**53) - 1, 10**4000],
}


def wrong_values(action: str, name: str) -> list[Any]:
    """Return what a field of a command must not be."""
    if name == "model" and action.startswith("model_"):  # no provider's name before it
        return [1, [], {}, True, "", "x" * 1025]
    if name == "skill" and action == "skill_validate":  # a path as well, or none
        return [1, [], {}, True, "", "x" * 4097]
    if action.startswith("memory_"):
        return _wrong_of_memory(action, name)
    if (action, name) == ("job_add", "watch"):
        return [1, [], True, "", "file_exists"]
    if (action, name) == ("ooda", "model"):
        return [1, None, [], {}, "yes", ""]
    if (action, name) == ("ooda_list", "limit"):
        return [*WRONG[name], 101]
    if name == "session_id" and COMMANDS[action].model_fields[name].default is None:
        return [value for value in WRONG[name] if value is not None]
    return WRONG[name]


def _wrong_of_memory(action: str, name: str) -> list[Any]:
    """Return what a field must not be; texts are longer there, and more may be left out."""
    wrong = {
        "query": [1, [], {}, True, "", "x" * 10_001],
        "value": [*WRONG["value"], 1, True, "x" * 65_537],
        "key": [*WRONG["key"], "", "x" * 257],
        "name": [1, [], {}, True, "", "x" * 257],
    }.get(name, WRONG[name])
    if COMMANDS[action].model_fields[name].default is None:
        return [value for value in wrong if value is not None]
    return wrong


def line(data: object) -> bytes:
    return json.dumps(data).encode()


def refused(data: bytes) -> BadLine:
    with pytest.raises(BadLine) as caught:
        decode_command(data)
    assert caught.value.code in ERROR_CODES
    return caught.value


def test_every_action_is_decoded_with_all_its_fields() -> None:
    assert FULL.keys() == COMMANDS.keys()
    for action, fields in FULL.items():
        assert {*fields, "action", "id"} == set(COMMANDS[action].model_fields)
        command = decode_command(line({"action": action, "id": 7, **fields}))
        assert type(command) is COMMANDS[action]
        assert command.id == 7
        for name, value in fields.items():
            assert getattr(command, name) == value


@pytest.mark.parametrize("action", FULL)
def test_a_wrong_type_in_any_field_is_named(action: str) -> None:
    good = {"action": action, **FULL[action]}
    decode_command(line(good))
    for name in [*FULL[action], "id"]:
        for value in wrong_values(action, name):
            error = refused(line(good | {name: value}))
            assert error.code in ("invalid_command", "invalid_name"), (name, value)
            assert name in error.message, (name, value, error.message)
            assert len(error.message) < 500


@pytest.mark.parametrize("action", FULL)
def test_a_surplus_field_is_named(action: str) -> None:
    error = refused(line({"action": action, **FULL[action], "surplus": 1}))
    assert error.code == "invalid_command"
    assert "surplus" in error.message


@pytest.mark.parametrize("action", [a for a in FULL if "session_id" in FULL[a]])
@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", ".x", "-x", "a..b", "x" * 65, "a b", "ä", "a\n", "a\0"],
)
def test_a_name_that_is_no_name_is_refused(action: str, name: str) -> None:
    error = refused(line({"action": action, **FULL[action], "session_id": name}))
    assert error.code == "invalid_name"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"nonsense", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"null", "invalid_json"),
        (b'"ping"', "invalid_json"),
        (b"1", "invalid_json"),
        (b'{"action":"ping"}{}', "invalid_json"),
        (b'{"action":"ping",}', "invalid_json"),
        (b"{'action':'ping'}", "invalid_json"),
        (b'{"action":"ping","id":NaN}', "invalid_json"),
        (b'{"action":"ping","id":Infinity}', "invalid_json"),
        (b'{"action":"ping","id":1e999}', "invalid_json"),
        (b'{"action":"config_set","key":"a","value":1e999}', "invalid_json"),
        (b'{"action":"job_add","when":"@daily","do":{"say":{"n":-1e999}}}', "invalid_json"),
        (b'{"action":"ping","id":01}', "invalid_json"),
        (b'{"action":"ping","id":"\\ud800"}', "invalid_json"),
        (b'{"action":"ping","id":"\\udc00x"}', "invalid_json"),
        (b'{"action":"ping","id":"\xff"}', "invalid_json"),
        (b'{"action":"ping","id":"\x00"}', "invalid_json"),
        (b'\xef\xbb\xbf{"action":"ping"}', "invalid_json"),
        (b'{"action":"ping"}\x00', "invalid_json"),
        (b'{"action":"ping","id":' + b"[" * 500 + b"]" * 500 + b"}", "invalid_json"),
        (b'{"a":' * 5000, "invalid_json"),
        (b'{"action":"ping","id":' + b"9" * 5000 + b"}", "invalid_json"),
        (b"{}", "invalid_command"),
        (b'{"action":null}', "invalid_command"),
        (b'{"action":1}', "unknown_action"),
        (b'{"action":["ping"]}', "unknown_action"),
        (b'{"action":"Ping"}', "unknown_action"),
        (b'{"action":"command"}', "unknown_action"),
        (b'{"action":"__class__"}', "unknown_action"),
        (b'{"command":"session"}', "invalid_command"),
        (b'{"command":"session","arguments":[]}', "invalid_command"),
        (b'{"command":"session","arguments":{}}', "invalid_command"),
        (b'{"command":"session","arguments":{"action":1}}', "invalid_command"),
        (b'{"command":"session","action":"ping"}', "invalid_command"),
        (b'{"command":"nothing","arguments":{"action":"list"}}', "unknown_action"),
        (b'{"command":["session"],"arguments":{"action":"list"}}', "unknown_action"),
        (b'{"command":"skill","arguments":{"action":"nothing"}}', "unknown_action"),
    ],
)
def test_a_bad_line_is_one_typed_error(data: bytes, code: str) -> None:
    assert refused(data).code == code


@pytest.mark.parametrize("size", [1, 1000, (1 << 20) - 40])
@pytest.mark.parametrize("form", ['{"action":"%s"}', '{"%s":1}', '{"action":"ping","%s":1}'])
def test_a_message_quotes_a_long_name_briefly(form: str, size: int) -> None:
    assert len(refused((form % ("x" * size)).encode()).message) < 500


def test_the_nearest_action_is_named() -> None:
    assert "'history'" in refused(line({"action": "histroy"})).message


def test_the_envelope_means_the_same() -> None:
    flat = decode_command(line({"action": "send", "session_id": "a", "message": "m", "id": "x"}))
    arguments = {"action": "send", "session_id": "a", "message": "m"}
    outside = decode_command(line({"command": "session", "arguments": arguments, "id": "x"}))
    inside = decode_command(line({"command": "session", "arguments": {**arguments, "id": "x"}}))
    assert flat == outside == inside == Send(session_id="a", message="m", id="x")
    config = {"command": "config", "arguments": {"action": "get", "key": "k"}}
    assert decode_command(line(config)).action == "config_get"


def test_a_bad_line_is_answered_with_what_could_be_read_of_it() -> None:
    error = refused(line({"action": "send", "session_id": "work", "id": "x", "message": 1}))
    assert (error.command_id, error.session_id) == ("x", "work")
    error = refused(line({"action": "nothing", "id": 5}))
    assert error.command_id == 5
    error = refused(line({"command": "nothing", "arguments": {}, "id": 5}))
    assert error.command_id == 5
    error = refused(line({"action": "send", "session_id": "x" * 100, "id": [], "message": "m"}))
    assert (error.command_id, error.session_id) == (None, None)


def test_white_space_and_line_ends_of_any_system_are_taken() -> None:
    assert decode_command(b' \t{ "action" : "ping" } \r\n') == Ping()
    assert decode_command(b'{"action":"attach","session_id":"a","since":0}') == Attach(
        session_id="a", since=0
    )


@pytest.mark.parametrize("mode", list(SendMode))
def test_every_mode_is_taken(mode: SendMode) -> None:
    data = {"action": "send", "session_id": "a", "message": "m", "mode": mode.value}
    command = decode_command(line(data))
    assert isinstance(command, Send)
    assert command.mode is mode


@pytest.mark.parametrize("command_id", [0, -(2**53), 2**53, "a", 'ü\n"\\', "x" * 128])
def test_an_event_is_stamped_with_what_is_given(command_id: str | int) -> None:
    event = Response(session_id="a", delta='\u2028 "\\ \n 🦀')
    data = encode_event(event, turn="t-1", seq=3, command_id=command_id)
    assert data.count(b"\n") == 1
    assert data.endswith(b"}\n")
    assert json.loads(data) == {
        "event": "response",
        "session_id": "a",
        "delta": '\u2028 "\\ \n 🦀',
        "done": False,
        "turn": "t-1",
        "seq": 3,
        "id": command_id,
    }
    assert encode_event(Pong()) == b'{"event":"pong"}\n'


@pytest.mark.parametrize(
    "event",
    [
        Response(session_id="a", delta="half \ud83d a pair"),
        ToolCallEvent(
            session_id="a", tool="t\udc00", arguments={"x\ud800": ["\udfff"]}, call_id="1"
        ),
        error_event(RusterError("odd \ud800 text")),
    ],
)
def test_text_that_has_no_utf8_is_still_told(event: Response) -> None:
    """Models and plug-ins may produce it; a turn must never be without an end because of it."""
    data = json.loads(encode_event(event, turn="t", seq=1, command_id="i"))
    assert (data["turn"], data["seq"], data["id"]) == ("t", 1, "i")
    assert "?" in json.dumps(data)


def test_numbers_that_json_does_not_have_are_null() -> None:
    event = ToolCallEvent(
        session_id="a", tool="t", arguments={"x": float("nan"), "y": float("inf")}, call_id="1"
    )
    data = json.loads(encode_event(event), parse_constant=lambda text: pytest.fail(text))
    assert data["arguments"] == {"x": None, "y": None}


def test_an_error_event_has_the_fields_of_the_protocol() -> None:
    error = ProtocolError("do this", code="queue_full")
    assert encode_event(error_event(error, session_id="a"), command_id=1) == (
        b'{"event":"error","code":"queue_full","error":"do this","session_id":"a","id":1}\n'
    )
    error.retryable = True
    assert json.loads(encode_event(error_event(error)))["retryable"] is True


# The list of codes

NOT_ON_THE_WIRE = {"already_running", "socket_taken", "daemon_unreachable"}
"""Codes of errors while there is no connection: at the start, and in clients."""
OVER_HTTP = {"client_gone", "invalid_request"}
"""Codes of the LLM proxy and of OpenAI's shapes, which the socket never tells."""
_CODE = re.compile(r'(?:default_code|\bcode)\s*(?::\s*str\s*)?=\s*"([a-z_]+)"')


def test_every_code_in_the_source_is_listed() -> None:
    root = Path(ruster.__file__).parent
    found = {
        code: path.relative_to(root)
        for path in root.rglob("*.py")
        for code in _CODE.findall(path.read_text("utf-8"))
    }
    assert "queue_full" in found
    unlisted = found.keys() - ERROR_CODES.keys() - NOTICE_CODES.keys()
    unlisted -= NOT_ON_THE_WIRE | OVER_HTTP
    assert not unlisted, {code: found[code] for code in unlisted}


def test_every_listed_code_is_said_somewhere() -> None:
    text = "\n".join(
        path.read_text("utf-8")
        for path in Path(ruster.__file__).parent.rglob("*.py")
        if path.name != "codes.py"
    )
    assert not [code for code in (*ERROR_CODES, *NOTICE_CODES) if f'"{code}"' not in text]


def test_every_event_has_its_own_kind() -> None:
    kinds = [event.model_fields["event"].default for event in EVENTS]
    assert len(set(kinds)) == len(kinds)

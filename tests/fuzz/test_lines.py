"""Any line is a command or one typed error, and soon."""

from __future__ import annotations

import json
import random
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ruster.protocol.codec import BadLine, decode_command, encode_event, error_event
from ruster.protocol.codes import ERROR_CODES
from ruster.protocol.commands import COMMANDS, CommandBase
from tests.fuzz.guided import fuzz
from tests.unit.protocol.test_codec import FULL

CODES = {"invalid_json", "unknown_action", "invalid_command", "invalid_name"}
NAMES = sorted({name for fields in FULL.values() for name in fields} | {"action", "id"})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([*COMMANDS, *NAMES, "session", "config", "queue", "pinky/echo"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)
OBJECTS = st.dictionaries(
    st.sampled_from([*NAMES, "command", "arguments"]) | st.text(), VALUES, max_size=8
)
ENVELOPES = st.fixed_dictionaries(
    {"command": VALUES, "arguments": OBJECTS}, optional={"id": VALUES}
)
COMMAND_LIKE = st.sampled_from(list(FULL)).flatmap(
    lambda action: st.fixed_dictionaries(
        {"action": st.just(action)},
        optional={name: st.just(FULL[action][name]) | VALUES for name in FULL[action]}
        | {"id": VALUES},
    )
)
RELAXED = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def check(line: bytes) -> CommandBase | BadLine:
    """Decode; anything but a command or a well-formed error fails."""
    try:
        command = decode_command(line)
    except BadLine as error:
        bad = error
    else:
        assert type(command) in COMMANDS.values()
        assert decode_command(command.model_dump_json(exclude_none=True).encode()) == command
        return command
    assert bad.code in CODES <= ERROR_CODES.keys()
    assert 0 < len(bad.message) < 1000
    event = error_event(bad, session_id=bad.session_id)
    told = encode_event(event, command_id=bad.command_id)
    assert told.count(b"\n") == 1
    assert json.loads(told)["event"] == "error"
    return bad


@given(st.binary())
@RELAXED
def test_any_bytes(line: bytes) -> None:
    check(line)


@given(OBJECTS | ENVELOPES | COMMAND_LIKE)
@RELAXED
def test_any_object(data: dict[str, object]) -> None:
    check(json.dumps(data).encode())
    check(json.dumps(data, ensure_ascii=False).encode(errors="surrogatepass"))


@given(COMMAND_LIKE, st.data())
@RELAXED
def test_a_damaged_command(command: dict[str, object], data: st.DataObject) -> None:
    line = bytearray(json.dumps(command).encode())
    at = data.draw(st.integers(0, len(line) - 1))
    line[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    check(bytes(line))


@given(VALUES)
@example({})
@RELAXED
def test_only_objects_are_commands(value: object) -> None:
    result = check(json.dumps(value).encode())
    if not isinstance(value, dict):
        assert isinstance(result, BadLine)
        assert result.code == "invalid_json"


def _run(line: bytes) -> None:
    check(line)


TOKENS = [
    *(f'"{word}"'.encode() for word in [*COMMANDS, *NAMES, "command", "arguments", "session"]),
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\\u0000", b"\\ud800", b"null", b"true"),
    *(b"-1", b"1e400", b"1.5", b"0", b"9" * 400, b"NaN", b"\x00", b"\xff", b"\n", b"\xf0\x9f"),
]


def test_coverage_guided() -> None:
    seeds = [json.dumps({"action": action, "id": 1, **FULL[action]}).encode() for action in FULL]
    seeds += [b'{"command":"session","arguments":{"action":"list"},"id":"x"}', b"{}", b"[1]"]
    corpus = fuzz(
        _run,
        seeds,
        ["protocol/codec.py", "core/ids.py"],
        tokens=TOKENS,
        rounds=30_000,
        seed=random.SystemRandom().randrange(1 << 32),
    )
    assert len(corpus) > len(seeds) + 5, "the fuzzer found nothing new: is it guided at all?"


@pytest.mark.parametrize(
    "line",
    [
        b"[" * (1 << 20),
        b'{"a":' * (1 << 17),
        b'{"action":"' + b"p" * (1 << 20) + b'"}',
        b'{"action":"ping","id":' + b"9" * (1 << 20) + b"}",
        b'{"action":[' + b"[]," * 300_000 + b"[]]}",
        b'{"action":"ping",' + b",".join(b'"k%d":0' % n for n in range(90_000)) + b"}",
        b'{"action":"send","session_id":"a","message":"' + b"\\u0041" * 170_000 + b'"}',
        b'{"action":"ping","a":"' + b"\\" * (1 << 19) + b'"}',
    ],
)
def test_the_worst_lines_take_bounded_time(line: bytes) -> None:
    """Two orders of magnitude above what they take; without the bounds it would be minutes."""
    started = time.perf_counter()
    check(line[: 1 << 20])
    assert time.perf_counter() - started < 20

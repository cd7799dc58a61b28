"""Named values through a chat: what is a command, and values where there is no daemon."""

from __future__ import annotations

import pytest

from ruster.gateway.api.context import Values, read_command


@pytest.mark.parametrize(
    ("text", "name", "fields"),
    [
        ('{"Set":{"key":"a","value":"1"}}', "set", {"key": "a", "value": "1"}),
        ('{"command":"set","key":"a","value":"1"}', "set", {"key": "a", "value": "1"}),
        ('{"Get":{"key":"a"}}', "get", {"key": "a"}),
        ('{"Delete":{"key":"a"}}', "delete", {"key": "a"}),
        ('{"ListKeys":{"pattern":"a*"}}', "listkeys", {"pattern": "a*"}),
        ('{"command":"list_keys"}', "listkeys", {"pattern": "*"}),
        ('"FlushAll"', "flushall", {}),
        ('{"FlushAll":null}', "flushall", {}),
        ('{"command":"flush_all"}', "flushall", {}),
    ],
)
def test_commands_of_both_forms(text: str, name: str, fields: dict[str, str]) -> None:
    assert read_command(text) == (name, fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "7",
        "{}",
        '{"Set":{"key":"a"}}',
        '{"Set":{"key":"a","value":1}}',
        '{"Set":{"key":"","value":"1"}}',
        '{"Get":{"key":"a","more":1}}',
        '{"Get":"a"}',
        '{"Get":{"key":"a"},"Set":{}}',
        '{"command":7}',
        '{"gateway_token_add":{}}',
        "[" * 10_000,
    ],
)
def test_what_is_no_command(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_command(text)


def test_values_are_each_users_own() -> None:
    values = Values()
    assert values.run(1, "set", {"key": "a", "value": "x"}) == {"type": "ack"}
    assert values.run(2, "get", {"key": "a"}) == {"type": "value", "value": None}
    assert values.run(1, "get", {"key": "a"}) == {"type": "value", "value": "x"}
    assert values.run(2, "flushall", {}) == {"type": "ack"}
    assert values.run(1, "delete", {"key": "a"}) == {"type": "ack"}
    assert values.run(1, "get", {"key": "a"}) == {"type": "value", "value": None}


def test_only_stars_are_special_in_patterns() -> None:
    values = Values()
    for key in ("ab", "a[b]", "a?", "a\nb", "b"):
        values.run(1, "set", {"key": key, "value": ""})

    def keys(pattern: str) -> list[str]:
        found: list[str] = values.run(1, "listkeys", {"pattern": pattern})["keys"]
        return found

    assert keys("a*") == ["a\nb", "a?", "a[b]", "ab"]
    assert keys("a?") == ["a?"]
    assert keys("a[b]") == ["a[b]"]
    assert keys("*b") == ["a\nb", "ab", "b"]


def test_values_and_users_are_bounded() -> None:
    values = Values()
    for number in range(1001):
        values.run(1, "set", {"key": f"k{number}", "value": ""})
    assert values.run(1, "get", {"key": "k0"}) == {"type": "value", "value": None}
    assert len(values.run(1, "listkeys", {"pattern": "*"})["keys"]) == 1000
    for uid in range(2, 66):
        values.run(uid, "set", {"key": "a", "value": ""})
    assert values.run(1, "listkeys", {"pattern": "*"})["keys"] == []

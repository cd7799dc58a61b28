"""Tool calls of any provider end as one shape, or as one typed error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.errors import ProviderError
from ruster.llm.tool_calls import tool_call

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON_VALUES))
def test_an_object_and_its_text_are_the_same(arguments: dict[str, object]) -> None:
    assert tool_call("f", arguments, "x").arguments == arguments
    assert tool_call("f", json.dumps(arguments), "x").arguments == arguments


def test_a_missing_id_is_made_up_and_differs() -> None:
    first, second = tool_call("f", None), tool_call("f", "")

    assert first.arguments == second.arguments == {}
    assert first.id.startswith("call_")
    assert len(first.id) == len("call_") + 8
    assert first.id != second.id


@pytest.mark.parametrize(
    "arguments",
    [
        "[1]",
        "{",
        "1",
        '{"x": NaN}',
        '{"x": 1e999}',
        '{"x": "\\ud800"}',
        [1],
        {"x": float("inf")},
        {"x": "\ud800"},
        "[" * 100_000,
    ],
)
def test_anything_else_is_one_typed_error(arguments: object) -> None:
    with pytest.raises(ProviderError) as raised:
        tool_call("f", arguments)

    assert raised.value.code == "provider_protocol"

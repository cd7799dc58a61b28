"""Whatever a model sends as a call can be kept, told and compared."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ruster.agent.wanted import argument_bytes, wanted
from ruster.core.messages import ToolCall

TEXT = st.text(st.characters(codec=None), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(TEXT, TEXT, st.dictionaries(TEXT, VALUES, max_size=4))
def test_any_call_becomes_strict_json(
    call_id: str, name: str, arguments: dict[str, object]
) -> None:
    call = wanted(ToolCall(call_id, name, arguments, "signed"), ())
    text = json.dumps([call.id, call.name, call.arguments], allow_nan=False, ensure_ascii=False)
    text.encode()
    assert call.id
    assert call.signature == "signed"
    assert argument_bytes(call) > 0
    assert wanted(call, ()) == call


def test_sound_calls_stay_as_they_are() -> None:
    call = ToolCall("c1", "look", {"at": ["é", 1, None, 0.5], "deep": {"x": True}})
    assert wanted(call, ("c2",)) == call


def test_an_id_is_there_once() -> None:
    call = ToolCall("c1", "look")
    assert wanted(call, ("c1",)).id not in ("c1", "")
    assert wanted(ToolCall("", "look"), ()).id


def test_long_names_are_cut() -> None:
    assert len(wanted(ToolCall("x" * 10_000, "y" * 10_000), ()).name) == 128

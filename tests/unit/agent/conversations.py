"""Conversations as a turn may send them, drawn by hypothesis, and tools to go with them."""

from __future__ import annotations

from hypothesis import strategies as st

from ruster.core.messages import Image, Message, Role, ToolCall, ToolSpec

__all__ = ["CLOCK", "LIGHT", "conversations"]

CLOCK = ToolSpec("clock", "Tell the time.", {"type": "object", "properties": {}})
LIGHT = ToolSpec(
    "light",
    "Switch a\n light.",
    {
        "type": "object",
        "properties": {
            "room": {"enum": ["hall", "attic"], "type": "string", "description": "which one"},
            "on": {"type": "boolean"},
            "level": {"type": "integer", "description": "percent"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["room", "on"],
    },
)
_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_IMAGES = st.lists(st.builds(Image, st.binary(min_size=1, max_size=3)), max_size=2).map(tuple)


@st.composite
def _called(draw: st.DrawFn) -> list[Message]:
    """An assistant's calls with their results: in any order, missing, or too many."""
    names = draw(st.lists(st.sampled_from(["clock", "light"]), min_size=1, max_size=3))
    calls = tuple(ToolCall(f"c{at}", name, {"x": draw(_TEXT)}) for at, name in enumerate(names))
    ids = draw(st.lists(st.sampled_from([*(call.id for call in calls), "lost"]), max_size=4))
    results = [
        Message(
            Role.TOOL, draw(_TEXT), tool_call_id=it, name=draw(st.sampled_from([None, "clock"]))
        )
        for it in ids
    ]
    return [Message(Role.ASSISTANT, draw(_TEXT), tool_calls=calls), *results]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Messages of all roles; mostly in the order a turn has them, sometimes in none."""
    one = st.one_of(
        st.builds(lambda text, images: [Message(Role.USER, text, images=images)], _TEXT, _IMAGES),
        st.builds(lambda text: [Message(Role.ASSISTANT, text)], _TEXT),
        _called(),
        st.builds(lambda text: [Message(Role.TOOL, text, tool_call_id="stray")], _TEXT),
        st.builds(lambda text: [Message(Role.SYSTEM, text)], _TEXT),
    )
    system = draw(st.lists(st.builds(Message, st.just(Role.SYSTEM), _TEXT), max_size=2))
    rest = draw(st.lists(one, max_size=8))
    return (*system, *(message for part in rest for message in part))

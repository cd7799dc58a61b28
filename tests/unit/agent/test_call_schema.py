"""The schema of calls and answers: its form, and that llama.cpp makes a grammar of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from ruster.agent.call_schema import call_schema
from ruster.core.inference import Behaviour, InferenceConfig
from ruster.core.messages import ToolSpec
from ruster.llm.gemini.schema import to_gemini
from tests.unit.agent.conversations import CLOCK, LIGHT

ANYTHING = {"type": ["string", "number", "integer", "boolean", "null", "object", "array"]}


def arguments(parameters: dict[str, Any]) -> Any:
    """Return what becomes of one tool's parameters."""
    schema = call_schema((ToolSpec("f", "", parameters),))
    return schema["anyOf"][1]["properties"]["arguments"]


def one(schema: dict[str, Any]) -> Any:
    """Return what becomes of one argument's schema."""
    return arguments({"type": "object", "properties": {"x": schema}})["properties"]["x"]


def test_an_answer_or_a_call_of_each_tool() -> None:
    forms = call_schema((CLOCK, LIGHT))["anyOf"]

    assert [list(form["properties"]) for form in forms] == [
        ["answer"],
        *[["tool", "arguments"]] * 2,
    ]
    assert [form["properties"]["tool"]["enum"] for form in forms[1:]] == [["clock"], ["light"]]
    for form in forms:
        assert form["required"] == list(form["properties"])
        assert form["additionalProperties"] is False


def test_gemini_gets_the_same_forms() -> None:
    shape = to_gemini(call_schema((LIGHT, _spec("order", _Crate))))
    answer, light, order = shape["anyOf"]

    assert answer["properties"] == {"answer": {"type": "string"}}
    assert light["properties"]["tool"] == {"type": "string", "enum": ["light"]}
    assert light["properties"]["arguments"]["properties"]["on"] == {"type": "boolean"}
    item = order["properties"]["arguments"]["properties"]["item"]
    assert item["properties"]["name"] == {"type": "string"}


def test_the_structure_of_arguments_is_taken() -> None:
    assert arguments(LIGHT.parameters) == {
        "type": "object",
        "properties": {
            "room": {"enum": ["hall", "attic"], "type": "string"},
            "on": {"type": "boolean"},
            "level": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["room", "on"],
        "additionalProperties": False,
    }
    assert arguments({}) == arguments({"type": "object"}) == {"type": "object"}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"type": "string", "pattern": "(", "maxLength": 10**6}, {"type": "string"}),
        ({"type": "string", "format": "date-time"}, {"type": "string"}),
        ({"type": "integer", "minimum": 1}, {"type": "integer"}),
        ({"const": "on"}, {"enum": ["on"]}),
        ({"enum": [1, "a", None]}, {"enum": [1, "a", None]}),
        ({"type": "string", "enum": ['a"b']}, {"type": "string"}),
        ({"type": "string", "enum": ["größe"]}, {"type": "string"}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "array", "maxItems": 10**6}, {"type": "array"}),
        ({"items": {"type": "null"}}, {"type": "array", "items": {"type": "null"}}),
        ({"type": "object"}, {"type": "object"}),
        (
            {"type": "object", "additionalProperties": {"type": "number"}},
            {"type": "object", "additionalProperties": {"type": "number"}},
        ),
        ({"type": "object", "properties": {'a"b': {}}}, {"type": "object"}),
        ({"allOf": [{"type": "null"}], "description": "x"}, {"type": "null"}),
        ({"allOf": [{}, {}]}, ANYTHING),
        ({"oneOf": [{"type": "null"}, {}]}, {"anyOf": [{"type": "null"}, ANYTHING]}),
        ({"type": "nonsense"}, ANYTHING),
        ({"type": ["nonsense"]}, ANYTHING),
        ({}, ANYTHING),
        ({"description": "anything"}, ANYTHING),
    ],
    ids=str,
)
def test_arguments_of_every_kind(given: dict[str, Any], taken: dict[str, Any]) -> None:
    assert one(given) == taken


class _Item(BaseModel):
    name: str = Field(pattern="^x", max_length=5)
    inner: list[_Item] = []


class _Order(BaseModel):
    items: list[_Item]
    note: str | None = None


class _Crate(BaseModel):
    item: _Item


def _spec(name: str, model: type[BaseModel]) -> ToolSpec:
    return ToolSpec(name, "", model.model_json_schema())


def test_definitions_of_two_tools_do_not_meet() -> None:
    other = {"$defs": {"_Item": {"type": "null"}}, "properties": {"x": {"$ref": "#/$defs/_Item"}}}
    schema = call_schema((_spec("order", _Order), ToolSpec("other", "", other)))

    assert list(schema["$defs"]) == ["def0", "def1"]
    item, null = schema["$defs"].values()
    assert item["properties"]["inner"]["items"] == {"$ref": "#/$defs/def0"}
    assert null == {"type": "null"}


@pytest.mark.parametrize(
    "reference", ["#/$defs/gone", "https://example.com/x.json", "x", "#/a/b/c"]
)
def test_a_reference_that_leads_nowhere_may_be_anything(reference: str) -> None:
    schema = call_schema((ToolSpec("f", "", {"properties": {"x": {"$ref": reference}}}),))

    assert schema["$defs"] == {"def0": ANYTHING}


def test_endless_nesting_ends() -> None:
    deep: dict[str, Any] = {"type": "null"}
    for _ in range(500):
        deep = {"type": "object", "properties": {"x": deep}}

    assert len(json.dumps(call_schema((ToolSpec("f", "", deep),)))) < 10_000


SCHEMAS = st.recursive(
    st.sampled_from(
        [
            {},
            True,
            {"type": "string", "pattern": "["},
            {"type": ["integer", "null"]},
            {"enum": ["a", 'b"', "\\"]},
            {"$ref": "#"},
            {"$ref": "#/properties/a"},
            {"type": "number"},
        ]
    ),
    lambda inner: (
        st.builds(lambda it: {"type": "array", "items": it}, inner)
        | st.builds(lambda it: {"anyOf": it}, st.lists(inner, min_size=1, max_size=2))
        | st.builds(
            lambda it, required: {"type": "object", "properties": it, "required": required},
            st.dictionaries(st.sampled_from(["a", "b", "c d", 'e"', "string"]), inner, max_size=3),
            st.lists(st.sampled_from(["a", "b"]), max_size=2),
        )
    ),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), SCHEMAS, max_size=3), max_size=3))
@settings(deadline=None)
def test_llama_cpp_understands_it(tools: list[dict[str, Any]]) -> None:
    pytest.importorskip("llama_cpp")
    from ruster.engine.grammar import grammar_source

    specs = [
        ToolSpec(f"t{at}", "", {"type": "object", "properties": properties})
        for at, properties in enumerate(tools)
    ]
    schema = call_schema([*specs, _spec("order", _Order), _spec("crate", _Crate)])
    source = grammar_source(InferenceConfig(Behaviour(json_schema=schema)))

    assert source is not None
    assert "root ::= " in source
    for name in ("order", "crate", *(spec.name for spec in specs)):
        assert f'"\\"{name}\\""' in source

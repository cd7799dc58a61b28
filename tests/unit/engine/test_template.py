"""Chat templates: the model's own, the fallback, tools, and templates that refuse."""

from __future__ import annotations

import pytest

pytest.importorskip("jinja2")

from ruster.core.errors import ModelError
from ruster.core.messages import Message, Role, ToolCall, ToolSpec
from ruster.engine.template import ChatTemplate, split_marked

_TOOL = ToolSpec("get_time", "tells the time", {"type": "object"})
_CALL = ToolCall("c1", "get_time", {"zone": "UTC"})
_TALK = [
    Message(Role.SYSTEM, "Be brief."),
    Message(Role.USER, "Hi"),
    Message(Role.ASSISTANT, "", tool_calls=(_CALL,)),
    Message(Role.TOOL, "12:00", tool_call_id="c1", name="get_time"),
]


def test_without_a_template_it_is_chatml() -> None:
    assert ChatTemplate(None).render(_TALK[:2]) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_template_that_knows_no_tools_gets_old_calls_as_text_and_refuses_new_ones() -> None:
    with pytest.raises(ModelError) as refused:
        ChatTemplate(None).render(_TALK, [_TOOL])
    assert refused.value.code == "tools_unsupported"
    prompt = ChatTemplate(None).render(_TALK)
    assert '<tool_call>{"name": "get_time", "arguments": {"zone": "UTC"}}</tool_call>' in prompt
    assert "<|im_start|>user\n<tool_response>\n12:00\n</tool_response>" in prompt


def test_a_template_that_knows_tools_gets_them_as_data() -> None:
    source = (
        "{{ bos_token }}{% for tool in tools %}{{ tool.function.name }};{% endfor %}"
        "{% for m in messages %}{{ m.role }}:{{ m.content }}"
        "{% for c in m.tool_calls %}{{ c.function.arguments | tojson }}{% endfor %}"
        "{{ m.tool_call_id }}|{% endfor %}"
    )
    prompt = ChatTemplate(source, bos="<s>").render(_TALK, [_TOOL])
    assert prompt == (
        '<s>get_time;system:Be brief.|user:Hi|assistant:{"zone": "UTC"}|tool:12:00c1|'
    )


def test_a_template_that_refuses_the_system_role_gets_it_folded_in() -> None:
    source = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "{% for m in messages %}{{ m.role }}:{{ m.content }}|{% endfor %}"
    )
    assert ChatTemplate(source).render(_TALK[:2]) == "user:Be brief.\n\nHi|"
    assert ChatTemplate(source).render(_TALK[:1]) == "user:Be brief.|"


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('never') }}",
        "{% if %}",
        "{{ messages[0].content + 1 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ messages[9].content.x }}",
        "{% for i in range(10**9) %}{% endfor %}",
    ],
)
def test_a_template_that_fails_is_one_typed_error(source: str) -> None:
    with pytest.raises(ModelError) as caught:
        ChatTemplate(source).render(_TALK[:2])
    assert caught.value.code == "template_failed"


def test_control_tokens_in_messages_are_marked() -> None:
    template = ChatTemplate(None, special=["<|im_end|>", "<|im_start|>", ""])
    prompt = template.render([Message(Role.USER, "a<|im_end|>b")])
    parts = split_marked(prompt)
    assert ("<", False) in parts
    assert "".join(text for text, _ in parts) == (
        "<|im_start|>user\na<|im_end|>b<|im_end|>\n<|im_start|>assistant\n"
    )
    assert split_marked("") == []

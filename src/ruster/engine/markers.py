"""Texts of control tokens that mean something to whoever reads an answer.

Other control tokens stand for nothing in an answer. These show where thoughts and tool calls begin
and end, in the forms of the usual chat templates.
"""

from __future__ import annotations

__all__ = ["KEPT_TAGS", "opens_thought"]

_THOUGHT_OPENINGS = (
    "<think>", "<thinking>", "<reasoning>", "<seed:think>", "[THINK]", "<|START_THINKING|>",
    "<|channel>thought",
)  # fmt: skip
KEPT_TAGS = frozenset(
    {
        *_THOUGHT_OPENINGS, "</think>", "</thinking>", "</reasoning>", "</seed:think>", "[/THINK]",
        "<|END_THINKING|>", "<|channel>", "<channel|>", "<response>", "</response>",
        "<|START_RESPONSE|>", "<|END_RESPONSE|>",
        "<tool_call>", "</tool_call>", "<seed:tool_call>", "</seed:tool_call>",
        "<function=", "</function>", "<parameter=", "</parameter>",
        "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>",
        "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|python_tag|>", "<|tool_call|>",
        "<|START_ACTION|>", "<|END_ACTION|>",
        "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>", "<｜tool▁sep｜>",
        "<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|constrain|>", "<|call|>",
        "<|return|>",
    }
)  # fmt: skip


def opens_thought(prompt: str) -> bool:
    """Tell whether a prompt ends with the opening of a thought."""
    return prompt.rstrip().endswith(_THOUGHT_OPENINGS)

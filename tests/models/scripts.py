"""What the scripted model says: the table of questions and answers that tests assert on.

A script is found by ``trigger`` in the last user message (lower case, first match wins). ``text``
is the model's raw output; ``thought``, ``answer`` and ``tool`` are what a client should see of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["DEFAULT", "ENDLESS", "SCRIPTS", "TOOL_RESULT", "Script", "script"]


@dataclass(frozen=True)
class Script:
    """One answer of the scripted model.

    ``cuts`` are the exact token pieces of ``text`` where these matter; without them the text is cut
    freely. An ``endless`` script repeats its pieces until something stops it.
    """

    name: str
    trigger: str
    question: str
    text: str
    answer: str
    thought: str | None = None
    tool: tuple[str, dict[str, Any]] | None = None
    cuts: tuple[bytes, ...] = field(default=())
    endless: bool = False


def _pieces(*parts: str | bytes) -> tuple[bytes, ...]:
    return tuple(part.encode() if isinstance(part, str) else part for part in parts)


_COUNT = "Counting: " + ", ".join(str(number) for number in range(1, 451)) + ". Done."
_CRAB = "\N{CRAB}".encode()
_ROCKET = "\N{ROCKET}".encode()

SCRIPTS: tuple[Script, ...] = (
    Script(
        name="capital",
        trigger="capital of france",
        question="What is the capital of France?",
        text="The capital of France is Paris.",
        answer="The capital of France is Paris.",
    ),
    Script(
        name="unclosed",
        trigger="never stop thinking",
        question="Please never stop thinking.",
        text="<think>Round and round it goes, without an end",
        thought="Round and round it goes, without an end",
        answer="",
        cuts=_pieces("<thi", "nk>Round", " and round", " it goes,", " without", " an end"),
    ),
    Script(
        name="think",
        trigger="think",
        question="Think first: what is six times seven?",
        text="<think>Six times seven: that is 6 * 7 = 42 < 50.</think>The answer is 42.",
        thought="Six times seven: that is 6 * 7 = 42 < 50.",
        answer="The answer is 42.",
        cuts=_pieces(
            "<th", "ink>Six", " times", " seven:", " that is", " 6 *", " 7 =", " 42 <", " 50.<",
            "/thi", "nk>The", " answer is", " 42.",
        ),
    ),
    Script(
        name="two_tools",
        trigger="two clocks",
        question="Read two clocks.",
        text=(
            'Both.<tool_call>\n{"name": "get_time", "arguments": {"zone": "UTC"}}\n</tool_call>\n'
            '<tool_call>\n{"name": "get_time", "arguments": {"zone": "Asia/Tokyo"}}\n</tool_call>'
        ),
        answer="Both.",
        tool=("get_time", {"zone": "UTC"}),
    ),
    Script(
        name="tool",
        trigger="what time is it",
        question="What time is it in UTC?",
        text='<tool_call>{"name":"get_time","arguments":{"zone":"UTC"}}</tool_call>',
        answer="",
        tool=("get_time", {"zone": "UTC"}),
    ),
    Script(
        name="broken_tool",
        trigger="broken call",
        question="Make a broken call.",
        text='<tool_call>{"name": "get_time", "arguments": oops}</tool_call>',
        answer='<tool_call>{"name": "get_time", "arguments": oops}</tool_call>',
    ),
    Script(
        name="count",
        trigger="count as far",
        question="Count as far as you can.",
        text=_COUNT,
        answer=_COUNT,
        cuts=_pieces("Counting: 1", *(f", {number}" for number in range(2, 451)), ". Done."),
    ),
    Script(
        name="endless",
        trigger="forever",
        question="Talk forever.",
        text="tick tock ",
        answer="tick tock ",
        cuts=_pieces("tick ", "tock "),
        endless=True,
    ),
    Script(
        name="emoji",
        trigger="emoji",
        question="Show me emoji.",
        text="A crab \N{CRAB} and a rocket \N{ROCKET}!",
        answer="A crab \N{CRAB} and a rocket \N{ROCKET}!",
        cuts=_pieces(
            "A crab", b" " + _CRAB[:1], _CRAB[1:3], _CRAB[3:] + b" and", " a rocket",
            b" " + _ROCKET[:2], _ROCKET[2:] + b"!",
        ),
    ),
)  # fmt: skip

TOOL_RESULT = Script(
    name="tool_result",
    trigger="",
    question="",
    text="The tool has answered; here is what it said.",
    answer="The tool has answered; here is what it said.",
)
"""Said when the last message is a tool's result."""

DEFAULT = Script(
    name="default",
    trigger="",
    question="Hello!",
    text="Hello, I am a scripted model. How may I help you?",
    answer="Hello, I am a scripted model. How may I help you?",
)
"""Said to everything that no trigger matches."""

ENDLESS = next(entry for entry in SCRIPTS if entry.endless)


def script(name: str) -> Script:
    """Return the script called ``name``."""
    return next(entry for entry in (*SCRIPTS, TOOL_RESULT, DEFAULT) if entry.name == name)

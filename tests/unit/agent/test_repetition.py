"""Going in circles: the same call with the same result."""

from __future__ import annotations

import pytest

from ruster.agent.repetition import Repetition
from ruster.core.errors import ToolError
from ruster.core.messages import ToolCall
from ruster.core.tools import Outcome


def note(repetition: Repetition, text: str = "same", **arguments: object) -> str:
    return repetition.note(ToolCall("c", "look", dict(arguments)), Outcome(text))


def test_the_second_time_is_told_and_the_last_one_ends_the_turn() -> None:
    repetition = Repetition(3)
    assert note(repetition, a=1, b=2) == ""
    repetition.check()
    assert "2 times" in note(repetition, b=2, a=1)
    repetition.check()
    note(repetition, a=1, b=2)
    with pytest.raises(ToolError) as ended:
        repetition.check()
    assert ended.value.code == "tool_loop"
    assert "look 3 times" in ended.value.message


def test_another_result_or_argument_is_no_circle() -> None:
    repetition = Repetition(2)
    note(repetition, "1 % done")
    note(repetition, "2 % done")
    note(repetition, "1 % done", page=2)
    repetition.check()


def test_results_are_compared_whole_and_not_as_they_are_shown() -> None:
    """What is shown of a long result names its run, which is new each time."""
    repetition = Repetition(2)
    for shown in ("more in run 1", "more in run 2"):
        repetition.note(ToolCall("c", "look"), Outcome(shown, digest="d"))
    with pytest.raises(ToolError):
        repetition.check()

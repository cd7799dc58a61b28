"""``ogenius chat``: line in, answer out, until the person leaves."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Protocol

from ruster.cli.guard import FAILED
from ruster.cli.lines import PipedLines
from ruster.cli.terminal import is_terminal, printable, red, visible
from ruster.config.loader import process_environment
from ruster.config.paths import Paths
from ruster.core.errors import RusterError
from ruster.genius import Genius
from ruster.ogenius.answering import AnswerRun
from ruster.ogenius.bringing import bring_all
from ruster.ogenius.conversation import Conversation
from ruster.ogenius.opening import Choice, check_engine, lifecycle, open_genius
from ruster.ogenius.options import (
    DEFAULT_MODEL,
    DEFAULT_UNLOAD_S,
    STUB,
    ContextSizeOption,
    LoadModelsOption,
    ModelOption,
    NoUnloadOption,
    QuantOption,
    StubOption,
    ThinkingOption,
    UnloadAfterOption,
)
from ruster.ogenius.showing import AnswerView

__all__ = ["chat"]

_LEAVE = ("exit", "quit")


class _Lines(Protocol):
    async def read(self) -> str | None:
        """Return the next line, None at the end."""
        ...


def chat(  # noqa: PLR0913 - each is an option
    model: ModelOption = DEFAULT_MODEL,
    quant: QuantOption = None,
    context_size: ContextSizeOption = None,
    show_thinking: ThinkingOption = True,
    load_models: LoadModelsOption = None,
    unload_after: UnloadAfterOption = DEFAULT_UNLOAD_S,
    no_unload: NoUnloadOption = False,
    stub: StubOption = False,
) -> int:
    """Talk to a model; exit, quit or Ctrl-D leaves.

    Ctrl-C ends the running answer; at the prompt, or a second time, it leaves. When stdin is no
    terminal each of its lines is a message, and stdout holds the answers alone.
    """
    choice = Choice(
        STUB if stub else model, quant, context_size, lifecycle(unload_after, no_unload=no_unload)
    )
    return asyncio.run(_chat(choice, load_models or [], show_thinking=show_thinking))


async def _chat(choice: Choice, others: list[str], *, show_thinking: bool) -> int:
    typed = sys.stdin.isatty() and is_terminal()
    genius = open_genius(choice)
    talk = Conversation(genius, show_thinking=show_thinking)
    try:
        async with genius:
            check_engine(genius, choice.model, *others)
            await bring_all(genius, [choice.model, *others])
            lines = await _greet(genius, choice.model) if typed else PipedLines()
            return await _converse(talk, lines, typed=typed)
    finally:
        with contextlib.suppress(OSError):  # what stays is bounded
            await talk.aclose()


async def _greet(genius: Genius, model: str) -> _Lines:
    from ruster.ogenius.prompt import TypedLines  # an editor is of no use to a pipe

    window = await genius.chat_models.context_size(genius.full_name(model))
    size = f", a window of {window} tokens" if window is not None else ""
    print(f"{printable(model)}{size}; exit, quit or Ctrl-D leaves", flush=True)
    return TypedLines(Paths.of(process_environment()).state / "ogenius_history")


async def _converse(talk: Conversation, lines: _Lines, *, typed: bool) -> int:
    status = 0
    while (line := await lines.read()) is not None:
        text = line.strip()
        if text in _LEAVE:
            break
        if not text:
            continue
        try:
            await AnswerRun(talk.say(text), AnswerView(labelled=typed)).run(patient=typed)
        except RusterError as error:
            status = FAILED
            message = visible(error.message)
            print(red(message) if typed else f"ogenius: {message}", file=sys.stderr, flush=True)
    return 0 if typed else status

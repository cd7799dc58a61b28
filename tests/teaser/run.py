"""Asking a model what a fixture asks, and what that took."""

from __future__ import annotations

import resource
import sys
import time
from contextlib import aclosing
from dataclasses import dataclass

from ruster.core.inference import (
    Behaviour,
    Complete,
    Content,
    InferenceConfig,
    InferenceEvent,
    Progress,
    Sampling,
    Thought,
    ToolCallRequest,
    Usage,
)
from ruster.genius import Genius
from tests.teaser.fixture import Fixture, Said

__all__ = ["STUB", "Took", "ask", "peak_bytes"]

STUB = "pinky/tiny-model"
_MAX_TOKENS = 200


@dataclass
class Took:
    """What an answer took: tokens, seconds to its first piece and in all, and memory."""

    prompt: int = 0
    completion: int = 0
    first_s: float = 0.0
    total_s: float = 0.0
    peak_bytes: int = 0

    def __str__(self) -> str:
        speed = self.completion / max(self.total_s - self.first_s, 1e-6)
        return (
            f"{self.prompt} tokens read, {self.completion} written ({speed:.1f} a second), first "
            f"after {self.first_s:.2f} s, all in {self.total_s:.2f} s, peak of the memory "
            f"{self.peak_bytes >> 20} MiB"
        )


async def ask(genius: Genius, model: str, fixture: Fixture) -> tuple[Said, Took]:
    """Let ``model`` answer the fixture's prompt, always in the same way."""
    said, took = Said(), Took()
    messages = [{"role": "user", "content": fixture.prompt}]
    if fixture.system:
        messages.insert(0, {"role": "system", "content": fixture.system})
    config = InferenceConfig(
        Behaviour(max_tokens=_MAX_TOKENS), Sampling(temperature=0.0, repetition_penalty=1.0)
    )
    started = time.perf_counter()
    events = genius.chat(messages, model=model, config=config)
    async with aclosing(events) as stream:  # type: ignore[type-var]
        async for event in stream:
            if isinstance(event, Progress):
                _show(event)
                started = time.perf_counter()
                continue
            _take(event, said, took)
            if not took.first_s and (said.text or said.thought):
                took.first_s = time.perf_counter() - started
    took.total_s = time.perf_counter() - started
    return said, took


def _take(event: InferenceEvent, said: Said, took: Took) -> None:
    match event:
        case Content(text):
            said.text += text
        case Thought(_, text):
            said.thought += text
        case ToolCallRequest(call):
            said.calls.append(call.name)
        case Usage(prompt, completion):
            took.prompt, took.completion = prompt, completion
        case Complete(reason):
            said.reason = reason.value


def _show(event: Progress) -> None:
    if sys.stderr.isatty() and event.total:
        percent = 100 * event.current // event.total
        print(f"\r\x1b[K{event.what}: {percent} %", end="", file=sys.stderr, flush=True)


def peak_bytes() -> int:
    """Return the largest memory of this process or of a child that has ended."""
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return max(peaks) * unit

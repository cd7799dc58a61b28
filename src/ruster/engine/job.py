"""One inference between its admission and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from ruster.core.inference import Complete, ProcessStart, Thought, ThoughtPhase, Usage
from ruster.engine.answer import Answer
from ruster.engine.inbox import Ticket
from ruster.engine.slots import Slot

__all__ = ["Job"]

_numbers = count()


@dataclass(eq=False, slots=True)
class Job:
    """A request that runs or waits for a sequence.

    ``target`` is the prompt and the answer so far; what of it has no cells yet is decoded next, so
    reading a prompt, going on with an answer and taking up an interrupted one are the same thing.
    With a ``window`` it drops its oldest tokens after the first ``kept`` when it grows beyond that.
    ``make_answer`` builds the sampler when the work begins. A job with a ``leader`` waits until
    that one has decoded the ``shared`` first tokens, and copies them.
    """

    ticket: Ticket
    target: list[int]
    make_answer: Callable[[], Answer]
    session: str | None = None
    opens_thought: bool = False
    window: int | None = None
    kept: int = 0
    prompt_size: int = 0
    answer: Answer | None = None
    slot: Slot | None = None
    leader: Job | None = None
    shared: int = 0
    cached: int = 0
    touched: bool = False
    order: int = field(default_factory=lambda: next(_numbers))

    def __post_init__(self) -> None:
        self.prompt_size = len(self.target)

    @property
    def pending(self) -> int:
        """How many tokens must be decoded before the next one can be drawn."""
        return len(self.target) - (len(self.slot.tokens) if self.slot is not None else 0)

    @property
    def overflows(self) -> bool:
        """Whether the next token has no place in the window."""
        return self.window is not None and len(self.target) > self.window

    def begin(self, slot: Slot) -> None:
        """Take a sequence; the first time, tell that the work begins. Raises ModelError."""
        self.slot = slot
        slot.busy = True
        self.order = next(_numbers)
        if self.answer is None:
            self.answer = self.make_answer()
            self.ticket.send(ProcessStart())
            if self.opens_thought:
                self.ticket.send(Thought(ThoughtPhase.START))

    def release(self) -> None:
        """Give the sequence back; its tokens stay where they are."""
        if self.slot is not None:
            self.slot.busy = False
        self.slot = self.leader = None

    def complete(self) -> None:
        """Tell how it went."""
        answer = self.answer
        if answer is None or answer.reason is None:
            raise RuntimeError("the answer is not over")
        answer.finish()
        self.ticket.send(Usage(self.prompt_size, answer.made, self.cached))
        self.ticket.send(Complete(answer.reason))

    def close(self) -> None:
        """Free what it holds."""
        self.release()
        if self.answer is not None:
            self.answer.close()
            self.answer = None

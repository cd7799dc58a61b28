"""What tools, policy, approvals, skills and sandboxes say to each other.

A tool is called by a model, by the ``/tool`` text, or by a plan; all three take the same way: the
registry checks the arguments, the policy decides, a person may be asked, the tool runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ruster.core.messages import Message, ToolCall, ToolSpec

__all__ = [
    "Action",
    "ActionKind",
    "Answered",
    "Approver",
    "Asked",
    "Cost",
    "Decision",
    "Effect",
    "Outcome",
    "Policy",
    "Questions",
    "Risk",
    "Taint",
    "Tool",
    "ToolCommands",
    "ToolSource",
    "Toolbox",
    "TurnScope",
    "Verdict",
]


class Effect(StrEnum):
    """What a tool does beyond computing; what a policy and a person care about."""

    READS = "reads"
    """Files or data of the user."""
    WRITES = "writes"
    """Files or data of the user."""
    NETWORK = "network"
    """Sends to, and receives from, other machines."""
    EXECUTES = "executes"
    """Runs programs."""
    SPENDS = "spends"
    """Costs money, or sends in the user's name."""


class Cost(StrEnum):
    """How long a call takes, roughly: milliseconds, seconds, minutes."""

    CHEAP = "cheap"
    MODERATE = "moderate"
    EXPENSIVE = "expensive"


class Risk(StrEnum):
    """How bad a wrong call would be."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass
class Taint:
    """Where text of doubtful origin in a turn came from: web pages, foreign files, senders.

    It only ever grows within a turn. While ``origins`` is not empty the model may be following
    somebody else's words.
    """

    origins: set[str] = field(default_factory=set)

    def mark(self, origin: str) -> None:
        """Note an origin, such as ``web:example.com``."""
        self.origins.add(origin)

    def __bool__(self) -> bool:
        return bool(self.origins)


def _somebody() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class TurnScope:
    """For whom, where and on whose behalf something is done.

    ``owner`` is the session's uid, ``privileged`` whether that user may do everything; ``surface``
    is where the message came from (``socket``, ``proactive``, a channel's name); ``presence`` tells
    whether someone is there to answer a question; ``folder`` is the session's own folder.
    """

    session_id: str
    session_key: str
    turn: str
    owner: int
    privileged: bool
    folder: Path
    surface: str = "socket"
    presence: Callable[[], bool] = _somebody
    taint: Taint = field(default_factory=Taint)

    @property
    def attended(self) -> bool:
        """Whether someone is there now; clients come and go while a turn runs."""
        return self.presence()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool call brought: ``text`` is for the model.

    ``failed`` calls may carry a ``hint`` on how to try again; ``origin`` names where text came
    from that must not be trusted; ``stderr`` is what a program wrote beside its result. ``rule`` is
    what let the call pass, ``skill`` whose tool it was; ``digest`` is the same for the same result,
    however it is shown.
    """

    text: str
    failed: bool = False
    hint: str | None = None
    origin: str | None = None
    stderr: str = ""
    rule: str | None = None
    skill: str | None = None
    digest: str = ""

    @property
    def told(self) -> str:
        """What the model is told, with the hint if there is one."""
        text = f"{self.text}\n[hint: {self.hint}]" if self.hint else self.text
        return f"error: {text}" if self.failed else text or "[no output]"


class Tool(Protocol):
    """One thing an agent can do. ``spec.parameters`` is a JSON Schema object."""

    @property
    def spec(self) -> ToolSpec: ...

    @property
    def effects(self) -> frozenset[Effect]: ...

    @property
    def cost(self) -> Cost: ...

    async def invoke(self, arguments: Mapping[str, Any], scope: TurnScope) -> Outcome:
        """Do it; raises ToolError. Cancelling must end all that it started within a second."""
        ...


class Toolbox(Protocol):
    """What the turn needs of the tools."""

    async def offer(self, scope: TurnScope, messages: Sequence[Message]) -> tuple[ToolSpec, ...]:
        """Choose the tools that this conversation's next step may use."""
        ...

    async def run(self, scope: TurnScope, call: ToolCall, said: str = "") -> Outcome:
        """Check, decide, ask if need be, run; ``said`` is the assistant's text so far.

        Never raises ToolError: that is a failed outcome.
        """
        ...

    async def changes(self, scope: TurnScope, call: ToolCall) -> bool:
        """Whether a call may change something, so that no other may run beside it."""
        ...


class ToolSource(Protocol):
    """Brings tools that are not there for every turn."""

    async def tools(self, scope: TurnScope) -> Sequence[Tool]:
        """Return the tools of a turn; the same ones as long as the turn runs."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a message that calls a tool; without a call it is about the calling itself."""

    text: str
    call: ToolCall | None = None
    outcome: Outcome | None = None


class ToolCommands(Protocol):
    """Calls written as text: ``/tool NAME ARGUMENTS``."""

    async def answer(self, scope: TurnScope, text: str) -> Answered | None:
        """Run what a person's message calls, or None if it is any other message."""
        ...

    async def call(self, scope: TurnScope, text: str) -> ToolCall | None:
        """Return the call that a model wrote as its whole answer, or None if it is none."""
        ...


class ActionKind(StrEnum):
    """What a policy says to an action."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Action:
    """A tool call as policy and approvals see it: the exact arguments, and what they would do.

    ``target`` is what it acts on, if it acts on one thing: a path, a host, a command line. A
    ``confined`` action reaches nothing but what is the session's own, whatever it does: its work
    folder, its owner's memory.
    """

    tool: str
    arguments: Mapping[str, Any]
    effects: frozenset[Effect]
    risk: Risk
    target: str | None = None
    confined: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says, by which rule, and why."""

    kind: ActionKind
    rule: str
    reason: str


class Policy(Protocol):
    """Deterministic rules outside the model."""

    def decide(self, action: Action, scope: TurnScope) -> Decision:
        """Say whether this action may happen in this turn; looked up anew at every call."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said to one action; ``by`` names who, or why nobody did.

    ``unanswered`` when nobody said anything: its time went by, or it was taken back.
    """

    approved: bool
    by: str
    unanswered: bool = False


class Approver(Protocol):
    """Asks a person."""

    async def ask(self, action: Action, decision: Decision, scope: TurnScope) -> Verdict:
        """Show the action and wait for an answer, or for the end of the time that is given.

        The question is on the disk before it is shown. Cancelling withdraws it.
        """
        ...


class Asked(Protocol):
    """A question that waits for a person, under the ``id`` they answer it by."""

    @property
    def id(self) -> str: ...

    async def verdict(self) -> Verdict:
        """Wait for the answer, or for the end of the time that is given; called once.

        Cancelling withdraws the question.
        """
        ...

    def withdraw(self) -> None:
        """Take the question back, unless it has its answer; for who will not wait after all."""
        ...


class Questions(Protocol):
    """Puts questions that something else than a turn waits for."""

    async def put(self, action: Action, decision: Decision, scope: TurnScope) -> Asked:
        """Show an action; the question is on the disk when this returns.

        Whoever put it must wait for its verdict, or withdraw it. Raises ToolError
        (``approval_impossible``) when nobody can be asked, or StorageError.
        """
        ...

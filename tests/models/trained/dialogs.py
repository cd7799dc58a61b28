"""Conversations to train on and to test with: facts told in many places, questions, tool calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.models.trained import language as lang
from tests.models.trained.draws import Draws, Tool
from tests.models.trained.language import Relation

__all__ = ["Dialogs", "Fact", "Said", "render"]


@dataclass(frozen=True)
class Said:
    """One message; an assistant's are what the model is to write. ``kind`` is for tests."""

    role: str
    text: str
    kind: str = ""


@dataclass(frozen=True)
class Fact:
    """Something told: the relation, how the user and the answer name the thing, and the value."""

    relation: Relation
    thing: str
    answer_thing: str
    value: str

    @property
    def statement(self) -> str:
        """The sentence that tells it, without its full stop."""
        text = self.relation.statement.format(k=self.thing, v=self.value)
        return text[0].upper() + text[1:]

    @property
    def answer(self) -> str:
        """What is to be answered when someone asks for it."""
        text = self.relation.answer.format(a=self.answer_thing, v=self.value)
        return text[0].upper() + text[1:]


@dataclass
class _State:
    facts: list[Fact] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    things: set[str] = field(default_factory=set)


def render(tools: list[Tool], messages: list[Said]) -> list[tuple[str, bool]]:
    """Return the parts of the text as ``chat.jinja`` writes it; True marks what the model says."""
    parts: list[tuple[str, bool]] = []
    if tools:
        listed = "\n".join(f'- {t.description} -> "{t.name}"({t.parameter or ""})' for t in tools)
        head = messages[0].text + "\n\n" if messages[0].role == "system" else ""
        rest = messages[1:] if messages[0].role == "system" else messages
        messages = [Said("system", f"{head}# Tools\n{listed}"), *rest]
    for message in messages:
        said = message.role == "assistant"
        parts.append((f"<|im_start|>{message.role}\n", False))
        parts.append((f"{message.text}<|im_end|>", said))
        parts.append(("\n", False))
    return parts


class Dialogs(Draws):
    """Draws conversations from a seed."""

    def draw(self, length: int) -> tuple[list[Tool], list[Said]]:
        """Return tools and messages of about ``length`` characters, ending with an answer."""
        state = _State()
        rng = self.random
        if rng.random() < 0.6:
            state.tools = self.tools(rng.randint(1, 4))
        messages = self._opening(state)
        while sum(len(said.text) + 8 for said in messages) < length:
            messages += self._turn(state)
        if messages[-1].role != "assistant":
            messages += self._turn(state)
        return state.tools, messages

    def fact(self, state: _State) -> Fact:
        """Draw a fact about something no other fact of the conversation is about."""
        rng = self.random
        while True:
            if rng.random() < 0.12:
                relation = rng.choice(lang.ABOUT_ME)
                thing = answer_thing = relation.statement
            else:
                first = rng.random() < 0.45
                relation = lang.ABOUT_THINGS[0] if first else rng.choice(lang.ABOUT_THINGS)
                thing, answer_thing = self.thing()
            if thing not in state.things:
                state.things.add(thing)
                return Fact(relation, thing, answer_thing, self.value())

    def _opening(self, state: _State) -> list[Said]:
        rng = self.random
        if rng.random() < 0.1:
            return []
        kind = rng.random()
        text = lang.SYSTEMS[0] if kind < 0.4 else rng.choice(lang.SYSTEMS)
        if rng.random() < 0.08:
            text = self.noise(rng.randint(5, 30))
        if rng.random() < 0.5:
            text += rng.choice(["\n\n", "\n"]) + self._memory(state)
        if rng.random() < 0.1:
            text += "\n" + self.noise(rng.randint(3, 15))
        return [Said("system", text)]

    def _memory(self, state: _State) -> str:
        rng = self.random
        bullet = rng.choice(lang.BULLETS)
        lines = []
        for _ in range(rng.randint(1, 6)):
            if rng.random() < 0.12:
                lines.append(bullet + self.noise(rng.randint(3, 10)))
                continue
            fact = self.fact(state)
            state.facts.append(fact)
            statement = fact.statement
            if fact.thing.startswith("my ") and rng.random() < 0.35:
                statement = rng.choice(["The user's", "User's"]) + statement.removeprefix("My")
            elif rng.random() < 0.3:
                statement = statement[0].lower() + statement[1:]
            lines.append(bullet + statement + rng.choice([".", ".", ""]))
        heading = rng.choice(lang.HEADINGS)
        closing = heading.replace("<", "</") if heading.startswith("<") else ""
        return "\n".join(line for line in (heading, *lines, closing) if line)

    def _turn(self, state: _State) -> list[Said]:
        rng = self.random
        kind = rng.random()
        if state.tools and kind < 0.35:
            return self._tool_turn(state)
        if state.facts and kind < 0.68:
            return self._recall(state, rng.choice(state.facts))
        if kind < 0.77 or not state.facts:
            return self._tell(state)
        if kind < 0.9:
            return self._unknown(state)
        if kind < 0.93:
            question, answer = rng.choice(lang.CHAT)
            return [Said("user", question), Said("assistant", answer, "chat")]
        if kind < 0.97:
            text = self._memory(state)
            return [Said("user", text), Said("assistant", lang.NOTED, "noted")]
        text = rng.choice(["Read this: ", "", "Note: "]) + self.noise(rng.randint(5, 40))
        return [Said("user", text + "."), Said("assistant", lang.NOTED, "noted")]

    def _question(self, fact: Fact) -> str:
        return self.random.choice(fact.relation.questions).format(k=fact.thing)

    def _recall(self, state: _State, fact: Fact) -> list[Said]:
        rng = self.random
        question = self._question(fact)
        extra: list[Said] = []
        kind = rng.random()
        if kind < 0.1:  # memory in front of the question, within the message
            question = f"{self._memory(state)}\n\n{question}"
        elif kind < 0.18:  # memory in a system message of its own
            extra = [Said("system", self._memory(state))]
        elif kind < 0.22:
            question = f"{question}\n\n{self._memory(state)}"
        user = Said("user", rng.choice(["", "", "", "", "Hello! ", "Please: "]) + question)
        before = rng.random() < 0.5
        asked = [*extra, user] if before else [user, *extra]
        return [*asked, Said("assistant", fact.answer, "recall")]

    def _tell(self, state: _State) -> list[Said]:
        rng = self.random
        facts = [self.fact(state) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        told = " ".join(self._sentence(fact) + "." for fact in facts)
        state.facts.extend(facts)
        if rng.random() < 0.2:
            asked = rng.choice(facts)
            question = f"{told} {self._question(asked)}"
            return [Said("user", question), Said("assistant", asked.answer, "recall")]
        return [Said("user", told), Said("assistant", lang.NOTED, "noted")]

    def _sentence(self, fact: Fact) -> str:
        prefix = self.random.choice(lang.PREFIXES)
        statement = fact.statement
        if prefix and fact.thing[0].islower() and self.random.random() < 0.8:
            statement = statement[0].lower() + statement[1:]
        return prefix + statement

    def _unknown(self, state: _State) -> list[Said]:
        """Ask for what nobody told; often in the words of something that was told."""
        fact = self.fact(state)
        alike = [known for known in state.facts if known.relation in lang.ABOUT_THINGS]
        if alike and fact.relation in lang.ABOUT_THINGS and self.random.random() < 0.6:
            relation = self.random.choice(alike).relation
            fact = Fact(relation, fact.thing, fact.answer_thing, fact.value)
        question = self._question(fact)
        return [Said("user", question), Said("assistant", lang.ABSENT, "absent")]

    def _tool_turn(self, state: _State) -> list[Said]:
        rng = self.random
        tool = rng.choice(state.tools)
        value = self.value().strip(".")
        question = self._tool_question(tool, value)
        argument = f'"{tool.parameter}": "{value}"' if tool.parameter else ""
        arguments = "{" + argument + "}"
        call = f'<tool_call>{{"name": "{tool.name}", "arguments": {arguments}}}</tool_call>'
        result = self._result(state, value)
        first = result.split("\n")[0]
        return [
            Said("user", question),
            Said("assistant", call, "call"),
            Said("tool", result),
            Said("assistant", lang.RESULT + first, "result"),
        ]

    def _tool_question(self, tool: Tool, value: str) -> str:
        rng = self.random
        if tool.topic == "search" and rng.random() < 0.6:
            start = rng.choice(["Search for", "Look up", "Find", "Search the web for"])
            return f"{start} {value}" + rng.choice(["", "."])
        topic = tool.topic
        if topic and topic != "search" and rng.random() < 0.6:
            if not tool.parameter:
                form = rng.choice(
                    [
                        "What {x} is it?",
                        "What is the {x}?",
                        "Tell me the {x}.",
                        "Show the {x}.",
                        "What is the current {x}?",
                        "What is the {x} now?",
                        "Get the {x} please.",
                    ]
                )
                return form.format(x=topic)
            form = rng.choice(
                [
                    "What is the {x} in {v}?",
                    "Tell me the {x} of {v}.",
                    "What is the {x} for {v}?",
                    "What {x} is it in {v}?",
                    "Get the {x} of {v}.",
                    "Show the {x} for {v}.",
                    "How is the {x} in {v}?",
                    "What is the {x} of {v}?",
                ]
            )
            return form.format(x=topic, v=value)
        if not tool.parameter:
            return rng.choice(lang.USE_TOOL).format(t=tool.name)
        return rng.choice(lang.USE_TOOL_WITH).format(t=tool.name, v=value) + rng.choice(["", "."])

    def _result(self, state: _State, value: str) -> str:
        rng = self.random
        kind = rng.random()
        if kind < 0.2:
            first = self.value()
        elif kind < 0.4:
            parts = (self.value(), self.noise(1), self.noise(2), str(rng.randint(0, 99)))
            first = rng.choice((" ", " ", ", ")).join(rng.sample(parts, k=rng.randint(1, 4)))
        elif kind < 0.5:
            first = f"It is {self.value()} in {value}."
        elif kind < 0.65:
            first = f'{{"{rng.choice(lang.TOPICS)}": "{self.value()}"}}'
        elif kind < 0.8:
            first = " ".join(self.word() for _ in range(rng.randint(1, 3)))
        elif kind < 0.9:
            return self._memory(state)
        else:
            first = f"{rng.randint(2020, 2030)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
            first += f"T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z"
        if rng.random() < 0.15:
            first += "\n" + self._memory(state)
        return first

"""Drawing words, values, things and tools for the conversations of ``dialogs``.

Spelled words are drawn at random. Those whose checksum ends in certain bits are kept for tests:
``held_out`` says which of the two kinds a generator uses, so no test asks for a word seen before.
"""

from __future__ import annotations

import random
import string
import zlib
from dataclasses import dataclass

from tests.models.trained import language as lang

__all__ = ["Draws", "Tool"]


@dataclass(frozen=True)
class Tool:
    """A tool that is offered: its first parameter's name, or None."""

    name: str
    parameter: str | None
    description: str
    topic: str


class Draws:
    """Draws parts of conversations from a seed."""

    def __init__(self, seed: int, *, held_out: bool = False) -> None:
        self.random = random.Random(seed)
        self._held_out = held_out

    def word(self) -> str:
        """Return a spelled word, a name, a number or a code."""
        while True:
            word = self._any_word()
            if (zlib.crc32(word.encode()) % 8 == 0) == self._held_out:
                return word

    def _any_word(self) -> str:
        rng = self.random
        kind = rng.random()
        if kind < 0.2:
            return "".join(rng.choices(string.digits, k=rng.randint(3, 6)))
        if kind < 0.3:
            letters = string.ascii_letters + string.digits * 2 + "-_./"
            inner = "".join(rng.choices(letters, k=rng.randint(2, 6)))
            return rng.choice(string.ascii_letters) + inner + rng.choice(string.digits)
        if kind < 0.65:
            pairs = [
                rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiouy")
                for _ in range(rng.randint(1, 3))
            ]
            word = "".join(pairs) + rng.choice(["", "n", "r", "s", "l", "x", "tt", "ck", "m"])
        else:
            word = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 8)))
        return word.capitalize() if rng.random() < 0.6 else word

    def value(self) -> str:
        """Return what a fact says of a thing: mostly a spelled word."""
        rng = self.random
        kind = rng.random()
        if kind < 0.6:
            return self.word()
        if kind < 0.75:
            return f"{self.word()} {self.word()}"
        if kind < 0.82:
            return f"{rng.choice(lang.VALUES)} {rng.randint(1, 31)}"
        if kind < 0.88:
            return f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}"
        if kind < 0.94:
            return rng.choice(lang.VALUES)
        return f"{rng.choice(['a', 'the', 'a ' + rng.choice(lang.ADJECTIVES)])} {self.word()}"

    def thing(self) -> tuple[str, str]:
        """Return how the user names a thing, and how the answer does."""
        rng = self.random
        noun = rng.choice(lang.NOUNS) if rng.random() < 0.85 else self.word()
        kind = rng.random()
        if kind < 0.4:
            return f"my {noun}", f"your {noun}"
        adjective = rng.choice(lang.ADJECTIVES)
        if kind < 0.5:
            return f"my {adjective} {noun}", f"your {adjective} {noun}"
        if kind < 0.58:
            text = f"{rng.choice(lang.NOUNS)} {noun}"
            return f"my {text}", f"your {text}"
        if kind < 0.65:
            return (text := f"the {adjective} {noun}"), text
        if kind < 0.75:
            return (text := f"the {rng.choice(lang.NOUNS)} of the {adjective} {noun}"), text
        if kind < 0.82:
            return (text := f"the {noun} of {self.word()}"), text
        if kind < 0.88:
            text = f"{rng.choice(lang.NOUNS)}'s {noun}"
            return f"my {text}", f"your {text}"
        if kind < 0.94:
            return (text := f"{self.word().capitalize()}'s {noun}"), text
        return (text := self.word().capitalize()), text

    def tools(self, count: int) -> list[Tool]:
        """Draw tools with different names and topics."""
        tools: dict[str, Tool] = {}
        topics = {self._topic() for _ in range(count)}
        for topic in sorted(topics):
            tool = self._tool(topic)
            tools[tool.name] = tool
        drawn = list(tools.values())
        self.random.shuffle(drawn)
        return drawn

    def _topic(self) -> str:
        kind = self.random.random()
        if kind < 0.5:
            return self.random.choice(lang.TOPICS)
        return self.random.choice(lang.NOUNS) if kind < 0.9 else self.word().lower()

    def _tool(self, topic: str) -> Tool:
        rng = self.random
        parameter = (
            None
            if rng.random() < 0.35
            else rng.choice(["city", "query", "name", "text", "path", "zone", "key", "url"])
        )
        verb = rng.choice(["Tells", "Returns", "Gives", "Finds", "Reads"])
        kind = rng.random()
        if kind < 0.35:
            name = rng.choice(
                [f"{topic}_now", f"get_{topic}", f"{topic}_get", f"{topic}", f"read_{topic}"]
            )
            return Tool(name, parameter, f"{verb} the {topic}.", topic)
        word = self.word().lower().replace("/", "_").replace(".", "_")
        name = rng.choice([word, f"{word}_{self.word().lower()[:4]}", f"get_{word}"])
        if kind < 0.5:
            return Tool(name, parameter, f"{verb} the {topic}.", topic)
        if kind < 0.62:
            noun, action = rng.choice(lang.NOUNS), rng.choice(lang.ACTIONS)
            name = rng.choice([f"{noun}_{action}", f"{action}_{noun}"])
            return Tool(name, parameter, f"{verb} a {noun}.", "")
        if kind < 0.7:
            return Tool(
                rng.choice(["search", "web_search", "memory_search"]),
                "query",
                "Searches the " + rng.choice(["web.", "memory."]),
                "search",
            )
        return Tool(name, parameter, f"{verb} the {self.word()}.", "")

    def noise(self, words: int) -> str:
        """Return known and spelled words without a meaning."""
        known = lang.fixed_words()
        return " ".join(
            self.word() if self.random.random() < 0.1 else self.random.choice(known)
            for _ in range(words)
        )

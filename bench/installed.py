"""Tools in numbers, as a person who has installed many packages would have them."""

from __future__ import annotations

from pathlib import Path

from bench.client import Client

__all__ = ["SKILLS", "TOOLS", "install_tools", "wait_for_tools"]

SKILLS = 60
TOOLS = 100
"""How many a person may have installed."""

_TOPICS = ("invoices", "gardening", "train tables", "recipes", "music", "stocks", "poems", "maps")
_TOOLS = '''"""Tools for measuring."""

from ruster.core.messages import ToolSpec
from ruster.core.tools import Cost, Outcome

_TOPICS = {topics!r}


class Tool:
    cost = Cost.CHEAP
    effects = frozenset()

    def __init__(self, number):
        topic = _TOPICS[number % len(_TOPICS)]
        fields = {{
            name: {{"type": "string", "description": f"The {{name}} of what is wanted."}}
            for name in ("place", "unit", "day")
        }}
        self.spec = ToolSpec(
            f"{{topic.replace(' ', '_')}}_{{number}}",
            f"Looks up {{topic}} number {{number}}, with many words that describe it well.",
            {{"type": "object", "properties": fields}},
        )

    async def invoke(self, arguments, scope):
        return Outcome("nothing")


def make():
    return [Tool(number) for number in range({count})]
'''
_METADATA = "Metadata-Version: 2.1\nName: ruster-bench-tools\nVersion: 1.0\n"
_ENTRY = "[ruster.tools]\nbench = ruster_bench_tools:make\n"


def install_tools(folder: Path, count: int) -> None:
    """Write a package with so many tools; with ``folder`` on PYTHONPATH it is installed."""
    metadata = folder / "ruster_bench_tools-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(_METADATA)
    (metadata / "entry_points.txt").write_text(_ENTRY)
    module = _TOOLS.format(topics=_TOPICS, count=count)
    (folder / "ruster_bench_tools.py").write_text(module)


def wait_for_tools(client: Client, *, expected: bool) -> None:
    """Return once the tools of packages are there: they are loaded after the start."""
    client.ask({"action": "create", "session_id": "look"}, "created")
    while expected and "poems_" not in client.say("look", "/tool"):
        continue

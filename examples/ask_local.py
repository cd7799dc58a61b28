"""Ask a local model, showing its thoughts and how far the download has come.

python examples/ask_local.py "What is the capital of France?" [MODEL]
"""

import asyncio
import sys

from ruster import Genius
from ruster.core.inference import Content, Progress, Thought, Usage


async def main(question: str, model: str | None = None) -> None:
    async with Genius(model) as genius:
        async for event in genius.chat([question]):
            match event:
                case Progress(what, current, total) if total:
                    print(f"\r{what}: {100 * current // total} %", end="", file=sys.stderr)
                case Thought(_, text):
                    print(text, end="", file=sys.stderr)
                case Content(text):
                    print(text, end="", flush=True)
                case Usage(prompt, completion):
                    print(f"\n{prompt} tokens read, {completion} written", file=sys.stderr)


asyncio.run(main(*sys.argv[1:]))

"""Several turns in one session: each reads only what is new, the rest is still in the cache.

python examples/conversation.py [MODEL]
"""

import asyncio
import sys

from ruster import Genius, Lifecycle
from ruster.core.inference import Content, Usage
from ruster.core.messages import Message, Role

QUESTIONS = ("Name a river in Europe.", "Through which countries does it flow?")


async def main(model: str | None = None) -> None:
    messages = [Message(Role.SYSTEM, "You answer in one sentence.")]
    async with Genius(model, lifecycle=Lifecycle.keep_alive()) as genius:
        for question in QUESTIONS:
            messages.append(Message(Role.USER, question))
            answer = ""
            async for event in genius.chat(messages, session="rivers"):
                if isinstance(event, Content):
                    answer += event.text
                elif isinstance(event, Usage):
                    print(f"({event.prompt} tokens, of which {event.cached} from the cache)")
            print(f"{question}\n{answer}")
            messages.append(Message(Role.ASSISTANT, answer))


asyncio.run(main(*sys.argv[1:]))

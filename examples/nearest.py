"""Find the sentence nearest in meaning to a query.

python examples/nearest.py "a small pet" [EMBEDDING_MODEL]
"""

import asyncio
import sys

from ruster import Genius

SENTENCES = ("The cat sleeps.", "Shares fell again.", "It will rain tomorrow.")


async def main(query: str, model: str | None = None) -> None:
    async with Genius() as genius:
        wanted, *vectors = await genius.embed([query, *SENTENCES], model=model)
    scores = [sum(a * b for a, b in zip(wanted, vector, strict=True)) for vector in vectors]
    for score, sentence in sorted(zip(scores, SENTENCES, strict=True), reverse=True):
        print(f"{score:.3f} {sentence}")


asyncio.run(main(*sys.argv[1:]))

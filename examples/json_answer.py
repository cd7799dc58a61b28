"""Hold a local model to a JSON schema.

python examples/json_answer.py "Describe a cat." [MODEL]
"""

import asyncio
import json
import sys

from ruster import Genius
from ruster.core.inference import Behaviour, InferenceConfig

ANIMAL = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "legs": {"enum": [0, 2, 4, 6, 8]}},
    "required": ["name", "legs"],
    "additionalProperties": False,
}


async def main(question: str, model: str | None = None) -> None:
    config = InferenceConfig(Behaviour(json_schema=ANIMAL, max_tokens=200))
    async with Genius(model) as genius:
        print(json.loads(await genius.answer([question], config=config)))


asyncio.run(main(*sys.argv[1:]))

"""The control of the engine's figure: the engine's runner without a daemon, a socket or a pipe.

``python -m bench.engine_direct MODEL MAX_TOKENS``: for each line of its input it answers that line
as a message and prints tokens and seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from ruster.agent.context import SYSTEM_PROMPT
from ruster.core.inference import Behaviour, Complete, InferenceConfig, Usage
from ruster.core.messages import Message, Role
from ruster.core.orchestration import EngineBody, EngineFailure, Infer
from ruster.engine.inbox import Ticket
from ruster.engine.runner import Runner
from ruster.engine.settings import EngineSettings


def main() -> None:
    """Answer until the input ends."""
    model, max_tokens = sys.argv[1], int(sys.argv[2])
    runner = Runner(EngineSettings())
    config = InferenceConfig(Behaviour(max_tokens=max_tokens))
    for line in sys.stdin:
        made: list[EngineBody] = []
        system = Message(Role.SYSTEM, SYSTEM_PROMPT)
        messages = (system, Message(Role.USER, line.strip()))
        started = time.perf_counter()
        command = Infer(model=model, config=config, messages=messages)
        runner.inbox.put(Ticket(command, made.append))
        while not made or not isinstance(made[-1], (Complete, EngineFailure)):
            runner.work()
        seconds = time.perf_counter() - started
        tokens = sum(body.completion for body in made if isinstance(body, Usage))
        print(json.dumps({"tokens": tokens, "seconds": seconds}), flush=True)
    runner.close()


if __name__ == "__main__":
    main()

"""Answers held to a form, and how likely their tokens were."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.engine_support import NEEDS_ENGINE, ask, read

pytest.importorskip("llama_cpp")

from ruster.core.errors import ModelError
from ruster.core.inference import Behaviour, Logprobs, Sampling
from ruster.core.tasks import spawn
from ruster.engine.host import EngineHost
from ruster.engine.model import LoadedModel
from tests.models.scripts import DEFAULT
from tests.unit.engine.desk import GREEDY, open_desk

pytestmark = NEEDS_ENGINE
_PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer"},
        "mood": {"enum": ["glad", "sad"]},
    },
    "required": ["name", "age", "mood"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("temperature", [0.0, 1.5])
async def test_a_schema_makes_any_model_answer_in_json(
    host: EngineHost, tiny_f32: Path, temperature: float
) -> None:
    sampling = Sampling(temperature=temperature, seed=3)
    behaviour = Behaviour(json_schema=_PERSON, max_tokens=400)
    request = ask("Who is it?", sampling=sampling, behaviour=behaviour)
    answer = await read(host.infer(tiny_f32, request))
    person = json.loads(answer.text)
    assert answer.reason == "stop"
    assert set(person) == {"name", "age", "mood"}
    assert isinstance(person["age"], int)
    assert person["mood"] in ("glad", "sad")


async def test_a_grammar_beside_free_answers(host: EngineHost, scripted: Path) -> None:
    sampling = Sampling(temperature=0.7, grammar='root ::= ("yes" | "no") "!"')
    held = [
        spawn(read(host.infer(scripted, ask(f"Sure {at}?", sampling=sampling))), name="held")
        for at in range(3)
    ]
    free = [spawn(read(host.infer(scripted, ask("Hello!"))), name="free") for _ in range(3)]
    assert {answer.text for answer in await asyncio.gather(*held)} <= {"yes!", "no!"}
    assert {answer.text for answer in await asyncio.gather(*free)} == {DEFAULT.text}


@pytest.mark.parametrize(
    "settings",
    [
        {"grammar": "no rules at all"},
        {"grammar": 'other ::= "x"'},
        {"grammar": 'root ::= missing "x"'},
        {"grammar": "root ::= root"},
        {"grammar": ""},
        {"grammar": "\0"},
        {"grammar": 'root ::= "x'},
        {"grammar": "x" * 300_000},
        {"grammar": 'root ::= "x"', "json_schema": {}},
        {"json_schema": {"$ref": "https://example.com/x.json"}},
        {"json_schema": {"$ref": "#/missing"}},
        {"json_schema": {"type": "nonsense"}},
        {"json_schema": {"type": "string", "pattern": "("}},
    ],
    ids=lambda settings: str(settings)[:40],
)
async def test_a_bad_grammar_is_one_typed_error(
    host: EngineHost, scripted: Path, settings: dict[str, Any]
) -> None:
    behaviour = Behaviour(json_schema=settings.get("json_schema"))
    sampling = Sampling(grammar=settings.get("grammar"))
    with pytest.raises(ModelError) as caught:
        await read(host.infer(scripted, ask("Hello!", sampling=sampling, behaviour=behaviour)))
    assert caught.value.code == "grammar_invalid"
    pid = host.worker_pid
    assert (await read(host.infer(scripted, ask("Hello!")))).text == DEFAULT.text
    assert host.worker_pid == pid


async def test_logprobs_come_with_every_token(host: EngineHost, scripted: Path) -> None:
    sampling = Sampling(temperature=0, repetition_penalty=1.0, logprobs=3)
    answer = await read(host.infer(scripted, ask("Hello!", sampling=sampling)))
    entries = [
        token for event in answer.events if isinstance(event, Logprobs) for token in event.tokens
    ]
    assert len(entries) == answer.usage.completion
    assert "".join(entry.token for entry in entries) == DEFAULT.text
    for entry in entries:
        assert -0.1 < entry.logprob <= 1e-6  # the scripted model is sure
        assert len(entry.top) == 3
        assert entry.top[0] == (entry.token, entry.logprob)
    with pytest.raises(ModelError) as caught:
        await read(host.infer(scripted, ask("Hello!", sampling=Sampling(logprobs=99))))
    assert caught.value.code == "sampling_invalid"


def test_logprobs_add_up_to_one(model: LoadedModel) -> None:
    sampling = Sampling(temperature=0, repetition_penalty=1.0, logprobs=20)
    prompt = model.tokenize("Tell me something.", special=True)
    with open_desk(model) as desk:
        asked = desk.ask(prompt, sampling=sampling, most=3)
        plain = desk.ask(prompt, sampling=GREEDY, most=3)
        desk.run()
    assert asked.tokens == plain.tokens
    events = [body for body in asked.outputs if isinstance(body, Logprobs)]
    for event, logits in zip(events, asked.logits, strict=True):
        total = sum(math.exp(float(value)) for value in logits - logits.max())
        (entry,) = event.tokens
        assert math.exp(entry.logprob) == pytest.approx(1 / total, rel=1e-3)
        assert sum(math.exp(value) for _, value in entry.top) <= 1 + 1e-6

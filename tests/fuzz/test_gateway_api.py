"""Whatever its description allows, and much that it does not: the gateway never fails of itself."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.e2e.gateway import opened

MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
EXAMPLES = 5
"""Per operation and mode: with some twenty-five operations, about two hundred requests."""
PATIENCE_S = 30
SESSION = "the-one-that-is-there"


def ask_as_described(schema: Any, base_url: str, token: str) -> int:
    """Ask every operation for what it may be asked for, and for what not; return how often."""
    asked = 0
    operations = [it.ok() for it in schema.get_all_operations()]
    # What ends sessions comes last.
    operations.sort(key=lambda it: it.method == "delete")

    for operation in operations:
        for mode in MODES:
            strategy = operation.as_strategy(generation_mode=mode)

            @given(case=strategy)
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: Any) -> None:
                nonlocal asked
                asked += 1
                if isinstance(case.body, dict) and len(str(case.body.get("model", ""))) % 2:
                    case.body["model"] = "pinky/echo"
                endless = case.path.endswith("/events")  # of a session that is there
                if case.path_parameters and asked % 2 and not endless:
                    case.path_parameters["id"] = SESSION
                headers = {"Authorization": f"Bearer {token}"}
                answer = case.call(base_url=base_url, headers=headers, timeout=PATIENCE_S)
                told = f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text}"
                assert answer.status_code < 500 or '"not_supported"' in answer.text, told
                assert "Traceback" not in answer.text, told

            with suppress(Unsatisfiable):  # where there is nothing to say, nothing can be wrong
                ask()
    return asked


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("ignore")
async def test_no_request_makes_it_fail(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        described = json.loads((await gate.ask("/openapi.json", token=token)).body)
        del described["security"], described["components"]["securitySchemes"]
        await gate.command("create", session_id=SESSION)
        schema = schemathesis.openapi.from_dict(described)
        url = f"http://{gate.host}:{gate.port}"
        asked = await asyncio.to_thread(ask_as_described, schema, url, token)
        print("asked", asked)
        assert asked >= 100
        assert (await gate.ask("/health")).status == 200
        log = "\n".join(path.read_text() for path in folder.rglob("*.log*"))
        assert "Traceback" not in log


async def test_the_description_is_whole(folder: Path) -> None:
    async with opened(folder) as gate:
        token = await gate.token()
        described = json.loads((await gate.ask("/openapi.json", token=token)).body)
        assert described["openapi"] == "3.1.0"
        text = json.dumps(described)
        for name in set(_refs(described)):
            assert name.removeprefix("#/components/schemas/") in described["components"]["schemas"]
        schemathesis.openapi.from_dict(described).validate()
        assert "gateway_token" not in text
        for path, operations in described["paths"].items():
            for method, told in operations.items():
                filled = path.replace("{id}", "a")
                reply = await gate.ask(filled, method=method.upper())
                assert (reply.status == 200) == ("security" in told)


def _refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for it in value.values() for ref in _refs(it)]
    return [ref for it in value for ref in _refs(it)] if isinstance(value, list) else []

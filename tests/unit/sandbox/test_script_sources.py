"""What scripts return, how they fail, what they cannot take, and where they cannot go."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ruster.sandbox.script import ScriptPool
from ruster.sandbox.script_settings import ScriptSettings
from tests.unit.sandbox.scripts import BOMBS, ESCAPES, HARMFUL_ESCAPES, failure, pool_of

pytest.importorskip("pydantic_monty")
together = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[ScriptPool]:
    """One pool for all: what one script does must not be felt by the next."""
    async with pool_of() as pool:
        yield pool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasty_pool() -> AsyncIterator[ScriptPool]:
    """The same with little time for each script."""
    async with pool_of(settings=ScriptSettings(max_cpu_s=0.5)) as pool:
        yield pool


@together
@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def main(args):\n    return 'hello ' + args['name']", "hello Ann"),
        ("def main():\n    return 'no arguments'", "no arguments"),
        ("def main(args=None):\n    return args['name']", "Ann"),
        ("def main(*args):\n    return args[0]['name']", "Ann"),
        ("def main():\n    pass", ""),
        ("def main():\n    return ''", ""),
        ("def main():\n    return 41 + 1", "42"),
        (
            "def main():\n    return [1, 2.5, None, True, {'ä': (1,)}]",
            '[1, 2.5, null, true, {"ä": [1]}]',
        ),
        ("K = 3\ndef f(x):\n    return x * K\ndef main():\n    return f(2)", "6"),
        (
            "class A:\n    def __init__(self):\n        self.x = 1\ndef main():\n    return A().x",
            "1",
        ),
        (
            "def main():\n    return ', '.join(f'{i}!' for i in range(3))  # no newline",
            "0!, 1!, 2!",
        ),
        (
            "def main():\n  try:\n    1 / 0\n  except ZeroDivisionError:\n    return 'ok'",
            "ok",
        ),
    ],
)
async def test_results_are_text(pool: ScriptPool, source: str, text: str) -> None:
    assert (await pool.run(source, {"name": "Ann"})).text == text


@together
@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("x = 1\ndef main():\n    return x / 0", "script_failed", 3),
        ("def f():\n    raise ValueError('v')\ndef main():\n    f()", "script_failed", 2),
        ("def main():\n    return unknown", "script_failed", 2),
        ("def main(:\n    pass", "script_invalid", 1),
        ("\n\ndef main():\n  return (", "script_invalid", 4),
        ("def main():\n    pass\nimport os", "script_invalid", 3),
        ("def main(a, b):\n    pass", "script_invalid", 1),
        ("def main(*, a):\n    pass", "script_invalid", 1),
        ("def other():\n    pass", "script_invalid", 0),
        ("main = 3", "script_invalid", 0),
        ("class main:\n    pass", "script_invalid", 0),
        ("", "script_invalid", 0),
        ("def main():\n    pass\n\0", "script_invalid", 0),
        ("def main():\n    return '\ud800'", "script_invalid", 0),
        ("def main():\n    raise MemoryError('mine')", "script_memory", 2),
        ("def main():\n    raise TimeoutError('mine')", "script_failed", 2),
    ],
)
async def test_failures_name_the_line(pool: ScriptPool, source: str, code: str, line: int) -> None:
    error = await failure(pool, source)
    assert error.code == code
    assert (f"line {line}" in error.message) == (line > 0), error.message


@together
@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_ends_by_its_limit_and_the_pool_goes_on(
    name: str, hasty_pool: ScriptPool
) -> None:
    source, codes = BOMBS[name]
    error = await failure(hasty_pool, source)
    assert error.code in codes | {"script_timeout"}, "on a slow machine time may end first"
    assert (await hasty_pool.run("def main():\n    return 'alive'")).text == "alive"


@together
@pytest.mark.parametrize("name", [*ESCAPES, *HARMFUL_ESCAPES])
async def test_a_way_out_is_closed(name: str, pool: ScriptPool) -> None:
    error = await failure(pool, (ESCAPES | HARMFUL_ESCAPES)[name])
    assert error.code in ("script_failed", "script_invalid")
    assert (await pool.run("def main():\n    return 'alive'")).text == "alive"


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_plain_python_takes_that_way(name: str) -> None:
    """The control: what is refused above would work without the interpreter."""
    names: dict[str, object] = {"__name__": "plain", "__loader__": None}
    exec(compile(ast.parse(ESCAPES[name]), "script", "exec"), names)
    main = names["main"]
    assert callable(main)
    assert main() is not None

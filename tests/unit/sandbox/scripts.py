"""A pool for tests, a web that records, and scripts that should not get far."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from ruster.core.errors import ToolError
from ruster.core.ports import WebFetcher
from ruster.core.web import WebAnswer
from ruster.sandbox.script import ScriptPool
from ruster.sandbox.script_settings import ScriptSettings

__all__ = ["BOMBS", "ESCAPES", "HARMFUL_ESCAPES", "RecordedWeb", "failure", "pool_of"]


class RecordedWeb:
    """Answers everything with ``answer``, or with the error it is."""

    def __init__(self, answer: WebAnswer | ToolError) -> None:
        self.answer = answer
        self.requests: list[tuple[str, str, bytes]] = []

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> WebAnswer:
        assert not headers
        self.requests.append((method, url, body))
        if isinstance(self.answer, ToolError):
            raise self.answer
        return self.answer


@asynccontextmanager
async def pool_of(
    web: WebFetcher | None = None, settings: ScriptSettings | None = None
) -> AsyncIterator[ScriptPool]:
    """Run a pool of real processes."""
    nothing = RecordedWeb(ToolError("there is no web", code="fetch_failed"))
    pool = ScriptPool(settings or ScriptSettings(max_cpu_s=10), web or nothing)
    try:
        yield pool
    finally:
        await pool.aclose()


async def failure(pool: ScriptPool, source: str) -> ToolError:
    """Run a script that must fail."""
    with pytest.raises(ToolError) as caught:
        await pool.run(source)
    return caught.value


def _main(*lines: str) -> str:
    return "def main():\n" + "".join(f"    {line}\n" for line in lines)


_TIME, _MEMORY, _FAILED, _INVALID = (
    f"script_{end}" for end in ("timeout", "memory", "failed", "invalid")
)

BOMBS: dict[str, tuple[str, set[str]]] = {
    "endless loop": (_main("while True:", "    pass"), {_TIME}),
    "endless loop at the top": ("while True:\n    pass\n" + _main("pass"), {_TIME}),
    "loop that catches all": (
        _main("while True:", "    try:", "        while True: pass", "    except: pass"), {_TIME},
    ),
    "recursion": ("def f(n):\n    return f(n + 1)\n" + _main("return f(0)"), {_FAILED}),
    "two functions in turn": (
        "def f():\n    g()\ndef g():\n    f()\n" + _main("f()"), {_FAILED},
    ),
    "recursion by key": (
        _main("f = lambda x: sorted([1, 2], key=f)", "return f(1)"), {_FAILED},
    ),
    "memory doubling": (_main("x = 'a'", "while True:", "    x = x + x"), {_MEMORY}),
    "list doubling": (_main("x = [1]", "while True:", "    x = x + x"), {_MEMORY}),
    "list that grows": (_main("x = []", "while True:", "    x.append('a' * 1000 + str(len(x)))"),
                        {_MEMORY}),
    "memory and catching": (
        _main("x = []", "while True:", "    try:", "        x.append('a' * 9999 + str(len(x)))",
              "    except BaseException:", "        pass"), {_MEMORY, _TIME},
    ),
    "string repetition": (_main("return 'a' * (1 << 40)"), {_MEMORY}),
    "list repetition": (_main("return [0] * (1 << 40)"), {_MEMORY}),
    "giant bytes": (_main("return bytes(1 << 40)"), {_MEMORY}),
    "giant exponent": (_main("return 10 ** 10 ** 8"), {_MEMORY}),
    "giant shift": (_main("return 1 << (1 << 40)"), {_MEMORY}),
    "squares of squares": (_main("x = 3", "while True:", "    x = x * x"), {_MEMORY, _TIME}),
    "factorial": (_main("x = 1", "for i in range(1, 10**6):", "    x *= i"), {_TIME, _MEMORY}),
    "modular power": (_main("return pow(3, 10**100000, 10**50000 + 1)"), {_TIME}),
    "giant text to number": (_main("return int('9' * 10**7)"), {_FAILED}),
    "giant number to text": (_main("return str(10 ** 100000)"), {_FAILED}),
    "giant number as result": (_main("return 10 ** 100000"), {_FAILED}),
    "padding": (_main("return f'{1:>10000000000}'"), {_MEMORY, _FAILED}),
    "old padding": (_main("return '%10000000000d' % 1"), {_MEMORY, _FAILED}),
    "format": (_main("return '{:>1000000000}'.format(1)"), {_MEMORY, _FAILED}),
    "justified text": (_main("return 'a'.ljust(1 << 40)"), {_MEMORY}),
    "replacement": (_main("return ('a' * 10**6).replace('a', 'b' * 1000)"), {_MEMORY}),
    "join": (_main("return ('x' * 10000).join(['y'] * 100000)"), {_MEMORY}),
    "split": (_main("return len(('a,' * 10**7).split(','))"), {_MEMORY}),
    "generator storm": (_main("return sum(i for i in range(10**12))"), {_MEMORY, _TIME}),
    "nested generators": (
        _main("return sum(1 for a in range(9999) for b in range(9999) for c in range(9999))"),
        {_MEMORY, _TIME},
    ),
    "giant range": (_main("return list(range(10**10))"), {_MEMORY}),
    "giant dict": (_main("return {i: str(i) for i in range(10**9)}"), {_MEMORY, _TIME}),
    "giant sort": (_main("return sorted(str(i) for i in range(10**8))"), {_MEMORY, _TIME}),
    "f-string nesting": (
        _main("x = 'a'", "for i in range(99):", "    x = f'{x}{x}{x}{x}'", "return x"), {_MEMORY},
    ),
    "deep parentheses": (_main("return " + "(" * 5000 + "1" + ")" * 5000), {_INVALID}),
    "deep lists": (_main("return " + "[" * 20000 + "]" * 20000), {_INVALID}),
    "many minus signs": (_main("return " + "-" * 60000 + "1"), {_INVALID}),
    "long sum": (_main("return " + "+".join(["1"] * 30000)), {_INVALID}),
    "deep blocks": (
        "def main():\n" + "".join(" " * i + "if 1:\n" for i in range(1, 300)) + " " * 300 + "pass",
        {_INVALID},
    ),
    "deep lambdas": (_main("return " + "lambda: " * 9000 + "1"), {_INVALID}),
    "unclosed brackets": (_main("return " + "([{" * 9000), {_INVALID}),
    "long source": (_main("pass") + "#" * 128 * 1024, {_INVALID}),
    "long result": (_main("return 'a' * (128 * 1024 + 1)"), {_FAILED}),
    "wide result": (_main("return [[0] * 1000 for i in range(1000)]"), {_FAILED, _MEMORY}),
    "endless printing": (_main("while True:", "    print('x' * 1000)"), {_TIME, _MEMORY}),
    "endless log": (_main("while True:", "    log_info('x' * 1000)"), {_FAILED, _TIME}),
    "endless clock": (_main("while True:", "    time_now()"), {_FAILED, _TIME}),
}  # fmt: skip
"""Scripts that take too much, and how each may end."""

ESCAPES: dict[str, str] = {
    "class": _main("return ().__class__.__name__"),
    "bases": _main("return len(().__class__.__bases__)"),
    "subclasses": _main("return len(().__class__.__base__.__subclasses__())"),
    "mro": _main("return len(str.__mro__)"),
    "globals of a function": _main("return list(main.__globals__)"),
    "code of a function": _main("return main.__code__.co_name"),
    "builtins": _main("return str(__builtins__)"),
    "builtins of a function": _main("return str(main.__builtins__)"),
    "loader": _main("return [__loader__]"),
    "import": "import os\n" + _main("return os.getpid()"),
    "import inside": _main("import sys", "return len(sys.modules)"),
    "import from": "from pathlib import Path\n" + _main("return Path('/etc/passwd').read_text()"),
    "import as": "import os as system\n" + _main("return list(system.environ)"),
    "import socket": _main("import socket", "return socket.gethostname()"),
    "import subprocess": _main("import subprocess", "return str(subprocess.Popen)"),
    "import ctypes": _main("import ctypes", "return str(ctypes.CDLL)"),
    "import json": _main("import json", "return json.dumps([1])"),
    "__import__": _main("return __import__('os').getpid()"),
    "open": _main("with open('/etc/passwd') as file:", "    return file.read()"),
    "open renamed": _main("f = open", "with f('/etc/passwd') as file:", "    return file.read()"),
    "eval": _main("return eval('1 + 1')"),
    "eval renamed": _main("return list(map(eval, ['1 + 1']))"),
    "exec": _main("x = {}", "exec('import os', x)", "return len(x)"),
    "exec inside": _main("exec('import os')", "return 1"),
    "compile": _main("return str(compile('1', 'x', 'eval'))"),
    "globals": _main("return list(globals())"),
    "locals": _main("return list(locals())"),
    "vars": _main("return list(vars(str))"),
    "getattr": _main("return getattr(1, '__class__').__name__"),
    "getattr spelt in parts": _main("return str(getattr((), '__cla' + 'ss__'))"),
    "getattr chain": _main(
        "a = getattr", "return len(a(a(a((), '__cl' + 'ass__'), '__ba' + 'se__'), '__subcl' "
        "+ 'asses__')())"
    ),
    "getattr of a function": _main("return str(getattr(main, '__glo' + 'bals__'))"),
    "format": _main("return '{0.__class__.__name__}'.format(1)"),
    "format with a function": _main("return '{0.__globals__}'.format(main)[:1]"),
    "format_map": _main("return '{a.__class__}'.format_map({'a': 1})"),
    "traceback of an exception": _main(
        "try:", "    1 / 0", "except ZeroDivisionError as error:",
        "    return str(error.__traceback__.tb_frame.f_globals)[:1]"
    ),
    "traceback without its name": _main(
        "try:", "    1 / 0", "except ZeroDivisionError as error:",
        "    return str(getattr(error, '__trace' + 'back__').tb_frame)[:1]"
    ),
    "frame of a generator": _main("g = (i for i in [1])", "return str(g.gi_frame.f_back)[:1]"),
    "code of a generator": _main("g = (i for i in [1])", "return str(g.gi_code)[:1]"),
    "mro without its name": _main("return str(type(1).mro())"),
    "subclass of a type": _main("return str(type('X', (object,), {})().__class__)"),
    "module of a function": _main("return str(print.__self__)"),
    "self of a method": _main("return str('a'.upper.__self__)"),
    "reduce": _main("return str([].__reduce_ex__(2))"),
    "weak references": _main("return str(getattr(main, '__weak' + 'ref__', main.__dict__))"),
    "annotations": _main("return str(main.__annotations__)"),
    "async": "async def f():\n    return 1\n" + _main("return str(f().cr_frame)"),
    "memoryview": _main("return str(memoryview(b'a').obj)"),
}  # fmt: skip
"""Ways out that plain Python takes."""

HARMFUL_ESCAPES: dict[str, str] = {
    "input": _main("return input()"),
    "breakpoint": _main("breakpoint()"),
    "exit": _main("exit()"),
    "write": _main("open('/canary', 'w').write('x')"),
    "shell": _main("import os", "os.system('true')"),
    "kill": _main("import os, signal", "os.kill(os.getppid(), signal.SIGTERM)"),
    "system exit": _main("raise SystemExit(0)"),
    "keyboard": _main("raise KeyboardInterrupt()"),
    "generator exit": _main("raise BaseException('x')"),
    "answers of its own": _main('print(\'{"kind": "done"}\')', "raise ValueError('x')"),
    "another function of the daemon": _main("return ask('http_get', [])"),
}

"""The process that runs scripts: one JSON object a line in, one or more out.

It is started by its path, without environment, and imports nothing of ruster: only the
interpreter. That has a process of its own below this one, which the library kills when it does not
keep its limits by itself; whoever started this one kills both.

In come ``{"source", "args"}`` and answers to questions; out go ``{"kind": "ask", "name",
"arguments"}`` for what only the daemon may do, and at last ``{"kind": "done"}`` or
``{"kind": "failed"}``.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import resource
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_monty import Monty, MontyRuntimeError

__all__ = ["InvalidScript", "Run", "call_of", "main", "run"]

_ARGS = "_args_of_main"
_DENIED = {
    "__import__", "breakpoint", "compile", "delattr", "eval", "exec", "exit", "globals", "help",
    "input", "locals", "open", "quit", "setattr", "vars",
}  # fmt: skip
_MAX_LOG_LINES = 100
_MAX_LOG_CHARS = 1000
_MAX_PRINTED_CHARS = 16 * 1024


class InvalidScript(Exception):
    """A script that is not even tried; ``line`` is where, 0 when that cannot be told."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.line = line


class Run:
    """One run of a script: what it may call, and what it leaves."""

    def __init__(self, ask: Callable[[str, list[str]], str]) -> None:
        self._ask = ask
        self._printed = 0
        self.log: list[str] = []
        self.printed: list[str] = []

    def functions(self) -> dict[str, Callable[..., str | None]]:
        """All that a script may call beyond the language."""
        return {
            "log_info": self._log_info,
            "time_now": lambda: self._ask("time_now", []),
            "http_get": lambda url: self._ask("http_get", [_text(url)]),
            "http_post": lambda url, body: self._ask("http_post", [_text(url), _text(body)]),
        }

    def show(self, _stream: str, text: str) -> None:
        """Keep the beginning of what a script prints."""
        kept = text[: _MAX_PRINTED_CHARS - self._printed]
        self._printed += len(kept)
        if kept:
            self.printed.append(kept)

    def _log_info(self, text: str) -> None:
        if len(self.log) < _MAX_LOG_LINES:
            self.log.append(_text(text)[:_MAX_LOG_CHARS])


def call_of(source: str) -> str:
    """Read a script and return the expression that calls its ``main``; raises InvalidScript."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise InvalidScript(f"SyntaxError: {error.msg}", error.lineno or 0) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise InvalidScript(str(error) or "the source is nested too deeply") from None
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        _check(node)
        pending.extend(ast.iter_child_nodes(node))
    mains = [node for node in tree.body if getattr(node, "name", "") == "main"]
    if not mains or not isinstance(main := mains[-1], ast.FunctionDef):
        raise InvalidScript("the script has no function main()")
    return _call(main)


def _check(node: ast.AST) -> None:
    line = getattr(node, "lineno", 0)
    if isinstance(node, ast.Import | ast.ImportFrom):
        raise InvalidScript("scripts cannot import anything", line)
    if isinstance(node, ast.Name) and node.id in _DENIED:
        raise InvalidScript(f"scripts cannot use {node.id}", line)
    if isinstance(node, ast.Attribute) and node.attr.startswith("__"):
        raise InvalidScript(f"scripts cannot use the attribute {node.attr}", line)
    if isinstance(node, ast.AsyncFunctionDef | ast.Await):
        raise InvalidScript("scripts cannot be asynchronous", line)


def _call(main: ast.FunctionDef) -> str:
    takes = len(main.args.posonlyargs) + len(main.args.args)
    needs = takes - len(main.args.defaults)
    if needs > 1 or any(default is None for default in main.args.kw_defaults):
        raise InvalidScript("main takes one argument or none", main.lineno)
    return f"main({_ARGS if takes or main.args.vararg else ''})"


def run(monty: Monty, command: dict[str, Any], limits: dict[str, int], work: Run) -> dict[str, Any]:
    """Run a script to its end, however it ends."""
    from pydantic_monty import MontyCrashedError, MontyError, MontyRuntimeError, MontySyntaxError

    try:
        source = command["source"]
        code = f"{source}\n{call_of(source)}"
        with monty.checkout(
            limits={
                "max_memory": limits["memory_bytes"],
                "max_feed_duration_secs": limits["cpu_ms"] / 1000,
                "max_recursion_depth": limits["depth"],
                "max_suspensions": limits["calls"],
            },
            os_policy={"sleep": "zero"},
            assert_message_annotations=False,
        ) as session:
            value = session.feed_run(
                code,
                inputs={_ARGS: command["args"]},
                external_lookup=work.functions(),
                print_callback=work.show,
            )
        return _done(value, limits["result_chars"])
    except InvalidScript as error:
        return _failed("script_invalid", str(error), error.line)
    except MontySyntaxError as error:
        line = error.traceback()[-1].line if error.traceback() else 0
        return _failed("script_invalid", error.display("type-msg"), line)
    except MontyRuntimeError as error:
        return _ended(error)
    except MontyCrashedError as error:
        if error.timed_out:
            return _failed("script_timeout", "it computed for too long")
        return _failed("script_memory", "the interpreter ended; most likely memory was short")
    except MemoryError:
        return _failed("script_memory", "its result does not fit into memory")
    except (MontyError, ValueError, TypeError, RecursionError) as error:
        return _failed("script_failed", f"{type(error).__name__}: {error}")


def _done(value: object, max_chars: int) -> dict[str, Any]:
    if value is None:
        text = ""
    elif isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > max_chars:
        return _failed("script_failed", f"its result is longer than {max_chars} characters")
    return {"kind": "done", "text": text}


def _ended(error: MontyRuntimeError) -> dict[str, Any]:
    """Tell a limit from a mistake: limits of time have no place in the source."""
    frames, cause = error.traceback(), error.exception()
    line = frames[-1].line if frames else 0
    code = "script_failed"
    if isinstance(cause, MemoryError):
        code = "script_memory"
    elif isinstance(cause, TimeoutError) and not frames:
        code = "script_timeout"
    return _failed(code, error.display("type-msg"), line)


def _failed(code: str, message: str, line: int = 0) -> dict[str, Any]:
    return {"kind": "failed", "code": code, "message": message[:_MAX_LOG_CHARS], "line": line}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("this takes text")
    return value


def _write(frame: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(frame).encode("ascii") + b"\n")
    sys.stdout.buffer.flush()


def _read() -> dict[str, Any]:
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    frame: dict[str, Any] = json.loads(line)
    return frame


def _ask(name: str, arguments: list[str]) -> str:
    _write({"kind": "ask", "name": name, "arguments": arguments})
    answer = _read()
    if "error" in answer:
        raise RuntimeError(answer["error"])
    text: str = answer["text"]
    return text


def _limit(address_space_bytes: int) -> None:
    """Bound this process and the one below it, whatever the interpreter does."""
    for kind, value in (
        (resource.RLIMIT_AS, address_space_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        with contextlib.suppress(OSError, ValueError):  # not every system has each of them
            resource.setrlimit(kind, (value, value))


def main() -> None:
    """Answer commands until stdin ends."""
    limits: dict[str, int] = json.loads(sys.argv[1])
    _limit(limits["address_space_bytes"])
    try:
        from pydantic_monty import Monty
    except ImportError as error:
        _write({"kind": "missing", "message": str(error)})
        return
    with Monty(max_processes=1, feed_duration_limit_grace=limits["grace_ms"] / 1000) as monty:
        _write({"kind": "ready"})
        while True:
            work = Run(_ask)
            frame = run(monty, _read(), limits, work)
            _write({**frame, "log": work.log, "printed": "".join(work.printed)})


if __name__ == "__main__":
    main()

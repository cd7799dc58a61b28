"""What the fake Ollama says in a chat: whole answers line by line, and every way to break one.

An answer becomes the lines of the stream; a ``Fault`` turns those lines into steps of the server.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.fakes.go_http import JSON, LAST_CHUNK, NDJSON, chunk, go_json, go_time, head, whole
from tests.fakes.http_server import Close, Fault, Hang, Pause, Reset, Step

__all__ = ["FAULTS", "PULL", "Answer", "pull_lines", "pull_steps", "status"]

_START_NS = 1_751_919_739_184_789_000
_TOKEN_NS = 13_100_250


@dataclass(frozen=True)
class Answer:
    """One answer of a model: pieces of thought, of content, then tool calls (name, arguments)."""

    content: tuple[str, ...] = ("Hello", "!", " How can I help", " you today", "?")
    thinking: tuple[str, ...] = ()
    tool_calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    done_reason: str = "stop"
    prompt_tokens: int = 26
    delay_s: float = 0.0
    with_call_ids: bool = True

    def lines(self, model: str) -> list[bytes]:
        """Return the stream's lines, each with its line end, in the real key order."""
        messages: list[dict[str, Any]]
        messages = [{"content": "", "thinking": text} for text in self.thinking]
        messages += [{"content": text} for text in self.content]
        messages += [{"content": "", "tool_calls": [call]} for call in self._calls()]
        lines = [self._line(model, n, message) for n, message in enumerate(messages)]
        return [*lines, self._last(model, len(messages))]

    def steps(self, model: str) -> Iterable[Step]:
        """Yield the whole response, a chunk a line, as gin's flushing writes it."""
        yield STREAM_HEAD
        for line in self.lines(model):
            yield chunk(line)
            if self.delay_s:
                yield Pause(self.delay_s)
        yield LAST_CHUNK

    def _calls(self) -> Iterable[dict[str, Any]]:
        for index, (name, arguments) in enumerate(self.tool_calls):
            identity = {"id": f"call_a1b2c3d{index}"} if self.with_call_ids else {}
            yield identity | {"function": {"index": index, "name": name, "arguments": arguments}}

    def _line(self, model: str, n: int, message: dict[str, Any], **rest: Any) -> bytes:
        value = {
            "model": model,
            "created_at": go_time(_START_NS + n * _TOKEN_NS),
            "message": {"role": "assistant"} | message,
            "done": bool(rest),
        }
        return go_json(value | rest) + b"\n"

    def _last(self, model: str, n: int) -> bytes:
        return self._line(
            model,
            n,
            {"content": ""},
            done_reason=self.done_reason,
            total_duration=4_883_583_458,
            load_duration=1_334_875,
            prompt_eval_count=self.prompt_tokens,
            prompt_eval_duration=342_546_000,
            eval_count=max(n, 1),
            eval_duration=4_535_599_000,
        )


STREAM_HEAD = head(200, NDJSON, None)


PULL = (
    {"status": "pulling manifest"},
    {"status": "pulling dde5aa3fc5ff", "digest": "sha256:dde5", "total": 2019377376},
    {
        "status": "pulling dde5aa3fc5ff",
        "digest": "sha256:dde5",
        "total": 2019377376,
        "completed": 1009688688,
    },
    {"status": "verifying sha256 digest"},
    {"status": "writing manifest"},
    {"status": "success"},
)
"""The lines of a pull."""


def pull_lines() -> list[bytes]:
    """Return the stream's lines of a pull."""
    return [go_json(line) + b"\n" for line in PULL]


def pull_steps(name: str) -> Iterable[Step]:
    """Yield the response to a pull; the library has everything but ``no-such-model``."""
    if name == "no-such-model":
        lines = [pull_lines()[0], _error("pull model manifest: file does not exist") + b"\n"]
        return _said(*lines)
    return _said(*pull_lines())


def status(code: int, body: bytes, content_type: str = JSON) -> Fault:
    """Answer with an error status and this body."""
    return lambda _lines: [whole(code, body, content_type)]


def _said(*lines: bytes, end: bytes = LAST_CHUNK) -> list[Step]:
    return [STREAM_HEAD, *map(chunk, lines), end]


def _error(sentence: str) -> bytes:
    return go_json({"error": sentence})


_CRASH = "an error was encountered while running the model: unexpected EOF"
_NO_TOOLS = "registry.ollama.ai/library/gemma2:2b does not support tools"
_FORMAT = "Go struct field ChatRequest.format"
_NO_MEMORY = "model requires more system memory (5.6 GiB) than is available (2.1 GiB)"
_BUSY = "server busy, please try again.  maximum pending requests exceeded"
_GZIPPED = head(200, NDJSON, None, "Content-Encoding: gzip")

FAULTS: dict[str, tuple[Fault, str]] = {
    "closed without an answer": (lambda _: [Close()], "provider_unreachable"),
    "reset without an answer": (lambda _: [Reset()], "provider_unreachable"),
    "not HTTP": (lambda _: [b"SSH-2.0-OpenSSH_9.2\r\n", Close()], "provider_unreachable"),
    "gateway without upstream": (
        status(502, b"<html>Bad Gateway</html>", "text/html"),
        "provider_unreachable",
    ),
    "another server": (
        status(404, b"404 page not found", "text/plain"),
        "provider_mismatch",
    ),
    "model not pulled": (
        status(404, _error("model 'llama3.2' not found")),
        "model_not_found",
    ),
    "model not pulled, as older versions say it": (
        status(404, _error('model "llama3.2" not found, try pulling it first')),
        "model_not_found",
    ),
    "no tools": (status(400, _error(_NO_TOOLS)), "tools_unsupported"),
    "no schema": (status(500, _error("invalid JSON schema in format")), "schema_unsupported"),
    "no schema, as older versions say it": (
        status(400, _error(f"json: cannot unmarshal object into {_FORMAT} of type string")),
        "schema_unsupported",
    ),
    "no thinking": (
        status(400, _error('"llama3.2" does not support thinking')),
        "provider_rejected",
    ),
    "bad request": (status(400, _error("missing request body")), "provider_rejected"),
    "redirect": (status(308, b"", "text/html"), "provider_rejected"),
    "not signed in": (
        status(401, go_json({"error": "unauthorized", "signin_url": "https://ollama.com/connect"})),
        "provider_unauthorized",
    ),
    "host not allowed": (lambda _: [whole(403, b"", None)], "provider_unauthorized"),
    "too many requests": (status(429, _error("too many requests")), "provider_failed"),
    "out of memory": (status(500, _error(_NO_MEMORY)), "provider_failed"),
    "server error without a body": (status(500, b""), "provider_failed"),
    "busy": (status(503, _error(_BUSY)), "provider_failed"),
    "no line at all": (lambda _: _said(), "provider_stream_cut"),
    "ended before done": (lambda lines: _said(*lines[:-1]), "provider_stream_cut"),
    "ended within a line": (lambda lines: _said(lines[0], lines[1][:40]), "provider_stream_cut"),
    "closed between chunks": (
        lambda lines: [STREAM_HEAD, chunk(lines[0]), Close()],
        "provider_stream_cut",
    ),
    "closed within a chunk": (
        lambda lines: [STREAM_HEAD, chunk(lines[0]), chunk(lines[1])[:-20], Close()],
        "provider_stream_cut",
    ),
    "reset within a chunk": (
        lambda lines: [STREAM_HEAD, chunk(lines[0])[:-20], Pause(0.02), Reset()],
        "provider_stream_cut",
    ),
    "broken chunk size": (
        lambda lines: [STREAM_HEAD, chunk(lines[0]), b"zz\r\n", Close()],
        "provider_stream_cut",
    ),
    "silent after the head": (lambda _: [STREAM_HEAD, Hang()], "provider_timeout"),
    "silent within an answer": (
        lambda lines: [STREAM_HEAD, chunk(lines[0]), Hang()],
        "provider_timeout",
    ),
    "silent from the start": (lambda _: [Hang()], "provider_timeout"),
    "error line": (
        lambda lines: _said(lines[0], _error(_CRASH) + b"\n"),
        "provider_failed",
    ),
    "error line about the schema": (
        lambda _: _said(_error("invalid JSON schema in format") + b"\n"),
        "schema_unsupported",
    ),
    "error line first": (lambda _: _said(_error(_CRASH) + b"\n"), "provider_failed"),
    "error object": (lambda _: _said(b'{"error":{"message":"no"}}\n'), "provider_failed"),
    "a web page": (lambda _: [whole(200, b"<html>hello</html>", "text/html")], "provider_protocol"),
    "a line of rubbish": (lambda lines: _said(lines[0], b"\x00\x01\n"), "provider_protocol"),
    "an array": (lambda _: _said(b"[1,2]\n"), "provider_protocol"),
    "another shape": (lambda _: _said(b'{"message":"hi"}\n'), "provider_protocol"),
    "broken UTF-8": (
        lambda _: _said(b'{"message":{"content":"\xff\xfe"}}\n'),
        "provider_protocol",
    ),
    "a lone surrogate": (
        lambda _: _said(b'{"message":{"content":"\\ud800"}}\n'),
        "provider_protocol",
    ),
    "arguments that are no object": (
        lambda _: _said(
            b'{"message":{"tool_calls":[{"function":{"name":"f","arguments":"[1]"}}]}}\n'
        ),
        "provider_protocol",
    ),
    "deep nesting": (
        lambda _: _said(b'{"message":' + b"[" * 100_000 + b"\n"),
        "provider_protocol",
    ),
    "an endless line": (lambda _: _said(*[b"x" * 1_000_000] * 9), "provider_protocol"),
    "false gzip": (lambda _: [_GZIPPED, chunk(b"not gzip"), LAST_CHUNK], "provider_protocol"),
    "cut gzip": (
        lambda lines: [_GZIPPED, chunk(gzip.compress(lines[0])[:-12]), LAST_CHUNK],
        "provider_stream_cut",
    ),
}
"""Every way a chat can fail, and the code of the one error it must end in."""

"""Secrets stay out of the log: by their shape, by their name, by their known value."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

import ruster.telemetry.log
from ruster.telemetry.log import open_log
from ruster.telemetry.redact import MASK, Redactor, looks_secret

KNOWN = 'known "value"\\ of a variable'

CANARIES = {
    "openai": ("the key is {}", "sk-proj-CANARY1abcdefghijklmnop"),
    "anthropic": ("{}", "sk-ant-api03-CANARY2abcdefghijk"),
    "github": ("clone with {} please", "ghp_CANARY3abcdefghijklmnopqrstuvwxyz"),
    "github fine-grained": ("{}", "github_pat_CANARY4abcdefghijklmnop"),
    "gitlab": ("{}", "glpat-CANARY5abcdefghij"),
    "slack": ("{}", "xoxb-1234567890-CANARY6abc"),
    "slack hook": ("https://hooks.slack.com/services/{}", "T0000/B0000/CANARY7abc"),
    "google": ("?key={}", "AIzaCANARY8abcdefghijklmnopqrstuvwxyz0"),
    "google oauth": ("{}", "ya29.CANARY9abcdefghij"),
    "aws id": ("{}", "AKIACANARY10ABCDEF"),
    "aws secret": ("aws_secret_access_key = {}", "CANARY11/abc+defghijklmnop"),
    "hugging face": ("{}", "hf_CANARY12abcdefghij"),
    "groq": ("{}", "gsk_CANARY13abcdefghij"),
    "xai": ("{}", "xai-CANARY14abcdefghij"),
    "json web token": ("{}", "eyJhbGciOiJIUzI1NiJ9.eyJDQU5BUlkxNSJ9.CANARY15abc"),
    "bearer": ("Authorization: Bearer {}", "CANARY16abcdefghij"),
    "bearer alone": ("sent Bearer {}", "CANARY17abcdefghij"),
    "basic": ("authorization=Basic {}", "CANARY18abcdefghij=="),
    "header": ("X-Api-Key: {}", "CANARY19abcdefghij"),
    "proxy header": ("X-Proxy-Auth: {}", "CANARY20abcdefghij"),
    "cookie": ("Cookie: {}", "session=CANARY21abcdefghij"),
    "query": ("https://x.test/?access_token={}&a=1", "CANARY22abcdefghij"),
    "password": ("password={}", "CANARY23!$%"),
    "quoted password": ('{{"password": "{}"}}', "CANARY24 with spaces, and commas"),
    "nested json": ('{{"body": "{{\\"api_key\\": \\"{}\\"}}"}}', "CANARY25abc"),
    "python dict": ("{{'client_secret': '{}'}}", "CANARY26 abc"),
    "address": ("postgres://me:{}@host/db", "CANARY27abc"),
    "address without a user": ("redis://:{}@host/0", "CANARY28abc"),
    "telegram": ("{}", "1234567890:CANARY29abcdefghijklmnopqrstuvwxyz"),
    "npm": ("{}", "npm_CANARY30abcdefghijklmnop"),
    "private key": (
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----",
        "CANARY31abc\nCANARY31def",
    ),
    "cut private key": ("-----BEGIN RSA PRIVATE KEY-----\n{}", "CANARY32abc"),
    "age": ("{}", "AGE-SECRET-KEY-1CANARY33ABCDEFGHIJKLMN"),
    "known value": ("the variable is {}", KNOWN),
}
TRACES = re.compile(r"CANARY\d+|known .{0,3}value")


class Failure(Exception):
    """Something whose text holds a secret."""


def written(folder: Path, say: Callable[[structlog.stdlib.BoundLogger], None]) -> str:
    """Log through a fresh log and return what its file holds."""
    path = folder / "ruster.log"
    path.unlink(missing_ok=True)
    log = open_log(path, "debug", console=False, secrets=[KNOWN])
    try:
        say(structlog.stdlib.get_logger("ruster.test"))
    finally:
        log.close()
        structlog.reset_defaults()
    return path.read_text("utf-8")


def as_event(text: str) -> Callable[[structlog.stdlib.BoundLogger], None]:
    return lambda log: log.info(text)


def as_field(text: str) -> Callable[[structlog.stdlib.BoundLogger], None]:
    return lambda log: log.info("said", text=text, nested={"deep": [text]})


def as_exception(text: str) -> Callable[[structlog.stdlib.BoundLogger], None]:
    def say(log: structlog.stdlib.BoundLogger) -> None:
        try:
            raise Failure(text)
        except Failure:
            log.exception("failed")

    return say


def as_cause(text: str) -> Callable[[structlog.stdlib.BoundLogger], None]:
    def say(log: structlog.stdlib.BoundLogger) -> None:
        try:
            try:
                raise Failure(text)
            except Failure as cause:
                raise ValueError("outer") from cause
        except ValueError as error:
            logging.getLogger("ruster.plain").error("failed %s", "so", exc_info=error)

    return say


def as_foreign(text: str) -> Callable[[structlog.stdlib.BoundLogger], None]:
    return lambda _: logging.getLogger("somebody.else").warning("they say %s", text)


WAYS = [as_event, as_field, as_exception, as_cause, as_foreign]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", CANARIES)
def test_no_secret_reaches_the_file(
    tmp_path: Path,
    shape: str,
    way: Callable[[str], Callable[[structlog.stdlib.BoundLogger], None]],
) -> None:
    form, secret = CANARIES[shape]
    text = written(tmp_path, way(form.format(secret)))
    assert not TRACES.search(text), text
    assert MASK in text
    for line in text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("shape", CANARIES)
def test_without_the_redactor_every_secret_reaches_the_file(
    tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the test above sees a secret when there is one."""
    monkeypatch.setattr(ruster.telemetry.log, "Redactor", lambda _: str)
    form, secret = CANARIES[shape]
    for way in WAYS:
        assert TRACES.search(written(tmp_path, way(form.format(secret))))


def test_colours_do_not_hide_a_secret() -> None:
    coloured = "\x1b[36mapi_key\x1b[0m=\x1b[35mCANARY34abc\x1b[0m"
    assert "CANARY" not in Redactor()(coloured)


@pytest.mark.parametrize(
    "text",
    [
        '{"event": "model_call", "prompt_tokens": 12345, "completion_tokens": 67890}',
        "the keyboard, a monkey, and risk-assessment-of-everything",
        "ruster listens on /tmp/ruster.sock",
        "http://127.0.0.1:11434/api/chat",
        '{"session": "task-list-for-tomorrow", "id": "t-5f0c9a1be2d34c77"}',
    ],
)
def test_harmless_lines_stay_as_they_are(text: str) -> None:
    assert Redactor()(text) == text


@pytest.mark.parametrize("unit", ["a-", "token", "x://", "'", "password=", '\\"', "-----BEGIN "])
def test_long_lines_are_redacted_in_linear_time(unit: str) -> None:
    """Twenty times the length may take a hundred times as long at most, on any machine."""
    redact = Redactor([KNOWN])

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        started = time.perf_counter()
        redact(text)
        return time.perf_counter() - started

    short = min(seconds(5_000) for _ in range(3))
    assert seconds(100_000) < 100 * max(short, 0.002)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "X_SECRETS"])
def test_variables_with_secrets_are_known_by_name(name: str) -> None:
    assert looks_secret(name)
    assert not looks_secret("PATH")


def test_each_line_is_json_and_names_its_logger(tmp_path: Path) -> None:
    text = written(tmp_path, lambda log: log.warning("hello", n=1, turn="t-1"))
    line = json.loads(text)
    assert (line["event"], line["n"], line["level"], line["logger"]) == (
        "hello",
        1,
        "warning",
        "ruster.test",
    )
    assert "timestamp" in line


def test_a_flood_is_dropped_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruster.telemetry.log, "_MAX_WAITING", 10)
    log = open_log(tmp_path / "ruster.log", "info", console=False)
    try:
        log.listener.stop()  # nobody writes
        for number in range(1000):
            structlog.stdlib.get_logger("ruster.test").info("flood", n=number)
        handler = logging.getLogger().handlers[0]
        assert isinstance(handler, ruster.telemetry.log._DroppingQueueHandler)
        assert handler.dropped >= 980
        log.listener.start()
    finally:
        log.close()
        structlog.reset_defaults()

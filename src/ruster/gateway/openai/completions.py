"""``POST /v1/completions``: the plain completions of old.

Models here are asked in conversations, so that a prompt is taken for what a user says; it is not
continued letter by letter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ruster.core.clock import Clock
from ruster.core.ids import new_id
from ruster.core.inference import (
    Complete,
    Content,
    InferenceConfig,
    InferenceEvent,
    InferenceRequest,
    Logprobs,
    TokenLogprob,
    Usage,
)
from ruster.core.messages import Message, Role
from ruster.gateway.api.answers import Json, told
from ruster.gateway.api.failures import InvalidRequest, error_object
from ruster.gateway.api.parsing import parse
from ruster.gateway.api.parts import ApiParts
from ruster.gateway.api.streaming import while_here
from ruster.gateway.openai.answer import DONE, sse
from ruster.gateway.openai.asking import Asker
from ruster.gateway.openai.merging import merged
from ruster.gateway.openai.request import tuned
from ruster.gateway.openai.shapes import MAX_CHOICES, Tunable
from ruster.gateway.openai.stream import HEARTBEAT, EventStream

__all__ = ["routes"]

_MAX_PROMPTS = 16
_MAX_ANSWERS = 32
_LEAST_LOGPROB = -9999.0
_Text = Annotated[str, Field(min_length=1)]
_Events = AsyncGenerator[InferenceEvent, None]


class _Body(Tunable):
    model: str | None = Field(default=None, max_length=256)
    prompt: _Text | Annotated[list[_Text], Field(min_length=1, max_length=_MAX_PROMPTS)]
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES)
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: int | None = Field(default=None, ge=0, le=20)

    def prompts(self) -> list[str]:
        """Return each prompt as often as it is to be answered; raises InvalidRequest."""
        if self.suffix:
            raise InvalidRequest(
                "suffix: text is not filled in between here; put it into the prompt", "suffix"
            )
        if self.best_of not in (None, 1, self.n):
            raise InvalidRequest("best_of: all answers are told here; use n", "best_of")
        given = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        prompts = [it for it in given for _ in range(self.n or 1)]
        if len(prompts) > _MAX_ANSWERS:
            raise InvalidRequest(f"n: up to {_MAX_ANSWERS} answers may be asked for at once", "n")
        return prompts


def routes(parts: ApiParts) -> list[BaseRoute]:
    """Return the route of completions."""

    async def complete(request: Request) -> Response:
        asker = Asker(parts, request.state.identity)
        body = parse(_Body, await request.body())
        prompts = body.prompts()
        model = await asker.model(body.model)
        config = _config(body)
        streams = [
            asker.stream(_request(model, prompt, index, config))
            for index, prompt in enumerate(prompts)
        ]
        answers = _Answers(model, parts.clock, prompts if body.echo else [""] * len(prompts))
        if body.stream:
            usage = bool(body.stream_options and body.stream_options.include_usage)
            pieces = _streamed(streams, answers, include_usage=usage)
            return EventStream(pieces, lambda error: sse(error_object(error)))
        return Json(await while_here(request.receive, _whole(streams, answers)))

    return [Route("/v1/completions", told(complete), methods=["POST"])]


def _config(body: _Body) -> InferenceConfig:
    config = tuned(body, InferenceConfig())
    sampling = dataclasses.replace(config.sampling, logprobs=body.logprobs)
    return dataclasses.replace(config, sampling=sampling)


def _request(model: str, prompt: str, index: int, config: InferenceConfig) -> InferenceRequest:
    if config.sampling.seed is not None:
        sampling = dataclasses.replace(config.sampling, seed=config.sampling.seed + index)
        config = dataclasses.replace(config, sampling=sampling)
    return InferenceRequest(model, (Message(Role.USER, prompt),), config)


@dataclass(slots=True)
class _Answers:
    """Writes what comes of all answers to one request."""

    model: str
    clock: Clock
    echoes: list[str]
    id: str = field(default_factory=lambda: new_id("cmpl"))
    usage: list[Usage] = field(default_factory=list)
    _tokens: dict[int, list[TokenLogprob]] = field(default_factory=dict)
    _told: dict[int, int] = field(default_factory=dict)

    def take(self, index: int, event: InferenceEvent) -> list[dict[str, Any]]:
        """Return the choices that an event brings: pieces of text, and the reason of the end."""
        match event:
            case Logprobs(tokens):
                self._tokens.setdefault(index, []).extend(tokens)
            case Content(text) if text:
                return [*self._echo(index), self._choice(index, text)]
            case Usage():
                self.usage.append(event)
            case Complete(reason):
                finish = "length" if reason.value == "length" else "stop"
                return [*self._echo(index), self._choice(index, "", finish)]
        return []

    def frame(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """Write an answer, or a piece of one."""
        return {
            "id": self.id,
            "object": "text_completion",
            "created": int(self.clock.now()),
            "model": self.model,
            "choices": choices,
            **more,
        }

    def taken(self) -> dict[str, Any]:
        """Write what all answers took."""
        prompt = sum(it.prompt for it in self.usage)
        completion = sum(it.completion for it in self.usage)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _echo(self, index: int) -> list[dict[str, Any]]:
        text, self.echoes[index] = self.echoes[index], ""
        if not text:
            return []
        self._told[index] = len(text)
        return [_choice(index, text)]

    def _choice(self, index: int, text: str, finish: str | None = None) -> dict[str, Any]:
        offset = self._told.get(index, 0)
        tokens = self._tokens.pop(index, [])
        self._told[index] = offset + len(text)
        return _choice(index, text, finish, _logprobs(tokens, offset))


def _choice(
    index: int, text: str, finish: str | None = None, logprobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


def _logprobs(tokens: list[TokenLogprob], offset: int) -> dict[str, Any] | None:
    if not tokens:
        return None
    offsets = []
    for it in tokens:
        offsets.append(offset)
        offset += len(it.token)
    return {
        "tokens": [it.token for it in tokens],
        "token_logprobs": [max(it.logprob, _LEAST_LOGPROB) for it in tokens],
        "top_logprobs": [
            {token: max(value, _LEAST_LOGPROB) for token, value in it.top} for it in tokens
        ],
        "text_offset": offsets,
    }


async def _whole(streams: list[_Events], answers: _Answers) -> dict[str, Any]:
    choices = [_choice(index, "") for index in range(len(streams))]
    async with aclosing(merged(streams)) as items:
        async for item in items:
            for piece in answers.take(*item) if item is not None else ():
                choice = choices[piece["index"]]
                choice["text"] += piece["text"]
                choice["finish_reason"] = piece["finish_reason"]
                choice["logprobs"] = _joined(choice["logprobs"], piece["logprobs"])
    return answers.frame(choices, usage=answers.taken())


def _joined(
    before: dict[str, list[Any]] | None, after: dict[str, list[Any]] | None
) -> dict[str, list[Any]] | None:
    if before is None or after is None:
        return before or after
    return {name: before[name] + after[name] for name in before}


async def _streamed(
    streams: list[_Events], answers: _Answers, *, include_usage: bool
) -> AsyncGenerator[bytes, None]:
    more = {"usage": None} if include_usage else {}
    async with aclosing(merged(streams)) as items:
        async for item in items:
            if item is None:
                yield HEARTBEAT
                continue
            for choice in answers.take(*item):
                yield sse(answers.frame([choice], **more))
    if include_usage:
        yield sse(answers.frame([], usage=answers.taken()))
    yield DONE

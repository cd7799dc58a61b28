"""Models are found by prefix; a provider that cannot answer now leads to a fallback."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import cast

import pytest

from ruster.core.errors import ModelError, ProviderError, ProviderUnreachable
from ruster.core.inference import (
    Complete,
    Content,
    InferenceEvent,
    InferenceRequest,
    Notice,
    ProcessStart,
    Progress,
)
from ruster.core.ports import ChatModels, ModelInfo, Provider
from ruster.llm.retries import Retries, RetryPolicy
from ruster.llm.router import Models
from ruster.testing.clock import ManualClock
from tests.fakes.inference import ask, text_of


class Stub:
    """A provider that answers with its own name and the model's, or fails as told."""

    def __init__(
        self,
        name: str,
        *,
        error: Exception | None = None,
        begun: Exception | None = None,
        late: Exception | None = None,
    ) -> None:
        self.name = name
        self.error = error
        self.begun = begun
        self.late = late
        self.closed_streams = 0
        self.closed = 0

    async def stream(self, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        try:
            if self.error is not None:
                raise self.error
            yield Progress("loading", 1, 2)
            yield ProcessStart()
            if self.begun is not None:
                raise self.begun
            if self.late is not None:
                yield Content("so far")
                raise self.late
            yield Content(f"{self.name} {request.model}")
            yield Complete()
        finally:
            self.closed_streams += 1

    async def models(self) -> list[ModelInfo]:
        if self.error is not None:
            raise self.error
        return [ModelInfo(f"{self.name}/m")]

    async def context_size(self, model: str) -> int | None:
        return None if self.error else len(model)

    async def aclose(self) -> None:
        self.closed += 1


DOWN = ProviderUnreachable("it is not answering at http://x: start it")


def _models(*stubs: Stub, fallbacks: tuple[str, ...] = ()) -> Models:
    def maker(stub: Stub) -> Callable[[], Provider]:
        return lambda: stub

    return Models({stub.name: maker(stub) for stub in stubs}, fallbacks)


async def _answer(models: ChatModels, model: str, told: list[Notice] | None = None) -> str:
    """Return the text of an answer; its notices are added to ``told``."""
    events: list[InferenceEvent] = []
    async for event in models.stream(model, ask("ignored")):
        events.append(event)
        if told is not None and isinstance(event, Notice):
            told.append(event)
    return text_of(events)


async def _failure(
    models: ChatModels, model: str, told: list[Notice] | None = None
) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await _answer(models, model, told)
    return raised.value


@pytest.mark.parametrize(("model", "own"), [("a/m", "m"), ("a/org/model:7b", "org/model:7b")])
async def test_the_prefix_ends_at_the_first_slash(model: str, own: str) -> None:
    told: list[Notice] = []

    assert await _answer(_models(Stub("a"), Stub("b")), model, told) == f"a {own}"
    assert told == []


async def test_the_first_fallback_that_can_answers_and_each_switch_is_told() -> None:
    models = _models(
        Stub("a", error=DOWN), Stub("b", error=DOWN), Stub("c"), fallbacks=("b/2", "c/3", "a/4")
    )
    told: list[Notice] = []

    assert await _answer(models, "a/1", told) == "c 3"
    assert told == [
        Notice(
            "model_fallback",
            "a/1 cannot answer (it is not answering at http://x); using b/2 instead",
        ),
        Notice(
            "model_fallback",
            "b/2 cannot answer (it is not answering at http://x); using c/3 instead",
        ),
    ]


async def test_a_fallback_is_not_tried_twice() -> None:
    first = Stub("a", error=DOWN)
    await _failure(_models(first, fallbacks=("a/1", "a/1")), "a/1")

    assert first.closed_streams == 1


async def test_when_none_can_answer_one_error_says_what_to_do_about_each() -> None:
    second = ProviderUnreachable("no model file: put one in ~/models")
    models = _models(Stub("a", error=DOWN), Stub("b", error=second), fallbacks=("b/2",))
    error = await _failure(models, "a/1")

    assert error.code == "no_model"
    assert not isinstance(error, ProviderUnreachable)
    assert error.message == (
        "no model can answer: a/1 (it is not answering at http://x: start it); "
        "b/2 (no model file: put one in ~/models)"
    )


@pytest.mark.parametrize("failure", [ProviderError("no"), ModelError("damaged")])
async def test_another_failure_leads_nowhere(failure: ProviderError) -> None:
    told: list[Notice] = []
    models = _models(Stub("a", error=failure), Stub("b"), fallbacks=("b/2",))

    assert await _failure(models, "a/1", told) is failure
    assert told == []


BUSY = ProviderError("it is busy: wait", code="rate_limited", retryable=True)


@pytest.mark.parametrize("failure", [DOWN, BUSY])
async def test_once_part_of_an_answer_was_shown_there_is_no_fallback(failure: Exception) -> None:
    models = _models(Stub("a", late=failure), Stub("b"), fallbacks=("b/2",))

    assert await _failure(models, "a/1") is failure


@pytest.mark.parametrize("begun", [False, True])
async def test_a_model_that_is_overburdened_leads_on(begun: bool) -> None:
    stub = Stub("a", begun=BUSY) if begun else Stub("a", error=BUSY)
    models = Models(
        {"a": lambda: stub, "b": lambda: Stub("b")}, ("b/2",), Retries(RetryPolicy(attempts=1))
    )
    told: list[Notice] = []

    assert await _answer(models, "a/1", told) == "b 2"
    assert told == [Notice("model_fallback", "a/1 cannot answer (it is busy); using b/2 instead")]


async def test_an_overburdened_model_without_a_fallback_keeps_its_error() -> None:
    models = Models({"a": lambda: Stub("a", error=BUSY)}, (), Retries(RetryPolicy(attempts=1)))

    assert await _failure(models, "a/1") is BUSY


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("olama/llama3.2", "did you mean ollama/llama3.2?"),
        ("Ollama/x", "did you mean ollama/x?"),
        ("llama3.2", "write it as provider/model, such as ollama/llama3.2"),
        ("ollama/", "did you mean ollama/?"),
        ("zzz/x", "choose one of them"),
    ],
)
async def test_an_unknown_provider_is_an_error_with_a_hint(model: str, hint: str) -> None:
    models = _models(Stub("ollama"), Stub("pinky"), fallbacks=("pinky/echo",))
    error = await _failure(models, model)

    assert error.code == "unknown_provider"
    assert repr(model) in error.message
    assert "ollama, pinky" in error.message
    assert error.message.endswith(hint)


async def test_a_misspelt_fallback_does_not_hide_the_first_failure() -> None:
    models = _models(Stub("a", error=DOWN), fallbacks=("x/1",))
    error = await _failure(models, "a/1")

    assert error.code == "no_model"
    assert "start it" in error.message
    assert "'x/1'" in error.message


async def test_a_factory_that_needs_what_is_not_installed_leads_on() -> None:
    def missing() -> Provider:
        raise ProviderUnreachable("not installed: install it", code="provider_missing")

    models = Models({"a": missing, "b": lambda: Stub("b")}, ("b/2",))

    assert await _answer(models, "a/1") == "b 2"


async def test_closing_the_stream_closes_the_providers() -> None:
    stub = Stub("a")
    stream = cast("AsyncGenerator[InferenceEvent, None]", _models(stub).stream("a/1", ask("")))
    await anext(stream)
    assert stub.closed_streams == 0

    await stream.aclose()

    assert stub.closed_streams == 1


async def test_a_provider_that_rests_leads_on_and_lends_no_window() -> None:
    failing = Stub("a", error=ProviderError("broken: wait", retryable=True))
    models = Models(
        {"a": lambda: failing, "b": lambda: Stub("b")},
        ("b/four",),
        Retries(RetryPolicy(attempts=1, breaker_failures=2), ManualClock()),
    )
    for _ in range(2):
        assert await _answer(models, "a/1") == "b four"
    failing.error = None
    told: list[Notice] = []

    assert await _answer(models, "a/1", told) == "b four"
    assert (
        told[0].message
        == "a/1 cannot answer (a failed 2 times in a row (broken)); using b/four instead"
    )
    assert await models.context_size("a/1") == 4


async def test_the_window_is_that_of_the_model_which_will_answer() -> None:
    models = _models(Stub("a"), Stub("down", error=DOWN), fallbacks=("x/1", "a/four"))

    assert await models.context_size("a/m") == 1
    assert await models.context_size("down/m") == 4
    assert await models.context_size("unknown/m") == 4
    assert await _models(Stub("down", error=DOWN)).context_size("down/m") is None


async def test_all_models_are_listed_and_the_missing_named() -> None:
    listed = await _models(Stub("a"), Stub("b", error=DOWN), Stub("c")).models()

    assert [model.id for model in listed.models] == ["a/m", "c/m"]
    assert listed.missing == {"b": DOWN.message}


async def test_a_provider_is_made_once_and_only_when_asked_for() -> None:
    made: list[str] = []

    def maker(name: str) -> Callable[[], Provider]:
        def make() -> Provider:
            made.append(name)
            return Stub(name)

        return make

    models = Models({"a": maker("a"), "b": maker("b")})
    await _answer(models, "a/1")
    await _answer(models, "a/2")

    assert made == ["a"]


async def test_closing_closes_all_even_when_one_fails(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Stub):
        async def aclose(self) -> None:
            raise RuntimeError("broken plugin")

    good, unused = Stub("a"), Stub("c")
    models = _models(good, Bad("b"), unused)
    await _answer(models, "a/1")
    await _answer(models, "b/1")

    await models.aclose()
    await models.aclose()

    assert (good.closed, unused.closed) == (1, 0)
    assert "provider b could not be closed" in caplog.text

"""Summaries by a model: what it is shown, what is believed, and what is done without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ruster.core.errors import ProviderError
from ruster.core.inference import Content, InferenceEvent, InferenceRequest
from ruster.core.memory import Layer, Record, Summarizer
from ruster.llm.router import Models
from ruster.memory.learning.summing import ModelSummarizer, summarizer_for
from ruster.memory.memories import Memories
from ruster.memory.rounds import Rounds
from ruster.memory.store import MemoryStore
from ruster.memory.upkeep.extract import Extract
from ruster.memory.upkeep.settings import UpkeepSettings
from ruster.testing import ManualClock, ScriptedProvider
from ruster.testing.scripted import Step
from tests.unit.memory.memories import NOON

DAY_S = 86_400.0
SAID = ("user: The boat leaves Hue at nine.", "assistant: Noted, nine it is.")
GOOD = "The boat leaves Hue at nine."


def _summarizer(
    provider: ScriptedProvider, clock: ManualClock | None = None, **settings: Any
) -> Summarizer:
    own = UpkeepSettings.model_validate({"summaries": "model", **settings})
    models = Models({"mine": lambda: provider})
    return summarizer_for(own, models, "mine/x", clock or ManualClock(NOON))


async def _plain(texts: tuple[str, ...] = SAID) -> str:
    return await Extract().summarize(texts)


def test_no_model_writes_unless_it_is_wanted() -> None:
    own = UpkeepSettings()
    made = summarizer_for(own, Models({}), "mine/x", ManualClock())
    assert isinstance(made, Extract)


async def test_the_model_is_shown_the_texts_and_believed() -> None:
    provider = ScriptedProvider([Content(f" {GOOD} ")])
    assert await _summarizer(provider, summary_tokens=99).summarize(SAID) == GOOD
    (request,) = provider.requests
    assert request.messages[1].content == "\n".join(SAID)
    assert "not for you to follow" in request.messages[0].content
    assert request.config.behaviour.max_tokens == 99


async def test_the_named_model_is_asked() -> None:
    asked: list[str] = []

    class Named(Models):
        async def stream(
            self, model: str, request: InferenceRequest
        ) -> AsyncIterator[InferenceEvent]:
            asked.append(model)
            yield Content(GOOD)

    own = UpkeepSettings(summaries="model", summary_model="other/y")
    made = summarizer_for(own, Named({}), "mine/x", ManualClock(NOON))
    assert await made.summarize(SAID) == GOOD
    assert asked == ["other/y"]


@pytest.mark.parametrize(
    "script",
    [
        (ProviderError("away"),),
        (),
        (Content("  \n"),),
        (Content("As a large language model, cooking pasta needs salted water."),),
        (Content("nine " * 5000),),
        (Content("The boat"), ProviderError("it broke off")),
    ],
)
async def test_whatever_goes_wrong_leaves_the_sentences(script: tuple[Step, ...]) -> None:
    provider = ScriptedProvider(script)
    assert await _summarizer(provider).summarize(SAID) == await _plain()
    assert len(provider.requests) == 1  # the control: it was asked


async def test_a_model_that_takes_too_long_is_left() -> None:
    provider = ScriptedProvider([30.0, Content(GOOD)])
    made = _summarizer(provider, summary_timeout_s=0.05)
    assert await made.summarize(SAID) == await _plain()
    assert provider.closed_early == 1


async def test_secrets_are_not_shown() -> None:
    provider = ScriptedProvider([Content(GOOD)])
    made = _summarizer(provider)
    assert await made.summarize([*SAID, "user: my password is swordfish"]) == GOOD
    assert "swordfish" not in provider.requests[0].messages[1].content
    only = ("user: my password is swordfish",)
    assert await made.summarize(only) == await _plain(only)
    assert len(provider.requests) == 1


async def test_of_a_long_day_the_most_telling_sentences_are_read() -> None:
    provider = ScriptedProvider([Content(GOOD)])
    long = [f"user: {GOOD}", *(f"user: and so on, number {n}, é." for n in range(2000))]
    made = _summarizer(provider, summary_read_tokens=200)
    assert await made.summarize(long) == GOOD
    read = provider.requests[0].messages[1].content
    assert GOOD in read
    assert len(read.encode()) <= 600


async def test_the_tokens_of_a_day_are_bounded() -> None:
    provider = ScriptedProvider([Content(GOOD)])
    clock = ManualClock(NOON)
    made = _summarizer(provider, clock, summary_day_tokens=1000)
    for _ in range(5):
        assert await made.summarize(SAID) in (GOOD, await _plain())
    asked = len(provider.requests)
    assert 0 < asked < 5
    assert await made.summarize(SAID) == await _plain()
    clock.advance(DAY_S)
    assert await made.summarize(SAID) == GOOD
    assert len(provider.requests) == asked + 1


# In a round


class _Writing:
    """A model that, while it answers, has somebody write into the memory it sums up."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.edits: str | None = None

    async def stream(self, model: str, request: InferenceRequest) -> AsyncIterator[InferenceEvent]:
        await self.store.insert(Record("said meanwhile", session="other"))
        if self.edits is not None:
            await self.store.edit(self.edits, "changed meanwhile")
            self.edits = None
        yield Content(GOOD)

    async def context_size(self, model: str) -> int | None:
        return None

    async def models(self) -> Any:
        raise AssertionError


async def test_a_round_holds_no_lock_while_the_model_writes(tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    memories = Memories(tmp_path / "owners", clock, 4)
    file = memories.owner_file(1)
    own = UpkeepSettings(summaries="model", keep_turns_days=0)
    async with memories.lend(file) as store:
        mine = await store.insert(Record(SAID[0], session="s"))
        foreign = Record("web_fetch: boats leave at nine", session="s", origins=("web:x.org",))
        await store.insert(foreign)
        clock.advance(2 * DAY_S)
        model = _Writing(store)
        model.edits = mine.id
        summarizer = ModelSummarizer(own, model, "mine/x", clock)
        rounds = Rounds(memories.lend, lambda: [file], own, lambda: summarizer)
        await rounds.promote()
        # What it was made of has changed under it: the summary is not kept, nothing is lost.
        assert {it.text for it in await store.recent()} == {
            "changed meanwhile", foreign.text, "said meanwhile",
        }  # fmt: skip
        clock.advance(6 * 3600.0)
        await rounds.promote()
        (summary,) = await store.recent(Layer.INSIGHTS)
        assert (summary.text, summary.kind) == (GOOD, "summary")
        assert summary.origins == ("web:x.org",)
        assert {it.text for it in await store.recent(Layer.INTERACT)} == {"said meanwhile"}
    await memories.aclose()

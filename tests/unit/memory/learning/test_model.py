"""The learner that asks a model: when it asks, what it believes, and what it does without."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ruster.core.errors import ProviderError
from ruster.core.inference import Content, InferenceRequest, Progress
from ruster.core.memory import Layer, Record
from ruster.core.messages import Message, Role
from ruster.core.tools import TurnScope
from ruster.llm.router import Models
from ruster.memory.keeping import Learned, Learner
from ruster.memory.learning.choice import learner_for
from ruster.memory.learning.model import ModelLearner
from ruster.memory.learning.rules import RuleLearner
from ruster.memory.settings import MemorySettings
from ruster.testing import ScriptedProvider
from ruster.testing.scripted import Step

SCOPE = TurnScope("a", "1000/a", "t-7", 1000, privileged=True, folder=Path("/nowhere"))
MODEL = "scripted/any"
LIVES = "Nuts make me ill, and Hanoi is where my family lives."


def fact(text: str, kind: str = "fact", slot: str = "", *contradicts: int) -> dict[str, object]:
    return {"text": text, "kind": kind, "slot": slot, "contradicts": list(contradicts)}


def answer(*facts: object) -> Content:
    return Content(json.dumps({"facts": facts}))


class Asked:
    """A model learner with a model that says what the test wrote."""

    def __init__(
        self,
        *script: Step,
        known: Sequence[Record] = (),
        prefix: str = "scripted",
        own: MemorySettings | None = None,
        **settings: object,
    ) -> None:
        self.provider = ScriptedProvider(script)
        self.known = known
        own = own or MemorySettings.model_validate(settings)
        models = Models({prefix: lambda: self.provider})
        made = learner_for(own, models, self._near)
        assert made is not None
        self.learner: Learner = made

    async def _near(self, owner: int, text: str, limit: int) -> Sequence[Record]:
        assert owner == SCOPE.owner
        return self.known[:limit]

    async def learn(self, *messages: Message | str, model: str = MODEL) -> list[Learned]:
        said = [Message(Role.USER, it) if isinstance(it, str) else it for it in messages]
        return list(await self.learner.learn(SCOPE, model, said))

    async def texts(self, *messages: Message | str, model: str = MODEL) -> list[str]:
        return [it.record.text for it in await self.learn(*messages, model=model)]

    @property
    def request(self) -> InferenceRequest:
        (request,) = self.provider.requests
        return request


async def test_it_adds_to_the_rules() -> None:
    asked = Asked(
        answer(
            fact("Nuts make the user ill."),
            fact("The user's family lives in Hanoi"),
            fact("We meet every Monday at nine.", "decision"),
        ),
        learn="model",
    )
    text = f"My cat is called Milo. {LIVES} As decided, we meet every Monday at nine."
    learned = await asked.learn(text)
    assert [(it.record.text, it.record.kind, it.record.tags) for it in learned] == [
        ("The user's cat is called Milo.", "fact", ()),
        ("Nuts make the user ill.", "fact", ()),
        ("The user's family lives in Hanoi.", "fact", ()),
        ("We meet every Monday at nine.", "decision", ("decision",)),
    ]
    record = learned[1].record
    assert (record.session, record.source, record.layer) == ("1000/a", "t-7", Layer.INSIGHTS)


async def test_it_asks_for_a_short_list() -> None:
    asked = Asked(answer(), learn="model", learn_tokens=99)
    await asked.learn(f'{LIVES} What is the time? `rm -rf` "I am a quotation"')
    behaviour = asked.request.config.behaviour
    assert behaviour.max_tokens == 99
    assert behaviour.json_schema is not None
    assert asked.request.config.sampling.temperature == 0
    question = asked.request.messages[-1].content
    assert "Nuts make me ill" in question
    assert not [it for it in ("time", "rm -rf", "quotation") if it in question]
    assert asked.request.tools == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello!",
        "What is the capital of France?",
        "Please fix the bug in main.py",
        "I need help with my tests",
        "I get an error when I run it",
        "I'm trying to install numpy",
        "If I lived in Rome, what would I eat?",
        "Translate: nuts make me ill",
        "My cat is called Milo",  # the rules have read it all
        "I live in Hanoi and work at FPT",
        "Forget that nuts make me ill",
        "The sky is blue today in Rome",
    ],
)
async def test_most_turns_ask_nothing(text: str) -> None:
    asked = Asked(answer(fact("The user likes tea.")), learn="model")
    await asked.learn(text)
    assert asked.provider.requests == []


@pytest.mark.parametrize(
    "made_up",
    [
        "The user lives in Paris.",
        "The user's family lives in Saigon.",
        "The user has 3 children.",
        "Nuts do not make the user ill.",
        "The user's family does not live in Hanoi.",
        "Bob's family lives in Hanoi.",
        "The user likes long walks on the beach.",
        "Do nuts make the user ill?",
        "Nuts make the user ill. " * 30,
        "",
        "\ud800",
    ],
)
async def test_what_was_not_said_is_not_believed(made_up: str) -> None:
    asked = Asked(answer(fact(made_up), fact("Nuts make the user ill.")), learn="model")
    assert await asked.texts(LIVES) == ["Nuts make the user ill."]


async def test_others_do_not_become_the_user() -> None:
    asked = Asked(
        answer(fact("The user runs a bakery in Lyon."), fact("Bob runs a bakery in Lyon.")),
        learn="model",
    )
    said = "My week was long. Apart from that there is little news. Bob runs a bakery in Lyon."
    assert await asked.texts(said) == ["Bob runs a bakery in Lyon."]


async def test_tool_results_and_answers_support_nothing() -> None:
    asked = Asked(
        answer(fact("The user's boat is blue."), fact("Nuts make the user ill.")), learn="model"
    )
    texts = await asked.texts(
        LIVES,
        Message(Role.TOOL, "My boat is blue. The user's boat is blue.", name="web_fetch"),
        Message(Role.ASSISTANT, "Your boat is blue. My boat is blue."),
    )
    assert texts == ["Nuts make the user ill."]
    assert "boat" not in asked.request.messages[-1].content


async def test_foreign_text_keeps_its_origins() -> None:
    foreign = Message(Role.USER, "Our family runs a bakery in Lyon.", origins=("sender:x/bob",))
    asked = Asked(
        answer(fact("The family runs a bakery in Lyon."), fact("Nuts make the user ill.")),
        learn="model",
    )
    learned = await asked.learn(foreign, LIVES)
    assert {it.record.text: it.record.origins for it in learned} == {
        "The family runs a bakery in Lyon.": ("sender:x/bob",),
        "Nuts make the user ill.": (),
    }


async def test_what_is_known_or_read_by_rules_is_not_added_again() -> None:
    known = [Record("Nuts make the user ill.", id="r-1")]
    asked = Asked(
        answer(
            fact("Nuts make the user ill."),
            fact("The user's cat is called Milo."),
            fact("The user's family lives in Hanoi."),
            fact("The user's family lives in Hanoi!"),
        ),
        known=known,
        learn="model",
    )
    assert await asked.texts(f"My cat is called Milo. {LIVES}") == [
        "The user's cat is called Milo.",
        "The user's family lives in Hanoi.",
    ]


async def test_it_tells_what_is_contradicted_among_what_it_was_shown() -> None:
    known = [
        Record("The user's family lives in Hue.", id="r-1"),
        Record("The user likes jazz.", id="r-2"),
        Record("The family hates Hanoi.", id="r-3", origins=("web:a",)),
    ]
    asked = Asked(
        answer(fact("The user's family lives in Hanoi.", "fact", "", 1, 2, 3, 9)),
        known=known,
        learn="model",
    )
    (learned,) = await asked.learn(LIVES)
    assert learned.supersedes == ("r-1",)
    question = asked.request.messages[-1].content
    assert "1. The user's family lives in Hue." in question
    assert "hates" not in question


@pytest.mark.parametrize(
    ("text", "said", "slot", "kept"),
    [
        ("The user doesn't live in Hue.", "Hue is where I don't live", "user.city", ""),
        ("The user lives in Hanoi.", "Hanoi is where I live these days", "user.city", "user.city"),
        ("The user lives in Hanoi.", "Hanoi is where I live these days", "user.name", ""),
        ("The user lives in Hanoi.", "Hanoi is where I live these days", "user.pet", ""),
        ("Nuts make the user ill.", LIVES, "user.city", ""),
        ("The user's family lives in Hanoi.", LIVES, "user.city", ""),
    ],
)
async def test_a_slot_counts_where_the_text_is_about_it(
    text: str, said: str, slot: str, kept: str
) -> None:
    asked = Asked(answer(fact(text, "fact", slot)), learn="model")
    (learned,) = await asked.learn(said)
    assert learned.record.slot == kept


async def test_secrets_are_kept_when_that_is_asked_for_only() -> None:
    secret = fact("The user's bank password is hunter2.")
    said = "my bank password, in case it matters, is hunter2"
    unasked = Asked(answer(secret), learn="model")
    assert await unasked.texts(f"{LIVES} {said}") == []
    assert "hunter2" not in unasked.request.messages[-1].content
    kept = await Asked(answer(secret), learn="model").texts(f"Remember that {said}")
    assert any("hunter2" in it for it in kept)


@pytest.mark.parametrize(
    "script",
    [
        (Content("no idea"),),
        (Content("[]]{"),),
        (Content('{"facts": 3}'),),
        (Content("[" * 5000),),
        (Content("x" * 100_000),),
        (answer(3, None, {}, {"text": 1, "kind": "fact"}, fact("Nuts make me ill.", "rumour")),),
        (ProviderError("gone", code="provider_failed"),),
        (Progress("model", 1, 2), answer(fact("Nuts make the user ill."))),
        (),
    ],
)
async def test_without_a_good_answer_the_rules_must_do(script: tuple[Step, ...]) -> None:
    asked = Asked(*script, learn="model")
    assert await asked.texts(f"My cat is called Milo. {LIVES}") == [
        "The user's cat is called Milo."
    ]
    assert len(asked.provider.requests) == 1


async def test_a_model_that_takes_too_long_is_left() -> None:
    asked = Asked(60.0, answer(), learn="model", learn_timeout_s=0.05)
    assert await asked.texts(f"My cat is called Milo. {LIVES}") == [
        "The user's cat is called Milo."
    ]
    assert asked.provider.closed_early == 1


@pytest.mark.parametrize(
    "text",
    [
        'Here you are:\n```json\n{"facts": [%s]}\n```',
        "[%s]",
        '{"facts": [%s, {"text": "The user',
        '{"facts": [%s',
    ],
)
async def test_answers_of_another_form_are_read(text: str) -> None:
    one = json.dumps(fact("Nuts make the user ill."))
    asked = Asked(Content(text % one), learn="model")
    assert await asked.texts(LIVES) == ["Nuts make the user ill."]


@pytest.mark.parametrize(
    ("settings", "model", "asks"),
    [
        ({"learn": "auto"}, "scripted/any", False),
        ({"learn": "auto"}, "ollama/any", True),
        ({"learn": "auto"}, "llamacpp/any", True),
        ({"learn": "auto", "learn_model": "ollama/other"}, "scripted/any", True),
        ({"learn": "model"}, "scripted/any", True),
        ({"learn": "rules"}, "ollama/any", False),
        ({"learn": "rules", "learn_model": "ollama/any"}, "ollama/any", False),
    ],
)
async def test_who_learns_is_a_setting(settings: dict[str, object], model: str, asks: bool) -> None:
    own = MemorySettings.model_validate(settings)
    prefix = (own.learn_model or model).partition("/")[0]
    asked = Asked(answer(fact("Nuts make the user ill.")), prefix=prefix, own=own)
    found = await asked.texts(f"My cat is called Milo. {LIVES}", model=model)
    assert found[0] == "The user's cat is called Milo."
    assert bool(asked.provider.requests) == asks == (len(found) == 2)


async def test_a_model_of_its_own_may_be_loaded_for_it() -> None:
    asked = Asked(
        Progress("model", 1, 2),
        answer(fact("Nuts make the user ill.")),
        learn_model="scripted/other",
    )
    assert await asked.texts(LIVES, model="elsewhere/any") == ["Nuts make the user ill."]
    assert asked.request.model == "other"


def test_learning_can_be_off() -> None:
    async def near(owner: int, text: str, limit: int) -> Sequence[Record]:
        return ()

    models = Models({})
    assert learner_for(MemorySettings(learn="off"), models, near) is None
    assert isinstance(learner_for(MemorySettings(learn="rules"), models, near), RuleLearner)
    assert isinstance(learner_for(MemorySettings(learn="model"), models, near), ModelLearner)

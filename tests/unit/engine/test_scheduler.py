"""Continuous batching on real llama.cpp: whatever runs beside it, an answer is the same."""

from __future__ import annotations

import pytest

from tests.engine_support import NEEDS_ENGINE

pytest.importorskip("llama_cpp")

from ruster.core.errors import ModelError
from ruster.core.inference import Sampling
from ruster.engine.context import Decoded
from ruster.engine.model import LoadedModel
from tests.unit.engine.desk import Asked, Desk, open_desk

pytestmark = NEEDS_ENGINE
_CLOSE = 0.05  # cells are kept in half precision; other tokens differ by whole units
_SYSTEM = "You are a helpful assistant. Answer in the language of the user. " * 5


def _prompts(model: LoadedModel, count: int, head: str = "") -> list[list[int]]:
    return [
        model.tokenize(f"{head}{number}. Where was the file {number * 7} saved, and when?" * 2,
                       special=True)
        for number in range(count)
    ]  # fmt: skip


def _alone(model: LoadedModel, tokens: list[int], most: int = 8) -> Asked:
    with open_desk(model, max_sequences=1) as desk:
        asked = desk.ask(tokens, most=most)
        desk.run()
    return asked


def _same(asked: Asked, alone: Asked) -> None:
    assert asked.tokens == alone.tokens
    for ours, theirs in zip(asked.logits, alone.logits, strict=True):
        assert ours == pytest.approx(theirs, abs=_CLOSE)


def test_answers_in_one_batch_are_those_of_single_runs(model: LoadedModel) -> None:
    prompts = _prompts(model, 6)
    with open_desk(model, max_sequences=8, prefill_chunk=16) as desk:
        asked = [desk.ask(prompt) for prompt in prompts]
        desk.run()
        assert max(desk.sizes) > 6
    alone = [_alone(model, prompt) for prompt in prompts]
    for one, other in zip(asked, alone, strict=True):
        _same(one, other)
    # The comparison can fail: other prompts have other logits.
    assert asked[0].logits[0] != pytest.approx(alone[1].logits[0], abs=_CLOSE)


def test_the_second_turn_decodes_only_what_is_new(model: LoadedModel) -> None:
    first = model.tokenize(_SYSTEM + "What is the time?", special=True)
    with open_desk(model) as desk:
        one = desk.ask(first, session="a")
        other = desk.ask(_prompts(model, 1)[0], session="b")
        desk.run()
        longer = [*first, *one.tokens, *model.tokenize(" And where?", special=True)]
        desk.sizes.clear()
        second = desk.ask(longer, session="a")
        desk.run()
        assert second.usage.cached >= len(first) + len(one.tokens) - 1
        assert desk.sizes[0] == len(longer) - second.usage.cached
        again = desk.ask(longer, session="a")
        desk.run()
        assert again.usage.cached == len(longer) - 1
        assert other.usage.cached == 0
    for asked in (second, again):
        _same(asked, _alone(model, longer))


def test_a_held_prefix_is_copied_to_another_session(model: LoadedModel) -> None:
    prompts = _prompts(model, 3, _SYSTEM)
    with open_desk(model) as desk:
        desk.run(desk.ask(prompts[0], session="a"))
        used = desk.scheduler.table.used
        others = [desk.ask(prompt, session=f"s{at}") for at, prompt in enumerate(prompts[1:])]
        desk.run()
        shared = len(model.tokenize(_SYSTEM, special=True)) - 2
        assert all(asked.usage.cached >= shared for asked in others)
        assert desk.scheduler.table.used < used + sum(map(len, prompts[1:])) - shared
    for asked, prompt in zip(others, prompts[1:], strict=True):
        _same(asked, _alone(model, prompt))


def test_followers_wait_for_the_one_that_reads_their_prefix(model: LoadedModel) -> None:
    prompts = _prompts(model, 4, _SYSTEM)
    shared = len(model.tokenize(_SYSTEM, special=True)) - 2
    with open_desk(model, batch_size=32) as desk:
        asked = [desk.ask(prompt, session=f"s{at}") for at, prompt in enumerate(prompts)]
        desk.run()
        read = sum(map(len, prompts)) - 3 * shared
        assert sum(desk.sizes) <= read + sum(len(one.tokens) for one in asked)
        assert asked[0].usage.cached == 0
        assert all(one.usage.cached >= shared for one in asked[1:])
    for one, prompt in zip(asked, prompts, strict=True):
        _same(one, _alone(model, prompt))


def test_a_prompt_that_fits_once_its_prefix_is_shared_waits_for_no_answer_to_end(
    model: LoadedModel,
) -> None:
    prompts = _prompts(model, 4, _SYSTEM)
    cells = 3 * len(prompts[0])  # too few for four, were each to hold the prefix by itself
    with open_desk(model, cells=cells, max_sequences=4) as desk:
        asked = [desk.ask(prompt, most=24) for prompt in prompts]
        desk.run(asked[0])
        assert all(one.job.ticket.admitted for one in asked)


def test_followers_go_on_when_their_leader_is_cancelled(model: LoadedModel) -> None:
    prompts = _prompts(model, 3, _SYSTEM)
    with open_desk(model, batch_size=16) as desk:
        leader, *followers = [desk.ask(prompt, name=str(at)) for at, prompt in enumerate(prompts)]
        desk.scheduler.step()
        desk.scheduler.step()
        desk.inbox.cancel("0")
        desk.run()
        assert leader.error == "cancelled"
    for one, prompt in zip(followers, prompts[1:], strict=True):
        _same(one, _alone(model, prompt))


def test_a_long_prompt_never_holds_a_stream_for_more_than_a_step(model: LoadedModel) -> None:
    stream, long = _prompts(model, 1)[0], model.tokenize("one more word " * 60, special=True)
    with open_desk(model, cells=2048, prefill_chunk=16) as desk:
        speaks = desk.ask(stream, most=900)
        while not speaks.tokens:
            desk.scheduler.step()
        reads = desk.ask(long, most=2)
        before = len(speaks.tokens)
        steps = 0
        while not reads.tokens:
            desk.scheduler.step()
            steps += 1
            assert len(speaks.tokens) == before + steps  # a word between any two pieces
        assert steps >= len(long) / 16
        desk.scheduler.step()
        assert speaks.job.answer is not None
    assert max(desk.sizes[-steps:]) <= 17


def test_alone_a_prompt_is_read_in_whole_batches(model: LoadedModel) -> None:
    long = model.tokenize("one more word " * 60, special=True)
    with open_desk(model, batch_size=128, prefill_chunk=8) as desk:
        desk.ask(long, most=1)
        desk.run()
        assert desk.sizes[0] == 128
        assert len(desk.sizes) == -(-len(long) // 128)


def test_short_prompts_are_not_held_up_by_a_long_one(model: LoadedModel) -> None:
    long = model.tokenize("one more word " * 120, special=True)
    with open_desk(model, batch_size=32) as desk:
        slow = desk.ask(long)
        quick = [desk.ask(prompt, most=3) for prompt in _prompts(model, 3)]
        desk.run(*quick)
        assert not slow.tokens
        desk.run()
        assert slow.done


def test_requests_begin_in_order_of_arrival(model: LoadedModel) -> None:
    order: list[int] = []
    with open_desk(model, max_sequences=2) as desk:
        asked = [desk.ask(prompt, most=4) for prompt in _prompts(model, 7)]
        while desk.scheduler.busy:
            desk.scheduler.step()
            order += [at for at, one in enumerate(asked) if one.outputs and at not in order]
        assert order == list(range(7))
        assert all(one.done and one.error is None for one in asked)


def test_one_of_several_is_cancelled(model: LoadedModel) -> None:
    prompts = _prompts(model, 5)
    with open_desk(model, max_sequences=3) as desk:
        asked = [desk.ask(prompt, most=12, name=str(at)) for at, prompt in enumerate(prompts)]
        for _ in range(4):
            desk.scheduler.step()
        assert not desk.inbox.cancel("1")
        assert not desk.flag.is_set()  # the step of the others goes on
        assert desk.inbox.cancel("4")
        desk.run()
        assert asked[1].error == "cancelled"
        assert asked[4].outputs == []
    for at in (0, 2, 3):
        _same(asked[at], _alone(model, prompts[at], 12))


def test_when_all_that_runs_is_cancelled_the_step_ends(model: LoadedModel) -> None:
    long = model.tokenize("one more word " * 100, special=True)
    with open_desk(model, max_sequences=2, batch_size=64) as desk:
        asked = [desk.ask(long, name=name) for name in "ab"]
        desk.scheduler.step()
        desk.inbox.cancel("a")
        assert not desk.flag.is_set()
        desk.inbox.cancel("b")
        assert desk.flag.is_set()
        desk.run()
        assert [one.error for one in asked] == ["cancelled", "cancelled"]
        desk.inbox.collect(0)
        assert not desk.flag.is_set()
        again = desk.ask(long)
        desk.run()
    _same(again, _alone(model, long))


def test_an_ended_step_leaves_no_half_done_cells(model: LoadedModel) -> None:
    long = model.tokenize("one more word " * 30, special=True)
    with open_desk(model, batch_size=64) as desk:
        asked = desk.ask(long)
        desk.scheduler.step()
        desk.flag.set()
        desk.scheduler.step()
        desk.flag.clear()
        desk.run()
    _same(asked, _alone(model, long))


def test_when_cells_run_out_the_last_one_steps_back(model: LoadedModel) -> None:
    prompts = _prompts(model, 4)
    with open_desk(model, cells=256, max_sequences=4) as desk:
        asked = [desk.ask(prompt, most=60) for prompt in prompts]
        desk.run()
        assert desk.scheduler.table.used <= 256
        assert sum(map(len, prompts)) + 4 * 59 > 256
    for one, prompt in zip(asked, prompts, strict=True):
        assert one.error is None
        assert one.tokens == _alone(model, prompt, 60).tokens


def test_idle_sequences_give_their_cells_first(model: LoadedModel) -> None:
    prompts = _prompts(model, 2)
    with open_desk(model, cells=256) as desk:
        desk.run(desk.ask(prompts[0], session="idle"))
        long = desk.ask(prompts[1], most=200, session="busy")
        desk.run()
        assert long.error is None
        assert [slot.session for slot in desk.scheduler.table.slots if slot.tokens] == ["busy"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_full_memory_is_a_typed_error(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    prompts = _prompts(model, count)
    with open_desk(model) as desk:
        idle = desk.ask(prompts[0], session="idle")
        desk.run(idle)
        monkeypatch.setattr(desk.context, "decode", lambda: Decoded.FULL)
        asked = [desk.ask([3, *prompt]) for prompt in prompts]
        desk.run()
        assert [one.error for one in asked] == ["context_overflow"] * count


def test_a_failed_step_ends_only_the_guilty_request(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = _prompts(model, 3)
    with open_desk(model) as desk:
        asked = [desk.ask(prompt) for prompt in prompts]
        desk.scheduler.step()
        decode, guilty = desk.context.decode, asked[1].job.slot
        assert guilty is not None

        def fail() -> Decoded:
            batch = desk.context.batch
            if guilty.number in [batch.native.seq_id[at][0] for at in range(batch.size)]:
                raise ModelError("no", code="decode_failed")
            return decode()

        monkeypatch.setattr(desk.context, "decode", fail)
        desk.run()
        assert [one.error for one in asked] == [None, "decode_failed", None]
    for at in (0, 2):
        _same(asked[at], _alone(model, prompts[at]))


def test_senseless_sampling_ends_one_request(model: LoadedModel) -> None:
    prompts = _prompts(model, 2)
    with open_desk(model) as desk:
        bad = desk.ask(prompts[0], sampling=Sampling(top_p=7))
        good = desk.ask(prompts[1])
        desk.run()
        assert (bad.error, good.error) == ("sampling_invalid", None)
        assert not any(slot.busy for slot in desk.scheduler.table.slots)


def test_a_model_that_cannot_go_back_is_decoded_anew(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _prompts(model, 2, _SYSTEM)
    with open_desk(model) as desk:
        keep = desk.context.keep
        desk.context.can_copy = False
        held = desk.scheduler.table.slots[0].tokens

        def refuse(count: int, number: int = 0) -> bool:
            return keep(count, number) if count in (0, len(held)) else False

        monkeypatch.setattr(desk.context, "keep", refuse)
        one = desk.ask(first, session="a")
        desk.run()
        other = desk.ask(second, session="a")
        desk.run()
        assert other.usage.cached == 0
        longer = [*second, *other.tokens]
        on = desk.ask(longer, session="a")
        desk.run()
        assert on.usage.cached == len(longer) - 1
    _same(one, _alone(model, first))
    _same(other, _alone(model, second))
    _same(on, _alone(model, longer))


def test_two_requests_of_one_session_at_once_do_not_disturb_each_other(
    model: LoadedModel,
) -> None:
    one, other = _prompts(model, 2)
    with open_desk(model) as desk:
        asked = [desk.ask(tokens, session="a") for tokens in (one, other)]
        desk.run()
        assert [slot.session for slot in desk.scheduler.table.slots].count("a") == 1
    _same(asked[0], _alone(model, one))
    _same(asked[1], _alone(model, other))


def test_cells_are_counted_once_and_given_back(model: LoadedModel) -> None:
    prompts = _prompts(model, 3, _SYSTEM)
    with open_desk(model) as desk:
        for at, prompt in enumerate(prompts):
            desk.run(desk.ask(prompt, session=str(at)))
        table = desk.scheduler.table
        assert table.used == len({cell for slot in table.slots for cell in slot.cells})
        for slot in table.slots:
            table.clear(slot)
        assert (table.used, table.free) == (0, desk.context.cells)


def test_ending_everything_with_an_error(model: LoadedModel) -> None:
    desk: Desk
    with open_desk(model, max_sequences=1) as desk:
        asked = [desk.ask(prompt) for prompt in _prompts(model, 3)]
        desk.scheduler.step()
        desk.scheduler.fail_all(ModelError("no more"))
        assert [one.error for one in asked] == ["model_failed"] * 3
        assert not desk.scheduler.busy
        assert desk.scheduler.table.used == 0

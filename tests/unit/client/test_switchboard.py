"""Which iterator sees which event, without a connection."""

from __future__ import annotations

import asyncio

import pytest

from ruster.client.subscription import LIMIT, Subscription
from ruster.client.switchboard import Switchboard
from ruster.core.errors import SessionError
from ruster.protocol.codec import encode_event
from ruster.protocol.events import Accepted, Attached, Deleted, Event, NoticeEvent, Response
from ruster.protocol.parsed import ParsedEvent, decode_event


def _event(
    seq: int, *, turn: str = "t-1", command_id: str | None = None, session: str = "work"
) -> ParsedEvent:
    event = Response(session_id=session, delta=str(seq))
    return decode_event(encode_event(event, turn=turn, seq=seq, command_id=command_id))


def _plain(event: Event, command_id: str | None = None) -> ParsedEvent:
    return decode_event(encode_event(event, command_id=command_id))


async def _never(subscription: Subscription) -> None:
    raise AssertionError("nothing is behind")


async def _seen(subscription: Subscription) -> list[int | None]:
    subscription.end()
    found = []
    while (parsed := await subscription.get(_never)) is not None:
        found.append(parsed.seq)
    return found


def _attach(board: Switchboard, subscription: Subscription, seq: int, command_id: str) -> None:
    board.route(_plain(Attached(session_id="work", seq=seq), command_id))
    board.attach_over(command_id)


async def test_live_events_before_a_replay_are_taken_in_order() -> None:
    board = Switchboard()
    subscription = board.add("work", 3)
    board.attaching("c-1", board.feed("work"), [subscription])
    for seq in (9, 4, 5, 6, 7, 8, 9):
        board.route(_event(seq))
    _attach(board, subscription, 9, "c-1")
    for seq in (9, 10):
        board.route(_event(seq))
    assert await _seen(subscription) == [4, 5, 6, 7, 8, 9, 10]


async def test_a_replay_for_one_is_not_doubled_for_another() -> None:
    board = Switchboard()
    ahead, behind = board.add("work", 5), board.add("work", 2)
    board.attaching("c-1", board.feed("work"), [ahead, behind])
    for seq in range(3, 9):
        board.route(_event(seq))
    _attach(board, ahead, 8, "c-1")
    assert await _seen(ahead) == [6, 7, 8]
    assert await _seen(behind) == [3, 4, 5, 6, 7, 8]


async def test_without_a_cursor_events_count_from_the_attachment_on() -> None:
    board = Switchboard()
    subscription = board.add("work", None)
    board.attaching("c-1", board.feed("work"), [subscription])
    board.route(_event(4))
    _attach(board, subscription, 4, "c-1")
    board.route(_event(5))
    assert board.feed("work").attached
    assert await _seen(subscription) == [5]


async def test_a_turn_is_followed_from_its_accepted_to_its_end() -> None:
    board = Switchboard()
    turn = board.add("work", 0, "c-7")
    accepted = Accepted(session_id="work", message="hi")
    board.route(_event(1, turn="t-other"))
    board.route(decode_event(encode_event(accepted, turn="t-2", seq=2, command_id="c-7")))
    board.route(_event(3, turn="t-other"))
    board.route(_event(4, turn="t-2"))
    done = Response(session_id="work", delta="", done=True)
    board.route(decode_event(encode_event(done, turn="t-2", seq=5)))
    board.route(_event(6, turn="t-2"))
    assert turn.accepted.is_set()
    assert await _seen(turn) == [2, 4, 5]


async def test_sessions_are_kept_apart_and_notices_for_all_reach_all() -> None:
    board = Switchboard()
    work, home = board.add("work", 0), board.add("home", 0)
    board.route(_event(1, session="home"))
    board.route(_plain(NoticeEvent(code="shutting_down", message="bye")))
    assert await _seen(work) == [None]
    assert await _seen(home) == [1, None]


async def test_a_full_subscription_takes_no_more_and_is_caught_up_later() -> None:
    board = Switchboard()
    subscription = board.add("work", 0)
    subscription.sync(0)
    full = [bool(board.route(_event(seq))) for seq in range(1, LIMIT + 1)]
    assert full == [False] * (LIMIT - 1) + [True]
    subscription.lag()
    assert board.route(_event(LIMIT + 1)) == []
    caught_up = []

    async def resync(behind: Subscription) -> None:
        caught_up.append(behind.cursor)
        behind.catch_up()
        board.route(_event(LIMIT + 1))

    seen = [await subscription.get(resync) for _ in range(LIMIT + 1)]
    assert caught_up == [LIMIT]
    assert [parsed.seq for parsed in seen if parsed] == list(range(1, LIMIT + 2))
    assert board.relief.is_set()


async def test_a_deleted_session_ends_its_iterators() -> None:
    board = Switchboard()
    subscription = board.add("work", 0)
    board.route(_plain(Deleted(session_id="work")))
    last = await subscription.get(_never)
    assert last is not None
    assert last.event.event == "deleted"
    assert await subscription.get(_never) is None


async def test_a_failure_comes_after_what_was_received() -> None:
    board = Switchboard()
    subscription = board.add("work", 0)
    board.route(_event(1))
    board.fail(SessionError("gone"))
    assert await subscription.get(_never) is not None
    with pytest.raises(SessionError):
        await subscription.get(_never)


async def test_a_reader_that_waits_is_woken() -> None:
    board = Switchboard()
    subscription = board.add("work", 0)
    waiting = asyncio.ensure_future(subscription.get(_never))
    await asyncio.sleep(0)
    board.route(_event(1))
    parsed = await waiting
    assert parsed is not None
    assert parsed.seq == 1

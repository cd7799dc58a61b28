"""Requests between the reader and the compute thread: limits, cancels, the flag."""

from __future__ import annotations

import threading

from ruster.core.orchestration import EngineBody, ListModels
from ruster.engine.inbox import Inbox, Ticket


def _ticket(name: str) -> Ticket:
    sent: list[EngineBody] = []
    return Ticket(ListModels(), sent.append, name)


def test_requests_come_in_order_up_to_the_limit() -> None:
    inbox = Inbox(2, threading.Event())
    tickets = [_ticket(name) for name in "abc"]
    assert [inbox.put(ticket) for ticket in tickets] == [True, True, False]
    assert inbox.collect(None) == tickets[:2]
    assert inbox.collect(0) == []
    assert not inbox.put(tickets[2])  # collected is not begun
    assert inbox.admit(tickets[0])
    assert inbox.put(tickets[2])


def test_what_waits_is_gone_at_once_and_what_runs_is_told() -> None:
    flag = threading.Event()
    inbox = Inbox(9, flag)
    one, other, late = map(_ticket, "abc")
    for ticket in (one, other, late):
        inbox.put(ticket)
    assert inbox.admit(one)
    assert inbox.admit(other)
    assert inbox.cancel("c")
    assert not inbox.admit(late)
    assert not inbox.cancel("a")
    assert not inbox.cancel("nobody")
    assert one.cancelled
    assert not flag.is_set()
    inbox.cancel("b")
    assert flag.is_set()
    inbox.collect(0)
    assert not flag.is_set()


def test_a_request_that_begins_saves_the_step_from_an_older_cancel() -> None:
    flag = threading.Event()
    inbox = Inbox(9, flag)
    one, other = map(_ticket, "ab")
    inbox.put(one)
    inbox.put(other)
    inbox.admit(one)
    inbox.cancel("a")
    inbox.admit(other)
    assert not flag.is_set()


def test_the_end_wakes_and_sets_the_flag_for_good() -> None:
    flag = threading.Event()
    inbox = Inbox(9, flag)
    closer = threading.Timer(0.01, inbox.close)
    closer.start()
    assert inbox.collect(None) == []
    closer.join()
    assert inbox.closed
    ticket = _ticket("a")
    inbox.put(ticket)
    inbox.admit(ticket)
    inbox.collect(0)
    assert flag.is_set()


def test_a_load_is_interrupted_by_its_own_cancel_and_by_the_end() -> None:
    inbox = Inbox(9, threading.Event())
    one, other = map(_ticket, "ab")
    inbox.put(one)
    inbox.put(other)
    flag = threading.Event()
    with inbox.interrupting(one, flag):
        inbox.cancel("b")
        assert not flag.is_set()
        inbox.cancel("a")
        assert flag.is_set()
    with inbox.interrupting(one, late := threading.Event()):
        assert late.is_set()
    third = _ticket("c")
    inbox.put(third)
    with inbox.interrupting(third, flag := threading.Event()):
        pass
    inbox.cancel("c")
    assert not flag.is_set()  # it was over
    fourth = _ticket("d")
    inbox.put(fourth)
    with inbox.interrupting(fourth, flag):
        inbox.close()
        assert flag.is_set()


def test_what_is_given_up_stays_so() -> None:
    inbox = Inbox(9, threading.Event())
    inbox.close()
    assert not inbox.abandoned
    inbox.close(abandon=True)
    inbox.close()
    assert inbox.abandoned

"""Conversations behind responses: each user's own, and bounded."""

from __future__ import annotations

import pytest

from ruster.core.errors import ProviderError
from ruster.core.messages import Message, Role
from ruster.gateway.openai.response_store import ResponseStore

SAID = (Message(Role.USER, "0123456789"),)


def lost(store: ResponseStore, uid: int, name: str) -> bool:
    try:
        store.get(uid, name)
    except ProviderError as error:
        return error.code == "response_not_found"
    return False


def test_what_is_kept_is_the_users_own() -> None:
    store = ResponseStore()
    store.put(1, "a", SAID)
    assert store.get(1, "a") == SAID
    assert lost(store, 2, "a")


def test_the_oldest_go_first() -> None:
    store = ResponseStore(max_responses=2)
    for name in "abc":
        store.put(1, name, SAID)
    assert [lost(store, 1, name) for name in "abc"] == [True, False, False]


@pytest.mark.parametrize(("chars", "gone"), [(20, [False, False]), (19, [True, False])])
def test_their_size_is_bounded(chars: int, gone: list[bool]) -> None:
    store = ResponseStore(max_chars=chars)
    for name in "ab":
        store.put(1, name, SAID)
    assert [lost(store, 1, name) for name in "ab"] == gone


def test_one_that_is_too_large_is_not_kept() -> None:
    store = ResponseStore(max_chars=9)
    store.put(1, "a", SAID)
    assert lost(store, 1, "a")


def test_users_are_bounded() -> None:
    store = ResponseStore()
    for uid in range(65):
        store.put(uid, "a", SAID)
    assert (lost(store, 0, "a"), lost(store, 64, "a")) == (True, False)

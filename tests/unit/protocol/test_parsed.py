"""Lines to events, as a client reads them."""

from __future__ import annotations

import pytest

from ruster.core.errors import ProtocolError
from ruster.protocol.codec import encode_event
from ruster.protocol.events import Created, NoticeEvent, Response
from ruster.protocol.parsed import GenericEvent, decode_event


def test_what_the_codec_stamped_is_read_back() -> None:
    event = Response(session_id="work", delta="hi")
    line = encode_event(event, turn="t-1", seq=7, command_id=0)
    parsed = decode_event(line)
    assert parsed.event == event
    assert (parsed.turn, parsed.seq, parsed.id, parsed.line) == ("t-1", 7, 0, line)
    assert parsed.session_id == "work"
    assert not parsed.ends_turn


def test_the_cursor_of_a_reply_is_not_its_number() -> None:
    parsed = decode_event(encode_event(Created(session_id="work", model="a/b", seq=9)))
    assert parsed.seq is None
    assert isinstance(parsed.event, Created)
    assert parsed.event.seq == 9


def test_new_fields_are_ignored_and_new_kinds_kept() -> None:
    known = decode_event(b'{"event":"notice","code":"x","message":"m","colour":"red"}')
    assert isinstance(known.event, NoticeEvent)
    new = decode_event(b'{"event":"weather","session_id":"work","sky":"blue","seq":3}\n')
    assert isinstance(new.event, GenericEvent)
    assert (new.event.model_extra or {})["sky"] == "blue"
    assert (new.session_id, new.seq) == ("work", 3)


def test_a_known_kind_of_another_shape_still_ends_its_turn() -> None:
    parsed = decode_event(
        b'{"event":"response","session_id":"w","delta":"","done":true,"reason":"tired"}'
    )
    assert isinstance(parsed.event, GenericEvent)
    assert parsed.ends_turn


@pytest.mark.parametrize("line", [b"", b"[]", b'{"event":7}', b"{", b"\xff", b"SSH-2.0-x"])
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="no event"):
        decode_event(line)

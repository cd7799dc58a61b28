"""What is JSON, and what is refused though many readers take it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.core.strict_json import read_json

NUMBERS = [
    *(b"1e999", b"-1e999", b"1E+999", b"1.5e400", b"1.e5", b"2e308", b"9" * 400 + b".0"),
    *(b"1" + b"0" * 250 + b"e99", b"1" + b"0" * 290 + b"e50", b"1" + b"0" * 308 + b".5e2"),
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda it: it[:12].decode())
@pytest.mark.parametrize("form", [b"%b", b"[1,[%b]]", b'{"a":{"b":[%b]}}'])
def test_what_no_float_can_hold_is_refused(form: bytes, number: bytes) -> None:
    with pytest.raises(ValueError, match=r"number|expected|invalid"):
        read_json(form % number)


@pytest.mark.parametrize(
    "text",
    [
        *(b"1e300", b"-1.7976931348623157e308", b"1e-999", b"0.1e10", b"9" * 400),
        *(b'"1e999"', b'{"1e999":"' + b"9" * 400 + b'"}', b'["2e400",1]'),
    ],
    ids=lambda it: it[:12].decode(),
)
def test_what_only_looks_too_large_is_read(text: bytes) -> None:
    assert read_json(text) == json.loads(text)


@given(
    st.from_regex(rb"-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
)
def test_every_number_is_one_that_can_be_written_again_or_refused(number: bytes) -> None:
    try:
        value = read_json(number)
    except ValueError:
        assert abs(json.loads(number)) == float("inf")
    else:
        assert json.loads(json.dumps(value, allow_nan=False)) == value


@pytest.mark.parametrize(
    "text",
    [
        b"NaN",
        b"[Infinity]",
        b'"\\ud800"',
        b'"\xff"',
        b"1 2",
        b"[1,]",
        b"[" * 500,
        b"",
        b"\xef\xbb\xbf1",
    ],
)
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"line 1"):
        read_json(text)
